"""Strategies: how a round decides what its models learn, and which items it asks for.

A method of `activelab.METHODS` chooses the items. What the models learn is ActiveLab's consensus,
which the service says of every project; or, as in the paper, the majority vote unless the method
is ActiveLab itself, and for everyone in the first round. cleanlab brings its own of both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from activelab import METHODS, Columns, activelab
from experiments import reference
from experiments.datasets import Floats, Ints


class Rule(StrEnum):
    """Whose consensus the models learn."""

    PAPER = "paper"
    """The method's: the majority vote, ActiveLab's for ActiveLab."""
    ACTIVELAB = "activelab"
    """ActiveLab's for every method, as the service does it."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """What is decided from all that is known."""

    consensus: Callable[[Columns], Ints]
    """Return a class an item, -1 where it has no label: ``(N,)``."""
    scores: Callable[[Columns, str, int], Floats]
    """Return a score an item ``(N,)``, lower is sooner; given the seed and the window."""


def strategy(name: str, rule: Rule) -> Strategy:
    """Return a method by its name, under a rule of consensus."""
    if name in REFERENCES:
        return REFERENCES[name]
    method = METHODS[name]

    def scores(columns: Columns, seed: str, window: int) -> Floats:
        return method(columns, activelab(columns), seed=seed, window=window)

    if rule is Rule.ACTIVELAB:
        return Strategy(weighed, scores)
    own = name in ("activelab", "activelab_ensemble")
    return Strategy(_after_a_vote(weighed) if own else majority, scores)


def majority(columns: Columns) -> Ints:
    """Take the majority vote; a tie goes to the class that the models find more probable.

    Before any model has spoken it goes to the class that is more frequent among all labels, as in
    the paper's runs (cleanlab takes the rarer one since its 2.3.1).
    """
    votes = columns.labels()
    cell = votes.item * votes.num_classes + votes.label
    counts = np.bincount(cell, minlength=votes.num_items * votes.num_classes)
    counts = counts.reshape(votes.num_items, votes.num_classes)
    leaning = counts.sum(axis=0) / counts.sum()
    if columns.has_prediction.any():
        leaning = np.mean(columns.pred_probs, axis=0, dtype=np.float64)
    return np.where(votes.per_item() > 0, np.argmax(counts + leaning / 2, axis=1), -1)


def weighed(columns: Columns) -> Ints:
    """Take ActiveLab's consensus of the labelled items."""
    scores = activelab(columns)
    return np.where(scores.num_annotations > 0, scores.consensus_label, -1)


def _after_a_vote(consensus: Callable[[Columns], Ints]) -> Callable[[Columns], Ints]:
    """Take the majority vote as long as no model has said anything."""
    return lambda columns: (consensus if columns.has_prediction.any() else majority)(columns)


REFERENCES: Mapping[str, Strategy] = {
    "cleanlab_2_9_0": Strategy(_after_a_vote(reference.consensus), reference.scores),
    "cleanlab_counting_right": Strategy(
        _after_a_vote(reference.counting_right(reference.consensus)),
        reference.counting_right(reference.scores),
    ),
}
"""cleanlab 2.9.0 as it is, and with its counting corrected."""
STRATEGIES = (*METHODS, *REFERENCES)
"""Names of all."""


def suits(name: str, num_models: int) -> bool:
    """Say whether a strategy is for so many models.

    >>> suits("activelab", 2), suits("activelab_ensemble", 2), suits("entropy", 2)
    (False, True, True)
    """
    if num_models == 1:
        return name != "activelab_ensemble"
    return name != "activelab" and name not in REFERENCES
