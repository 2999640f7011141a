"""Judgement: what an epoch says of items, block by block.

    majority    labelled: the most frequent label, ties broken
    consensus   labelled: the unique most probable class under stage A, else the majority;
                unlabelled: the majority of the models' most probable classes
    posterior   of the classes, under stage A (given the majority) and B (given the consensus)
    quality     the posterior of the consensus under stage B

Under an epoch that is not weighted the majority is the consensus, and both posteriors are the
unchecked one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from activelab.columns import Columns
from activelab.epoch import Epoch
from activelab.fit import Fitted
from activelab.joint import Epochs
from activelab.majority import Ties, break_ties, plurality
from activelab.posterior import Beliefs, Weights, posterior, unchecked_posterior, unique_best
from activelab.rows import Floats, Ints
from activelab.votes import Votes, model_votes


class Terms(Protocol):
    """What a block is judged by: an `Epoch`, or each item by its own (`activelab.joint`)."""

    @property
    def weighted(self) -> bool:
        """As `Epoch` has it."""

    @property
    def calibrated(self) -> bool:
        """As `Epoch` has it."""

    @property
    def temperature(self) -> Floats:
        """``(models,)``, or ``(models, n)``."""

    @property
    def majority_stage(self) -> Weights:
        """Stage A."""

    @property
    def consensus_stage(self) -> Weights:
        """Stage B."""

    @property
    def label_ties(self) -> Ties:
        """Of labels."""

    @property
    def model_ties(self) -> Ties:
        """Of models' votes."""


@dataclass(frozen=True)
class Judgement:
    """What an epoch says of the ``items`` of a block: classes ``(n,)``, posteriors ``(K, n)``.

    Each is computed when it is first asked for. Classes are -1 where nobody has said any.
    """

    columns: Columns
    items: slice
    labels: Votes
    """Their voters are the epoch's."""
    epoch: Terms
    found: Ints | None
    """The consensus of the labelled items, where a fit has left it: ``(n,)``."""

    @cached_property
    def majority(self) -> Ints:
        """Return the most frequent label of each item, ties broken."""
        return self._majority(self.labels, self.epoch.label_ties)

    @cached_property
    def majority_posterior(self) -> Floats:
        """Return the posterior under stage A."""
        if not self.epoch.weighted:
            return self.consensus_posterior
        return posterior(self.labels, self._beliefs, self.epoch.majority_stage)[0]

    @cached_property
    def consensus(self) -> Ints:
        """Return what labels and models come to, or the models alone where nobody has labelled."""
        labelled = self.labels.per_item() > 0
        consensus = self.majority if self.found is None else self.found
        if self.epoch.weighted and self.found is None:
            consensus = unique_best(self.majority_posterior, otherwise=self.majority)
        if labelled.all():
            return consensus
        top_class = self.columns.top_class(self.items)
        from_models = model_votes(top_class, ~labelled, self.columns.num_classes)
        of_models = self._majority(from_models, self.epoch.model_ties)
        return np.where(labelled, consensus, of_models)

    @property
    def consensus_posterior(self) -> Floats:
        """Return the posterior under stage B."""
        return self._weighed[0]

    @property
    def weight(self) -> Floats:
        """Return the weight of each item's models and annotators under stage B: ``(n,)``."""
        return self._weighed[1]

    @property
    def quality(self) -> Floats:
        """Return the posterior of each item's consensus: ``(n,)``; 1 / K where there is none."""
        return self.consensus_posterior[self.consensus, np.arange(len(self.consensus))]

    @cached_property
    def _beliefs(self) -> Beliefs:
        temperature = self.epoch.temperature if self.epoch.calibrated else None
        return Beliefs.of(self.columns, self.items, temperature)

    @cached_property
    def _weighed(self) -> tuple[Floats, Floats]:
        if not self.epoch.weighted:
            return unchecked_posterior(self.labels, self._beliefs)
        return posterior(self.labels, self._beliefs, self.epoch.consensus_stage)

    def _majority(self, votes: Votes, ties: Ties) -> Ints:
        majority, tied = plurality(votes)
        if tied.any():
            at = np.flatnonzero(tied)
            probs = self._beliefs.mean()[:, at]
            hashes = self.columns.item_hashes[self.items][at]
            majority[at] = break_ties(votes.take(at), probs, ties.at(at), hashes)
        return majority


def judged(
    columns: Columns, epoch: Epoch | Epochs, by: Fitted | None = None
) -> Iterator[Judgement]:
    """Judge all items, in blocks; an item's result does not depend on the others, to the bit.

    ``by`` is the fit of just these columns that gave the epoch, where there is one: what it has
    found out is not computed again.
    """
    found = by.consensus if by else None
    labels = columns.labels().by(epoch.places(columns.annotators))
    for items, votes in labels.blocks():
        of_fit = None if found is None else found[items]
        yield Judgement(columns, items, votes, epoch.of(items), of_fit)
