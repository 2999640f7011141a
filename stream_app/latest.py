"""The latest word on each item: the largest time, or version, among its facts of each kind.

A fact above it is newer than all of them, whoever said it and whoever said those. So most facts
win without a look at the table, which costs more than to decide what they change.
"""

import numpy as np

from activelab.growing import Column
from activelab.rows import Bools, Ints
from stream_app.facts import Remembered, Times


class Latest:
    """The latest times by kind, and by the items' places."""

    def __init__(self) -> None:
        self._times = Remembered[bytes, Column](lambda _kind: Column(np.uint64))

    def precedes(self, kind: bytes, places: Ints, times: Times) -> Bools:
        """Tell which facts are newer than all of their kind on the same item: ``(n,)``."""
        before: Bools = self._of(kind, places)[places] < times
        return before

    def put(self, kind: bytes, places: Ints, times: Times) -> None:
        """Take facts in, in any order, however often an item is among them."""
        np.maximum.at(self._of(kind, places), places, times)

    def forget(self, places: Ints) -> None:
        """Forget all facts of items."""
        for kind in self._times:
            self._of(kind, places)[places] = 0

    def _of(self, kind: bytes, places: Ints) -> Times:
        column = self._times[kind]
        column.extend(int(places.max(initial=-1)) + 1)
        times: Times = column.rows
        return times
