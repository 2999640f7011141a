"""Dense: labels as an ``(N, M)`` table, an item a row and an annotator a column, NaN for none.

The way into sparse columns for who has such a table; nothing else here ever holds N x M numbers.
Items and annotators go by their places in the table, which take the part of ids.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from activelab.columns import Columns, check_labels
from activelab.errors import InvalidInput
from activelab.identity import mixed
from activelab.rows import Array, Probs
from activelab.votes import Votes

if TYPE_CHECKING:
    import pandas as pd

    Labels = pd.DataFrame | Array
    Names = pd.Index[Any] | range


@dataclass(frozen=True, slots=True)
class DenseLabels:
    """Labels ``(N, M)`` of annotators, who may have names; every row and column has a label."""

    values: Array
    items: "Names"
    annotators: "Names"

    @classmethod
    def of(cls, labels: "Labels") -> "DenseLabels":
        """Read a DataFrame, whose columns are the annotators, or an array."""
        if isinstance(labels, np.ndarray):
            if labels.ndim != 2:
                message = f"labels are {labels.shape}, not an item a row and an annotator a column"
                raise InvalidInput(message)
            return cls(_numbers(labels), *map(range, labels.shape))
        if not hasattr(labels, "columns"):
            message = f"labels are a DataFrame or an array, not {type(labels).__name__}"
            raise InvalidInput(message)
        return cls(_numbers(labels.to_numpy(na_value=np.nan)), labels.index, labels.columns)

    def largest(self) -> int:
        """Return the largest label there is."""
        return int(np.nanmax(self.values, initial=0))

    def votes(self, num_items: int, num_classes: int) -> Votes:
        """Gather the labels that there are; the table's rows are the first of ``num_items``."""
        cell = np.flatnonzero(self.values == self.values)
        item, annotator = np.divmod(cell, max(1, self.values.shape[1]))
        given = self.values.reshape(-1)[cell]
        label = given.astype(np.int64)
        if (label != given).any():
            message = f"label {given[label != given][0]} is not an integer"
            raise InvalidInput(message)
        check_labels(label, num_classes, lowest=0)
        for axis, name, place in ((0, "row", item), (1, "column", annotator)):
            silent = np.flatnonzero(np.bincount(place, minlength=self.values.shape[axis]) == 0)
            if len(silent):
                message = f"{name} {silent[0]} has no label"
                raise InvalidInput(message)
        return Votes.of(num_items, num_classes, (item, annotator, label))

    def columns(self, models: Sequence[Probs], num_classes: int) -> Columns:
        """Arrange labels and predictions: a model's rows are the table's, then those without."""
        num_items = len(models[0]) if models else len(self.values)
        return Columns(
            num_classes,
            [f"model {model}" for model in range(len(models))],
            [""] * num_items,  # nobody asks for an item's id: its row identifies it
            mixed(np.arange(num_items, dtype=np.uint64)),
            [str(annotator) for annotator in self.annotators],
            self.votes(num_items, num_classes),
            tuple(models),
            np.ones((len(models), num_items), dtype=np.bool_),
        )


def overlapping(columns: Columns) -> Columns:
    """Refuse columns without an item that two annotators have labelled."""
    if (columns.labels().per_item() < 2).all():
        message = "no item has two labels: there is nothing to compare annotators by"
        raise InvalidInput(message)
    return columns


def predictions(pred_probs: Probs, num_items: int | None = None) -> list[Probs]:
    """Read ``(models, N, K)`` probabilities: an array ``(N, K)`` a model."""
    probs = np.asarray(pred_probs)
    if probs.ndim != 3 or (num_items is not None and probs.shape[1] != num_items):
        message = f"predictions are {probs.shape}, not of {num_items or 'some'} items a model"
        raise InvalidInput(message)
    possible = probs.min(initial=1) >= 0 and probs.max(initial=0) <= 1  # not so if one is NaN
    if not possible or not np.einsum("mnk->mn", probs).all():
        message = "a prediction is not finite, outside of 0..1, or 0 for every class"
        raise InvalidInput(message)
    return list(probs)


def _numbers(values: Array) -> Array:
    if values.dtype.kind in "biuf":
        return values
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        message = "labels are numbers of classes, not names"
        raise InvalidInput(message) from error
