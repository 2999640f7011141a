"""Stopping: which items need no more labels, how many are wrong yet, and what one more label helps.

An item's progress goes by its n labels and by the quality q of its consensus:

    done        n >= 1 and q >= 1/2 + 0.3 / n, or a target that is given instead
    contested   n >= 2 and q < 1/2: less than half of the weight is behind the consensus
    open        anything else

A quality is a weighted mean of opinions: it ranks items, but is no probability of being right. What
is to be expected of all items together is judged from independent sources instead. Whoever errs is
taken to say any other class (`activelab.skill`). An annotator is right a_j of the times, as follows
from their agreement with others, drawn to the mean where it rests on few labels; a model means its
probabilities, at the temperature at which they explain labels *with these errors* best:

    truth(k)  ~  t(k) prod_j (a_j if j says k else (1 - a_j) / (K - 1))

The items are expected to be wrong with 1 - truth(consensus), and a label of one by an average
annotator to gain the expected rise of max truth: none, where no single label could change what is
most probable. (One coin an annotator: Dawid, Skene 1979. Temperature: Guo et al. 2017.)
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from activelab.calibration import best_temperature
from activelab.columns import Columns
from activelab.epoch import Epoch, Regime
from activelab.posterior import Beliefs
from activelab.ranking import DECIMALS
from activelab.rows import Bools, Floats, Ints, class_sum, sums_at
from activelab.score import ItemScores
from activelab.skill import share, skill
from activelab.votes import Votes

DONE_MARGIN = 0.3
"""Above one half, for a single label: most of its quality is a model's word."""
FEW = 10
"""Labels that the mean agreement counts for, beside those of an annotator."""
DOUBT = 1e-3
"""Of everybody, however sure: no annotator and no model is taken to err less often."""
SAMPLE = 5_000
"""Items that a temperature is fitted to, at most: those of the least hashes."""


class Progress(StrEnum):
    """Say of an item whether it needs more labels."""

    OPEN = "open"
    CONTESTED = "contested"
    DONE = "done"


PROGRESS = tuple(Progress)
"""What the numbers of `progress` stand for."""


def done(scores: ItemScores, *, target: float | None = None) -> Bools:
    """Tell which items need no more labels ``(N,)``; with a target, to 1e-9, as ranks are."""
    number, quality = scores.num_annotations, scores.consensus_quality
    if target is not None:
        return (number >= 1) & (np.round(quality, DECIMALS) >= target)
    return (number >= 1) & (quality >= 0.5 + DONE_MARGIN / np.maximum(number, 1))


def progress(scores: ItemScores, *, target: float | None = None) -> npt.NDArray[np.uint8]:
    """Tell each item's progress, a place in `PROGRESS`: ``(N,)``."""
    number, quality = scores.num_annotations, scores.consensus_quality
    result = np.full(len(number), PROGRESS.index(Progress.OPEN), np.uint8)
    result[(number >= 2) & (quality < 0.5)] = PROGRESS.index(Progress.CONTESTED)
    result[done(scores, target=target)] = PROGRESS.index(Progress.DONE)
    return result


@dataclass(frozen=True, slots=True)
class Outlook:
    """How many items are how far, and what is to be expected of them.

    ``wrong_labelled`` and ``wrong_unlabelled`` are the expected numbers of wrong consensus labels,
    of items with and without labels; ``gain_per_label`` is how many a label of the selected items
    is expected to put right. None where labels that can be compared agree no more than by chance,
    or there are none; and the last one where nothing is selected.
    """

    open: int
    contested: int
    done: int
    wrong_labelled: float | None
    wrong_unlabelled: float | None
    gain_per_label: float | None


def outlook(
    columns: Columns,
    epoch: Epoch,
    scores: ItemScores,
    selected: Ints,
    *,
    target: float | None = None,
) -> Outlook:
    """Look ahead from ``columns``, the epoch fitted to them and their scores under it.

    ``selected`` are the rows of the items of which a label each is to come. Sums are exact, so
    neither order nor split of the items changes a bit.
    """
    so_far = progress(scores, target=target)
    number = np.bincount(so_far, minlength=len(PROGRESS)).tolist()
    count = dict(zip(PROGRESS, number, strict=True))
    labelled, unlabelled, gain = _expected(columns, epoch, scores, selected)
    return Outlook(
        open=count[Progress.OPEN],
        contested=count[Progress.CONTESTED],
        done=count[Progress.DONE],
        wrong_labelled=labelled,
        wrong_unlabelled=unlabelled,
        gain_per_label=gain,
    )


