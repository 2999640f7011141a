"""Robust: weights that one label cannot overturn. One formula, from nothing labelled on.

Strict ActiveLab divides by what may be next to nothing: an annotator's only label makes them
perfect or worthless, the first overlap replaces every score, and while there is one class only, so
does the first dissent. Here every parameter is drawn to what is known without it:

    P    (shares of labels equal to the consensus, summed + n0 P0) / (n + n0)
    E    (items not of the most frequent consensus + n0 (1 - 1 / K)) / (n + n0)
    w_j  1 - (d_j + c (1 - W)) / (E m_j + c) - f W (f c) / (E m_j + f c), at least 1e-6
    w_M  1 - (e m + c (1 - W)) / (E m + c), at least 1e-6; times sqrt(mean number of labels)

over the n items with two labels or more; the model predicts m of them, j has labels on m_j, and
others dissent from d_j = (1 - s_j) m_j of those. W is the whole pool's weight, by the formula of
w_M, drawn to a constant.

Who always says the most frequent class is expected to dissent E m_j times: so in the limit w_j is
strict ActiveLab's 1 - (1 - s_j) / E. The pseudo-count c is in expected dissents, not in labels:
where errors are rare, more labels are needed to tell them, and one dissent never moves a weight by
more than about 1 / c, however small E is. (A standardised ratio, shrunk as by Clayton and Kaldor
1987.)

The last term of w_j is what j has yet to prove: a newcomer lacks the part f of the pool's weight,
and half of it is earned with E m_j = f c. Nothing less than f c keeps a dissent from raising a
weight: by a label that differs j would earn more than it costs.
"""

import math

import numpy as np

from activelab.calibration import GRID, UNITS
from activelab.epoch import SMALLEST_WEIGHT, Stage, model_errors
from activelab.rows import Array, Floats, Ints
from activelab.statistics import ConsensusCounts, LabelCounts, ratio

PSEUDO_DISSENTS = 80.0
"""c: one dissent moves a weight by little more than 1 %."""
PSEUDO_ITEMS = 100.0
"""n0: what P and E are worth before any overlap; one item moves them by 1 % at most."""
USUAL_LIKELIHOOD = 0.9
"""P0: nine labels of ten are right."""
USUAL_WEIGHT = 0.6
"""What W is drawn to: a crowd that is worth being asked."""
UNPROVED = 0.5
"""f: a newcomer is below the median, so that luck does not lead."""
LABEL_NOISE = 0.05
"""Share of labels that say nothing: no label costs a model more than log(K / 0.05)."""
TEMPERATURE_PRIOR: Ints = np.rint(20 * np.log(GRID) ** 2 * UNITS).astype(np.int64)
"""What a temperature costs beside its losses, as 20 items: T stays near 1 while labels are few."""


def robust_stage(
    counts: ConsensusCounts, labels: LabelCounts, shape: tuple[int, int], model_scale: Floats
) -> Stage:
    """Weigh annotators and models by what labels say of one consensus, if anything.

    ``shape`` is (annotators, classes); ``model_scale`` ``(models,)`` is what a model's weight grows
    with.
    """
    num_annotators, num_classes = shape
    agreeing, consensus = counts.agreeing.read(), counts.consensus.read(num_classes)
    num_items = int(consensus.sum())
    shares = math.fsum((agreeing[2:] / np.arange(2, len(agreeing))).tolist())
    likelihood = (shares + PSEUDO_ITEMS * USUAL_LIKELIHOOD) / (num_items + PSEUDO_ITEMS)
    rarer = num_items - int(consensus.max())
    error = (rarer + PSEUDO_ITEMS * (1 - 1 / num_classes)) / (num_items + PSEUDO_ITEMS)

    compared = labels.compared.read(num_annotators)
    overlapping = labels.overlapping.read(num_annotators)
    disagreeing = compared - labels.agreeing.read(num_annotators)
    dissents = ratio(disagreeing, compared, undefined=0.0) * overlapping
    all_dissents = math.fsum(dissents.tolist())
    pool = float(_drawn(all_dissents, error * int(overlapping.sum()), USUAL_WEIGHT))
    expected = np.append(error * overlapping, 0.0)  # the last is whoever is not known
    proved = expected / (expected + UNPROVED * PSEUDO_DISSENTS)
    drawn = _drawn(np.append(dissents, 0.0), expected, pool) - UNPROVED * pool * (1 - proved)
    weight = np.maximum(SMALLEST_WEIGHT, drawn)
    has_label = np.append(labels.labels.read(num_annotators) > 0, False)
    has_label[-1] = not has_label.any()  # then whoever comes first is a newcomer

    num_models = len(model_scale)
    judged, errors = counts.judged.read(num_models), counts.errors.read(num_models)
    quality = np.maximum(SMALLEST_WEIGHT, _drawn(errors, error * judged, pool))
    return Stage(
        consensus_likelihood=likelihood,
        majority_class_error=error,
        annotator_weight=weight,
        mean_annotator_weight=float(weight[has_label].mean()),
        model_error=model_errors(errors, judged),
        model_weight=quality * model_scale,
    )


def _drawn(dissents: Array | float, expected: Array | float, towards: float) -> Array:
    """Return one less the dissents by those expected, drawn ``towards`` a weight."""
    drawn = (dissents + PSEUDO_DISSENTS * (1 - towards)) / (expected + PSEUDO_DISSENTS)
    return np.asarray(1 - drawn)
