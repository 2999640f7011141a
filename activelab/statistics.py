"""Statistics: integers that add up over items.

Every statistic is a few tallies (integers by index). ``add`` and ``remove`` take whole items, and
``merge`` takes the statistic of other items, so: add then remove is identity, the order of adding
does not matter, and the parts of any split merge to the whole, exactly. Floats are born when read.
"""

from dataclasses import dataclass, field, fields
from typing import Self

import numpy as np

from activelab.rows import Array, Bools, Floats, Ints
from activelab.votes import Votes


class Tally:
    """Integers by index; every index counts from zero."""

    __slots__ = ("_counts",)

    def __init__(self, size: int = 0) -> None:
        self._counts = np.zeros(size, dtype=np.int64)

    def change(self, index: Ints, amount: Ints | int) -> None:
        """Add ``amount`` at every ``index`` (indices may repeat)."""
        if len(index):
            self._reserve(int(index.max()) + 1)
            np.add.at(self._counts, index, amount)

    def merge(self, other: "Tally") -> None:
        """Add another tally, index by index."""
        self._reserve(len(other._counts))
        self._counts[: len(other._counts)] += other._counts

    def _reserve(self, size: int) -> None:
        if size > len(self._counts):
            grown = np.zeros(max(size, 2 * len(self._counts)), dtype=np.int64)
            grown[: len(self._counts)] = self._counts
            self._counts = grown

    def read(self, size: int | None = None) -> Ints:
        """Return the integers at the first ``size`` indices, or at all so far: a copy."""
        size = len(self._counts) if size is None else size
        counts = np.zeros(size, dtype=np.int64)
        known = self._counts[:size]
        counts[: len(known)] = known
        return counts

    def at(self, index: Ints) -> Ints:
        """Return the integers at some indices."""
        size = int(index.max(initial=-1)) + 1
        return (self._counts if size <= len(self._counts) else self.read(size))[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tally):
            return NotImplemented
        size = max(len(self._counts), len(other._counts))
        return bool(np.array_equal(self.read(size), other.read(size)))

    __hash__ = None  # type: ignore[assignment]  # a tally changes


@dataclass(slots=True)
class Statistic:
    """Tallies that change together."""

    def merge(self, other: Self) -> None:
        """Add the statistic of other items."""
        for tally in fields(self):
            getattr(self, tally.name).merge(getattr(other, tally.name))


@dataclass(slots=True)
class LabelCounts(Statistic):
    """What labels alone say: of annotators, of classes, and of how many items overlap.

    Annotator j's agreement is s_j = sum over items of the others that agree with j on it, by the
    sum of the others (CROWDLAB, eq. 5): ``agreeing[j] / compared[j]``.

    Items may come in groups that have nothing in common, their annotators included: ``group``
    ``(N,)`` is that of each item, a number from 0 on, and 0 of all where it is left out.
    """

    labels: Tally = field(default_factory=Tally)
    agreeing: Tally = field(default_factory=Tally)
    compared: Tally = field(default_factory=Tally)
    overlapping: Tally = field(default_factory=Tally)
    """Labels by annotator, on items with others' labels."""
    classes: Tally = field(default_factory=Tally)
    """Labels by ``group x classes + class``."""
    items: Tally = field(default_factory=Tally)
    """Labelled items by ``3 x group + n``: they have n = 1 label, or more (n = 2)."""

    def add(self, votes: Votes, group: Ints | None = None) -> None:
        """Count the labels of some more items, all that they have."""
        self._count(votes, np.full(votes.num_items, 1), group)

    def remove(self, votes: Votes, group: Ints | None = None) -> None:
        """Take back what ``add`` counted for these labels."""
        self._count(votes, np.full(votes.num_items, -1), group)

    def replace(self, before: Votes, after: Votes, group: Ints) -> None:
        """Remove and add the same items at once: half the calls, where there are few labels."""
        sign = np.repeat([-1, 1], [before.num_items, after.num_items])
        self._count(before.beside(after), sign, np.concatenate([group, group]))

    def labels_of(self, groups: Ints, num_classes: int) -> Ints:
        """Return how many labels groups have: ``(n,)``."""
        labels = self.classes.at(groups[:, None] * num_classes + np.arange(num_classes))
        total: Ints = labels.sum(axis=1)
        return total

    def items_of(self, groups: Ints) -> Ints:
        """Return how many items of groups have one label, and how many have more: ``(n, 2)``."""
        return self.items.at(groups[:, None] * 3 + np.array([1, 2]))

    def _count(self, votes: Votes, sign: Ints, group: Ints | None) -> None:
        """Count items ``sign`` times ``(N,)``."""
        if not len(votes.label):
            return
        per_item, times = votes.per_item(), sign[votes.item]
        self.labels.change(votes.voter, times)
        self.agreeing.change(votes.voter, times * (votes.support() - 1))
        others = per_item[votes.item] - 1
        self.compared.change(votes.voter, times * others)
        self.overlapping.change(votes.voter, times * np.minimum(others, 1))
        labelled = per_item > 0
        label, number = votes.label, np.minimum(per_item[labelled], 2)
        if group is not None:
            label = votes.num_classes * group[votes.item] + label
            number = 3 * group[labelled] + number
        self.classes.change(label, times)
        self.items.change(number, sign[labelled])


