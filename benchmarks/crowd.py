"""Records of a crowd and of a model at work on as many items as wanted."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import orjson

from benchmarks.pools import ANNOTATORS, CLASSES, LABELS_PER_ITEM, predictions
from schemas import ProjectSettings
from stream_app.trainer import batches

Ints = npt.NDArray[np.int64]
SETTINGS = ProjectSettings(classes=CLASSES, models=("m",), budget=100)
RIGHT = 0.75
"""Of the labels; the others are any class."""
ROWS = 1_000
"""Rows of a batch of labels."""


def item_names(number: int) -> list[str]:
    """Name items."""
    return [f"item-{one:07}" for one in range(number)]


def predicted(names: Sequence[str], version: int) -> list[bytes]:
    """Predict all items: columnar batches, as the trainer makes them.

    Another version of the model says other probabilities of the same truth.
    """
    pred_probs = predictions(np.random.default_rng(version), _truth(names))
    return [one.to_bytes() for one in batches("m", version, names, CLASSES, pred_probs)]


def labelled(names: Sequence[str], rng: np.random.Generator) -> list[bytes]:
    """Label all items: 2.5 labels each, in batches of rows; the first one is `_first`'s."""
    extra = np.repeat(np.arange(len(names)), rng.poisson(LABELS_PER_ITEM - 1, len(names)))
    item = np.concatenate([np.arange(len(names)), extra])
    who = np.concatenate([_first(names), rng.integers(ANNOTATORS, size=len(extra))])
    order = np.argsort(item, kind="stable")
    rows = _answers(names, item[order], who[order], rng)
    return [
        orjson.dumps({"type": "annotations", "schema_version": 1, "rows": rows[at : at + ROWS]})
        for at in range(0, len(rows), ROWS)
    ]


def single_labels(names: Sequence[str], number: int, rng: np.random.Generator) -> list[bytes]:
    """Label items at random, a record each."""
    item, who = rng.integers(len(names), size=number), rng.integers(ANNOTATORS, size=number)
    return _singles(_answers(names, item, who, rng))


def corrections(names: Sequence[str], number: int, rng: np.random.Generator) -> list[bytes]:
    """Correct each item's first label in turn, a record each: as many facts as before are true."""
    item = np.resize(rng.permutation(len(names)), number)
    return _singles(_answers(names, item, _first(names)[item], rng))


def _first(names: Sequence[str]) -> Ints:
    """Return who labels each item first."""
    return np.arange(len(names)) % ANNOTATORS


def _answers(
    names: Sequence[str], item: Ints, who: Ints, rng: np.random.Generator
) -> list[dict[str, str]]:
    any_class = rng.integers(len(CLASSES), size=len(item))
    label = np.where(rng.random(len(item)) < RIGHT, _truth(names)[item], any_class)
    return [
        {"item": names[one], "annotator": f"annotator-{annotator}", "label": CLASSES[said]}
        for one, annotator, said in zip(item.tolist(), who.tolist(), label.tolist(), strict=True)
    ]


def _truth(names: Sequence[str]) -> Ints:
    """Return the true classes."""
    return np.random.default_rng(0).integers(len(CLASSES), size=len(names))


def _singles(answers: list[dict[str, str]]) -> list[bytes]:
    return [orjson.dumps({"type": "annotation", "schema_version": 1, **one}) for one in answers]
