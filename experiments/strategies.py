"""Strategies: how a round decides what its models learn, and which items it asks for.

A method of `activelab.METHODS` chooses the items. What the models learn is ActiveLab's consensus,
which the service says of every project; or, as in the paper, the majority vote unless the method
is ActiveLab itself, and for everyone in the first round. cleanlab brings its own of both.

ActiveLab is fitted in a mode, robust or strict: that of the setting, or the one that is named;
or strictly but without calibration.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

import numpy as np

from activelab import METHODS, Columns, Epoch, Mode, fit, score
from activelab.judgement import judged
from experiments import reference
from experiments.datasets import Floats, Ints


class Rule(StrEnum):
    """Whose consensus the models learn."""

    PAPER = "paper"
    """The method's: the majority vote, ActiveLab's for ActiveLab."""
    OLDER = "older"
    """The same as the cleanlab had it that ran the paper: a vote's ties to the frequent class."""
    ACTIVELAB = "activelab"
    """ActiveLab's for every method, as the service does it."""
    TRUTH = "truth"
    """From round 1 on the truth of what is labelled: how far any consensus could lead."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """What is decided from all that is known."""

    consensus: Callable[[Columns], Ints]
    """Return a class an item, -1 where it has no label: ``(N,)``."""
    scores: Callable[[Columns, str, int], Floats]
    """Return a score an item ``(N,)``, lower is sooner; given the seed and the window."""


Fit = Callable[[Columns], Epoch]

MODES: Mapping[str, Mode] = {f"activelab_{mode}": mode for mode in Mode}
"""ActiveLab in one mode, whatever the setting's is."""
FITS: Mapping[str, Fit] = {
    **{name: partial(fit, mode=mode) for name, mode in MODES.items()},
    "activelab_uncalibrated": partial(fit, calibrate=False),
}
"""ActiveLab fitted in one way, whatever the setting's is."""


def strategy(name: str, rule: Rule, mode: Mode) -> Strategy:
    """Return a method by its name, under a rule of consensus, and with ActiveLab in a mode."""
    if name in REFERENCES:
        return REFERENCES[name]
    if name in FITS:
        return _fitted("activelab", rule, FITS[name])
    return _fitted(name, rule, partial(fit, mode=mode))


def _fitted(name: str, rule: Rule, fitted: Fit) -> Strategy:
    """Return a method under a rule of consensus, with ActiveLab fitted in some way."""
    method = METHODS[name]

    def scores(columns: Columns, seed: str, window: int) -> Floats:
        return method(columns, score(columns, fitted(columns)), seed=seed, window=window)

    def weighed(columns: Columns) -> Ints:
        known = score(columns, fitted(columns))
        return np.where(known.num_annotations > 0, known.consensus_label, -1)

    if rule is Rule.ACTIVELAB:
        return Strategy(weighed, scores)
    vote = older_majority if rule is Rule.OLDER else majority
    own = name in ("activelab", "activelab_ensemble")
    return Strategy(_after_a_vote(weighed, vote) if own else vote, scores)


def majority(columns: Columns) -> Ints:
    """Take the majority vote: ties go to the class that models find more probable, or is rarer.

    Before any model has spoken that is the rarer one, as in cleanlab since its 2.3.1.
    """
    return _vote(columns, fit(columns))


def older_majority(columns: Columns) -> Ints:
    """Take the majority vote as it was before: the more frequent class instead of the rarer."""
    epoch = fit(columns)
    ties = replace(epoch.label_ties, class_counts=-epoch.label_ties.class_counts)
    return _vote(columns, replace(epoch, label_ties=ties))


def _vote(columns: Columns, epoch: Epoch) -> Ints:
    return np.concatenate([block.majority for block in judged(columns, epoch)])


def _after_a_vote(
    consensus: Callable[[Columns], Ints], vote: Callable[[Columns], Ints] = majority
) -> Callable[[Columns], Ints]:
    """Take a majority vote as long as no model has said anything."""
    return lambda columns: (consensus if columns.has_prediction.any() else vote)(columns)


REFERENCES: Mapping[str, Strategy] = {
    "cleanlab_2_9_0": Strategy(_after_a_vote(reference.consensus), reference.scores),
    "cleanlab_counting_right": Strategy(
        _after_a_vote(reference.counting_right(reference.consensus)),
        reference.counting_right(reference.scores),
    ),
}
"""cleanlab 2.9.0 as it is, and with its counting corrected."""
STRATEGIES = (*METHODS, *FITS, *REFERENCES)
"""Names of all."""


def suitable(num_models: int) -> list[str]:
    """Return the names of the strategies for so many models.

    >>> "activelab" in suitable(2), "activelab_ensemble" in suitable(2), "entropy" in suitable(2)
    (False, True, True)
    """
    single = {"activelab", *FITS, *REFERENCES}
    wrong = {"activelab_ensemble"} if num_models == 1 else single
    return [name for name in STRATEGIES if name not in wrong]
