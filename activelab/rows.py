"""Arithmetic on blocks of items that never mixes them.

Arrays of a block are ``(K, n)`` float64, C-contiguous, one column an item. The result for an item
is the same to the bit whatever the other items are, how many there are, and where it stands among
them: only element-wise functions and sums over classes, in class order. So fits and scores cannot
depend on how items are split into blocks, parts or events.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Probs = npt.NDArray[np.floating]
"""Probabilities as they come in: float32 from the wire, float64 from a library's user."""
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]
Array = npt.NDArray[Any]

BLOCK_CELLS = 1 << 16
"""Numbers in a block's array: 512 KiB of float64, so that a block's arithmetic stays in cache."""
DECIMALS = 12
"""Discrete choices are made on values rounded to 1e-12: last bits never choose a class."""


def blocks(num_items: int, num_classes: int) -> Iterator[slice]:
    """Cut ``num_items`` into consecutive blocks of a moderate size."""
    size = max(1, BLOCK_CELLS // num_classes)
    for begin in range(0, num_items, size):
        yield slice(begin, min(begin + size, num_items))


def block_items(chosen: Bools, num_classes: int) -> Iterator[Ints | slice]:
    """Cut the items that are ``chosen`` into blocks: their positions."""
    if chosen.all():
        yield from blocks(len(chosen), num_classes)
        return
    items = np.flatnonzero(chosen)
    for block in blocks(len(items), num_classes):
        yield items[block]


def last_of_each(keys: Ints) -> Ints:
    """Return where each of the distinct ``keys`` stands last, in the order of the keys.

    >>> last_of_each(np.array([7, 3, 7, 5]))
    array([1, 3, 2])
    """
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    last = np.ones(len(keys), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=last[:-1])
    return order[last]


def runs(ordered: Ints) -> tuple[Ints, Ints]:
    """Return the distinct keys of an ordered column, and which of them each row has.

    >>> runs(np.array([3, 5, 5, 7]))
    (array([3, 5, 7]), array([0, 1, 1, 2]))
    """
    first = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first], np.cumsum(first) - 1


def distinct(keys: Ints) -> Ints:
    """Return the distinct ``keys``, ascending; of few keys in less than numpy's own takes."""
    return runs(np.sort(keys))[0]


def class_sum(values: Floats) -> Floats:
    """Sum ``(K, n)`` over classes, in class order: ``(n,)``.

    A lone column is doubled, because numpy would add it pairwise.
    """
    if values.shape[1] == 1:
        return class_sum(np.repeat(values, 2, axis=1))[:1]
    total: Floats = np.add.reduce(values, axis=0)
    return total


def sums_at(index: Ints, weights: Floats, size: int) -> Floats:
    """Sum ``weights`` by ``index``, in the order of the rows: ``(size,)``."""
    return np.asarray(np.bincount(index, weights=weights, minlength=size), dtype=np.float64)


def class_major(pred_probs: Probs) -> Floats:
    """Copy ``(n, K)`` of any float type into a block's ``(K, n)`` float64."""
    return np.array(pred_probs.T, dtype=np.float64, order="C")
