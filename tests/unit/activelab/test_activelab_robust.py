"""Robust mode: what one label may move, from nothing labelled on, and what it is in the limit."""

import numpy as np
import pytest

from activelab import Columns, Epoch, Mode, Regime, columns, fit, score
from activelab.epoch import SMALLEST_WEIGHT
from activelab.robust import (
    PSEUDO_DISSENTS,
    PSEUDO_ITEMS,
    UNPROVED,
    USUAL_LIKELIHOOD,
    USUAL_WEIGHT,
)

Answers = list[tuple[str, str, int]]
CERTAIN = {0: [1.0, 0.0], 1: [0.0, 1.0]}


def crowd(answers: Answers, *, classes: int = 2, **models: dict[str, list[float]]) -> Columns:
    items = sorted({item for item, _, _ in answers} | {i for rows in models.values() for i in rows})
    rows = tuple([row[at] for row in answers] for at in range(3))
    predictions = {
        model: (list(of), np.array(list(of.values())).reshape(-1, classes))
        for model, of in models.items()
    }
    return columns(classes, items, rows, predictions)


def robust(answers: Answers, **models: dict[str, list[float]]) -> Epoch:
    return fit(crowd(answers, **models), mode=Mode.ROBUST)


def weights(epoch: Epoch) -> dict[str, float]:
    return dict(zip(epoch.annotators, epoch.consensus_stage.annotator_weight, strict=False))


def agreed(items: int, *annotators: str) -> Answers:
    return [(f"item {at}", who, 0) for at in range(items) for who in annotators]


def test_before_any_label_everything_is_as_usual() -> None:
    stage = robust([], m={"a": [0.7, 0.3]}).consensus_stage
    assert stage.consensus_likelihood == pytest.approx(USUAL_LIKELIHOOD)
    assert stage.majority_class_error == 0.5
    assert stage.model_weight.tolist() == pytest.approx([USUAL_WEIGHT])
    assert stage.mean_annotator_weight == pytest.approx((1 - UNPROVED) * USUAL_WEIGHT)
    assert stage.model_error == (None,)


def test_single_labels_move_no_weight() -> None:
    before, after = robust([]), robust([("a", "ann", 0), ("b", "bob", 1)])
    assert after.regime is Regime.SINGLE_LABELS
    unknown = before.consensus_stage.annotator_weight[-1]
    assert list(weights(after).values()) == pytest.approx([unknown] * 2)


def test_weights_by_hand() -> None:
    answers = [("a", "ann", 0), ("a", "bob", 0), ("a", "cyd", 1), ("b", "ann", 1), ("b", "bob", 1)]
    stage = robust(answers, m={"a": [0.9, 0.1], "b": [0.6, 0.4]}).consensus_stage
    n0, c = PSEUDO_ITEMS, PSEUDO_DISSENTS
    assert stage.consensus_likelihood == pytest.approx(
        (2 / 3 + 1 + n0 * USUAL_LIKELIHOOD) / (2 + n0)
    )
    error = (1 + n0 / 2) / (2 + n0)
    assert stage.majority_class_error == pytest.approx(error)
    # ann and bob: 2 labels each, 1 of 3 others dissents; cyd: 1 label, all of 2 others dissent.
    dissents = np.array([2 / 3, 2 / 3, 1])
    pool = 1 - (dissents.sum() + c * (1 - USUAL_WEIGHT)) / (5 * error + c)
    usual = error * np.array([2, 2, 1])
    lacking = UNPROVED * pool * UNPROVED * c / (usual + UNPROVED * c)
    expected = 1 - (dissents + c * (1 - pool)) / (usual + c) - lacking
    newcomer = (1 - UNPROVED) * pool
    assert stage.annotator_weight.tolist() == pytest.approx([*expected, newcomer])
    # One error of two, and the root of 5 labels on 2 items.
    model = 1 - (1 + c * (1 - pool)) / (2 * error + c)
    assert stage.model_weight.tolist() == pytest.approx([model * np.sqrt(2.5)])


@pytest.mark.parametrize("items", [1, 10, 1000])
def test_one_dissent_in_a_crowd_of_one_class_moves_weights_by_a_few_percent(items: int) -> None:
    before = robust([*agreed(items, "ann", "bob", "cyd"), ("alone", "dan", 0)])
    after = robust([*agreed(items, "ann", "bob", "cyd"), ("item 0", "dan", 1), ("alone", "dan", 0)])
    was, now = weights(before), weights(after)
    for who in was:
        assert abs(now[who] - was[who]) < 0.05
    assert now["dan"] < was["dan"] < was["ann"]


