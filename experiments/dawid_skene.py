"""Dawid and Skene's model of annotators (1979), by expectation and maximisation.

Ours, and not crowd-kit's: of that we need one algorithm, and it brings transformers, pyarrow and 14
more packages. It starts, as usual, from the shares of each item's labels.
"""

import numpy as np

from experiments.datasets import Floats, Ints

ROUNDS = 100
LEAST = 1e-10
"""Of a probability, so that its logarithm is finite."""


def accuracies(item: Ints, annotator: Ints, label: Ints, num_classes: int) -> Floats:
    """Return each annotator's estimated chance of a right label: ``(M,)``.

    Labels are rows of codes ``(L,)``. Every annotator has a confusion matrix (K, K) of their own.

    >>> item, annotator = np.divmod(np.arange(12), 3)
    >>> label = np.array([0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0])
    >>> accuracies(item, annotator, label, 2).round(3).tolist()
    [1.0, 1.0, 0.0]
    """
    items, item = np.unique(item, return_inverse=True)
    belief = np.zeros((len(items), num_classes))
    np.add.at(belief, (item, label), 1)
    belief /= belief.sum(axis=1, keepdims=True)
    for _ in range(ROUNDS):
        confusion = np.zeros((int(annotator.max()) + 1, num_classes, num_classes))
        np.add.at(confusion, (annotator, label), belief[item])
        confusion = np.maximum(confusion, LEAST)
        confusion /= confusion.sum(axis=1, keepdims=True)
        share = belief.mean(axis=0)
        log_belief = np.tile(np.log(np.maximum(share, LEAST)), (len(items), 1))
        np.add.at(log_belief, item, np.log(confusion[annotator, label]))
        belief = np.exp(log_belief - log_belief.max(axis=1, keepdims=True))
        belief /= belief.sum(axis=1, keepdims=True)
    right: Floats = np.einsum("mkk,k->m", confusion, share)
    return right
