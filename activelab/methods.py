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
        probs = _mean_probs(columns, items)
        log_probs = np.log(probs, out=np.zeros_like(probs), where=probs > 0)
        result[items] = 1 + class_sum(probs * log_probs) / np.log(columns.num_classes)
    return result


def by_least_confidence(
    columns: Columns, scores: ItemScores, *, seed: str | int, window: int
) -> Floats:
    """Prefer the smallest largest probability: "Uncertainty" (Lewis, Gale 1994)."""
    result = np.empty(len(columns.items))
    for items in blocks(len(columns.items), columns.num_classes):
        result[items] = _mean_probs(columns, items).max(axis=0)
    return result


def _mean_probs(columns: Columns, items: slice) -> Floats:
    """Average each item's models as they came; an item without any is uniform: ``(K, n)``."""
    beliefs = Beliefs.of(columns, items, None)
    mean = beliefs.mean()
    return np.where(beliefs.present.any(axis=0), mean, 1 / columns.num_classes)


METHODS: dict[str, Method] = {
    "activelab": by_activelab,
    "activelab_ensemble": by_activelab,
    "random": by_chance,
    "good_random": by_fewest_labels,
    "entropy": by_entropy,
    "uncertainty": by_least_confidence,
}
"""Every method by the name that a project gives it."""
