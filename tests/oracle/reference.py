"""cleanlab 2.9.0 as an oracle: its answers with its counting corrected, and as released.

Two things are corrected here. Where labels are counted (for the temperature, and for qualities by
agreement) ``value_counts`` is given floats, and packs the counts of the classes that occur into the
first places: it gets integers. And posteriors are rounded to 1e-12 before the most probable class
is looked for, as ours are: else the order of addition decides whether two annotators of equal
weight tie.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cleanlab.internal.multiannotator_utils as internal
import cleanlab.multiannotator as cleanlab
import numpy as np
import pytest
from cleanlab.multiannotator import (
    get_active_learning_scores,
    get_active_learning_scores_ensemble,
)
from crowds import Bools, Crowd, Floats

ROUNDED = ("_get_post_pred_probs_and_weights", "_get_post_pred_probs_and_weights_ensemble")


@contextmanager
def corrected() -> Iterator[None]:
    """Correct the counting, and round posteriors."""
    counts = internal.value_counts

    def integer_counts(labels: Floats, **options: Any) -> Any:
        return counts(labels.astype(np.int64), **options)

    def rounded(function: Callable[..., Any]) -> Callable[..., Any]:
        def round_first(*arguments: Any, **options: Any) -> Any:
            posteriors, *weights = function(*arguments, **options)
            return np.round(posteriors, 12), *weights

        return round_first

    with pytest.MonkeyPatch.context() as patch:
        for module in (internal, cleanlab):
            patch.setattr(module, "value_counts", integer_counts)
        for name in ROUNDED:
            patch.setattr(cleanlab, name, rounded(getattr(cleanlab, name)))
        yield


def scores(crowd: Crowd) -> Floats:
    """Return cleanlab's ActiveLab scores of all items, in their order."""
    labelled = crowd.labelled
    ensemble = len(crowd.pred_probs) > 1
    score = get_active_learning_scores_ensemble if ensemble else get_active_learning_scores

    def predicted(items: Bools) -> Floats | None:
        """Return a copy, because the reference overwrites what it is given."""
        chosen = np.array(crowd.pred_probs)[:, items]
        if not items.any():
            return None
        return chosen if ensemble else chosen[0]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labels = crowd.dense[labelled] if labelled.any() else None
        parts = score(labels, predicted(labelled), predicted(~labelled))
    result = np.empty(crowd.num_items)
    result[labelled], result[~labelled] = parts
    return result