@pytest.mark.parametrize("classes", [1, 2, 10])
def test_a_dissent_never_raises_a_weight(classes: int) -> None:
    """Whatever classes there are, and however many labels: what it proves is not worth it."""
    for labels in range(1, 200, 11):
        others = [(f"item {at}", w, at % classes) for at in range(200) for w in ("ann", "bob")]
        before = [*others, *((f"item {at}", "cyd", 10) for at in range(labels - 1))]
        after = [*before, (f"item {labels - 1}", "cyd", 10)]
        was, now = (
            weights(fit(crowd(answers, classes=11), mode=Mode.ROBUST))["cyd"]
            for answers in ([*before, ("alone", "cyd", 0)], [*after, ("alone", "cyd", 0)])
        )
        assert now < was or now == was == SMALLEST_WEIGHT


def test_strangers_who_swamp_a_pool_stay_below_those_who_work() -> None:
    """Of 20 annotators three guess, and few of their labels were compared; 200 guess one each."""
    rng = np.random.default_rng(0)
    truth = rng.integers(10, size=400)
    working = []
    for turn, number in enumerate((400, 60)):
        for at, said in enumerate(rng.integers(10, size=number)):
            who = (at + turn) % 20
            right = rng.random() < (0.8 if who < 17 else 0.1)
            working.append((f"item {at}", f"w{who}", int(truth[at] if right else said)))
    guessed = zip(rng.integers(400, size=200), rng.integers(10, size=200), strict=True)
    guesses = [(f"item {at}", f"guesser {n}", int(said)) for n, (at, said) in enumerate(guessed)]
    found = weights(fit(crowd([*working, *guesses], classes=10), mode=Mode.ROBUST))
    median = np.median([found[f"w{who}"] for who in range(20)])
    assert max(found[f"guesser {n}"] for n in range(200)) < median


def test_a_lucky_newcomer_is_below_whoever_has_proved_it() -> None:
    answers = [*agreed(30, "ann", "bob", "cyd"), ("item 0", "lucky", 0)]
    found = weights(robust(answers))
    assert found["lucky"] < min(found[who] for who in ("ann", "bob", "cyd"))


def test_with_many_labels_weights_are_those_of_strict_mode() -> None:
    rng = np.random.default_rng(0)
    number, skill = 20_000, np.array([0.95, 0.85, 0.7, 0.5])
    truth = rng.integers(4, size=number)
    label = np.where(rng.random((4, number)) < skill[:, None], truth, rng.integers(4, size=number))
    answers = [
        (f"{item}", f"w{who}", int(label[who, item])) for who in range(4) for item in range(number)
    ]
    known = crowd(answers, classes=4)
    strict, found = fit(known).consensus_stage, fit(known, mode=Mode.ROBUST).consensus_stage
    assert found.annotator_weight[:-1] == pytest.approx(strict.annotator_weight[:-1], abs=0.01)
    assert found.consensus_likelihood == pytest.approx(strict.consensus_likelihood, abs=0.001)
    assert found.majority_class_error == pytest.approx(strict.majority_class_error, abs=0.001)


def test_certainties_that_labels_contradict_do_not_run_away_with_the_temperature() -> None:
    """A model that says 0 and 1, right on four items of five."""
    said = {f"item {at}": CERTAIN[at % 2] for at in range(50)}
    answers = [
        (item, who, (at + (at % 5 == 0)) % 2)
        for at, item in enumerate(said)
        for who in ("ann", "bob")
    ]
    assert robust(answers, m=said).temperature.tolist() == [1.0]


def test_a_few_labels_leave_the_temperature_near_one_and_many_do_not() -> None:
    def temperature(items: int) -> float:
        """Of a model that is much too sure: .999 where it is right on three items of four."""
        said = {f"item {at}": [0.999, 0.001] for at in range(items)}
        answers = [
            (item, who, int(at % 4 == 0)) for at, item in enumerate(said) for who in ("ann", "bob")
        ]
        return float(robust(answers, m=said).temperature[0])

    few, many = temperature(4), temperature(2000)
    assert 1 <= few <= 2 < many <= 7.25


def test_the_first_overlap_moves_no_score_by_much() -> None:
    rng = np.random.default_rng(1)
    items = [f"item {at:03d}" for at in range(300)]
    said = dict(zip(items, rng.dirichlet([1.0, 1.0], 300).tolist(), strict=True))
    single = [(item, f"w{at % 7}", int(rng.integers(2))) for at, item in enumerate(items[:150])]
    before, after = (
        crowd([*single, *more], m=said) for more in ([], [(items[0], "w1", 1 - single[0][2])])
    )
    for mode, most in ((Mode.ROBUST, 0.02), (Mode.STRICT, 1.0)):
        moved = np.abs(
            score(after, fit(after, mode=mode)).activelab_score
            - score(before, fit(before, mode=mode)).activelab_score
        )
        assert np.median(moved) < most
    assert np.median(moved) > 0.05  # strict, which has a cliff there
