"""The simulated crowd: stated skills, one fixed answer a pair, nobody twice."""

import numpy as np
import pytest

from stream_app.demo.crowd import GOOD, GOOD_SKILL, POOR, SPAMMERS, Crowd

TRUTH = np.random.default_rng(0).integers(0, 10, 4000)


def test_each_annotator_is_right_as_often_as_stated() -> None:
    crowd = Crowd.gather(TRUTH, 10, seed=1)
    right = (crowd.answers == TRUTH[:, None]).mean(axis=0)
    np.testing.assert_allclose(right, crowd.skill, atol=0.03)


def test_there_are_good_ones_poor_ones_and_spammers_who_guess() -> None:
    crowd = Crowd.gather(TRUTH, 10, seed=1)
    assert len(crowd.annotators) == GOOD + POOR + SPAMMERS
    assert (crowd.skill >= GOOD_SKILL[0]).sum() == GOOD
    assert (crowd.skill == 0.1).sum() == SPAMMERS
    spammer = int(crowd.skill.argmin())
    frequencies = np.bincount(crowd.answers[:, spammer], minlength=10) / len(TRUTH)
    np.testing.assert_allclose(frequencies, 0.1, atol=0.03)


def test_an_item_is_answered_by_another_annotator_each_time_until_nobody_is_left() -> None:
    crowd = Crowd.gather(TRUTH[:5], 10, seed=1)
    asked: list[str] = []
    for _ in crowd.annotators:
        asked.append(crowd.answer(3, asked)[0])
    assert sorted(asked) == sorted(crowd.annotators)
    with pytest.raises(StopIteration):
        crowd.answer(3, asked)


def test_who_answers_and_what_depends_on_nothing_but_the_seed() -> None:
    once, again, other = (Crowd.gather(TRUTH[:50], 10, seed=seed) for seed in (1, 1, 2))
    assert [once.answer(item) for item in range(50)] == [again.answer(item) for item in range(50)]
    assert [once.answer(item) for item in range(50)] != [other.answer(item) for item in range(50)]
    assert once.answer(7) == once.answer(7)
