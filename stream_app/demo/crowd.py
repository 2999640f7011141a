"""A simulated crowd: annotators of stated skill, and what each would say of each item. Pure.

Who answers an item first, second, ... and what they say is decided beforehand, by the seed alone.
So methods differ by what they ask for and not by luck: the k-th label of an item is the same one.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

GOOD, POOR, SPAMMERS = 14, 3, 3
"""Annotators of each kind."""
GOOD_SKILL, POOR_SKILL = (0.75, 0.95), (0.50, 0.60)
"""The chance of a right label is drawn between these; spammers guess."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """M annotators and their answers about N items of known classes."""

    annotators: tuple[str, ...]
    skill: npt.NDArray[np.float64]
    """Each one's chance of a right label (M,)."""
    answers: npt.NDArray[np.int64]
    """Class codes (N, M): what each would say of each item."""
    turns: npt.NDArray[np.int64]
    """Annotators (N, M), in the order in which they are asked about an item."""

    @classmethod
    def gather(cls, truth: npt.NDArray[np.integer[Any]], num_classes: int, *, seed: int) -> "Crowd":
        """Draw a crowd for items of these true classes (N,); who is who is a matter of chance."""
        rng = np.random.default_rng(seed)
        skill = rng.permutation(
            np.concatenate(
                [
                    rng.uniform(*GOOD_SKILL, GOOD),
                    rng.uniform(*POOR_SKILL, POOR),
                    np.full(SPAMMERS, 1 / num_classes),
                ]
            )
        )
        shape = len(truth), len(skill)
        wrong = (truth[:, None] + rng.integers(1, num_classes, shape)) % num_classes
        answers = np.where(rng.random(shape) < skill, truth[:, None], wrong)
        turns = rng.permuted(np.tile(np.arange(len(skill)), (len(truth), 1)), axis=1)
        names = tuple(f"annotator-{number:02d}" for number in range(1, len(skill) + 1))
        return cls(names, skill, answers, turns)

    def answer(self, item: int, answered_by: Collection[str] = ()) -> tuple[str, int]:
        """Return whose turn it is, and the class that they say; raises if nobody is left."""
        who = next(who for who in self.turns[item] if self.annotators[who] not in answered_by)
        return self.annotators[who], int(self.answers[item, who])
