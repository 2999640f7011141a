"""What the datasets hold, and what annotators answer when they are asked."""

from pathlib import Path

import numpy as np
import pytest

from experiments import datasets
from experiments.datasets import DATASETS, Dataset
from stream_app.errors import StreamAppError


def sizes(dataset: Dataset) -> tuple[int, int, int, int]:
    """Return how many items, labelled items, first labels, and items of the test set there are."""
    labelled = set(dataset.first_labels[0])
    return (
        len(dataset.items),
        len(labelled),
        len(dataset.first_labels[0]),
        len(dataset.test_truth),
    )


def test_wall_robot_is_the_papers(shared_data: Path) -> None:
    assert sizes(DATASETS["wall_robot"]()) == (2000, 500, 575, 1000)
    assert sizes(DATASETS["wall_robot_complete"]()) == (2000, 2000, 2214, 1000)


def test_digits_come_with_the_clone() -> None:
    digits = DATASETS["digits"]()
    assert sizes(digits) == (1297, 400, 460, 500)
    pairs = set(zip(*digits.first_labels[:2], strict=True))
    assert len(pairs) == 460
    assert len(digits.classes) == 10


@pytest.mark.parametrize("name", ["digits"])
def test_names_sort_as_codes_do(name: str) -> None:
    """The wire sorts classes by name: so codes are the same on both sides of it."""
    dataset = DATASETS[name]()
    assert sorted(dataset.classes) == list(dataset.classes)
    assert sorted(dataset.items) == list(dataset.items)


def test_a_label_depends_on_seed_round_and_item_alone() -> None:
    digits = DATASETS["digits"]()
    some, more = np.array([7, 3]), np.arange(100)
    items, annotators, labels = digits.ask(seed=0, number=4, asked=some)
    assert items == ["item-0007", "item-0003"]
    assert annotators == ["round-04", "round-04"]
    every = digits.ask(seed=0, number=4, asked=more)[2]
    assert labels == [every[7], every[3]]
    assert digits.ask(seed=0, number=5, asked=more)[2] != every
    assert digits.ask(seed=1, number=4, asked=more)[2] != every


def test_a_label_is_one_of_the_items_answers_each_as_often() -> None:
    digits = DATASETS["digits"]()
    item = np.array([11])
    drawn = [digits.ask(seed=0, number=number, asked=item)[2][0] for number in range(2000)]
    frequency = np.bincount(drawn, minlength=10) / len(drawn)
    expected = np.bincount(digits.answers[11], minlength=10) / digits.answers.shape[1]
    assert np.abs(frequency - expected).max() < 5 * np.sqrt(0.25 / len(drawn))


def test_absent_data_are_said_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "SHARED", tmp_path)
    with pytest.raises(StreamAppError, match="beside the clone, or run with --dataset digits"):
        DATASETS["wall_robot"]()
