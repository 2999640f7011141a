"""Score: how much one more label of an item would help, under an epoch. Lower is sooner.

    c      consensus   labelled: the unique most probable class under stage A, else the majority's;
                       unlabelled: the majority of the models' most probable classes
    q      quality     the posterior of c under stage B
    score              (q W + w̄ / K) / (W + w̄),  W = weights of the item's models and annotators

(ActiveLab, eq. 3-4: one more label, by an average annotator who may say anything.) An item of which
nothing is known has q = 1/K and W = 0, so 1/K: it comes before everything that is in doubt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from activelab.columns import NO_CLASS, Columns
from activelab.epoch import Epoch, Regime
from activelab.fit import fit
from activelab.majority import TieBreak, break_ties, plurality
from activelab.posterior import Beliefs, posterior, unchecked_posterior, unique_best
from activelab.rows import Bools, Floats, Hashes, Ints
from activelab.votes import Votes, model_votes


@dataclass(frozen=True, slots=True)
class ItemScores:
    """The state of items, in parallel columns ``(N,)``.

    ``consensus_label`` is -1 where nothing is known. ``num_annotations`` counts labels,
    ``num_answers`` abstentions too, ``num_predictions`` the models that predict the item.
    """

    item_ids: Sequence[str]
    activelab_score: Floats
    consensus_label: Ints
    consensus_quality: Floats
    num_annotations: Ints
    num_answers: Ints
    num_predictions: Ints

    @property
    def has_prediction(self) -> Bools:
        """Tell which items at least one model predicts."""
        return self.num_predictions > 0

    def take(self, rows: Ints) -> "ItemScores":
        """Return some of the items, in the order of ``rows`` ``(n,)``."""
        return ItemScores(
            [self.item_ids[row] for row in rows],
            self.activelab_score[rows],
            self.consensus_label[rows],
            self.consensus_quality[rows],
            self.num_annotations[rows],
            self.num_answers[rows],
            self.num_predictions[rows],
        )


def activelab(columns: Columns) -> ItemScores:
    """Fit and score in one step: ``score(columns, fit(columns))``."""
    return score(columns, fit(columns))


def score(columns: Columns, epoch: Epoch) -> ItemScores:
    """Score items under an epoch; an item's result does not depend on the others, to the bit."""
    epoch = epoch.aligned(columns.annotators)
    labels = columns.labels()
    num_items = len(columns.items)
    consensus = np.empty(num_items, dtype=np.int64)
    quality, scores = np.empty(num_items), np.empty(num_items)
    spread = epoch.consensus_stage.mean_annotator_weight
    for items, votes in labels.blocks():
        consensus[items], quality[items], weight = _judged(columns, items, votes, epoch)
        scores[items] = (quality[items] * weight + spread / columns.num_classes) / (weight + spread)
    return ItemScores(
        item_ids=columns.items,
        activelab_score=scores,
        consensus_label=consensus,
        consensus_quality=quality,
        num_annotations=labels.per_item(),
        num_answers=columns.answers.per_item(),
        num_predictions=columns.has_prediction.sum(axis=0),
    )


def posteriors(columns: Columns, epoch: Epoch) -> Floats:
    """Return every item's class probabilities under an epoch's last stage: ``(N, K)``."""
    epoch = epoch.aligned(columns.annotators)
    result = np.empty((len(columns.items), columns.num_classes))
    for items, votes in columns.labels().blocks():
        result[items] = _posterior(votes, _beliefs(columns, items, epoch), epoch)[0].T
    return result


def _judged(
    columns: Columns, items: slice, votes: Votes, epoch: Epoch
) -> tuple[Ints, Floats, Floats]:
    """Return consensus, quality and weight of a block's items, ``(n,)`` each."""
    beliefs, hashes = _beliefs(columns, items, epoch), columns.item_hashes[items]
    consensus = _majority(votes, beliefs, epoch.label_ties, hashes)
    labelled = consensus != NO_CLASS
    if epoch.regime is Regime.OVERLAPS:
        of_majority, _ = posterior(votes, beliefs, epoch.majority_stage)
        consensus = np.where(labelled, unique_best(of_majority, otherwise=consensus), NO_CLASS)
    if not labelled.all():
        from_models = model_votes(columns.top_class(items), ~labelled, columns.num_classes)
        by_models = _majority(from_models, beliefs, epoch.model_ties, hashes)
        consensus = np.where(labelled, consensus, by_models)
    of_consensus, weight = _posterior(votes, beliefs, epoch)
    return consensus, of_consensus[consensus, np.arange(votes.num_items)], weight


def _beliefs(columns: Columns, items: slice, epoch: Epoch) -> Beliefs:
    fitted = epoch.regime is Regime.OVERLAPS
    return Beliefs.of(columns, items, epoch.temperature if fitted else None)


def _posterior(votes: Votes, beliefs: Beliefs, epoch: Epoch) -> tuple[Floats, Floats]:
    if epoch.regime is Regime.OVERLAPS:
        return posterior(votes, beliefs, epoch.consensus_stage)
    return unchecked_posterior(votes, beliefs)


def _majority(votes: Votes, beliefs: Beliefs, ties: TieBreak, hashes: Hashes) -> Ints:
    majority, tied = plurality(votes)
    if tied.any():
        at = np.flatnonzero(tied)
        probs = beliefs.mean()[:, at]
        majority[at] = break_ties(votes.take(at), probs, ties, hashes[at])
    return majority
