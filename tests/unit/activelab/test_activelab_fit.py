"""The parameters of a fit, step by step, on crowds that can be checked by hand."""

import numpy as np
import pytest

from activelab import Columns, Epoch, Regime, columns, fit
from activelab.calibration import GRID, calibrated, coarse_points, fine_points, loss_units
from activelab.statistics import LabelCounts, Tally

Answers = list[tuple[str, str, int]]


def crowd(answers: Answers, *, classes: int = 2, **models: dict[str, list[float]]) -> Columns:
    items = sorted({item for item, _, _ in answers} | {i for rows in models.values() for i in rows})
    rows = tuple([row[at] for row in answers] for at in range(3))
    predictions = {
        model: (list(of), np.array(list(of.values())).reshape(-1, classes))
        for model, of in models.items()
    }
    return columns(classes, items, rows, predictions)


def by_annotator(epoch: Epoch) -> dict[str, float]:
    return dict(zip(epoch.annotators, epoch.consensus_stage.annotator_weight, strict=False))


FOUR: Answers = [
    *(("a", who, 0) for who in ("ann", "bob", "cyd")),
    *(("b", who, label) for who, label in (("ann", 1), ("bob", 1), ("cyd", 0))),
    *(("c", who, 0) for who in ("ann", "bob")),
    ("d", "dan", 1),
]
"""Consensus 0, 1, 0 over the items with two labels; ``dan`` overlaps with nobody."""


def test_weights_by_hand() -> None:
    epoch = fit(crowd(FOUR))
    stage = epoch.majority_stage
    assert stage.consensus_likelihood == pytest.approx((1 + 2 / 3 + 1) / 3)
    assert stage.majority_class_error == pytest.approx(1 / 3)
    # ann and bob: 2 of 2, 1 of 2, 1 of 1 agree; cyd: 2 of 2, 0 of 2.
    assert epoch.agreement.tolist() == pytest.approx([0.8, 0.8, 0.5, 0.7, 0.7])
    assert stage.annotator_weight.tolist() == pytest.approx([0.4, 0.4, 1e-6, 0.1, 0.1], abs=1e-12)
    assert stage.mean_annotator_weight == pytest.approx((0.4 + 0.4 + 1e-6 + 0.1) / 4)
    assert epoch.class_counts.tolist() == [6, 3]


def test_a_model_is_weighed_by_its_errors_on_overlaps() -> None:
    right, wrong = [0.9, 0.1], [0.8, 0.2]
    epoch = fit(crowd(FOUR, m={"a": right, "b": wrong, "c": right, "d": wrong}))
    stage = epoch.majority_stage
    assert stage.model_error == (pytest.approx(1 / 3),)
    # e = E, so 1 - e / E is on its floor; times the root of the mean number of labels, 9 / 4.
    assert stage.model_weight.tolist() == pytest.approx([1e-6 * 1.5])


def test_a_model_that_was_never_put_to_the_test_is_an_average_annotator() -> None:
    epoch = fit(crowd(FOUR, m={"d": [0.9, 0.1]}, n={"new": [0.9, 0.1]}, o={}))
    stage = epoch.consensus_stage
    assert stage.model_error == (None, None, None)
    mean = stage.mean_annotator_weight
    assert stage.model_weight.tolist() == [mean, mean, 0.0]
    assert epoch.temperature[1:].tolist() == [1.0, 1.0]


def test_one_class_only_drops_whoever_dissents() -> None:
    agreed = [(item, who, 0) for item in "abc" for who in ("ann", "bob", "cyd")]
    assert fit(crowd(agreed)).consensus_stage.majority_class_error == 1e-6
    assert set(by_annotator(fit(crowd(agreed))).values()) == {1.0}
    weights = by_annotator(fit(crowd([*agreed, ("a", "dan", 1)])))
    assert weights["dan"] == 1e-6


@pytest.mark.parametrize(
    ("answers", "regime"),
    [
        ([], Regime.NOTHING_LABELLED),
        ([("a", "ann", -1)], Regime.NOTHING_LABELLED),
        ([("a", "ann", 0), ("b", "ann", 1), ("a", "bob", -1)], Regime.SINGLE_LABELS),
        ([("a", "ann", 0), ("a", "bob", 1)], Regime.OVERLAPS),
    ],
)
def test_regimes(answers: Answers, regime: Regime) -> None:
    epoch = fit(crowd(answers))
    assert epoch.regime is regime
    assert epoch.calibrated is (regime is Regime.OVERLAPS)


