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

import numpy as np

from activelab.columns import NO_CLASS, Columns
from activelab.epoch import Epoch
from activelab.fit import Fitted
from activelab.majority import TieBreak, break_ties, plurality
from activelab.posterior import Beliefs, posterior, unchecked_posterior, unique_best
from activelab.rows import Floats, Hashes, Ints
from activelab.votes import Votes, model_votes


@dataclass(frozen=True)
class Judgement:
    """What an epoch says of the ``items`` of a block: classes ``(n,)``, posteriors ``(K, n)``.

    ``weight`` ``(n,)`` is that of each item's models and annotators under stage B. Both classes are
    -1 where nobody has said any.
    """

    items: slice
    labels: Votes
    beliefs: Beliefs
    epoch: Epoch
    majority: Ints
    consensus: Ints
    consensus_posterior: Floats
    weight: Floats

    @cached_property
    def majority_posterior(self) -> Floats:
        """Return the posterior under stage A, which not everybody asks for."""
        if not self.epoch.weighted:
            return self.consensus_posterior
        return posterior(self.labels, self.beliefs, self.epoch.majority_stage)[0]

    @property
    def quality(self) -> Floats:
        """Return the posterior of each item's consensus: ``(n,)``; 1 / K where there is none."""
        return self.consensus_posterior[self.consensus, np.arange(len(self.consensus))]


def judged(columns: Columns, epoch: Epoch, by: Fitted | None = None) -> Iterator[Judgement]:
    """Judge all items, in blocks; an item's result does not depend on the others, to the bit.

    ``by`` is the fit of just these columns that gave the epoch, where there is one: what it has
    found out is not computed again.
    """
    labels = columns.labels().by(epoch.places(columns.annotators))
    for items, votes in labels.blocks():
        yield _judged(columns, items, votes, epoch, by)


def _judged(
    columns: Columns, items: slice, votes: Votes, epoch: Epoch, by: Fitted | None
) -> Judgement:
    beliefs = Beliefs.of(columns, items, epoch.temperature if epoch.calibrated else None)
    hashes = columns.item_hashes[items]
    if by is not None and by.majority is not None and by.consensus is not None:
        majority, consensus = by.majority[items], by.consensus[items]
    else:
        majority = consensus = _majority(votes, beliefs, epoch.label_ties, hashes)
        if epoch.weighted:
            by_majority, _ = posterior(votes, beliefs, epoch.majority_stage)
            best = unique_best(by_majority, otherwise=majority)
            consensus = np.where(majority == NO_CLASS, NO_CLASS, best)
    weighed = (
        posterior(votes, beliefs, epoch.consensus_stage)
        if epoch.weighted
        else unchecked_posterior(votes, beliefs)
    )
    labelled = majority != NO_CLASS
    if not labelled.all():
        from_models = model_votes(columns.top_class(items), ~labelled, columns.num_classes)
        of_models = _majority(from_models, beliefs, epoch.model_ties, hashes)
        consensus = np.where(labelled, consensus, of_models)
    return Judgement(items, votes, beliefs, epoch, majority, consensus, *weighed)


def _majority(votes: Votes, beliefs: Beliefs, ties: TieBreak, hashes: Hashes) -> Ints:
    majority, tied = plurality(votes)
    if tied.any():
        at = np.flatnonzero(tied)
        probs = beliefs.mean()[:, at]
        majority[at] = break_ties(votes.take(at), probs, ties, hashes[at])
    return majority
