"""Answers: who has said what of each item, kept so that one item's answers are found at once.

An item owns a range of slots, ``begin : begin + used`` with room to spare; a slot holds an
annotator and a label. An item that outgrows its room moves to the end, to twice the room. So a
call costs what the touched items hold, whatever the size of the table. A slot whose answer was
taken back holds ``NOTHING`` and waits for its annotator.
"""

import numpy as np

from activelab.columns import NOTHING
from activelab.growing import Column
from activelab.rows import Ints
from activelab.votes import ranges


class AnswerTable:
    """The current answers by item and annotator, both as places (integers)."""

    __slots__ = ("_annotator", "_begin", "_label", "_number", "_room", "_used")

    def __init__(self, num_classes: int) -> None:
        self._number = Column(np.int32)
        self._begin = Column(np.int64)
        self._used = Column(np.int32)
        self._room = Column(np.int32)
        self._annotator = Column(np.int32)
        self._label = Column(np.min_scalar_type(-num_classes), fill=NOTHING)

    def extend(self, num_items: int) -> None:
        """Make room for new items."""
        for column in (self._number, self._begin, self._used, self._room):
            column.extend(num_items)

    def number(self, items: Ints) -> Ints:
        """Return how many answers items have, abstentions included."""
        return self._number.rows[items]

    def take(self, items: Ints) -> tuple[Ints, Ints, Ints]:
        """Gather the answers of ``items``: position in ``items``, annotator, label, by position."""
        slot, which = self._slots(items)
        label = self._label.rows[slot]
        given = label != NOTHING
        return which[given], self._annotator.rows[slot[given]], label[given].astype(np.int64)

    def put(self, items: Ints, which: Ints, annotators: Ints, labels: Ints) -> None:
        """Set labels of distinct pairs ``(items[which], annotators)``, ``items`` distinct too."""
        slot, of_item = self._slots(items)
        known = of_item << 32 | self._annotator.rows[slot]
        order = np.argsort(known)
        pair = which << 32 | annotators
        before = np.searchsorted(known, pair, sorter=order)
        found = before < np.searchsorted(known, pair, sorter=order, side="right")
        change = (labels != NOTHING).astype(np.int64)
        at = slot[order[before[found]]]
        change[found] -= self._label.rows[at] != NOTHING
        np.add.at(self._number.rows, items[which], change)
        self._label.rows[at] = labels[found]
        new = ~found & (labels != NOTHING)
        if new.any():
            self._append(items, which[new], annotators[new], labels[new])

    def _slots(self, items: Ints) -> tuple[Ints, Ints]:
        return ranges(self._begin.rows[items], self._used.rows[items])

    def _append(self, items: Ints, which: Ints, annotators: Ints, labels: Ints) -> None:
        more = np.bincount(which, minlength=len(items))
        needed = self._used.rows[items] + more
        tight = needed > self._room.rows[items]
        if tight.any():
            self._move(items[tight], 2 * needed[tight])
        order = np.argsort(which, kind="stable")
        slot, _ = ranges(self._begin.rows[items] + self._used.rows[items], more)
        self._annotator.rows[slot] = annotators[order]
        self._label.rows[slot] = labels[order]
        self._used.rows[items] = needed

    def _move(self, items: Ints, room: Ints) -> None:
        """Move items to the end, where they have ``room``."""
        old, which = self._slots(items)
        end = len(self._label)
        begin = end + np.cumsum(room) - room
        for column in (self._annotator, self._label):
            column.extend(end + int(room.sum()))
            new = begin[which] + old - self._begin.rows[items][which]
            column.rows[new] = column.rows[old]
        self._begin.rows[items] = begin
        self._room.rows[items] = room
