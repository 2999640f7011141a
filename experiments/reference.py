"""cleanlab 2.9.0's ActiveLab, for comparison: as it is, and with its counting corrected.

As released it fits temperatures to a scrambled label distribution: `value_counts` is given floats,
and packs the counts of the classes that occur into the first places. Corrected, it gets integers.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import wraps
from io import StringIO
from typing import ParamSpec, TypeVar
from unittest.mock import patch

import cleanlab.internal.multiannotator_utils as internal
import numpy as np
from cleanlab import multiannotator

from activelab import Columns
from activelab.rows import Bools
from experiments.datasets import Floats, Ints

P = ParamSpec("P")
R = TypeVar("R")


def consensus(columns: Columns) -> Ints:
    """Return cleanlab's consensus, -1 where an item has no label: ``(N,)``."""
    labels, labelled = _dense(columns)
    with _quiet():
        quality = multiannotator.get_label_quality_multiannotator(
            labels[labelled],
            _probs(columns)[labelled],
            calibrate_probs=True,
            return_detailed_quality=False,
            return_annotator_stats=False,
            verbose=False,
        )["label_quality"]
    result = np.full(len(labels), -1)
    result[labelled] = quality["consensus_label"].to_numpy()
    return result


def scores(columns: Columns, seed: str, window: int) -> Floats:
    """Return cleanlab's ActiveLab scores ``(N,)``; nothing in them is chance."""
    labels, labelled = _dense(columns)
    probs, result = _probs(columns), np.empty(len(labels))
    with _quiet():
        result[labelled], result[~labelled] = multiannotator.get_active_learning_scores(
            labels[labelled], probs[labelled], None if labelled.all() else probs[~labelled]
        )
    return result


def counting_right(function: Callable[P, R]) -> Callable[P, R]:
    """Correct the counting while a function runs."""
    counts = internal.value_counts

    def integer_counts(labels: Floats, **options: object) -> object:
        return counts(labels.astype(np.int64), **options)

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with (
            patch.object(internal, "value_counts", integer_counts),
            patch.object(multiannotator, "value_counts", integer_counts),
        ):
            return function(*args, **kwargs)

    return run


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what cleanlab prints and warns of to itself."""
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        yield


def _dense(columns: Columns) -> tuple[Floats, Bools]:
    """Return labels as cleanlab takes them, ``(N, M)`` with NaN for none, and who has any."""
    votes = columns.labels()
    labels = np.full((len(columns.items), len(columns.annotators)), np.nan)
    labels[votes.item, votes.voter] = votes.label
    return labels, votes.per_item() > 0


def _probs(columns: Columns) -> Floats:
    """Return a copy of the one model's probabilities, because cleanlab overwrites some."""
    (probs,) = columns.pred_probs
    return np.array(probs, dtype=np.float64)
