"""What can be wrong with what a caller hands in.

ValueError
└── InvalidInput    a label that is no class, arrays whose shapes disagree, an unknown model
"""


class InvalidInput(ValueError):
    """The caller's input breaks a rule of this library; the message names the value."""
