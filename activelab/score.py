"""Score: how much one more label of an item would help, under an epoch. Lower is sooner.

    score = (q W + w̄ / K) / (W + w̄)

q being the quality of the item's consensus, W the weight of its models and annotators, and w̄ that
of an average annotator, who may say any class (ActiveLab, eq. 3-4). An item of which nothing is
known has W = 0, so 1 / K: it comes before everything that is in doubt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from activelab.columns import Columns
from activelab.epoch import Epoch
from activelab.fit import Fitted, Mode, fitted
from activelab.joint import Epochs
from activelab.judgement import judged
from activelab.rows import Bools, Floats, Ints


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


def activelab(columns: Columns, *, mode: Mode = Mode.STRICT) -> ItemScores:
    """Fit and score in one step: ``score(columns, fit(columns))``."""
    by = fitted(columns, mode=mode)
    return score(columns, by.epoch, by)


def score(columns: Columns, epoch: Epoch | Epochs, by: Fitted | None = None) -> ItemScores:
    """Score items under an epoch; an item's result does not depend on the others, to the bit.

    ``by`` is as `judged` takes it: it saves time.
    """
    num_items = len(columns.items)
    consensus = np.empty(num_items, dtype=np.int64)
    quality, scores = np.empty(num_items), np.empty(num_items)
    for block in judged(columns, epoch, by):
        q, weight = block.quality, block.weight
        spread = block.epoch.consensus_stage.mean_annotator_weight
        consensus[block.items], quality[block.items] = block.consensus, q
        scores[block.items] = (q * weight + spread / columns.num_classes) / (weight + spread)
    return ItemScores(
        item_ids=columns.items,
        activelab_score=scores,
        consensus_label=consensus,
        consensus_quality=quality,
        num_annotations=columns.labels().per_item(),
        num_answers=columns.answers.per_item(),
        num_predictions=columns.has_prediction.sum(axis=0),
    )


def posteriors(columns: Columns, epoch: Epoch) -> Floats:
    """Return every item's class probabilities, given the consensus: ``(N, K)``."""
    result = np.empty((len(columns.items), columns.num_classes))
    for block in judged(columns, epoch):
        result[block.items] = block.consensus_posterior.T
    return result
