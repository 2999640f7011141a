"""Strategies: how a round decides what its models learn, and which items it asks for.

A method of `activelab.METHODS` chooses the items. What the models learn is ActiveLab's consensus,
which the service says of every project; or, as in the paper, the majority vote unless the method
is ActiveLab itself, and for everyone in the first round. cleanlab brings its own of both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from activelab import METHODS, Columns, activelab, fit
from activelab.judgement import judged
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
    """Take the majority vote: ties go to the class that models find more probable, or is rarer.

    Before any model has spoken that is the rarer one, as in cleanlab since its 2.3.1. An older one
    ran the paper, where the more frequent class had them.
    """
    epoch = fit(columns)
    return np.concatenate([block.majority for block in judged(columns, epoch)])


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
