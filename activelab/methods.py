"""Methods: the ways to order items by how much a label helps, under one interface.

A method takes the columns, the items' ActiveLab scores, the project's seed and the number of the
window, and returns a score an item ``(N,)``: lower is sooner. All are pure; chance is a keyed hash
of seed, window and item, so that a window can be recomputed by anyone.
"""

from typing import Protocol

import numpy as np

from activelab.columns import Columns
from activelab.identity import chances
from activelab.posterior import Beliefs
from activelab.rows import Floats, blocks, class_sum
from activelab.score import ItemScores
from activelab.votes import Votes

_LEAST_PROB = 1e-6
"""What surprises most (as in Goh, Mueller 2023): trees say 0 of what they have never seen."""


class Method(Protocol):
    """Order items: the lower the score, the sooner."""

    def __call__(
        self, columns: Columns, scores: ItemScores, *, seed: str | int, window: int
    ) -> Floats:
        """Return a score an item: ``(N,)``."""
        ...


def by_activelab(columns: Columns, scores: ItemScores, *, seed: str | int, window: int) -> Floats:
    """Return the ActiveLab score, of one model or of an ensemble (Goh, Mueller 2023)."""
    return scores.activelab_score


def by_chance(columns: Columns, scores: ItemScores, *, seed: str | int, window: int) -> Floats:
    """Draw at random among all items ("Random" in Goh, Mueller 2023)."""
    return chances(columns.item_hashes, f"{seed}\n{window}")


def by_fewest_labels(
    columns: Columns, scores: ItemScores, *, seed: str | int, window: int
) -> Floats:
    """Draw at random among the items with the fewest labels ("Good Random", Goh, Mueller 2023)."""
    return scores.num_annotations + by_chance(columns, scores, seed=seed, window=window)


def by_entropy(columns: Columns, scores: ItemScores, *, seed: str | int, window: int) -> Floats:
    """Prefer the largest entropy of the model's prediction (Settles 2009, sec. 3.1).

    ``1 + sum_k p(k) log p(k) / log K``: 0 for a uniform prediction or none, 1 for a certain one.
    """
    result = np.empty(len(columns.items))
    for items in blocks(len(columns.items), columns.num_classes):
        result[items] = 1 - _entropy(_mean_probs(columns, items)) / np.log(columns.num_classes)
    return result


def by_least_confidence(
    columns: Columns, scores: ItemScores, *, seed: str | int, window: int
) -> Floats:
    """Prefer the smallest largest probability: "Uncertainty" (Lewis, Gale 1994)."""
    result = np.empty(len(columns.items))
    for items in blocks(len(columns.items), columns.num_classes):
        result[items] = _mean_probs(columns, items).max(axis=0)
    return result


def by_surprise(columns: Columns, scores: ItemScores, *, seed: str | int, window: int) -> Floats:
    """Prefer the answers that surprise a certain model: Active Label Cleaning.

    ``H(p) - CE(f, p)`` in nats: the entropy of the model's prediction p minus its cross-entropy
    with the shares f of the item's labels (Bernhardt et al. 2022, eq. 1, where it ranks items for
    relabelling). Where nobody has labelled, f is taken to be p, what the model expects an annotator
    to say: no surprise, 0. So answers that the model doubts come first, then new items, then the
    answers that are likelier than the model's average one.
    """
    labels = columns.labels()
    result = np.empty(len(columns.items))
    for items in blocks(len(columns.items), columns.num_classes):
        votes, probs = labels.block(items), _mean_probs(columns, items)
        log_probs = np.log(np.maximum(probs, _LEAST_PROB))
        cross_entropy = -class_sum(_label_shares(votes) * log_probs)
        result[items] = np.where(votes.per_item(), _entropy(probs) - cross_entropy, 0)
    return result


def by_disagreement(
    columns: Columns, scores: ItemScores, *, seed: str | int, window: int
) -> Floats:
    """Prefer the items whose annotators disagree most, by vote entropy (Dagan, Engelson 1995).

    ``1 - H(f) / log K``, f being the shares of the item's labels. Less than two labels cannot
    disagree. An item without any counts as open, 0; one with a single label has the entropy that
    is to be expected of its second: log 2 by the share of pairs that differ among all pairs of
    labels of one item, 1 where there is no pair. (The paper's code divides 0 by 0 here.)
    """
    labels = columns.labels()
    pairs = int((labels.per_item()[labels.item] - 1).sum())
    agreeing = int((labels.support() - 1).sum())
    differing = 1 - agreeing / pairs if pairs else 1.0
    result = np.empty(len(columns.items))
    for items in blocks(len(columns.items), columns.num_classes):
        votes = labels.block(items)
        entropy, number = _entropy(_label_shares(votes)), votes.per_item()
        entropy[number == 1] = differing * np.log(2)
        entropy[number == 0] = np.log(columns.num_classes)
        result[items] = 1 - entropy / np.log(columns.num_classes)
    return result


def _mean_probs(columns: Columns, items: slice) -> Floats:
    """Average each item's models as they came; an item without any is uniform: ``(K, n)``."""
    beliefs = Beliefs.of(columns, items, None)
    mean = beliefs.mean()
    return np.where(beliefs.present.any(axis=0), mean, 1 / columns.num_classes)


def _label_shares(votes: Votes) -> Floats:
    """Divide each item's labels by class: ``(K, n)``, 0 where it has none."""
    shape = (votes.num_classes, votes.num_items)
    cell = votes.label * votes.num_items + votes.item
    counts = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    return counts / np.maximum(votes.per_item(), 1)


def _entropy(probs: Floats) -> Floats:
    """Return the entropy of each column of ``(K, n)`` in nats: ``(n,)``."""
    log_probs = np.log(probs, out=np.zeros_like(probs), where=probs > 0)
    return -class_sum(probs * log_probs)


METHODS: dict[str, Method] = {
    "activelab": by_activelab,
    "activelab_ensemble": by_activelab,
    "random": by_chance,
    "good_random": by_fewest_labels,
    "entropy": by_entropy,
    "uncertainty": by_least_confidence,
    "active_label_cleaning": by_surprise,
    "disagreement": by_disagreement,
}
"""Every method by the name that a project gives it."""
