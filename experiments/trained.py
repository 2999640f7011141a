"""Fold models that are examined on the test set as they are trained."""

from collections.abc import Sequence

import numpy as np

from experiments.datasets import Dataset, Floats, Ints
from stream_app.folds import ESTIMATORS, Estimator


class Examined:
    """A classifier that notes its accuracy on the test set of a dataset whenever it is trained.

    So the fold models of `out_of_fold`, which nobody else sees, can be judged (the paper's test
    accuracy is the mean of theirs). Labels are class codes.
    """

    def __init__(self, estimator: Estimator, dataset: Dataset) -> None:
        self._estimator = estimator
        self._dataset = dataset
        self._noted: list[float] = []

    def __sklearn_clone__(self) -> "Examined":
        """Stay one, for all folds."""
        return self

    def fit(self, features: Floats, labels: Ints) -> "Examined":
        """Train anew, and note how good that is."""
        self._estimator.fit(features, labels)
        said = self._estimator.predict(self._dataset.test_features)
        self._noted.append(float(np.mean(said == self._dataset.test_truth)))
        return self

    def predict_proba(self, features: Floats) -> Floats:
        """Return the class probabilities of the last training."""
        probs: Floats = self._estimator.predict_proba(features)
        return probs

    def accuracy(self) -> float:
        """Return the mean of what was noted."""
        return float(np.mean(self._noted))


def examined(
    names: Sequence[str], dataset: Dataset, *, seed: int, trees: int
) -> dict[str, Examined]:
    """Make models by the names of `stream_app.folds.ESTIMATORS`."""
    models = {}
    for name in names:
        estimator = ESTIMATORS[name](seed)
        if "n_estimators" in estimator.get_params():
            estimator.set_params(n_estimators=trees)
        models[name] = Examined(estimator, dataset)
    return models
