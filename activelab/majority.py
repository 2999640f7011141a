"""Majority vote, and what breaks its ties.

In order: the class that the models find more probable; the rarer class among all votes; the class
whose voters agree more with the majority where it is not tied; a hash of the item's id. (CROWDLAB,
sec. 3; rarer first as in the reference since its 2.3.1, where the last rule is unseeded chance.)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from activelab.columns import NO_CLASS
from activelab.rows import DECIMALS, Array, Bools, Floats, Hashes, Ints, sums_at
from activelab.statistics import MajorityCounts, ratio
from activelab.votes import Votes


@dataclass(frozen=True, slots=True)
class TieBreak:
    """What ties are broken by, besides the models.

    ``agreement`` ``(voters + 1,)`` is each voter's share of agreement with the untied items'
    majority; its last entry, also that of a voter who is not known, is the mean of the others.
    """

    class_counts: Ints
    agreement: Floats

    @classmethod
    def of(cls, counts: MajorityCounts, num_voters: int, num_classes: int) -> "TieBreak":
        """Read the tie-break off the counts."""
        judged = counts.judged.read(num_voters)
        known = judged > 0
        share = ratio(counts.agreeing.read(num_voters), judged, undefined=0.0)
        mean = float(share[known].mean()) if known.any() else 0.0
        agreement = np.append(np.where(known, share, mean), mean)
        return cls(counts.classes.read(num_classes), agreement)

    def at(self, _items: Ints) -> Self:
        """Return what breaks the ties of some items: the same of all."""
        return self

    def agreement_of(self, votes: Votes) -> Floats:
        """Return the agreement of who casts each vote: ``(L,)``."""
        return self.agreement[votes.voter]


class Ties(Protocol):
    """What ties are broken by: in all items by the same (`TieBreak`), or in each by its own."""

    @property
    def class_counts(self) -> Ints:
        """Votes by class: ``(K,)``, or ``(K, n)``."""

    def at(self, items: Ints) -> "Ties":
        """Return what breaks the ties of some items, in their order."""

    def agreement_of(self, votes: Votes) -> Floats:
        """Return the agreement of who casts each vote: ``(L,)``."""


def plurality(votes: Votes) -> tuple[Ints, Bools]:
    """Find each item's most frequent class, and whether another is as frequent: both ``(N,)``.

    ``NO_CLASS`` where nobody voted; one of the most frequent classes where they are tied.
    """
    majority = np.full(votes.num_items, NO_CLASS, dtype=np.int64)
    tied = np.zeros(votes.num_items, dtype=np.bool_)
    voted = np.flatnonzero(votes.per_item())
    if len(voted):
        support = votes.support()
        most = np.zeros(votes.num_items, dtype=np.int64)
        most[voted] = np.maximum.reduceat(support, votes.start[voted])
        leading = support == most[votes.item]
        majority[votes.item[leading]] = votes.label[leading]
        tied = np.bincount(votes.item[leading], minlength=votes.num_items) > most
    return majority, tied


def break_ties(votes: Votes, mean_probs: Floats, ties: Ties, hashes: Hashes) -> Ints:
    """Choose among the most frequent classes of tied items: ``(n,)``.

    ``mean_probs`` ``(K, n)`` is the mean of each item's models, and 0 where it has none.
    """
    left = np.ones(mean_probs.shape, dtype=np.bool_)
    for preference in _preferences(votes, mean_probs, ties):
        value = np.where(left, preference, -np.inf)
        left &= value == value.max(axis=0)
        if (left.sum(axis=0) == 1).all():
            break
    chosen = (hashes % left.sum(axis=0, dtype=np.uint64)).astype(np.int64)
    label: Ints = np.argmax(left & (left.cumsum(axis=0) == chosen + 1), axis=0)
    return label


def _preferences(votes: Votes, mean_probs: Floats, ties: Ties) -> Iterator[Array]:
    """Yield what decides, one after the other: a value a class, ``(K, n)``, larger is better."""
    shape = mean_probs.shape
    cell = votes.label * votes.num_items + votes.item
    counts = np.bincount(cell, minlength=mean_probs.size)
    yield counts.reshape(shape)
    yield np.round(mean_probs, DECIMALS)
    yield np.broadcast_to(-ties.class_counts.reshape(shape[0], -1), shape)
    agreement = sums_at(cell, ties.agreement_of(votes), mean_probs.size)
    yield np.round(ratio(agreement, counts, undefined=0.0), DECIMALS).reshape(shape)
