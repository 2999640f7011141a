"""Strata: what items belong to, and which of them are selected before others.

A stratum has a priority and a quota. Items stand in the order of their priority, the larger one
first, and within one by score and id, as always. Of a window's places a quota reserves a share for
a stratum: the first of its items take them. What is not reserved, or finds nobody, goes to the
first of all the others; so a quota is what a stratum has at least, while it has items.

A share of a window is seldom whole: of three places, 30 % are 0.9. The ends of the shares are
rounded down behind a common offset u, so that each stratum has its share rounded down or up
(systematic sampling; Madow, Madow 1944):

    reserved_j = floor(Q_j n + u) - floor(Q_(j-1) n + u),    Q_j = q_1 + ... + q_j

u is the fraction of window x golden ratio: it is spread evenly over the windows, so that many small
ones have together what one large one has.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from activelab.growing import Column
from activelab.ranking import top
from activelab.rows import Bools, Floats, Ints

NO_STRATUM = -1
_TURN, _WHOLE = 0x9E3779B9, 1 << 32
"""The golden ratio's fraction, in 32 bits: all is counted in integers."""


class Strata:
    """What items, known by their places in a pool, belong to: one stratum at most.

    Nothing is kept of items behind the last one that is in a stratum.
    """

    __slots__ = ("_code", "_codes")

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._code = Column(np.int32, fill=NO_STRATUM)

    def put(self, places: Ints, names: Sequence[str]) -> None:
        """Put items into strata; of several of one item the last counts."""
        codes = [self._codes.setdefault(name, len(self._codes)) for name in names]
        self._code.extend(int(places.max(initial=NO_STRATUM)) + 1)
        self._code.rows[places] = codes

    def forget(self, places: Ints) -> None:
        """Take items out of their strata."""
        self._code.rows[places[places < len(self._code)]] = NO_STRATUM

    def of(self, places: Ints) -> list[str | None]:
        """Return the names of items' strata."""
        names = [*self._codes, None]
        return [names[code] for code in self._at(places).tolist()]

    def among(self, listed: Sequence[str], places: Ints) -> Ints:
        """Return where items' strata stand in a list ``(n,)``; ``NO_STRATUM``: they do not."""
        where = {name: place for place, name in enumerate(listed)}
        found = [where.get(name, NO_STRATUM) for name in self._codes]
        return np.array([*found, NO_STRATUM], dtype=np.int64)[self._at(places)]

    def _at(self, places: Ints) -> Ints:
        codes = np.full(len(places), NO_STRATUM, dtype=np.int64)
        known = places < len(self._code)
        codes[known] = self._code.rows[places[known]]
        return codes


def reserved(quotas: Sequence[int], number: int, *, window: int) -> list[int]:
    """Return how many of a window's ``number`` places each quota (percent) reserves.

    >>> reserved([30, 50], 10, window=1)
    [3, 5]
    >>> [reserved([30, 50], 1, window=window) for window in (3, 4, 5)]
    [[1, 0], [0, 1], [0, 0]]
    """
    offset = 100 * (window * _TURN % _WHOLE)
    ends = [(share * number * _WHOLE + offset) // (100 * _WHOLE) for share in accumulate(quotas)]
    return [end - begin for begin, end in pairwise([0, *ends])]


def select(  # what decides about a window
    scores: Floats,
    item_ids: Sequence[str],
    eligible: Bools,
    k: int,
    *,
    stratum: Ints,
    quotas: Sequence[int],
    priorities: Sequence[int],
    window: int,
) -> Ints:
    """Return the positions of the ``k`` eligible items to select, in rank order.

    ``stratum`` ``(N,)`` is an item's place in ``quotas`` (percent, together 100 at most) and
    ``priorities``, or ``NO_STRATUM``, whose priority is 0.

    >>> scores, ids = np.array([0.1, 0.2, 0.3, 0.4]), ["a", "b", "c", "d"]
    >>> chosen = select(scores, ids, np.ones(4, np.bool_), 2, stratum=np.array([-1, -1, 0, 1]),
    ...                 quotas=[50, 0], priorities=[0, 7], window=1)
    >>> [ids[at] for at in chosen]
    ['d', 'c']
    """
    priority = np.array([*priorities, 0], dtype=np.int64)[stratum]
    levels = sorted({0, *priorities}, reverse=True)

    def first(among: Bools, number: int) -> Ints:
        """Return the first of ``among``, in order."""
        chosen: list[Ints] = []
        for level in levels:
            chosen.append(top(scores, item_ids, among & (priority == level), number))
            number -= len(chosen[-1])
        return np.concatenate(chosen)

    chosen = np.zeros(len(eligible), dtype=np.bool_)
    for code, number in enumerate(reserved(quotas, k, window=window)):
        chosen[first(eligible & (stratum == code), number)] = True
    chosen[first(eligible & ~chosen, k - int(np.count_nonzero(chosen)))] = True
    return first(chosen, k)
