"""Probabilities as columns: read, checked and brought to their canonical form all at once.

The canonical vector is sorted by class name, renormalised in float64, then cast to float32. A
row's result depends on that row alone, to the bit: one row or a thousand, a mapping or columns.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

TOLERANCE = 1e-3
"""How far from 1 a sum may be."""

_NUMBERS = frozenset((int, float))
_LISTS = frozenset((list,))


def matrix(rows: Sequence[Any], width: int) -> npt.NDArray[np.float64] | None:
    """Return ``rows`` as (len(rows), width) where all are lists of ``width`` JSON numbers."""
    if set(map(type, rows)) != _LISTS or set(map(len, rows)) != {width}:
        return None
    numbers: list[Any] = list(chain.from_iterable(rows))
    if not _NUMBERS.issuperset(map(type, numbers)):
        return None  # numpy would take true for 1 and "0.5" for 0.5
    return np.fromiter(numbers, np.float64, len(numbers)).reshape(len(rows), width)


def canonical(
    classes: Sequence[str], rows: npt.NDArray[np.float64]
) -> tuple[tuple[str, ...], npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return sorted class names, canonical rows (N, K), and which rows are probabilities (N,).

    A row that is not (negative, not finite, sum not within 1e-3 of 1) has no meaning here.

    >>> canonical(("b", "a"), np.array([[0.25, 0.75], [2.0, -1.0]]))[1:]
    (array([[0.75, 0.25],
           [0.  , 0.  ]], dtype=float32), array([ True, False]))
    """
    names = tuple(sorted(classes))
    if names != tuple(classes):
        order = sorted(range(len(classes)), key=classes.__getitem__)
        rows = np.ascontiguousarray(rows[:, order])
    with np.errstate(over="ignore"):
        sums = np.add.reduce(rows, axis=1)
    good = np.abs(sums - 1.0) <= TOLERANCE
    if rows.min(initial=0.0) < 0.0:  # of all of them, which is quick
        good &= np.minimum.reduce(rows, axis=1) >= 0.0
    if not good.all():
        rows = np.where(good[:, None], rows, 0.0)
        sums = np.where(good, sums, 1.0)
    shares = rows / sums[:, None] + 0.0  # adding 0.0 leaves no -0.0: equal vectors, equal bytes
    return names, shares.astype(np.float32), good
