"""Posterior: what labels and models together say of an item's class.

    post(k) = (sum_m w_m p_m(k) + sum_j w_j (P if j says k else (1 - P) / (K - 1)))
              / (sum_m w_m + sum_j w_j)

(CROWDLAB, eq. 2; the ensemble: ActiveLab, eq. 5.) Models that an item lacks are left out of both
sums. Without overlaps nobody's word can be checked, and the posterior is what the models say, or
the labels where no model speaks.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from activelab.calibration import calibrated
from activelab.columns import Columns
from activelab.rows import DECIMALS, Bools, Floats, Ints, class_major, sums_at
from activelab.votes import Votes


class Weights(Protocol):
    """What words weigh: those on all items by one stage, or those on each item by its own."""

    @property
    def annotator_weight(self) -> Floats:
        """By voter."""

    @property
    def consensus_likelihood(self) -> float | Floats:
        """One for all items, or ``(n,)``."""

    @property
    def mean_annotator_weight(self) -> float | Floats:
        """One for all items, or ``(n,)``."""

    @property
    def model_weight(self) -> Floats:
        """``(models,)``, or ``(models, n)``."""


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What the models say of a block's items: ``(K, n)`` a model; ``present`` is ``(models, n)``.

    Items that a model does not predict have a uniform row there, with weight 0.
    """

    num_classes: int
    probs: tuple[Floats, ...]
    present: Bools

    @classmethod
    def of(cls, columns: Columns, items: Ints | slice, temperature: Floats | None) -> "Beliefs":
        """Read the block of ``items``; rescale it unless ``temperature`` is None.

        It is one a model, ``(models,)``, or one an item, too: ``(models, n)``.
        """
        present = columns.has_prediction[:, items]
        probs = []
        for model, pred_probs in enumerate(columns.pred_probs):
            block = class_major(pred_probs[items])
            if not present[model].all():
                block[:, ~present[model]] = 1 / columns.num_classes
            probs.append(block if temperature is None else calibrated(block, temperature[model]))
        return cls(columns.num_classes, tuple(probs), present)

    def sums(self, weights: Floats) -> tuple[Floats, Floats]:
        """Sum the models' probabilities by weight, ``(K, n)``, and their weights, ``(n,)``.

        ``weights`` are ``(models,)`` or ``(models, n)``.
        """
        num_items = self.present.shape[1]
        belief, total = np.zeros((self.num_classes, num_items)), np.zeros(num_items)
        for probs, present, weight in zip(self.probs, self.present, weights, strict=True):
            share = weight * present
            belief += share * probs
            total += share
        return belief, total

    def mean(self) -> Floats:
        """Average the models that each item has: ``(K, n)``, 0 where it has none."""
        belief, number = self.sums(np.ones(len(self.probs)))
        return belief / np.maximum(number, 1)


def posterior(votes: Votes, beliefs: Beliefs, stage: Weights) -> tuple[Floats, Floats]:
    """Weigh labels and models under a stage: the posterior ``(K, n)``, and the weights ``(n,)``.

    Uniform where nothing has any weight.
    """
    num_classes, num_items = votes.num_classes, votes.num_items
    weights = stage.annotator_weight[votes.voter]
    said = _by_class(votes, weights)
    by_labels = sums_at(votes.item, weights, num_items)
    dissent = (1 - stage.consensus_likelihood) / (num_classes - 1)
    belief, weight = beliefs.sums(stage.model_weight)
    said *= stage.consensus_likelihood - dissent
    said += by_labels * dissent
    belief += said
    weight += by_labels
    return _divided(belief, weight), weight


def unchecked_posterior(votes: Votes, beliefs: Beliefs) -> tuple[Floats, Floats]:
    """Believe the models, or the labels where there is none; everyone has weight 1."""
    by_models, num_models = beliefs.sums(np.ones(len(beliefs.probs)))
    num_labels = votes.per_item()
    by_labels = _by_class(votes, np.ones(len(votes.item)))
    spoken = num_models > 0
    belief = np.where(spoken, by_models, by_labels)
    return _divided(belief, np.where(spoken, num_models, num_labels)), num_models + num_labels


def unique_best(posteriors: Floats, otherwise: Ints) -> Ints:
    """Choose the most probable class, or ``otherwise`` where several are: ``(n,)``."""
    rounded = np.rint(posteriors * 10.0**DECIMALS)
    best = rounded == rounded.max(axis=0)
    return np.where(best.sum(axis=0) == 1, best.argmax(axis=0), otherwise)


def _by_class(votes: Votes, weights: Floats) -> Floats:
    shape = (votes.num_classes, votes.num_items)
    cell = votes.label * votes.num_items + votes.item
    return sums_at(cell, weights, shape[0] * shape[1]).reshape(shape)


def _divided(belief: Floats, weight: Floats) -> Floats:
    unknown = weight <= 0
    belief /= np.where(unknown, 1, weight)
    belief[:, unknown] = 1 / len(belief)
    return belief
