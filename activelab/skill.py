"""Skill: how far a share of agreement is above chance; skills of independent sources multiply.

    skill = (share - 1 / K) / (1 - 1 / K)

Whoever errs is taken to say any other class, at random. Then two sources whose shares of right
answers have skills a and b agree with skill a b. So annotators who agree with each other with
skill k are right with skill sqrt(k), and someone who draws classes at random has skill 0 with all.
"""

from typing import TypeVar

from activelab.rows import Floats

Value = TypeVar("Value", float, Floats)


def skill(share: Value, num_classes: int) -> Value:
    """Return how far a share is from chance, 0, to all, 1; negative below chance."""
    chance = 1 / num_classes
    return (share - chance) / (1 - chance)


def share(skill: Value, num_classes: int) -> Value:
    """Return the share of a skill.

    >>> share(skill(0.7, 4), 4)
    0.7
    """
    chance = 1 / num_classes
    return chance + skill * (1 - chance)
