"""Ranking: the best few of many, without sorting them all."""

from collections.abc import Sequence
from heapq import nsmallest

import numpy as np

from activelab.rows import Bools, Floats, Ints

DECIMALS = 9
"""Scores that agree to 1e-9 are one rank, ordered by item id: last bits never choose an item."""


def top(scores: Floats, item_ids: Sequence[str], eligible: Bools, k: int) -> Ints:
    """Return the positions of the ``k`` eligible items with the lowest scores, in rank order.

    Ranks go by score rounded to 1e-9, then by item id (code points).

    >>> top(np.array([0.5, 0.2, 0.5 + 1e-12]), ["b", "c", "a"], np.ones(3, dtype=bool), 2).tolist()
    [1, 2]
    """
    position = np.flatnonzero(eligible)
    rounded = np.round(scores[position], DECIMALS)
    k = min(k, len(position))
    if k <= 0:
        return position[:0]
    last = np.partition(rounded, k - 1)[k - 1]
    better, equal = position[rounded < last].tolist(), position[rounded == last].tolist()
    value = dict(
        zip(position[rounded < last].tolist(), rounded[rounded < last].tolist(), strict=True)
    )
    better.sort(key=lambda at: (value[at], item_ids[at]))
    rest = nsmallest(k - len(better), equal, key=item_ids.__getitem__)
    return np.array(better + rest, dtype=np.int64)
