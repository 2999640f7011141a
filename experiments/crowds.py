"""Crowds: labels in the order in which they came, and what a model says of their items.

Recorded crowds (../shared/data) have no features, so their model is drawn, and so is all of the
generated ones. What is drawn depends on the seed alone.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from activelab import Columns, activelab, columns
from experiments.datasets import DATASETS, SHARED, Floats, Ints
from experiments.trained import examined
from stream_app.errors import StreamAppError
from stream_app.folds import out_of_fold

MODEL_NOISE = 2.0
"""Spread of a drawn model's log-odds."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Labels as rows (item, annotator, label), codes ``(L,)`` each, of N items and K classes."""

    item: Ints
    annotator: Ints
    label: Ints
    pred_probs: Floats
    """What the model says (N, K)."""
    truth: Ints | None
    """Class codes (N,), where anybody knows them."""

    @property
    def num_items(self) -> int:
        """N."""
        return len(self.pred_probs)

    def take(self, rows: Ints) -> "Crowd":
        """Keep some labels, in the order of ``rows``."""
        return replace(
            self, item=self.item[rows], annotator=self.annotator[rows], label=self.label[rows]
        )

    def with_labels(self, item: Ints, annotator: Ints, label: Ints) -> "Crowd":
        """Add labels behind those that are there."""
        return replace(
            self,
            item=np.concatenate([self.item, item]),
            annotator=np.concatenate([self.annotator, annotator]),
            label=np.concatenate([self.label, label]),
        )

    def columns(self) -> Columns:
        """Return everything as the batch functions take it."""
        items = [f"item-{row:05d}" for row in range(self.num_items)]
        answers = [items[row] for row in self.item], names(self.annotator), self.label
        num_classes = self.pred_probs.shape[1]
        return columns(num_classes, items, answers, {"drawn": (items, self.pred_probs)})

    def first_labels(self) -> Ints:
        """Return the row of each labelled item's first label."""
        return np.unique(self.item, return_index=True)[1]


def names(annotators: Ints) -> list[str]:
    """Return the ids of annotators."""
    return [f"annotator-{row:05d}" for row in annotators]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a generated crowd is like."""

    items: int = 1000
    classes: int = 4
    annotators: int = 20
    labels_per_item: float = 3.0
    skill: tuple[float, float] = (0.6, 0.95)
    """An annotator's chance of a right label is between these."""
    most_frequent: float | None = None
    """Share of the first class; None: all are as frequent."""
    guesses: float = 0.0
    """Share of labels that are guesses, each by somebody who gives no other."""
    model: float = 2.5
    """What a drawn model's log-odds are higher by for the right class."""
    certainty: float = 1.0
    """What they are multiplied by in the end: more than 1 is over-confident."""
    knows_frequency: bool = True
    """Whether a drawn model knows how frequent classes are."""


SHAPES: Mapping[str, Shape] = {
    "even": Shape(),
    "two classes": Shape(classes=2),
    "ten classes": Shape(classes=10, annotators=50),
    "few annotators": Shape(annotators=5, items=300),
    "poor annotators": Shape(skill=(0.3, 0.9)),
    "skewed": Shape(classes=2, most_frequent=0.9, skill=(0.8, 0.99)),
    "skewed, blind model": Shape(
        classes=2, most_frequent=0.9, skill=(0.8, 0.99), knows_frequency=False
    ),
    "guessers": Shape(guesses=0.3),
    "poor model": Shape(model=0.5),
    "certain model": Shape(certainty=10.0),
}
"""Generated crowds by name."""
RECORDED = ("bluebirds", "music_genre", "person_video_binary")