def _expected(
    columns: Columns, epoch: Epoch, scores: ItemScores, selected: Ints
) -> tuple[float | None, float | None, float | None]:
    """Return the expected wrong labels of labelled and unlabelled items, and the gain a label."""
    labels = columns.labels()
    sources = _Sources.of(labels, columns, epoch)
    if sources is None:
        return None, None, None
    wrong, gain = np.empty(len(columns.items)), np.empty(len(columns.items))
    for items, votes in labels.blocks():
        truth = sources.truth(columns, items, votes)
        # Where there is no consensus, truth is uniform: the last class is as good as any.
        consensus = scores.consensus_label[items]
        wrong[items] = 1 - truth[consensus, np.arange(len(consensus))]
        gain[items] = sources.gain(truth)
    labelled = scores.num_annotations > 0
    return (
        math.fsum(wrong[labelled].tolist()),
        math.fsum(wrong[~labelled].tolist()),
        math.fsum(gain[selected].tolist()) / len(selected) if len(selected) else None,
    )


@dataclass(frozen=True, slots=True)
class _Sources:
    """How far annotators and models are right.

    ``evidence`` ``(M,)`` is the logarithm of how much likelier an annotator says the right
    class than a given wrong one; ``accuracy`` is that of an average annotator.
    """

    evidence: Floats
    accuracy: float
    temperature: Floats

    @classmethod
    def of(cls, labels: Votes, columns: Columns, epoch: Epoch) -> "_Sources | None":
        """Read the sources off an epoch; None where annotators are no better than chance."""
        num_classes, mean = epoch.num_classes, float(epoch.agreement[-1])
        if epoch.regime is not Regime.OVERLAPS or skill(mean, num_classes) <= 0:
            return None
        average = math.sqrt(skill(mean, num_classes))
        number = np.bincount(
            labels.voter[labels.per_item()[labels.item] > 1], minlength=len(epoch.annotators)
        )
        agreement = (epoch.agreement[:-1] * number + mean * FEW) / (number + FEW)
        accuracy = share(skill(agreement, num_classes) / average, num_classes)
        accuracy = np.clip(accuracy, 1 / num_classes, 1 - DOUBT)
        return cls(
            np.log(accuracy * (num_classes - 1) / (1 - accuracy)),
            min(share(average, num_classes), 1 - DOUBT),
            _temperatures(labels, columns, noise=1 - average),
        )

    def truth(self, columns: Columns, items: slice, votes: Votes) -> Floats:
        """Return the probabilities of the classes of a block's items: ``(K, n)``."""
        beliefs = Beliefs.of(columns, items, self.temperature).mean()
        beliefs[:, ~columns.has_prediction[:, items].any(axis=0)] = 1
        cell = votes.label * votes.num_items + votes.item
        said = sums_at(cell, self.evidence[votes.voter], beliefs.size).reshape(beliefs.shape)
        log_truth = np.log(np.maximum(beliefs, DOUBT / (len(beliefs) - 1))) + said
        truth: Floats = np.exp(log_truth - log_truth.max(axis=0))
        truth /= class_sum(truth)
        return truth

    def gain(self, truth: Floats) -> Floats:
        """Return what a label of an average annotator is expected to gain: ``(n,)``.

        They say class k, right, or any other; then the likelier of k and what was best is best.
        """
        best = truth.max(axis=0)
        error = (1 - self.accuracy) / (len(truth) - 1)
        expected: Floats = class_sum(np.maximum(self.accuracy * truth, error * best))
        expected -= best
        return expected


def _temperatures(labels: Votes, columns: Columns, *, noise: float) -> Floats:
    """Fit each model's temperature to labels of which the share ``noise`` says nothing."""
    result = np.ones(len(columns.models))
    for model, pred_probs in enumerate(columns.pred_probs):
        chosen = columns.has_prediction[model] & (labels.per_item() > 0)
        if np.count_nonzero(chosen) > SAMPLE:
            last = np.partition(columns.item_hashes[chosen], SAMPLE - 1)[SAMPLE - 1]
            chosen &= columns.item_hashes <= last
        result[model] = best_temperature(labels, pred_probs, chosen, noise=noise)
    return result
