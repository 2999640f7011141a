"""Trust that people can act on: how sure an annotator's agreement is, and what that comes to.

The agreement of an annotator with ``num_overlapping`` labels on items that others have labelled too
has the posterior Beta(1 + s m, 1 + (1 - s) m): m labels, of which the share s found agreement,
after a uniform prior. A label counts once, however many others it was compared with, because
these comparisons hang together. [low, high] holds 95 % of the posterior, 2.5 % lie on either side.

A flag speaks against somebody only if the whole interval does:

    worse than chance   it is below 1 / K, what drawing classes at random comes to
    below the model     it is below the agreement of an annotator as often right as the best model
    fine                it is above 1 / K
    too few             nothing of it can be told yet

The last agreement follows from what an epoch knows, because skills multiply (`activelab.skill`):
the model equals the majority vote 1 - e of the times, an average annotator P of the times and the
others' labels s of the times, so the model equals labels with skill(1 - e) skill(s) / skill(P). An
annotator has a part in the majority vote and the model has none: if anything, that lowers the bar.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from activelab.epoch import Epoch, Regime
from activelab.rows import Bools, Floats, Ints
from activelab.skill import share, skill

OUTSIDE = 0.025
"""Of the posterior, on either side of an interval."""
_CELLS = 48
_REACH = 5.0
"""Standard deviations of a posterior that are computed, to either side of its mean."""


class Flag(StrEnum):
    """Say of an annotator what can be acted on."""

    TOO_FEW = "too few"
    FINE = "fine"
    BELOW_MODEL = "below the model"
    WORSE_THAN_CHANCE = "worse than chance"


@dataclass(frozen=True, slots=True)
class Trust:
    """How far to trust annotators, in parallel columns ``(n,)``.

    ``annotator_agreement`` is s_j of the labels as they are now; where an annotator has been
    compared with nobody (``num_compared`` 0) it is ``imputed``: the mean of the others at the last
    fit. ``annotator_weight`` is the epoch's. ``num_overlapping`` counts the labels that were
    compared, ``num_compared`` the others' labels that each of them was compared with.
    """

    annotators: Sequence[str]
    annotator_agreement: Floats
    annotator_weight: Floats
    num_compared: Ints
    num_overlapping: Ints
    num_annotations: Ints
    imputed: Bools


@dataclass(frozen=True, slots=True)
class Appraisal:
    """How sure annotators' agreement is, ``(n,)``: 95 % credible intervals, and flags."""

    low: Floats
    high: Floats
    flag: npt.NDArray[np.str_]
    """Values of `Flag`."""


def appraise(trust: Trust, epoch: Epoch) -> Appraisal:
    """Appraise annotators; each by their own counts and the epoch alone."""
    return appraised(trust, epoch.num_classes, model_agreement(epoch) or 0)


def appraised(trust: Trust, num_classes: int, bar: float | Floats) -> Appraisal:
    """Appraise annotators by a model's agreement: one bar for all, or one for each, ``(n,)``."""
    agreeing = trust.annotator_agreement * trust.num_overlapping
    low, high = _intervals(agreeing, trust.num_overlapping)
    chance = 1 / num_classes
    # An interval ends below 1: of who always agrees it says nothing against a bar of 1.
    below_model = (high < bar) & (trust.annotator_agreement < 1)
    flag = np.select(
        [high < chance, below_model, low > chance],
        [Flag.WORSE_THAN_CHANCE, Flag.BELOW_MODEL, Flag.FINE],
        Flag.TOO_FEW,
    )
    return Appraisal(low, high, flag)


def model_agreement(epoch: Epoch) -> float | None:
    """Return how often the best model would agree with a label; None where none was ever tested."""
    stage = epoch.majority_stage
    tested = [error for error in stage.model_error if error is not None]
    usual = skill(stage.consensus_likelihood, epoch.num_classes)
    if epoch.regime is not Regime.OVERLAPS or not tested or usual <= 0:
        return None
    with_others = skill(float(epoch.agreement[-1]), epoch.num_classes)
    with_consensus = skill(1 - min(tested), epoch.num_classes)
    # Labels are no oftener equal to others than to the consensus; P may be drawn to less.
    return share(with_consensus * min(1.0, with_others / usual), epoch.num_classes)


def _intervals(agreeing: Floats, number: Ints) -> tuple[Floats, Floats]:
    """Return the intervals of annotators: each once, as many have few labels and so the same."""
    order = np.lexsort((agreeing, number))
    first = np.ones(len(order), dtype=np.bool_)
    for column in (agreeing[order], number[order]):
        first[1:] &= column[1:] == column[:-1]
    first[1:] ^= True
    once = order[first]
    low, high = beta_interval(1 + agreeing[once], 1 + number[once] - agreeing[once])
    which = np.empty(len(order), dtype=np.int64)
    which[order] = np.cumsum(first) - 1
    return low[which], high[which]


def beta_interval(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return what holds all but `OUTSIDE` of Beta(a, b) on either side, for a, b >= 1: ``(n,)``.

    The density is summed in cells of the angle whose squared sine is the share: there a posterior
    is about as wide, 1 / (2 sqrt(a + b)), wherever it lies. Right to a hundredth of that.

    >>> [round(float(end[0]), 2) for end in beta_interval(np.array([1.0]), np.array([4.0]))]
    [0.01, 0.6]
    """
    middle = np.arcsin(np.sqrt(a / (a + b)))
    reach = _REACH / (2 * np.sqrt(a + b))
    first = np.maximum(middle - reach, 0)
    cell = (np.minimum(middle + reach, np.pi / 2) - first) / _CELLS
    angle = first + cell * (np.arange(_CELLS)[:, None] + 0.5)
    density = (2 * a - 1) * np.log(np.sin(angle)) + (2 * b - 1) * np.log(np.cos(angle))
    mass = np.exp(density - density.max(axis=0)).cumsum(axis=0)
    mass = np.concatenate([np.zeros((1, len(a))), mass / mass[-1]])

    def quantile(level: float) -> Floats:
        row, column = (mass[1:] < level).sum(axis=0), np.arange(len(a))
        before, after = mass[row, column], mass[row + 1, column]
        angle: Floats = first + cell * (row + (level - before) / (after - before))
        return np.sin(angle) ** 2

    return quantile(OUTSIDE), quantile(1 - OUTSIDE)
