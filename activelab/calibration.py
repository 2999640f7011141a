"""Calibration: one temperature a model, fitted to what annotators say.

The temperature T minimises the mean over labelled and predicted items of the soft cross-entropy
``-sum_k f(k) log max(softmax(log p / T)(k), 1e-30)``, f being the item's empirical distribution of
labels (ActiveLab, sec. 3; temperature scaling: Guo et al. 2017). The search is coarse, then fine
around the coarse minimum, over 33 temperatures in all; the first minimum wins a tie.

Losses are summed as integers, units of 2**-32 nats, so that T depends on nothing but the set of
facts. One item's loss is at most 69.08 nats: 31 million items fit into 63 bits.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from activelab.rows import Bools, Floats, Ints, Probs, block_items, class_major, class_sum
from activelab.statistics import Statistic, Tally
from activelab.votes import Votes

SMALLEST = 1e-30
"""No probability is taken to be smaller, after the softmax in a loss and before it in a score."""
FINE = 4
"""Steps between two coarse temperatures."""
_COARSE = (0.1, 0.2, 0.5, 0.8, 1.0, 2.0, 3.0, 5.0, 8.0)
GRID: Floats = np.array(
    [
        temperature
        for left, right in pairwise(_COARSE)
        for temperature in np.linspace(left, right, FINE, endpoint=False)
    ]
    + [_COARSE[-1]]
)
ENDS: tuple[float, float] = float(GRID[0]), float(GRID[-2])
"""The least and the largest temperature that a fit comes to (see `fine_points`)."""
_LARGEST_LOSS = -np.log(SMALLEST)
NO_PRIOR: Ints = np.zeros(len(GRID), dtype=np.int64)
UNITS = 2.0**32
"""Of a nat: what losses are integers of."""


@dataclass(slots=True)
class CalibrationSums(Statistic):
    """The losses of some temperatures of the grid, summed over items: fixed-point integers."""

    losses: Tally = field(default_factory=lambda: Tally(len(GRID)))

    def add(self, votes: Votes, pred_probs: Probs, points: Ints, noise: float = 0.0) -> None:
        """Count the items of ``votes``: all have labels and a row of ``pred_probs`` ``(n, K)``."""
        self._count(votes, pred_probs, points, noise, 1)

    def remove(self, votes: Votes, pred_probs: Probs, points: Ints, noise: float = 0.0) -> None:
        """Take back what ``add`` counted: the losses are computed again, not remembered."""
        self._count(votes, pred_probs, points, noise, -1)

    def _count(
        self, votes: Votes, pred_probs: Probs, points: Ints, noise: float, sign: int
    ) -> None:
        for items, block in votes.blocks():
            units = loss_units(block, pred_probs[items], GRID[points], noise)
            self.losses.change(points, sign * units)

    def at(self, points: Ints) -> Ints:
        """Return the sums at some points of the grid."""
        return self.losses.at(points)


def loss_units(votes: Votes, pred_probs: Probs, temperatures: Floats, noise: float = 0.0) -> Ints:
    """Sum the losses of a block's items at each temperature: integers, ``(temperatures,)``.

    With z = log p a loss is ``sum_k f(k) (logsumexp(z / T) - z(k) / T)``: no softmax is needed. A
    class's share of it is rounded to units, so the sum is exact in any order. Where p is 0 it
    stays 0 at every temperature: such a label costs the largest loss and does not move T.

    With ``noise``, that share of labels is taken to be any class at random: the softmax is mixed
    with the uniform distribution *behind* the temperature, so that no label costs much.
    """
    probs = class_major(pred_probs)
    with np.errstate(divide="ignore"):
        log_probs = np.log(probs / probs.max(axis=0))
    number = np.bincount(votes.label * votes.num_items + votes.item, minlength=probs.size)
    said = np.flatnonzero(number)  # classes that an item's labels name: they cost the same
    item = said % votes.num_items
    voted = log_probs.ravel()[said]
    share = UNITS * number[said] / votes.per_item()[item]
    units = np.empty(len(temperatures), dtype=np.int64)
    scaled = probs  # its memory serves every temperature
    for point, temperature in enumerate(temperatures):
        np.exp(np.multiply(log_probs, 1 / temperature, out=scaled), out=scaled)
        loss = np.log(class_sum(scaled))[item]
        loss -= voted / temperature
        np.minimum(loss, _LARGEST_LOSS, out=loss)
        if noise:
            np.exp(np.negative(loss, out=loss), out=loss)
            loss *= 1 - noise
            loss += noise / votes.num_classes
            np.negative(np.log(loss, out=loss), out=loss)
        loss *= share
        units[point] = np.rint(loss, out=loss).sum(dtype=np.int64)
    return units


def coarse_points() -> Ints:
    """Return the points of the grid that are looked at first."""
    return np.arange(0, len(GRID), FINE)


def fine_points(coarse: Ints) -> Ints:
    """Return the points around the ``coarse`` minimum, its neighbours on both sides included.

    The largest temperature is only a right neighbour: as the minimum itself it is left out, as in
    the reference, so that T never exceeds 7.25.
    """
    best = FINE * int(np.argmin(coarse))
    last = len(GRID) - 1
    end = best if best == last else best + FINE + 1
    return np.arange(max(0, best - FINE), end)


def best_temperature(
    labels: Votes,
    pred_probs: Probs,
    chosen: Bools,
    *,
    noise: float,
    prior: Ints = NO_PRIOR,
) -> float:
    """Search the grid for the temperature that explains the labels of ``chosen`` items ``(N,)``.

    They have labels and a row of ``pred_probs`` ``(N, K)``; 1 where there are none. ``prior`` is
    what the points of the grid cost beside.
    """
    if not chosen.any():
        return 1.0
    sums = CalibrationSums()

    def count(points: Ints) -> None:
        for items in block_items(chosen, labels.num_classes):
            sums.add(labels.take(items), pred_probs[items], points, noise)

    coarse = coarse_points()
    count(coarse)
    fine = fine_points(sums.at(coarse) + prior[coarse])
    count(np.setdiff1d(fine, coarse))
    return float(GRID[fine[np.argmin(sums.at(fine) + prior[fine])]])


def calibrated(probs: Floats, temperature: float | Floats) -> Floats:
    """Rescale a block's probabilities: ``softmax(log p / T)``, p clipped and normalised before.

    Shape ``(K, n)`` in and out; one T, or one an item, ``(n,)``. So a 0 becomes 5.8e-7 at T = 5,
    and certainty is never final.
    """
    clipped = np.maximum(probs, SMALLEST)
    clipped /= class_sum(clipped)
    scaled = np.log(clipped)
    scaled /= temperature
    scaled -= scaled.max(axis=0)
    np.exp(scaled, out=scaled)
    scaled /= class_sum(scaled)
    return scaled
