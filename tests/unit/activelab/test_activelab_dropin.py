"""What the drop-in functions take, and what they refuse with a sentence."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from activelab import InvalidInput
from activelab.dropin import (
    get_active_learning_scores,
    get_label_quality_multiannotator,
    get_majority_vote_label,
)

LABELS = np.array([[0, 0, np.nan], [0, 1, 1], [1, np.nan, 1]])
PROBS = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])


def test_integers_and_nullable_frames_are_labels_too() -> None:
    expected = get_active_learning_scores(LABELS, PROBS)[0].tolist()
    nullable = pd.DataFrame(LABELS).astype("Int64")
    objects = pd.DataFrame(LABELS).astype(object)
    assert get_active_learning_scores(nullable, PROBS)[0].tolist() == expected
    assert get_active_learning_scores(objects, PROBS)[0].tolist() == expected
    whole = np.array([[0, 0], [0, 1]])
    assert get_majority_vote_label(whole, PROBS[:2]).tolist() == [0, 0]
    assert get_majority_vote_label(pd.DataFrame(whole), PROBS[:2]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        (LABELS[0], "an item a row"),
        (LABELS.tolist(), "DataFrame or an array"),
        (np.array([["a", "b"]]), "not names"),
        (LABELS + 0.5, "not an integer"),
        (LABELS + 5, "label 5 is not in 0..1"),
        (LABELS - 1, "label -1 is not in 0..1"),
        (np.vstack([LABELS[:2], [np.nan] * 3]), "row 2 has no label"),
        (np.column_stack([LABELS[:, :2], [np.nan] * 3]), "column 2 has no label"),
    ],
)
def test_labels_that_are_none_are_refused(labels: np.ndarray, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        get_active_learning_scores(labels, PROBS)


@pytest.mark.parametrize(
    ("probs", "sentence"),
    [
        (PROBS[:2], "of 3 items"),
        (PROBS[0], "of 3 items"),
        (PROBS * np.nan, "not finite"),
        (PROBS - 0.5, "outside of 0..1"),
        (PROBS * 0, "0 for every class"),
    ],
)
def test_predictions_that_are_none_are_refused(probs: np.ndarray, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        get_active_learning_scores(LABELS, probs)


def test_scores_need_predictions_and_their_labels() -> None:
    with pytest.raises(InvalidInput, match="give pred_probs"):
        get_active_learning_scores(LABELS)
    with pytest.raises(InvalidInput, match="give labels_multiannotator"):
        get_active_learning_scores(None, PROBS)


def test_options_that_are_not_carried_are_refused() -> None:
    with pytest.raises(InvalidInput, match="label_quality_score_kwargs"):
        get_label_quality_multiannotator(
            LABELS, PROBS, label_quality_score_kwargs={"method": "normalized_margin"}
        )
    with pytest.raises(InvalidInput, match="consensus_method is 'best'"):
        get_label_quality_multiannotator(LABELS, PROBS, consensus_method="best")
    with pytest.raises(InvalidInput, match="quality_method is 'trust'"):
        get_label_quality_multiannotator(LABELS, PROBS, quality_method="trust")
    with pytest.raises(InvalidInput, match="no weights"):
        get_label_quality_multiannotator(
            LABELS, PROBS, quality_method="agreement", return_weights=True
        )


def test_annotators_are_not_compared_where_no_item_has_two_labels() -> None:
    with pytest.raises(InvalidInput, match="no item has two labels"):
        get_majority_vote_label(np.array([[0, np.nan], [np.nan, 1]]))


def test_nothing_but_numpy_is_imported_until_a_table_is_asked_for() -> None:
    program = (
        "import sys, activelab, activelab.dropin\n"
        "assert 'pandas' not in sys.modules\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*(names - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    )
    third_party = {name for name in done.stdout.split() if not name.startswith("_")}
    assert third_party - {"sitecustomize"} == {"activelab", "numpy"}
