"""Joint: the epochs of several pools at once, for items of which each is under one of them.

What an epoch says once for all of its items stands here by item. So the items of many small pools
are judged in one pass, as those of a large one are: element by element the arithmetic is the same,
and so is what comes out, to the bit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from activelab.epoch import Epoch, Stage
from activelab.majority import TieBreak
from activelab.rows import Array, Floats, Ints
from activelab.votes import Votes


class Voters(NamedTuple):
    """What epochs say of annotators, by their places: each under that of the own pool."""

    majority_weight: Floats
    consensus_weight: Floats
    tie_agreement: Floats


@dataclass(frozen=True, slots=True)
class JointStage:
    """What one consensus says, by item: `activelab.posterior.Weights`."""

    annotator_weight: Floats
    consensus_likelihood: Floats
    mean_annotator_weight: Floats
    model_weight: Floats


@dataclass(frozen=True, slots=True)
class JointTies:
    """What ties are broken by, by item: `activelab.majority.Ties`."""

    class_counts: Ints
    agreement: Floats
    first: Ints
    """Where the voters of each item's pool begin in ``agreement``: ``(n,)``."""

    def at(self, items: Ints) -> "JointTies":
        """Return what breaks the ties of some items, in their order."""
        return JointTies(self.class_counts[:, items], self.agreement, self.first[items])

    def agreement_of(self, votes: Votes) -> Floats:
        """Return the agreement of who casts each vote: ``(L,)``."""
        agreement: Floats = self.agreement[self.first[votes.item] + votes.voter]
        return agreement


@dataclass(frozen=True, slots=True)
class JointTerms:
    """What a block of items is judged by: `activelab.judgement.Terms`."""

    weighted: bool
    calibrated: bool
    temperature: Floats
    majority_stage: JointStage
    consensus_stage: JointStage
    label_ties: JointTies
    model_ties: JointTies


@dataclass(frozen=True)
class Epochs:
    """Several epochs, alike in what is weighted and calibrated; ``which`` ``(N,)`` each item has.

    The annotators of the columns that go with them are known by their places in ``voters``.
    """

    epochs: Sequence[Epoch]
    which: Ints
    voters: Voters

    def places(self, annotators: Sequence[str]) -> Ints:
        """Return the annotators' places: they are what they are."""
        return np.arange(len(annotators))

    def of(self, items: slice) -> JointTerms:
        """Return what the items of a block are judged by."""
        which, first = self.which[items], self.epochs[0]
        models = self._stacked(lambda epoch: epoch.model_ties.agreement)
        return JointTerms(
            weighted=first.weighted,
            calibrated=first.calibrated,
            temperature=self._stacked(lambda epoch: epoch.temperature)[which].T,
            majority_stage=self._stage(
                which, self.voters.majority_weight, lambda epoch: epoch.majority_stage
            ),
            consensus_stage=self._stage(
                which, self.voters.consensus_weight, lambda epoch: epoch.consensus_stage
            ),
            label_ties=self._ties(
                which, self.voters.tie_agreement, 0, lambda epoch: epoch.label_ties
            ),
            model_ties=self._ties(
                which, models.ravel(), models.shape[1], lambda epoch: epoch.model_ties
            ),
        )

    def _stage(
        self, which: Ints, annotator_weight: Floats, stage: Callable[[Epoch], Stage]
    ) -> JointStage:
        return JointStage(
            annotator_weight,
            self._stacked(lambda epoch: stage(epoch).consensus_likelihood)[which],
            self._stacked(lambda epoch: stage(epoch).mean_annotator_weight)[which],
            self._stacked(lambda epoch: stage(epoch).model_weight)[which].T,
        )

    def _ties(
        self, which: Ints, agreement: Floats, width: int, ties: Callable[[Epoch], TieBreak]
    ) -> JointTies:
        counts = self._stacked(lambda epoch: ties(epoch).class_counts)
        return JointTies(counts[which].T, agreement, width * which)

    def _stacked(self, said: Callable[[Epoch], object]) -> Array:
        return np.array([said(epoch) for epoch in self.epochs])
