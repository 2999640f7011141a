"""Intervals are a posterior's, and a flag speaks against nobody whom the counts may acquit."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta

from activelab import Epoch, Flag, Mode, Pool, Regime, Trust, appraise
from activelab.skill import share, skill
from activelab.trust import beta_interval, model_agreement

MODES = pytest.mark.parametrize("mode", list(Mode))


def crowd(
    skills: list[float], *, items: int = 400, classes: int = 4, right: float = 0.9, mode: Mode
) -> Pool:
    """Let annotators label three items in four, each with a share of right labels; fit."""
    rng = np.random.default_rng(1)
    truth = rng.integers(classes, size=items)
    item, annotator = np.nonzero(rng.random((items, len(skills))) < 0.75)
    wrong = (truth[item] + rng.integers(1, classes, size=len(item))) % classes
    label = np.where(rng.random(len(item)) < np.array(skills)[annotator], truth[item], wrong)
    pool = Pool(num_classes=classes, models=["m"], mode=mode)
    pool.set_labels([f"i{i}" for i in item], [f"w{a}" for a in annotator], label)
    said = (truth + (rng.random(items) > right) * rng.integers(1, classes, size=items)) % classes
    probs = np.full((items, classes), 0.1 / (classes - 1))
    probs[np.arange(items), said] = 0.9
    pool.set_predictions([f"i{i}" for i in range(items)], "m", probs)
    pool.fit()
    return pool


def flags(pool: Pool) -> list[str]:
    flag: list[str] = appraise(pool.trust(pool.annotators()), pool.epoch).flag.tolist()
    return flag


def trust(agreement: float, overlapping: int) -> Trust:
    number = np.array([overlapping])
    return Trust(["w"], np.array([agreement]), np.ones(1), 2 * number, number, number, number == 0)


def epoch(*, error: float | None = None, likelihood: float = 0.9, mean: float = 0.8) -> Epoch:
    """Build an epoch of four classes."""
    empty = Pool(num_classes=4, models=["m"]).epoch
    stage = replace(empty.majority_stage, consensus_likelihood=likelihood, model_error=(error,))
    return replace(empty, regime=Regime.OVERLAPS, agreement=np.array([mean]), majority_stage=stage)


def test_an_interval_holds_95_percent_of_its_beta_distribution() -> None:
    rng = np.random.default_rng(0)
    size = np.concatenate([rng.integers(0, top, 200) for top in (5, 100, 10_000, 10**8)])
    agreeing = size * rng.random(len(size)) ** rng.choice([0.1, 1, 10], len(size))
    a, b = 1 + agreeing, 1 + size - agreeing
    for end, level in zip(beta_interval(a, b), (0.025, 0.975), strict=True):
        assert np.abs(end - beta.ppf(level, a, b)).max() < 0.01
        assert (np.abs(end - beta.ppf(level, a, b)) / beta.std(a, b)).max() < 0.01


def test_an_appraisal_does_not_depend_on_who_else_is_appraised() -> None:
    pool = crowd([0.9, 0.8, 0.7, 0.3], mode=Mode.STRICT)
    together = appraise(pool.trust(pool.annotators()), pool.epoch)
    for place, annotator in enumerate(pool.annotators()):
        alone = appraise(pool.trust([annotator]), pool.epoch)
        assert (alone.low[0], alone.high[0]) == (together.low[place], together.high[place])


def test_of_somebody_who_was_not_compared_nothing_can_be_told() -> None:
    appraisal = appraise(trust(0.8, 0), epoch(error=0.1))
    assert (appraisal.low[0], appraisal.high[0]) == pytest.approx((0.025, 0.975), abs=1e-3)
    assert appraisal.flag.tolist() == [Flag.TOO_FEW]


@pytest.mark.parametrize(
    ("agreement", "overlapping", "error", "expected"),
    [
        (0.0, 4, None, Flag.TOO_FEW),  # below chance by luck, as likely as not
        (0.0, 30, None, Flag.WORSE_THAN_CHANCE),
        (0.25, 1000, None, Flag.TOO_FEW),  # nothing tells them from a guesser
        (0.25, 1000, 0.1, Flag.BELOW_MODEL),
        (0.6, 1000, 0.1, Flag.BELOW_MODEL),
        (0.6, 10, 0.1, Flag.FINE),
        (0.6, 1000, None, Flag.FINE),
        (0.9, 1000, 0.1, Flag.FINE),
    ],
)
def test_flags(agreement: float, overlapping: int, error: float | None, expected: Flag) -> None:
    appraisal = appraise(trust(agreement, overlapping), epoch(error=error))
    assert appraisal.flag.tolist() == [expected]


@MODES
def test_a_crowd_is_flagged_for_what_it_is(mode: Mode) -> None:
    pool = crowd([0.95, 0.9, 0.9, 0.85, 0.5, 0.25, 0.02], right=0.85, mode=mode)
    fine, below, worse = Flag.FINE, Flag.BELOW_MODEL, Flag.WORSE_THAN_CHANCE
    assert flags(pool) == [fine, fine, fine, fine, below, below, worse]


@pytest.mark.parametrize("right", [0.6, 0.75, 0.9])
@MODES
def test_the_models_agreement_with_labels_is_what_counting_finds_or_a_little_less(
    mode: Mode, right: float
) -> None:
    pool = crowd([0.85, 0.8, 0.75, 0.7, 0.65], right=right, items=2000, mode=mode)
    columns = pool.columns()
    labels = columns.labels()
    counted = np.mean(columns.top_class(slice(None))[0][labels.item] == labels.label)
    assert counted - 0.05 < (model_agreement(pool.epoch) or 0) < counted


def test_the_model_is_no_bar_before_it_was_tested_or_where_the_crowd_is_no_better_than_chance() -> (
    None
):
    assert model_agreement(Pool(num_classes=4, models=["m"]).epoch) is None
    assert model_agreement(epoch(error=None)) is None
    assert model_agreement(epoch(error=0.1, likelihood=0.25)) is None


@pytest.mark.parametrize("items", [1, 5, 20, 200])
@MODES
def test_who_agrees_with_everybody_is_not_below_a_model_that_never_errs(
    mode: Mode, items: int
) -> None:
    pool = crowd([1.0, 1.0, 1.0], right=1.0, items=items, mode=mode)
    assert Flag.BELOW_MODEL not in flags(pool)


def test_skills_multiply() -> None:
    right = np.array([0.9, 0.7])  # of four classes, errors spread evenly
    agree = right.prod() + (1 - right).prod() / 3
    assert skill(agree, 4) == pytest.approx(skill(right, 4).prod())
    assert share(skill(agree, 4), 4) == pytest.approx(agree)
    assert skill(0.25, 4) == 0


def test_95_percent_intervals_hold_the_truth_at_least_as_often() -> None:
    rng = np.random.default_rng(2)
    held = []
    for _ in range(40):
        skills = rng.uniform(0.3, 0.95, 12).tolist()
        pool = crowd(skills, items=int(rng.integers(4, 60)), mode=Mode.STRICT)
        appraisal = appraise(pool.trust(pool.annotators()), pool.epoch)
        of = [int(annotator[1:]) for annotator in pool.annotators()]
        above = skill(np.array(skills), 4)
        others = (above.sum() - above[of]) / (len(skills) - 1)
        expected = share(above[of] * others, 4)
        held.append((appraisal.low <= expected) & (expected <= appraisal.high))
    assert np.concatenate(held).mean() > 0.94