@dataclass(slots=True)
class MajorityCounts(Statistic):
    """How often voters agree with the majority of the items where it is not tied."""

    agreeing: Tally = field(default_factory=Tally)
    judged: Tally = field(default_factory=Tally)
    classes: Tally = field(default_factory=Tally)

    def add(self, votes: Votes, majority: Ints, tied: Bools) -> None:
        """Count some more items, given each one's majority class and whether it is tied."""
        self._count(votes, majority, tied, 1)

    def remove(self, votes: Votes, majority: Ints, tied: Bools) -> None:
        """Take back what ``add`` counted."""
        self._count(votes, majority, tied, -1)

    def _count(self, votes: Votes, majority: Ints, tied: Bools, sign: int) -> None:
        judged = ~tied[votes.item]
        agreeing = judged & (votes.label == majority[votes.item])
        self.judged.change(votes.voter, sign * judged.astype(np.int64))
        self.agreeing.change(votes.voter, sign * agreeing.astype(np.int64))
        self.classes.change(votes.label, sign)


@dataclass(slots=True)
class ConsensusCounts(Statistic):
    """What labels and models say of a given consensus, over the items with two labels or more."""

    items: Tally = field(default_factory=Tally)
    """Items by their number of labels, n."""
    agreeing: Tally = field(default_factory=Tally)
    """Labels equal to the consensus, by n."""
    consensus: Tally = field(default_factory=Tally)
    """Items by consensus class."""
    judged: Tally = field(default_factory=Tally)
    """Items by the models that predict them."""
    errors: Tally = field(default_factory=Tally)
    """Items by the models whose most probable class is not the consensus."""

    def add(self, votes: Votes, consensus: Ints, top_class: Ints) -> None:
        """Count some more items; ``top_class`` ``(models, N)`` is -1 where nothing is predicted."""
        self._count(votes, consensus, top_class, 1)

    def remove(self, votes: Votes, consensus: Ints, top_class: Ints) -> None:
        """Take back what ``add`` counted."""
        self._count(votes, consensus, top_class, -1)

    def _count(self, votes: Votes, consensus: Ints, top_class: Ints, sign: int) -> None:
        agreeing_rows = votes.label == consensus[votes.item]
        agreeing = np.bincount(votes.item[agreeing_rows], minlength=votes.num_items)
        per_item = votes.per_item()
        multi = np.flatnonzero(per_item >= 2)
        per_item, consensus, top_class = per_item[multi], consensus[multi], top_class[:, multi]
        self.items.change(per_item, sign)
        self.agreeing.change(per_item, sign * agreeing[multi])
        self.consensus.change(consensus, sign)
        models, judged = np.arange(len(top_class)), top_class >= 0
        self.judged.change(models, sign * np.count_nonzero(judged, axis=1))
        wrong = judged & (top_class != consensus)
        self.errors.change(models, sign * np.count_nonzero(wrong, axis=1))


@dataclass(slots=True)
class PredictedCounts(Statistic):
    """How much a model predicts, by model: items, those of them with a label, and their labels."""

    items: Tally = field(default_factory=Tally)
    labelled: Tally = field(default_factory=Tally)
    labels: Tally = field(default_factory=Tally)

    def add(self, votes: Votes, has_prediction: Bools) -> None:
        """Count some more items; ``has_prediction`` is ``(models, N)``."""
        self._count(votes, has_prediction, 1)

    def remove(self, votes: Votes, has_prediction: Bools) -> None:
        """Take back what ``add`` counted."""
        self._count(votes, has_prediction, -1)

    def _count(self, votes: Votes, has_prediction: Bools, sign: int) -> None:
        per_item, models = votes.per_item(), np.arange(len(has_prediction))
        self.items.change(models, sign * np.count_nonzero(has_prediction, axis=1))
        labelled = has_prediction & (per_item > 0)
        self.labelled.change(models, sign * np.count_nonzero(labelled, axis=1))
        self.labels.change(models, sign * (has_prediction @ per_item))

    def scale(self, num_models: int) -> Floats:
        """Return what a model's weight grows with: sqrt(mean labels of the items it predicts).

        1 where none of those has a label, and 0 for a model that predicts nothing at all.
        """
        labels, labelled = self.labels.read(num_models), self.labelled.read(num_models)
        scale = np.sqrt(ratio(labels, labelled, undefined=1.0))
        return np.where(self.items.read(num_models) > 0, scale, 0.0)


def ratio(numerator: Array, denominator: Ints, *, undefined: float | Floats) -> Floats:
    """Divide counts; 0 / 0 is ``undefined``."""
    known = denominator > 0
    return np.where(known, numerator / np.where(known, denominator, 1), undefined)
