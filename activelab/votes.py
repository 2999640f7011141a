"""Votes: who said which class of which item, as sparse columns.

Annotators vote with their labels, and models vote with their most probable class where nobody has
labelled. Rows are sorted by item and, within an item, by voter, so that every float sum over an
item's voters has one order: that of the annotators' ids, or of the project's models.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from activelab.rows import Bools, Ints, blocks


@dataclass(frozen=True, slots=True)
class Votes:
    """Rows ``(item, voter, label)``, ``(L,)`` each; item i owns ``start[i]:start[i + 1]``."""

    num_items: int
    num_classes: int
    item: Ints
    voter: Ints
    label: Ints
    start: Ints

    @classmethod
    def of(cls, num_items: int, num_classes: int, rows: tuple[Ints, Ints, Ints]) -> Self:
        """Index rows that are sorted by item."""
        start = np.zeros(num_items + 1, dtype=np.int64)
        np.bincount(rows[0], minlength=num_items).cumsum(out=start[1:])
        return cls(num_items, num_classes, *rows, start)

    def per_item(self) -> Ints:
        """Return the number of votes of every item: ``(N,)``."""
        return self.start[1:] - self.start[:-1]

    def only(self, rows: Bools) -> "Votes":
        """Keep some of the rows and all of the items."""
        if rows.all():
            return self
        kept = (self.item[rows], self.voter[rows], self.label[rows])
        return Votes.of(self.num_items, self.num_classes, kept)

    def by(self, places: Ints) -> "Votes":
        """Number voters anew, keeping their order: voter ``v`` becomes ``places[v]``."""
        return replace(self, voter=places[self.voter])

    def beside(self, other: "Votes") -> "Votes":
        """Put the items of ``other`` behind these."""
        return Votes(
            self.num_items + other.num_items,
            self.num_classes,
            np.concatenate([self.item, other.item + self.num_items]),
            np.concatenate([self.voter, other.voter]),
            np.concatenate([self.label, other.label]),
            np.concatenate([self.start, other.start[1:] + len(self.item)]),
        )

    def block(self, items: slice) -> "Votes":
        """Cut out consecutive items."""
        begin, end = items.start, items.stop
        if begin == 0 and end == self.num_items:
            return self
        first, last = self.start[begin], self.start[end]
        return Votes(
            end - begin,
            self.num_classes,
            self.item[first:last] - begin,
            self.voter[first:last],
            self.label[first:last],
            self.start[begin : end + 1] - first,
        )

    def blocks(self) -> Iterator[tuple[slice, "Votes"]]:
        """Cut into blocks of a moderate size."""
        for items in blocks(self.num_items, self.num_classes):
            yield items, self.block(items)

    def take(self, items: Ints | slice) -> "Votes":
        """Gather the rows of ``items``, in that order."""
        if isinstance(items, slice):
            return self.block(items)
        begin = self.start[items]
        row, item = ranges(begin, self.start[items + 1] - begin)
        return Votes.of(len(items), self.num_classes, (item, self.voter[row], self.label[row]))

    def support(self) -> Ints:
        """Count, for every vote, the votes of its item for the same class: ``(L,)``."""
        support = np.empty(len(self.label), dtype=np.int64)
        for items, block in self.blocks():
            cell = block.item * self.num_classes + block.label
            support[self.start[items.start] : self.start[items.stop]] = np.bincount(cell)[cell]
        return support


def model_votes(top_class: Ints, asked: Bools, num_classes: int) -> Votes:
    """Let models vote on the items in ``asked`` ``(N,)`` with their most probable class.

    ``top_class`` is ``(models, N)``, -1 where a model has no prediction.
    """
    item, model = np.nonzero(((top_class >= 0) & asked).T)
    return Votes.of(len(asked), num_classes, (item, model, top_class[model, item]))


def ranges(begin: Ints, length: Ints) -> tuple[Ints, Ints]:
    """Spell out the ranges ``begin : begin + length``: positions, and which range each is of."""
    which = np.arange(len(length)).repeat(length)
    before = length.cumsum() - length
    return np.arange(len(which)) + (begin - before)[which], which
