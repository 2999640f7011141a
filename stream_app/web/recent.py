"""What was read a moment ago: the same is read once for all who ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Any, TypeVar

RECENT_SECONDS = 2.0
"""How long what was read is shown to others who ask the same."""

T = TypeVar("T")


class Recent:
    """Remembers what was read, by what was asked."""

    def __init__(self) -> None:
        self._read: dict[Hashable, tuple[float, asyncio.Task[Any]]] = {}

    async def get(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """Return what is known of ``key``, or read it."""
        now = monotonic()
        self._read = {
            known: (at, task)
            for known, (at, task) in self._read.items()
            if not task.done() or now - at < RECENT_SECONDS
        }
        if key not in self._read:
            self._read[key] = now, asyncio.ensure_future(read())
        found: T = await asyncio.shield(self._read[key][1])
        return found
