"""The outlook beside the truth in a short form of the paper's loop."""

import numpy as np
import pytest

from activelab import Progress
from experiments.loop import Setting
from experiments.stopping import Run, curves, run

SHORT = Setting("digits", rounds=5, batch=100, trees=20)


@pytest.fixture(scope="module")
def played() -> Run:
    return run(SHORT, "activelab", 0)


def test_every_round_but_the_last_looks_ahead(played: Run) -> None:
    assert len(played.rounds) == SHORT.rounds - 1
    for one in played.rounds:
        number = sum(number for number, _ in one.by_progress.values())
        wrong = sum(wrong for _, wrong in one.by_progress.values())
        assert number == 1297
        assert wrong == one.true["wrong_labelled"] + one.true["wrong_unlabelled"]


def test_the_expectation_falls_as_the_truth_does_and_is_near_it(played: Run) -> None:
    (expected,), (true,) = curves([played], "wrong_labelled")
    assert expected.mean() == pytest.approx(true.mean(), rel=0.5)
    (expected,), (true,) = curves([played], "gain_per_label")
    assert expected[1:].mean() == pytest.approx(true[1:].mean(), rel=0.5)
    assert expected[-1] < expected[0] / 2


def test_what_is_done_is_right_and_what_is_contested_is_in_doubt(played: Run) -> None:
    share = {}
    for value in Progress:
        number, wrong = np.sum([one.by_progress[value] for one in played.rounds[1:]], axis=0)
        share[value] = wrong / number
    assert share[Progress.DONE] < 0.02
    assert share[Progress.DONE] < share[Progress.OPEN] < share[Progress.CONTESTED]
