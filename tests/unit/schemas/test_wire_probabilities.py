"""Probabilities: what is accepted, and its canonical form."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from wire_builders import bad_rows, body, facts, prediction, predictions, reason

from schemas import Facts, Reason, Topic
from schemas.probabilities import canonical


def read(event: dict[str, Any]) -> list[list[float]]:
    run = facts(event, Topic.PREDICTIONS)
    assert not run.rejections
    return shares(run)


def shares(run: Facts) -> list[list[float]]:
    return [np.frombuffer(row, "<f4").tolist() for row in run.predictions.pred_probs]


def test_a_vector_is_sorted_by_class_name_and_float32() -> None:
    run = facts(prediction(pred_probs={"dog": 0.75, "cat": 0.25}), Topic.PREDICTIONS)
    assert run.predictions.classes == [("cat", "dog")]
    assert shares(run) == [[0.25, 0.75]]


def test_a_sum_within_a_thousandth_of_one_is_renormalised_in_float64() -> None:
    (row,) = read(prediction(pred_probs={"cat": 0.3, "dog": 0.7005}))
    assert row == [np.float32(0.3 / 1.0005), np.float32(0.7005 / 1.0005)]


@pytest.mark.parametrize(
    "row",
    [[0.5, 0.5011], [0.5, 0.4989], [-0.1, 1.1], [0, 0], [1e308, 1e308], [1e30, -1e30], [2, 0]],
)
def test_what_is_not_a_distribution_is_bad(row: list[float]) -> None:
    assert reason(prediction(pred_probs=dict(zip("ab", row, strict=True))), Topic.PREDICTIONS) == (
        Reason.BAD_PROBABILITIES
    )
    assert bad_rows(predictions([[0.5, 0.5], row]), Topic.PREDICTIONS) == {
        1: Reason.BAD_PROBABILITIES
    }


def test_integers_are_numbers_too() -> None:
    assert read(predictions([[0, 1], [1, 0]])) == [[0.0, 1.0], [1.0, 0.0]]


def test_a_prediction_of_no_class_is_bad() -> None:
    assert reason(prediction(pred_probs={}), Topic.PREDICTIONS) == Reason.BAD_PROBABILITIES
    assert reason(predictions([[]], classes=[]), Topic.PREDICTIONS) == Reason.BAD_VALUE


@pytest.mark.parametrize("value", [True, False, None, "0.5", [0.5], {}])
def test_what_is_no_number_has_the_wrong_type(value: object) -> None:
    assert reason(prediction(pred_probs={"a": 0.5, "b": value}), Topic.PREDICTIONS) == (
        Reason.WRONG_TYPE
    )
    assert bad_rows(predictions([[0.5, value], [0.5, 0.5]]), Topic.PREDICTIONS) == {
        0: Reason.WRONG_TYPE
    }


def test_bad_rows_are_left_out_and_good_ones_count() -> None:
    rows = [[0.5, 0.5], [1.0], [0.1, 0.2], "row", [1, 0], [0.5, 0.5, 0.0], [0.5, None], [0, 1]]
    event = predictions(rows)
    event["items"][7] = ""
    run = facts(event, Topic.PREDICTIONS)
    assert run.predictions.item == ["i0", "i4"]
    assert shares(run) == [[0.5, 0.5], [1.0, 0.0]]
    assert run.rejections[0].rows == (
        (1, Reason.WRONG_LENGTH),
        (2, Reason.BAD_PROBABILITIES),
        (3, Reason.WRONG_TYPE),
        (5, Reason.WRONG_LENGTH),
        (6, Reason.WRONG_TYPE),
        (7, Reason.EMPTY_ID),
    )


def test_a_batch_of_only_bad_rows_is_accepted_but_for_them() -> None:
    assert bad_rows(predictions([[1.0], [2.0, 0.0]]), Topic.PREDICTIONS) == {
        0: Reason.WRONG_LENGTH,
        1: Reason.BAD_PROBABILITIES,
    }


def test_a_class_named_twice_rejects_the_record() -> None:
    event = predictions([[0.5, 0.5]], classes=["cat", "cat"])
    assert reason(event, Topic.PREDICTIONS) == Reason.DUPLICATE_NAME


def test_columns_of_different_lengths_reject_the_record() -> None:
    event = predictions([[0.5, 0.5]], items=["i", "j"])
    assert reason(event, Topic.PREDICTIONS) == Reason.WRONG_LENGTH


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.integers(1, 20)),
        elements=st.floats(0, 1, allow_subnormal=True),
    ),
    st.randoms(use_true_random=False),
)
def test_mapping_and_columns_read_the_same_to_the_bit(weights: Any, random: Any) -> None:
    weights[:, 0] += 0.5
    rows = (weights / weights.sum(axis=1, keepdims=True)).tolist()
    classes = [f"c{at}" for at in range(len(rows[0]))]
    random.shuffle(classes)
    columns = facts(predictions(rows, classes=classes), Topic.PREDICTIONS).predictions
    for at, row in enumerate(rows):
        pairs = list(zip(classes, row, strict=True))
        random.shuffle(pairs)
        run = facts(prediction(pred_probs=dict(pairs)), Topic.PREDICTIONS)
        single = run.predictions
        assert single.classes[0] == columns.classes[at] == tuple(sorted(classes))
        assert single.pred_probs[0] == columns.pred_probs[at]
        assert math.fsum(shares(run)[0]) == pytest.approx(1.0, abs=1e-6)


@given(st.integers(1, 300), st.integers(1, 40), st.integers(0, 2**32))
def test_a_row_does_not_depend_on_the_others_or_its_place(num: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(width, 0.3), num) * rng.uniform(0.9985, 1.0015, (num, 1))
    classes = [f"c{at:02}" for at in rng.permutation(width)]
    names, together, good = canonical(classes, rows)
    order = rng.permutation(num)
    _, permuted, still_good = canonical(classes, rows[order])
    assert permuted.tobytes() == together[order].tobytes()
    assert (still_good == good[order]).all()
    for at in order[:5]:
        alone = canonical(classes, rows[at : at + 1])
        assert alone[0] == names
        assert alone[1].tobytes() == together[at].tobytes()
        assert alone[2].tolist() == [good[at]]


def test_negative_zero_is_zero() -> None:
    (row,) = facts(predictions([[-0.0, 1.0]]), Topic.PREDICTIONS).predictions.pred_probs
    assert row == np.array([0.0, 1.0], np.float32).tobytes()


def test_ten_thousand_classes_work_and_one_more_does_not() -> None:
    classes = [f"{at}" for at in range(10_000)]
    rows = [[1] + [0] * 9_999]
    (row,) = facts(predictions(rows, classes=classes), Topic.PREDICTIONS).predictions.pred_probs
    assert len(row) == 4 * 10_000
    mapping = dict.fromkeys(classes, 1e-4)
    assert reason(prediction(pred_probs=mapping), Topic.PREDICTIONS) is None
    more = predictions([[*rows[0], 0]], classes=[*classes, "more"])
    assert reason(more, Topic.PREDICTIONS) == Reason.TOO_LARGE
    assert reason(prediction(pred_probs=mapping | {"more": 0}), Topic.PREDICTIONS) == (
        Reason.TOO_LARGE
    )


def test_versions_are_the_brokers_milliseconds_by_default() -> None:
    rows = predictions([[0.5, 0.5]])
    assert facts(rows, Topic.PREDICTIONS, timestamp=77).predictions.version == [77]
    assert facts(rows | {"version": 3}, Topic.PREDICTIONS).predictions.version == [3]
    assert facts(prediction(version=2**63 - 1), Topic.PREDICTIONS).predictions.version == [
        2**63 - 1
    ]


@pytest.mark.parametrize(
    ("version", "why"),
    [
        (-1, Reason.BAD_VALUE),
        (2**63, Reason.BAD_VALUE),
        (1.0, Reason.WRONG_TYPE),
        (True, Reason.WRONG_TYPE),
        ("1", Reason.WRONG_TYPE),
    ],
)
def test_a_version_is_an_integer_of_63_bits(version: object, why: Reason) -> None:
    assert reason(prediction(version=version), Topic.PREDICTIONS) == why
    assert reason(predictions([[0.5, 0.5]], version=version), Topic.PREDICTIONS) == why


def test_a_batch_of_no_rows_says_nothing() -> None:
    run = facts(predictions([]), Topic.PREDICTIONS)
    assert run.num_rows == 0
    assert not run.rejections
    assert (
        reason(
            body("predictions", model="m", classes=["a"], items=[], pred_probs=[]),
            Topic.PREDICTIONS,
        )
        is None
    )
