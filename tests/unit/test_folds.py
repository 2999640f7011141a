"""Out-of-fold predictions: nobody predicts what it was trained on, whatever the labels are."""

import numpy as np
import pytest

from stream_app.cli.trainer import EstimatorName
from stream_app.folds import ESTIMATORS, deal, out_of_fold


class Memory:
    """A classifier that is certain of what it has seen and of nothing else."""

    def get_params(self, deep: bool = True) -> dict[str, object]:
        return {}

    def fit(self, features: np.ndarray, labels: np.ndarray) -> "Memory":
        self.seen = dict(zip(features[:, 0].tolist(), labels.tolist(), strict=True))
        self.classes = np.unique(labels)
        return self

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        uniform = np.full(len(self.classes), 1 / len(self.classes))
        return np.array(
            [
                (self.classes == self.seen[x]).astype(float) if x in self.seen else uniform
                for x in features[:, 0].tolist()
            ]
        )


def numbered(count: int) -> np.ndarray:
    return np.arange(count, dtype=float)[:, None]


def test_no_item_is_predicted_by_a_model_that_has_seen_it() -> None:
    labels = np.arange(50) % 2
    said = out_of_fold(Memory(), numbered(50), labels, num_classes=2)
    np.testing.assert_allclose(said, 0.5)


def test_an_unlabelled_item_has_the_mean_of_the_folds() -> None:
    features = np.array([[0.0], [1.0], [2.0], [3.0], [0.0]])
    labels = np.array([0, 1, 0, 1, -1])  # the last one looks like the first
    said = out_of_fold(Memory(), features, labels, num_classes=2, folds=2)
    # one of the two models has learnt the first one: certain there, ignorant in the other
    np.testing.assert_allclose(said[4], [0.75, 0.25])


def test_folds_differ_by_one_in_size_and_in_each_class() -> None:
    labels = np.repeat([0, 1, 2], [23, 7, 1])
    fold = deal(labels, 5, seed=3)
    assert np.ptp(np.bincount(fold, minlength=5)) <= 1
    for label in (0, 1, 2):
        assert np.ptp(np.bincount(fold[labels == label], minlength=5)) <= 1


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_class_with_one_item_is_impossible_where_it_was_held_out(name: str) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [30, 20, 1])
    features = rng.normal(size=(51, 2)) + 5 * labels[:, None]
    said = out_of_fold(ESTIMATORS[name](0), features, labels, num_classes=3)
    assert said[50, 2] == 0
    assert (said[:50].argmax(axis=1) == labels[:50]).mean() > 0.95
    np.testing.assert_allclose(said.sum(axis=1), 1)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_less_labelled_items_than_folds_are_folds_of_their_own(name: str) -> None:
    labels = np.array([0, 1, 0, -1, -1])
    said = out_of_fold(ESTIMATORS[name](0), numbered(5), labels, num_classes=2)
    np.testing.assert_allclose(said.sum(axis=1), 1)
    np.testing.assert_allclose(said[1], [1, 0])  # its model has seen the first class only


def test_one_labelled_item_leaves_nothing_to_train_on() -> None:
    with pytest.raises(ValueError, match="1 labelled"):
        out_of_fold(Memory(), numbered(3), np.array([-1, 0, -1]), num_classes=2)


def test_the_same_seed_gives_the_same_predictions() -> None:
    labels = np.arange(40) % 3
    once, again, other = (
        out_of_fold(ESTIMATORS["extra-trees"](seed), numbered(40), labels, num_classes=3, seed=seed)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()


def test_the_command_line_offers_every_estimator() -> None:
    assert set(EstimatorName) == set(ESTIMATORS)
