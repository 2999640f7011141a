"""What an id gives apart from its name: a place in columns, and hashes that decide by chance.

The hash of an item's id breaks the ties that nothing else breaks, and orders items at random; it
is the same in every process and on every machine.
"""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import cast

import numpy as np

from activelab.rows import Floats, Hashes

_UNIT_BITS = 29
"""Chances are multiples of 2**-29, about 1.9e-9: ranks round to 1e-9 and keep them apart."""


def id_hashes(ids: Iterable[str]) -> Hashes:
    """Hash ids to 64 bits (BLAKE2b of the UTF-8 text): ``(n,)``."""
    digests = [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in ids]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def mixed(hashes: Hashes) -> Hashes:
    """Scatter 64-bit numbers (the finaliser of SplitMix64; Steele, Lea, Flood 2014)."""
    z = hashes + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def chances(item_hashes: Hashes, key: str) -> Floats:
    """Draw a number in [0, 1) for every item by its keyed hash: the same for the same key."""
    scattered = mixed(item_hashes ^ id_hashes([key]))
    return (scattered >> np.uint64(64 - _UNIT_BITS)).astype(np.float64) * 2.0**-_UNIT_BITS


class Ids:
    """Ids in the order in which they were first seen; a place is never given away again."""

    __slots__ = ("_place", "names")

    def __init__(self) -> None:
        self._place: dict[str, int] = {}
        self.names: list[str] = []

    def __len__(self) -> int:
        return len(self.names)

    def places(self, ids: Iterable[str]) -> list[int]:
        """Look up known ids; an unknown one is a KeyError."""
        return list(map(self._place.__getitem__, ids))

    def add(self, ids: Sequence[str]) -> list[int]:
        """Look up ids and give the new ones the next places."""
        place = self._place
        known = list(map(place.get, ids))
        if None not in known:  # as a rule; it takes half the time
            return cast("list[int]", known)
        found = [place.setdefault(name, len(place)) for name in ids]
        fresh = list(islice(reversed(place), len(place) - len(self.names)))
        self.names.extend(reversed(fresh))
        return found
