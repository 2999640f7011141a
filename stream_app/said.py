"""What is published of items: consensus and progress, one number an item, by place.

The table keeps the same by item and by name (`facts.encode_said`), so that it stays true when a
project's classes change: what then was said of a class that is no more differs from all that is.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from activelab import PROGRESS, ItemScores
from activelab.growing import Column
from activelab.rows import Ints
from stream_app import facts

Codes = npt.NDArray[np.uint16]

NOTHING = 0
_UNLISTED = np.iinfo(np.uint16).max
"""Of a class that is not listed; as a code larger than that of any that is (`MAX_CLASSES`)."""


class Said:
    """What is published of items, by their places; `NOTHING` of most."""

    def __init__(self) -> None:
        self._codes = Column(np.uint16)

    def at(self, places: Ints) -> Codes:
        """Return what is said of the items at ``places``: ``(n,)``."""
        self._codes.extend(int(places.max(initial=-1)) + 1)
        codes: Codes = self._codes.rows[places]
        return codes

    def put(self, places: Ints, codes: Codes | int) -> None:
        """Remember what is said of items from now on."""
        self._codes.extend(int(places.max(initial=-1)) + 1)
        self._codes.rows[places] = codes

    def spoken_of(self, places: Ints) -> Ints:
        """Return those of the places of whose items anything is said."""
        spoken_of: Ints = places[self.at(places) != NOTHING]
        return spoken_of


def codes(scores: ItemScores, progress: npt.NDArray[np.uint8]) -> Codes:
    """Return what there is to be said of items, as `Said` keeps it: ``(n,)``."""
    named = scores.consensus_label + 1
    return (1 + len(PROGRESS) * named + progress).astype(np.uint16)


class Words:
    """What codes say, in the words of a project's classes."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._names: tuple[str | None, ...] = (None, *classes)
        self._numbers = {name: number for number, name in enumerate(self._names)}

    def encode(self, code: int) -> bytes:
        """Return a code as the table has it."""
        if code == NOTHING:
            return facts.GONE
        number, so_far = divmod(code - 1, len(PROGRESS))
        return facts.encode_said(self._names[number], PROGRESS[so_far])

    def decode(self, raw: bytes) -> int:
        """Read what `encode` wrote, under these classes or others."""
        if raw == facts.GONE:
            return NOTHING
        consensus, so_far = facts.decode_said(raw)
        if consensus not in self._numbers:
            return _UNLISTED
        return 1 + len(PROGRESS) * self._numbers[consensus] + PROGRESS.index(so_far)
