"""Datasets: items and a test set of known classes, the first labels, and what annotators would say.

Wall Robot is the ActiveLab paper's own (../shared/data beside the clone, which its README
describes); digits come with scikit-learn, their annotators are simulated.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stream_app.demo.crowd import Crowd
from stream_app.demo.digits import HELD_OUT, Digits
from stream_app.errors import StreamAppError

SHARED = Path(__file__).parents[2] / "shared" / "data"
"""Third-party data that is not part of this repository."""
DIGITS_LABELLED, DIGITS_TWICE = 400, 60
"""Digits that have a first label, and a second: the shares of Wall Robot."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = tuple[list[str], list[str], list[int]]
"""Labels: items, annotators, class codes."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """N items, what is known of them at the start, and what nobody who labels them knows."""

    classes: tuple[str, ...]
    """Names in the order of their codes, which is also that of the names."""
    items: tuple[str, ...]
    features: Floats
    truth: Ints
    test_features: Floats
    test_truth: Ints
    first_labels: Rows
    answers: Ints
    """What each of A annotators would say of each item (N, A)."""

    def ask(self, *, seed: int, number: int, asked: Ints) -> Rows:
        """Let a round's new annotator label items: each label is one of the item's, at random.

        Chance is the seed's, the round's and the item's alone: whoever asks for an item in a
        round gets the same label.
        """
        width = self.answers.shape[1]
        drawn = np.random.default_rng([seed, number]).integers(width, size=len(self.items))
        return (
            [self.items[row] for row in asked],
            [f"round-{number:02d}"] * len(asked),
            self.answers[asked, drawn[asked]].tolist(),
        )


def wall_robot() -> Dataset:
    """Load the paper's experiment: 500 items have labels, 1,500 have none."""
    return _wall_robot("paper_wall_robot", ("labeled", "unlabeled"))


def wall_robot_complete() -> Dataset:
    """Load its variant in which all 2,000 items have labels."""
    return _wall_robot("paper_wall_robot_complete", ("labeled",))


def _wall_robot(name: str, parts: tuple[str, ...]) -> Dataset:
    path = SHARED / "wall_robot" / f"{name}.npz"
    if not path.exists():
        message = (
            f"There is no {path}: the paper's data are not part of this repository. Put them into "
            "../shared/data, beside the clone, or run with --dataset digits."
        )
        raise StreamAppError(message)
    arrays = np.load(path, allow_pickle=False)
    truth = np.concatenate([arrays[f"true_labels_{part}"] for part in parts])
    items = _names(len(truth))
    labels = arrays["multiannotator_labels_labeled"]
    item, annotator = np.nonzero(~np.isnan(labels))
    return Dataset(
        classes=tuple(str(code) for code in range(truth.max() + 1)),
        items=items,
        features=np.concatenate([arrays[f"X_{part}"] for part in parts]),
        truth=truth,
        test_features=arrays["X_test"],
        test_truth=arrays["true_labels_test"],
        first_labels=(
            [items[row] for row in item],
            [f"first-{column:02d}" for column in annotator],
            labels[item, annotator].astype(np.int64).tolist(),
        ),
        answers=np.concatenate([arrays[f"extra_labels_{part}"] for part in parts]),
    )


def digits() -> Dataset:
    """Load scikit-learn's digits, 10 classes, with a crowd of which three guess."""
    loaded = Digits.load(seed=0)
    truth, test_truth = np.split(loaded.truth, [-HELD_OUT])
    features, test_features = np.split(loaded.features, [-HELD_OUT])
    items = _names(len(truth))
    crowd = Crowd.gather(truth, len(loaded.classes), seed=0)
    item = np.concatenate([np.arange(DIGITS_LABELLED), np.arange(DIGITS_TWICE)])
    turn = np.repeat([0, 1], [DIGITS_LABELLED, DIGITS_TWICE])
    annotator = crowd.turns[item, turn]
    return Dataset(
        classes=loaded.classes,
        items=items,
        features=features,
        truth=truth,
        test_features=test_features,
        test_truth=test_truth,
        first_labels=(
            [items[row] for row in item],
            [crowd.annotators[row] for row in annotator],
            crowd.answers[item, annotator].tolist(),
        ),
        answers=crowd.answers,
    )


def _names(number: int) -> tuple[str, ...]:
    return tuple(f"item-{row:04d}" for row in range(number))


DATASETS: Mapping[str, Callable[[], Dataset]] = {
    "wall_robot": wall_robot,
    "wall_robot_complete": wall_robot_complete,
    "digits": digits,
}
"""Every dataset by the name that the command line gives it."""