def test_without_overlaps_everyone_is_trusted_alike() -> None:
    epoch = fit(crowd([("a", "ann", 0), ("b", "bob", 1)], m={"a": [0.9, 0.1]}))
    stage = epoch.consensus_stage
    assert epoch.temperature.tolist() == [1.0]
    assert (stage.mean_annotator_weight, stage.model_weight.tolist()) == (1.0, [1.0])
    assert stage.annotator_weight.tolist() == [1.0, 1.0, 1.0]


def test_the_grid_has_33_temperatures() -> None:
    assert len(GRID) == 33
    assert GRID[coarse_points()].tolist() == [0.1, 0.2, 0.5, 0.8, 1, 2, 3, 5, 8]
    assert (np.diff(GRID) > 0).all()


@pytest.mark.parametrize(
    ("best", "expected"),
    [
        (0, [0.1, 0.125, 0.15, 0.175, 0.2]),
        (4, [0.8, 0.85, 0.9, 0.95, 1, 1.25, 1.5, 1.75, 2]),
        (8, [5, 5.75, 6.5, 7.25]),
    ],
)
def test_the_fine_search_reaches_both_neighbours_but_never_8(
    best: int, expected: list[float]
) -> None:
    coarse = np.ones(9, dtype=np.int64)
    coarse[best] = 0
    assert GRID[fine_points(coarse)].tolist() == pytest.approx(expected)


def test_of_equal_losses_the_first_counts() -> None:
    uniform = {item: [0.5, 0.5] for item in "ab"}
    epoch = fit(crowd([(i, w, 0) for i in "ab" for w in ("ann", "bob")], m=uniform))
    assert epoch.temperature.tolist() == [0.1]


def test_a_loss_by_hand() -> None:
    known = crowd([("a", "ann", 0), ("a", "bob", 1), ("a", "cyd", 1)])
    probs = np.array([[0.8, 0.2]])
    units = loss_units(known.labels(), probs, np.array([1.0, 2.0]))
    soft = np.sqrt([0.8, 0.2]) / np.sqrt([0.8, 0.2]).sum()
    expected = [-(np.log(p[0]) + 2 * np.log(p[1])) / 3 for p in ([0.8, 0.2], soft)]
    assert (units / 2**32).tolist() == pytest.approx(expected, abs=1e-9)


def test_an_impossible_label_costs_the_largest_loss_at_every_temperature() -> None:
    known = crowd([("a", "ann", 1)])
    units = loss_units(known.labels(), np.array([[1.0, 0.0]]), GRID)
    assert (units / 2**32).tolist() == pytest.approx([-np.log(1e-30)] * 33, abs=1e-9)


def test_calibration_of_certainty_by_hand() -> None:
    scaled = calibrated(np.array([[1.0], [0.0]]), 5.0)
    ratio = (1e-30) ** (1 / 5)
    assert scaled[:, 0].tolist() == pytest.approx([1 / (1 + ratio), ratio / (1 + ratio)], rel=1e-9)


def test_an_unknown_annotator_gets_the_imputed_place() -> None:
    epoch = fit(crowd(FOUR))
    assert epoch.places(["bob", "new", "ann"]).tolist() == [1, -1, 0]


def test_tallies_of_different_reach_are_equal_where_they_count_the_same() -> None:
    one, other = Tally(), Tally(7)
    assert one == other
    one.change(np.array([2, 2]), 1)
    assert one != other
    assert one.at(np.array([2, 9])).tolist() == [2, 0]
    other.merge(one)
    assert one == other
    assert one != 2


def test_label_counts_by_hand() -> None:
    counts = LabelCounts()
    counts.add(crowd(FOUR).labels())
    assert counts.agreeing.read(4).tolist() == [4, 4, 2, 0]
    assert counts.compared.read(4).tolist() == [5, 5, 4, 0]
    assert counts.labels.read(4).tolist() == [3, 3, 2, 1]
    assert counts.items.read(3).tolist() == [0, 1, 3]
