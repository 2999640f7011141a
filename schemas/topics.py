"""Names of the topics, and the limits of what is on them."""

from enum import StrEnum


class Topic(StrEnum):
    """Names of the topics, without the deployment's prefix."""

    ANNOTATIONS = "annotations.v1"
    PREDICTIONS = "predictions.v1"
    CONTROL = "control.v1"
    SELECTIONS = "selections.v1"
    WINDOWS = "windows.v1"
    ITEM_SCORES = "item-scores.v1"
    ANNOTATOR_TRUST = "annotator-trust.v1"
    DEAD_LETTERS = "dead-letters.v1"


MAX_RECORD_BYTES = 1 << 20
"""Bytes of an input record's value; compression would let far larger ones past the broker."""
MAX_ROWS = 10_000
"""Rows of a batch: bounds a transaction and a dead letter's list of bad rows."""
MAX_CLASSES = 10_000
MAX_ID_BYTES = 1024
MAX_STRATA = 100
"""Strata that a project's settings name; items may be in any."""
"""UTF-8 bytes of an id or a name, so that ids fit into keys."""
MAX_ANSWERS = 300
"""Answers of an item that may still be selected: a selection names all who gave them, and 300 of
the longest ids, with every byte escaped, are less than the largest record that is written."""
MAX_COUNT = 1_000_000_000
"""Selections and seconds (31 years): times computed from them stay in range."""
MAX_RAW_BYTES = 256 << 10
"""Bytes of a value or a key that a dead letter repeats."""
