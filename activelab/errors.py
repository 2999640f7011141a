"""What can be wrong with what a caller hands in.

ValueError
└── InvalidInput    a label that is no class, arrays whose shapes disagree, an unknown model
KeyError
└── UnknownId       an item or an annotator of whom a pool has never heard, or not any more
"""


class InvalidInput(ValueError):
    """The caller's input breaks a rule of this library; the message names the value."""


class UnknownId(KeyError):
    """A pool is asked for what it does not know."""
