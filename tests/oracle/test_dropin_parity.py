"""The drop-in functions return what cleanlab returns, once its counting is corrected."""

import warnings
from collections.abc import Callable
from typing import Any

import cleanlab.multiannotator as cleanlab
import numpy as np
import pandas as pd
import pytest
import reference
from crowds import Crowd, simulated

from activelab import dropin

TOLERANCE = 1e-9


def both(name: str, *arguments: Any, **options: Any) -> tuple[Any, Any]:
    """Call our function and cleanlab's, which gets copies because it overwrites its input."""
    ours: Callable[..., Any] = getattr(dropin, name)
    theirs: Callable[..., Any] = getattr(cleanlab, name)
    with reference.corrected(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        copies = [None if argument is None else argument.copy() for argument in arguments]
        expected = theirs(*copies, **options)
    return ours(*arguments, **options), expected


def frame(crowd: Crowd) -> pd.DataFrame:
    names = [f"person {annotator}" for annotator in range(crowd.num_annotators)]
    return pd.DataFrame(crowd.dense, columns=names, index=[f"r{n}" for n in range(crowd.num_items)])


def assert_same_tables(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert list(ours) == list(theirs)
    for name, expected in theirs.items():
        found = ours[name]
        if name == "annotator_stats":
            # Of several worst classes the reference takes one by the order of rows.
            assert list(found) == list(expected)
            assert found["annotator_quality"].dropna().is_monotonic_increasing
            found = found.loc[expected.index].drop(columns="worst_class")
            expected = expected.drop(columns="worst_class")  # noqa: PLW2901
        if isinstance(expected, pd.DataFrame):
            pd.testing.assert_frame_equal(found, expected, rtol=0, atol=TOLERANCE)
        else:
            np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
            assert np.shape(found) == np.shape(expected)


@pytest.mark.parametrize("as_frame", [False, True])
@pytest.mark.parametrize("calibrate_probs", [False, True])
@pytest.mark.parametrize(
    "methods",
    [
        {"consensus_method": "best_quality"},
        {"consensus_method": "majority_vote"},
        {"consensus_method": ["majority_vote", "best_quality"], "return_weights": False},
        {"quality_method": "agreement", "return_weights": False},
    ],
)
def test_label_quality(methods: dict[str, Any], calibrate_probs: bool, as_frame: bool) -> None:
    for seed in range(3):
        crowd = simulated(seed, items=60, unlabelled=0.0, labels_per_item=2.0)
        labels = frame(crowd) if as_frame else crowd.dense
        options = {"return_weights": True, "verbose": False, "calibrate_probs": calibrate_probs}
        tables = both(
            "get_label_quality_multiannotator", labels, crowd.pred_probs[0], **options | methods
        )
        assert_same_tables(*tables)


def test_weights_are_those_of_the_first_method() -> None:
    """The reference returns the last one's, against its own documentation."""
    crowd = simulated(0, items=60, unlabelled=0.0)
    weights = [
        dropin.get_label_quality_multiannotator(
            crowd.dense, crowd.pred_probs[0], consensus_method=methods, return_weights=True
        )["model_weight"]
        for methods in ("majority_vote", ["majority_vote", "best_quality"], "best_quality")
    ]
    assert weights[0] == weights[1] != weights[2]


@pytest.mark.parametrize("calibrate_probs", [False, True])
def test_label_quality_of_an_ensemble(calibrate_probs: bool) -> None:
    crowd = simulated(5, items=60, unlabelled=0.0, models=3)
    tables = both(
        "get_label_quality_multiannotator_ensemble",
        frame(crowd),
        np.array(crowd.pred_probs),
        calibrate_probs=calibrate_probs,
        return_weights=True,
        verbose=False,
    )
    assert_same_tables(*tables)


def test_tables_that_are_not_asked_for_are_left_out() -> None:
    crowd = simulated(5, items=60, unlabelled=0.0)
    ours, theirs = both(
        "get_label_quality_multiannotator",
        crowd.dense,
        crowd.pred_probs[0],
        return_detailed_quality=False,
        return_annotator_stats=False,
        verbose=False,
    )
    assert list(ours) == list(theirs) == ["label_quality"]


def test_an_annotator_nobody_overlaps_with_has_no_quality() -> None:
    labels = np.array([[0, 0, np.nan], [1, 1, np.nan], [1, 0, np.nan], [np.nan, np.nan, 1]])
    probs = np.array([[0.8, 0.2], [0.3, 0.7], [0.4, 0.6], [0.1, 0.9]])
    assert_same_tables(
        *both("get_label_quality_multiannotator", labels, probs, return_weights=True)
    )


def test_the_worst_class_is_the_reference_s_where_it_is_one() -> None:
    compared = 0
    for seed in range(10):
        crowd = simulated(seed, items=60, unlabelled=0.0)
        ours, theirs = both(
            "get_label_quality_multiannotator", crowd.dense, crowd.pred_probs[0], verbose=False
        )
        consensus = ours["label_quality"]["consensus_label"].to_numpy()
        for annotator, worst in ours["annotator_stats"]["worst_class"].items():
            own = crowd.annotator == annotator
            said, wrong = (
                np.bincount(crowd.label[rows], minlength=crowd.num_classes)
                for rows in (own, own & (crowd.label != consensus[crowd.item]))
            )
            share = np.divide(wrong, said, out=np.full(crowd.num_classes, -1.0), where=said > 0)
            if np.count_nonzero(share == share.max()) == 1:
                assert worst == theirs["annotator_stats"]["worst_class"][annotator]
                compared += 1
    assert compared >= 50


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("with_model", [False, True])
def test_majority_vote(seed: int, with_model: bool) -> None:
    crowd = simulated(seed, items=80, unlabelled=0.0, labels_per_item=3.0, steps=5)
    with_hash = [
        dropin.get_majority_vote_label(crowd.dense[order])[np.argsort(order)]
        for order in (np.arange(80), np.roll(np.arange(80), 1))
    ]
    by_rule = with_hash[0] == with_hash[1]
    probs = crowd.pred_probs[0] if with_model else None
    ours, theirs = both("get_majority_vote_label", crowd.dense, probs, verbose=False)
    assert ours.dtype == theirs.dtype
    assert ours[by_rule].tolist() == theirs[by_rule].tolist()
    assert by_rule.mean() > 0.9


@pytest.mark.parametrize("as_frame", [False, True])
def test_active_learning_scores(as_frame: bool) -> None:
    crowd = simulated(7)
    labelled, probs = crowd.labelled, crowd.pred_probs[0]
    labels = frame(crowd)[labelled] if as_frame else crowd.dense[labelled]
    for arguments in (
        (labels, probs[labelled], probs[~labelled]),
        (labels, probs[labelled], None),
        (labels, None, probs[~labelled]),
        (None, None, probs[~labelled]),
    ):
        for found, expected in zip(*both("get_active_learning_scores", *arguments), strict=True):
            np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
            assert found.shape == expected.shape


def test_active_learning_scores_of_an_ensemble() -> None:
    crowd = simulated(8, models=3)
    labelled, probs = crowd.labelled, np.array(crowd.pred_probs)
    arguments = (crowd.dense[labelled], probs[:, labelled], probs[:, ~labelled])
    for found, expected in zip(
        *both("get_active_learning_scores_ensemble", *arguments), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_the_caller_s_arrays_are_left_alone() -> None:
    crowd = simulated(8, models=2, unlabelled=0.0)
    labels, probs = crowd.dense, np.array(crowd.pred_probs)
    before = labels.copy(), probs.copy()
    dropin.get_active_learning_scores_ensemble(labels, probs)
    dropin.get_label_quality_multiannotator_ensemble(labels, probs, calibrate_probs=True)
    np.testing.assert_array_equal(labels, before[0])
    np.testing.assert_array_equal(probs, before[1])
