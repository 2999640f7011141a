"""Quality of labels, consensus and annotators: CROWDLAB's tables (Goh, Tkachenko, Mueller 2022).

    quality of a label       the posterior of its class
    quality of annotator j   w L_j + (1 - w) A_j,  w = w_M / (w_M + w̄ n̄)

L_j is the mean quality of j's labels, A_j the share of them that equal the consensus where others
have labelled too, w_M the models' mean weight, w̄ the annotators', n̄ the mean number of labels of an
item. By mere agreement a label's quality is the share of the item's labels that say the same, and
an annotator's is A_j.
"""

from dataclasses import dataclass

import numpy as np

from activelab.columns import Columns
from activelab.epoch import Epoch, Stage
from activelab.judgement import judged
from activelab.rows import Bools, Floats, Ints, sums_at
from activelab.statistics import ratio
from activelab.votes import Votes


@dataclass(frozen=True, slots=True)
class Quality:
    """Qualities under one consensus: of items ``(N,)``, and of labels ``(L,)``, ``votes``'s rows.

    ``agreement`` is the share of an item's labels that equal its consensus.
    """

    votes: Votes
    consensus: Ints
    consensus_quality: Floats
    agreement: Floats
    label_quality: Floats


@dataclass(frozen=True, slots=True)
class AnnotatorQuality:
    """Qualities of annotators ``(M,)``; NaN in ``quality`` where nobody else labelled the same."""

    quality: Floats
    agreement: Floats
    worst_class: Ints
    num_labels: Ints


def qualities(columns: Columns, epoch: Epoch, *, by_majority: bool, by_agreement: bool) -> Quality:
    """Judge labelled items by their majority vote, or by the consensus of best quality.

    ``by_agreement`` leaves models and weights out: the majority is the consensus of best quality.
    """
    votes = columns.labels()
    consensus = np.empty(votes.num_items, dtype=np.int64)
    quality = np.empty(votes.num_items)
    label_quality = np.empty(len(votes.label))
    majority = by_majority or by_agreement
    for block in judged(columns, epoch):
        first, last = votes.start[block.items.start], votes.start[block.items.stop]
        chosen = block.majority if majority else block.consensus
        posterior = block.majority_posterior if majority else block.consensus_posterior
        consensus[block.items] = chosen
        quality[block.items] = posterior[chosen, np.arange(len(chosen))]
        label_quality[first:last] = posterior[block.labels.label, block.labels.item]
    agrees = votes.label == consensus[votes.item]
    agreement = ratio(
        np.bincount(votes.item[agrees], minlength=votes.num_items), votes.per_item(), undefined=0.0
    )
    if by_agreement:
        quality, label_quality = agreement, votes.support() / votes.per_item()[votes.item]
    return Quality(votes, consensus, quality, agreement, label_quality)


def annotator_qualities(
    quality: Quality, num_annotators: int, *, model_share: float | None
) -> AnnotatorQuality:
    """Judge annotators by their labels; ``model_share`` is w, None to go by agreement alone."""
    votes = quality.votes
    agrees = votes.label == quality.consensus[votes.item]
    multi = votes.per_item()[votes.item] > 1
    num_labels = np.bincount(votes.voter, minlength=num_annotators)
    agreement = _share(votes.voter[agrees], num_labels)
    checked = np.bincount(votes.voter[multi], minlength=num_annotators)
    result = _share(votes.voter[multi & agrees], checked)
    if model_share is not None:
        mean_quality = sums_at(votes.voter, quality.label_quality, num_annotators) / num_labels
        result = model_share * mean_quality + (1 - model_share) * result
    return AnnotatorQuality(result, agreement, _worst_class(votes, agrees, num_labels), num_labels)


def model_share(stage: Stage, votes: Votes) -> float:
    """Return w, how much an annotator's quality goes by the posterior."""
    model = float(stage.model_weight.mean())
    return model / (model + stage.mean_annotator_weight * len(votes.label) / votes.num_items)


def _share(voters: Ints, of: Ints) -> Floats:
    return ratio(np.bincount(voters, minlength=len(of)), of, undefined=np.nan)


def _worst_class(votes: Votes, agrees: Bools, num_labels: Ints) -> Ints:
    """Find the class of each annotator's labels that is most often not the consensus.

    Of several, the one that the annotator says most often, then the first.
    """
    shape = (len(num_labels), votes.num_classes)
    cell = votes.voter * votes.num_classes + votes.label
    said = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    wrong = np.bincount(cell[~agrees], minlength=shape[0] * shape[1]).reshape(shape)
    error = ratio(wrong, said, undefined=-1.0)
    worst = error == error.max(axis=1, keepdims=True)
    most_said: Ints = np.argmax(np.where(worst, said, -1), axis=1)
    return most_said
