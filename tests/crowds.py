"""Crowds to test with: simulated and recorded labels, and models of them."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from activelab import Columns
from activelab.columns import sorted_answers

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Crowd:
    """Labels as rows (item, annotator, label), and ``(N, K)`` predictions a model."""

    num_items: int
    num_annotators: int
    num_classes: int
    item: Ints
    annotator: Ints
    label: Ints
    pred_probs: tuple[Floats, ...]

    @property
    def labelled(self) -> Bools:
        return np.bincount(self.item, minlength=self.num_items) > 0

    @property
    def dense(self) -> Floats:
        """The labels as cleanlab takes them, ``(N, M)`` with NaN for none."""
        labels = np.full((self.num_items, self.num_annotators), np.nan)
        labels[self.item, self.annotator] = self.label
        return labels

    def columns(self, first_hash: int = 0) -> Columns:
        return Columns(
            self.num_classes,
            tuple(f"m{model}" for model in range(len(self.pred_probs))),
            [f"i{item}" for item in range(self.num_items)],
            np.arange(first_hash, first_hash + self.num_items, dtype=np.uint64),
            [f"w{annotator:05}" for annotator in range(self.num_annotators)],
            sorted_answers(self.num_items, self.num_classes, self.item, self.annotator, self.label),
            self.pred_probs,
            np.ones((len(self.pred_probs), self.num_items), dtype=np.bool_),
        )


def simulated(
    seed: int,
    *,
    items: int = 120,
    annotators: int = 8,
    classes: int = 4,
    labels_per_item: float = 2.5,
    models: int = 1,
    unlabelled: float = 0.2,
    steps: int | None = None,
) -> Crowd:
    """Draw annotators of skills between .4 and .95, and models that are right more often than not.

    ``steps`` makes probabilities multiples of 1 / steps, so that many are equal and some are 0.
    """
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes, size=items)
    number = 1 + rng.poisson(labels_per_item - 1, size=items)
    number[rng.random(items) < unlabelled] = 0
    item = np.repeat(np.arange(items), number)
    pair = np.unique(item * annotators + rng.integers(annotators, size=len(item)))
    used, annotator = np.unique(pair % annotators, return_inverse=True)
    item = pair // annotators
    right = rng.random(len(item)) < rng.uniform(0.4, 0.95, annotators)[annotator]
    label = np.where(right, truth[item], rng.integers(classes, size=len(item)))
    pred_probs = tuple(_predicted(rng, truth, classes, steps) for _ in range(models))
    return Crowd(items, len(used), classes, item, annotator, label, pred_probs)


def recorded(folder: Path, seed: int = 0, *, models: int = 1) -> Crowd:
    """Read a recorded crowd; models are drawn around its votes."""
    with (folder / "annotations.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    items, item = np.unique([row["item"] for row in rows], return_inverse=True)
    annotators, annotator = np.unique([row["annotator"] for row in rows], return_inverse=True)
    label = np.array([int(row["label"]) for row in rows])
    classes = int(label.max()) + 1
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(item))
    drawn = np.zeros(len(items), dtype=np.int64)
    drawn[item[order]] = label[order]
    pred_probs = tuple(_predicted(rng, drawn, classes, None) for _ in range(models))
    return Crowd(len(items), len(annotators), classes, item, annotator, label, pred_probs)


def _predicted(rng: np.random.Generator, truth: Ints, classes: int, steps: int | None) -> Floats:
    logits = 2 * rng.normal(size=(len(truth), classes))
    logits[np.arange(len(truth)), truth] += 3
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    if steps is None:
        return probs
    counts = rng.multinomial(steps, probs)
    return counts / steps
