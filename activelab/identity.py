"""What an id gives apart from its name: a place in columns, and hashes that decide by chance.

The hash of an item's id breaks the ties that nothing else breaks, and orders items at random; it
is the same in every process and on every machine.
"""

import hashlib
from collections.abc import Iterable
from typing import cast

import numpy as np

from activelab.errors import UnknownId
from activelab.rows import Floats, Hashes, Ints

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


class Names:
    """The names of several `Ids` by place, which each of them gives away to what is new to it."""

    __slots__ = ("_free", "fresh", "names")

    def __init__(self) -> None:
        self.names: list[str] = []
        self.fresh: list[int] = []
        """Who has been given which place since somebody looked: owner and place, in turn."""
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self.names)

    def give(self, owner: int, name: str) -> int:
        """Give a place away: one that was taken back, or else the next."""
        if self._free:
            place = self._free.pop()
            self.names[place] = name
        else:
            place = len(self.names)
            self.names.append(name)
        self.fresh.append(owner)
        self.fresh.append(place)
        return place

    def take_back(self, places: Iterable[int]) -> None:
        """Take places back, to give them away anew."""
        for place in places:
            self.names[place] = ""
            self._free.append(place)


class Ids(dict[str, int]):
    """An owner's ids and their places among `Names`; ``ids[name]`` gives a new id a place.

    What stays must not lie among what goes, or it leaves holes all over the memory, which all that
    is made later has to fill. So an id is kept as a copy, and nothing else is made between two.
    """

    __slots__ = ("_names", "_owner")

    def __init__(self, names: Names, owner: int) -> None:
        self._names, self._owner = names, owner

    def __missing__(self, name: str) -> int:
        name = str(name.encode(), "utf-8")  # a copy, beside those of the other new ids
        self[name] = place = self._names.give(self._owner, name)
        return place

    def known(self, ids: Iterable[str]) -> list[int]:
        """Look up known ids; an unknown one is an `UnknownId`."""
        found = list(map(self.get, ids))
        if None in found:
            message = "an id that is not known"
            raise UnknownId(message)
        return cast("list[int]", found)

    def places(self) -> Ints:
        """Return the places of all ids, in the order in which they came: ``(n,)``."""
        return np.fromiter(self.values(), np.int64, len(self))
