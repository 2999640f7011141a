"""Fit: from all facts to an epoch.

1. Count labels; tell the regime. Without overlaps everyone is trusted alike and nothing is fitted.
2. Fit each model's temperature to the labelled items that it predicts.
3. Take the majority vote, break its ties, and weigh everyone by it (stage A).
4. Take the consensus that these weights give, and weigh everyone by it (stage B).

Robust mode does the same from nothing labelled on, by `activelab.robust`. Every step reads integer
statistics that merge, so the result depends on the set of facts alone.
"""

from enum import StrEnum
from typing import NamedTuple

import numpy as np

from activelab.calibration import NO_PRIOR, best_temperature
from activelab.columns import NO_CLASS, Columns
from activelab.epoch import Epoch, Regime, Stage, agreements, equal_stage, weighted_stage
from activelab.majority import TieBreak, break_ties, plurality
from activelab.posterior import Beliefs, posterior, unique_best
from activelab.robust import LABEL_NOISE, TEMPERATURE_PRIOR, robust_stage
from activelab.rows import Bools, Floats, Ints, block_items
from activelab.statistics import ConsensusCounts, LabelCounts, MajorityCounts, PredictedCounts
from activelab.votes import Votes, model_votes


class Mode(StrEnum):
    """How parameters are fitted."""

    STRICT = "strict"
    """ActiveLab to the letter."""
    ROBUST = "robust"
    """So that little evidence changes little."""


class Fitted(NamedTuple):
    """An epoch, and the consensus ``(N,)`` that it was fitted to: the one it gives, to the bit.

    -1 where an item has no label; None where nothing is weighted.
    """

    epoch: Epoch
    consensus: Ints | None


def fit(columns: Columns, *, mode: Mode = Mode.STRICT, calibrate: bool = True) -> Epoch:
    """Fit the parameters to everything that is known.

    Permuting, splitting and padding the columns changes no bit of what items are scored by.
    Without ``calibrate`` the models' probabilities are taken as they are (CROWDLAB alone).
    """
    return fitted(columns, mode=mode, calibrate=calibrate).epoch


def fitted(columns: Columns, *, mode: Mode = Mode.STRICT, calibrate: bool = True) -> Fitted:
    """Fit, and return the consensus that this took, too."""
    robust = mode is Mode.ROBUST
    num_annotators, num_models = len(columns.annotators), len(columns.models)
    num_classes = columns.num_classes
    labels = columns.labels()
    counts = LabelCounts()
    counts.add(labels)
    (numbers,) = counts.items_of(np.zeros(1, np.int64)).tolist()
    regime = Regime.of(*numbers)
    compared = regime is Regime.OVERLAPS
    weighted = compared or robust
    top_class = columns.top_class(slice(None))
    plural = plurality(labels)
    label_ties = _tie_break(labels, plural, num_annotators)
    from_models = model_votes(top_class, labels.per_item() == 0, num_classes)
    model_ties = _tie_break(from_models, plurality(from_models), num_models)

    temperature: Floats | None = None
    agreement = agreements(counts, num_annotators) if compared else np.ones(num_annotators + 1)
    stage_a = stage_b = equal_stage(num_annotators, num_models)
    consensus = None
    if weighted:
        if calibrate:
            temperature = np.array(
                [_temperature(columns, labels, m, robust=robust) for m in range(num_models)]
            )
        predicted = PredictedCounts()
        predicted.add(labels, columns.has_prediction)
        scale = predicted.scale(num_models)

        def weigh(consensus: Ints) -> Stage:
            of_consensus = ConsensusCounts()
            of_consensus.add(labels, consensus, top_class)
            if robust:
                return robust_stage(of_consensus, counts, (num_annotators, num_classes), scale)
            has_label = counts.labels.read(num_annotators) > 0
            return weighted_stage(of_consensus, agreement, has_label, scale)

        majority = _resolved(columns, labels, plural, label_ties, temperature)
        stage_a = weigh(majority)
        consensus = _consensus(columns, labels, majority, temperature, stage_a)
        stage_b = weigh(consensus)
    epoch = Epoch(
        num_classes=num_classes,
        models=columns.models,
        annotators=columns.annotators,
        regime=regime,
        num_labels=len(labels.label),
        class_counts=counts.classes.read(num_classes),
        weighted=weighted,
        calibrated=temperature is not None,
        temperature=np.ones(num_models) if temperature is None else temperature,
        agreement=agreement,
        majority_stage=stage_a,
        consensus_stage=stage_b,
        label_ties=label_ties,
        model_ties=model_ties,
    )
    return Fitted(epoch, consensus)


def _tie_break(votes: Votes, plural: tuple[Ints, Bools], num_voters: int) -> TieBreak:
    counts = MajorityCounts()
    counts.add(votes, *plural)
    return TieBreak.of(counts, num_voters, votes.num_classes)


def _temperature(columns: Columns, labels: Votes, model: int, *, robust: bool) -> float:
    """Fit a model's temperature to the items that are both labelled and predicted."""
    chosen = columns.has_prediction[model] & (labels.per_item() > 0)
    noise, prior = (LABEL_NOISE, TEMPERATURE_PRIOR) if robust else (0.0, NO_PRIOR)
    return best_temperature(labels, columns.pred_probs[model], chosen, noise=noise, prior=prior)


def _resolved(
    columns: Columns,
    labels: Votes,
    plural: tuple[Ints, Bools],
    ties: TieBreak,
    temperature: Floats | None,
) -> Ints:
    """Break the ties of the majority vote."""
    majority, tied = plural[0].copy(), plural[1]
    for items in block_items(tied, columns.num_classes):
        probs = Beliefs.of(columns, items, temperature).mean()
        majority[items] = break_ties(labels.take(items), probs, ties, columns.item_hashes[items])
    return majority


def _consensus(
    columns: Columns, labels: Votes, majority: Ints, temperature: Floats | None, stage: Stage
) -> Ints:
    """Take each labelled item's unique most probable class under a stage, or the majority's."""
    consensus = majority.copy()
    for items in block_items(majority != NO_CLASS, columns.num_classes):
        beliefs = Beliefs.of(columns, items, temperature)
        posteriors, _ = posterior(labels.take(items), beliefs, stage)
        consensus[items] = unique_best(posteriors, otherwise=majority[items])
    return consensus
