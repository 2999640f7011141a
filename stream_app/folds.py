"""Out-of-fold predictions: what a model says of each item that it was not trained on. Pure.

ActiveLab compares a model with annotators, so a prediction must not have seen the item's own label
(Goh, Mueller 2023: 5-fold stratified cross-validation; items without a label get the mean of the
fold models).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]
Estimator = Any
"""A classifier of scikit-learn that knows ``predict_proba``; the library is untyped."""

ESTIMATORS: Mapping[str, Callable[[int], Estimator]] = {
    "extra-trees": lambda seed: ExtraTreesClassifier(100, random_state=seed),
    "random-forest": lambda seed: RandomForestClassifier(100, random_state=seed),
    "logistic-regression": lambda seed: make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, max_iter=1000, random_state=seed)
    ),
}
"""Every estimator by the name that the command line gives it, made from a seed."""


def out_of_fold(
    estimator: Estimator,
    features: Floats,
    labels: Ints,
    *,
    num_classes: int,
    folds: int = 5,
    seed: int = 0,
) -> npt.NDArray[np.float64]:
    """Return class probabilities (N, K) by models that have not seen the item's own label.

    ``features`` is (N, D), ``labels`` (N,) holds class codes, -1 where there is none. Labelled
    items have the prediction of the model trained on the other folds, the rest the mean of all. A
    class that a fold lacks has probability 0 there; with less than ``folds`` labelled items, each
    is a fold of its own. Raises ValueError with less than two: nothing is left to train on.
    """
    labelled, unlabelled = np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0)
    if len(labelled) < 2:
        msg = f"{len(labelled)} labelled items: one to predict and one to train on are needed"
        raise ValueError(msg)
    folds = min(folds, len(labelled))
    fold = deal(labels[labelled], folds, seed)
    pred_probs = np.zeros((len(labels), num_classes))
    for number in range(folds):
        held, kept = labelled[fold == number], labelled[fold != number]
        asked = np.concatenate([held, unlabelled])
        said = _predict(estimator, features[kept], labels[kept], features[asked], num_classes)
        pred_probs[held] = said[: len(held)]
        pred_probs[unlabelled] += said[len(held) :] / folds
    return pred_probs


def deal(labels: Ints, folds: int, seed: int) -> npt.NDArray[np.intp]:
    """Return a fold for each item, stratified: shuffled, sorted by class, dealt out like cards.

    The folds' sizes, and their shares of each class, differ by one at most. Refused: scikit-learn's
    StratifiedKFold, which warns of a class with less items than folds and raises where all are so.

    >>> deal(np.array([0, 0, 0, 0, 1, 1]), 2, seed=0).reshape(2, 3).sum()
    3
    """
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    dealt = shuffled[np.argsort(labels[shuffled], kind="stable")]
    fold = np.empty(len(labels), np.intp)
    fold[dealt] = np.arange(len(labels)) % folds
    return fold


def _predict(
    estimator: Estimator, features: Floats, labels: Ints, asked: Floats, num_classes: int
) -> npt.NDArray[np.float64]:
    """Train on labelled features and return what the model says of those asked: (n, K)."""
    pred_probs = np.zeros((len(asked), num_classes))
    classes = np.unique(labels)
    if len(classes) == 1:  # most estimators refuse to learn it
        pred_probs[:, classes] = 1.0
    else:
        pred_probs[:, classes] = clone(estimator).fit(features, labels).predict_proba(asked)
    return pred_probs