def generated(shape: Shape, seed: int) -> Crowd:
    """Draw a crowd in which some do much and some little, in random order."""
    rng = np.random.default_rng(seed)
    share = np.full(shape.classes, 1 / shape.classes)
    if shape.most_frequent is not None:
        share[:] = (1 - shape.most_frequent) / (shape.classes - 1)
        share[0] = shape.most_frequent
    truth = rng.choice(shape.classes, size=shape.items, p=share)
    diligence = rng.dirichlet(np.ones(shape.annotators))
    wanted = round(shape.items * shape.labels_per_item)
    pair = rng.integers(shape.items, size=wanted) * shape.annotators
    pair = np.unique(pair + rng.choice(shape.annotators, size=wanted, p=diligence))
    item, annotator = np.divmod(rng.permutation(pair), shape.annotators)
    skill = rng.uniform(*shape.skill, shape.annotators)
    label = said(rng, truth[item], skill[annotator], shape.classes)
    guessed = np.flatnonzero(rng.random(len(item)) < shape.guesses)
    label[guessed] = rng.integers(shape.classes, size=len(guessed))
    annotator[guessed] = shape.annotators + np.arange(len(guessed))
    return Crowd(item, annotator, label, drawn_model(rng, truth, shape), truth)


def recorded(name: str, seed: int) -> Crowd:
    """Read a recorded crowd, and draw a model around its truth, or a label where there is none."""
    folder = SHARED / name
    if not folder.exists():
        message = f"There is no {folder}: recorded crowds are not part of this repository."
        raise StreamAppError(message)
    with (folder / "annotations.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    items, item = np.unique([row["item"] for row in rows], return_inverse=True)
    _, annotator = np.unique([row["annotator"] for row in rows], return_inverse=True)
    label = np.array([int(row["label"]) for row in rows])
    with (folder / "truth.csv").open(newline="") as file:
        known = {row["item"]: int(row["label"]) for row in csv.DictReader(file)}
    with (folder / "classes.csv").open(newline="") as file:
        num_classes = len(list(csv.DictReader(file)))
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(label))
    around = np.zeros(len(items), dtype=np.int64)
    around[item[order]] = label[order]
    truth = np.array([known[one] for one in items]) if known else None
    model = drawn_model(rng, around if truth is None else truth, Shape(classes=num_classes))
    return Crowd(item[order], annotator[order], label[order], model, truth)


def trained(name: str, seed: int) -> Crowd:
    """Take the first labels of an experiment's dataset, and train its model on their consensus."""
    dataset = DATASETS[name]()
    items, annotators, label = dataset.first_labels
    _, item = np.unique([*dataset.items, *items], return_inverse=True)
    _, annotator = np.unique(annotators, return_inverse=True)
    rows = np.random.default_rng(seed).permutation(len(label))
    unseen = np.full((len(dataset.items), len(dataset.classes)), 1 / len(dataset.classes))
    plain = Crowd(
        item[len(dataset.items) :][rows],
        annotator[rows],
        np.array(label)[rows],
        unseen,
        dataset.truth,
    )
    model = examined(["extra-trees"], dataset, seed=seed, trees=100)["extra-trees"]
    consensus = activelab(plain.columns()).consensus_label
    consensus[np.bincount(plain.item, minlength=plain.num_items) == 0] = -1
    said = out_of_fold(
        model, dataset.features, consensus, num_classes=len(dataset.classes), seed=seed
    )
    return replace(plain, pred_probs=said)


def crowd(name: str, seed: int) -> Crowd:
    """Return a crowd by its name; the seed orders its labels, and draws what is drawn."""
    if name in RECORDED:
        return recorded(name, seed)
    return trained(name, seed) if name in DATASETS else generated(SHAPES[name], seed)


def said(rng: np.random.Generator, truth: Ints, skill: Floats | float, classes: int) -> Ints:
    """Draw labels of items of these classes: right with the chance of a skill."""
    wrong = (truth + rng.integers(1, classes, size=len(truth))) % classes
    return np.where(rng.random(len(truth)) < skill, truth, wrong)


def drawn_model(rng: np.random.Generator, truth: Ints, shape: Shape) -> Floats:
    """Draw what a model says that has seen something of each class.

    Normal log-odds, the right class's raised.
    """
    logits = MODEL_NOISE * rng.normal(size=(len(truth), shape.classes))
    if shape.knows_frequency:
        logits += np.log(np.bincount(truth, minlength=shape.classes) + 1)
    logits[np.arange(len(truth)), truth] += shape.model
    logits *= shape.certainty
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs /= probs.sum(axis=1, keepdims=True)
    return np.asarray(probs)
