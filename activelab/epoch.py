"""Epoch: the parameters that one look at all facts gives, and under which items are scored.

Given a consensus, over the items with two labels or more (CROWDLAB, sec. 3; ActiveLab, sec. 3):

    P    consensus_likelihood   mean share of an item's labels that equal its consensus
    E    majority_class_error   1 - share of the most frequent consensus, at least 1e-6
    w_j  annotator_weight       1 - (1 - s_j) / E, at least 1e-6
    e    model_error            share of items whose most probable class is not the consensus
    w_M  model_weight           (1 - e / E, at least 1e-6) * sqrt(mean number of labels)

A model that predicts no item with two labels was never put to the test: as good as an average
annotator. A model that predicts nothing weighs 0. (Robust mode has weights of its own, from
`activelab.robust`.)

Stage A takes the majority vote as consensus, stage B the consensus that stage A's weights give.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import repeat
from typing import Self

import numpy as np

from activelab.majority import TieBreak
from activelab.rows import Bools, Floats, Ints
from activelab.statistics import ConsensusCounts, LabelCounts, ratio

SMALLEST_WEIGHT = 1e-6
"""The least weight, and the least error of the majority class: nobody is ignored altogether."""


class Regime(StrEnum):
    """How much labels overlap: what can be known of annotators at all."""

    NOTHING_LABELLED = "nothing_labelled"
    SINGLE_LABELS = "single_labels"
    OVERLAPS = "overlaps"

    @classmethod
    def of(cls, single: int, multi: int) -> "Regime":
        """Tell the regime of so many items with one label, and with more."""
        if multi:
            return cls.OVERLAPS
        return cls.SINGLE_LABELS if single else cls.NOTHING_LABELLED


@dataclass(frozen=True, slots=True)
class Stage:
    """What one consensus says of annotators and models.

    ``annotator_weight`` is ``(M + 1,)``: the last is that of an annotator nobody can be compared
    with, or who is not known. ``model_error`` is None for a model that was never put to the test.
    """

    consensus_likelihood: float
    majority_class_error: float
    annotator_weight: Floats
    mean_annotator_weight: float
    model_error: tuple[float | None, ...]
    model_weight: Floats


@dataclass(frozen=True)
class Epoch:
    """The parameters of one fit.

    ``annotators`` are in the order of their ids; those without a label have what an unknown one
    has and are in no mean. ``agreement`` is s_j ``(M + 1,)``, the last one the mean of the others.
    Unless ``weighted``, items are scored by what models say, unchecked. Unless ``calibrated``, that
    is taken as it came.
    """

    num_classes: int
    models: Sequence[str]
    annotators: Sequence[str]
    regime: Regime
    num_labels: int
    class_counts: Ints
    weighted: bool
    calibrated: bool
    temperature: Floats
    agreement: Floats
    majority_stage: Stage
    consensus_stage: Stage
    label_ties: TieBreak
    model_ties: TieBreak

    @cached_property
    def _place(self) -> dict[str, int]:
        return {annotator: place for place, annotator in enumerate(self.annotators)}

    def places(self, annotators: Sequence[str]) -> Ints:
        """Look up annotators; an unknown one gets the place of the imputed values, -1."""
        if annotators is self.annotators:
            return np.arange(len(annotators))
        return np.array(list(map(self._place.get, annotators, repeat(-1))), dtype=np.int64)

    def of(self, _items: slice) -> Self:
        """Return what holds for some items: of one epoch, the same for all."""
        return self


def agreements(counts: LabelCounts, num_annotators: int) -> Floats:
    """Return s_j of every annotator, and at last the mean of the defined ones: ``(M + 1,)``."""
    compared = counts.compared.read(num_annotators)
    known = compared > 0
    agreement = ratio(counts.agreeing.read(num_annotators), compared, undefined=0.0)
    mean = float(agreement[known].mean())
    return np.append(np.where(known, agreement, mean), mean)


def equal_stage(num_annotators: int, num_models: int) -> Stage:
    """Trust everyone alike: what is assumed where no two labels can be compared."""
    return Stage(
        consensus_likelihood=1.0,
        majority_class_error=1.0,
        annotator_weight=np.ones(num_annotators + 1),
        mean_annotator_weight=1.0,
        model_error=(None,) * num_models,
        model_weight=np.ones(num_models),
    )


def weighted_stage(
    counts: ConsensusCounts, agreement: Floats, has_label: Bools, model_scale: Floats
) -> Stage:
    """Weigh annotators and models by what labels say of one consensus.

    ``has_label`` ``(M,)`` says whose weights are in the mean; ``model_scale`` ``(models,)`` is what
    a model's weight grows with.
    """
    items, agreeing, consensus = (
        counts.items.read(),
        counts.agreeing.read(),
        counts.consensus.read(),
    )
    by_number = agreeing[2:] / np.arange(2, len(agreeing))
    likelihood = math.fsum(by_number.tolist()) / int(items.sum())
    error = max(SMALLEST_WEIGHT, 1 - int(consensus.max()) / int(consensus.sum()))
    weight = np.maximum(SMALLEST_WEIGHT, 1 - (1 - agreement) / error)
    mean_weight = float(weight[:-1][has_label].mean())

    judged = counts.judged.read(len(model_scale))
    errors = counts.errors.read(len(model_scale))
    quality = np.maximum(SMALLEST_WEIGHT, 1 - ratio(errors, judged, undefined=0.0) / error)
    return Stage(
        consensus_likelihood=likelihood,
        majority_class_error=error,
        annotator_weight=weight,
        mean_annotator_weight=mean_weight,
        model_error=model_errors(errors, judged),
        model_weight=np.where(judged > 0, quality, mean_weight) * model_scale,
    )


def model_errors(errors: Ints, judged: Ints) -> tuple[float | None, ...]:
    """Return each model's share of errors, None where there is nothing to judge it by."""
    return tuple(
        wrong / tests if tests else None
        for wrong, tests in zip(errors.tolist(), judged.tolist(), strict=True)
    )
