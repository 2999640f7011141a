"""Crowds to measure on: what a shape says is what is drawn."""

import numpy as np
import pytest

from experiments.crowds import SHAPES, Shape, crowd, generated


@pytest.mark.parametrize("name", SHAPES)
def test_a_crowd_is_a_function_of_its_seed(name: str) -> None:
    first, again, other = (crowd(name, seed) for seed in (0, 0, 1))
    assert first.label.tolist() == again.label.tolist()
    assert first.pred_probs.tolist() == again.pred_probs.tolist()
    assert first.label.tolist() != other.label.tolist()


def test_nobody_labels_an_item_twice() -> None:
    drawn = generated(SHAPES["guessers"], 0)
    assert len({*zip(drawn.item, drawn.annotator, strict=True)}) == len(drawn.label)


def test_skill_is_the_share_of_right_labels() -> None:
    drawn = generated(Shape(skill=(0.8, 0.8)), 0)
    assert drawn.truth is not None
    assert np.mean(drawn.label == drawn.truth[drawn.item]) == pytest.approx(0.8, abs=0.02)


def test_guessers_have_one_label_each_and_are_right_by_chance() -> None:
    shape = Shape(classes=4, guesses=0.5)
    drawn = generated(shape, 0)
    assert drawn.truth is not None
    guessed = drawn.annotator >= shape.annotators
    assert np.mean(guessed) == pytest.approx(0.5, abs=0.05)
    assert np.bincount(drawn.annotator[guessed]).max() == 1
    right = (drawn.label == drawn.truth[drawn.item])[guessed]
    assert np.mean(right) == pytest.approx(0.25, abs=0.05)


def test_the_most_frequent_class_is_as_frequent_as_its_shape_says() -> None:
    drawn = generated(Shape(classes=3, most_frequent=0.8), 0)
    assert drawn.truth is not None
    assert np.mean(drawn.truth == 0) == pytest.approx(0.8, abs=0.05)


def test_a_certain_model_says_what_the_other_does_but_more_so() -> None:
    plain, certain = (
        generated(Shape(), 0).pred_probs,
        generated(Shape(certainty=10.0), 0).pred_probs,
    )
    assert (plain.argmax(axis=1) == certain.argmax(axis=1)).all()
    assert certain.max(axis=1).mean() > 0.97 > plain.max(axis=1).mean()


def test_a_recorded_crowd_comes_in_an_order_of_the_seed_and_keeps_its_labels(
    shared_data: object,
) -> None:
    one, other = (crowd("music_genre", seed) for seed in (0, 1))
    assert one.item.tolist() != other.item.tolist()
    rows = [sorted(zip(c.item, c.annotator, c.label, strict=True)) for c in (one, other)]
    assert rows[0] == rows[1]
    assert len(rows[0]) == 2945
