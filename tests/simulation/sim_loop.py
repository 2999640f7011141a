"""One thread and no clock: a coroutine goes on when the simulation says so, and not before.

Between two pauses nothing else happens, so a pause is where a worker may crash, freeze, or find
the world changed. What runs in a thread under Faust runs inline here, with a pause on either side.
"""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import Any

Routine = Coroutine[str, None, None]
"""What `pause` yields is what the routine is about to do."""


@types.coroutine
def pause(before: str) -> Generator[str, None, None]:
    """Stop until the simulation goes on; ``before`` says what comes next."""
    yield before


class _InlineLoop(asyncio.AbstractEventLoop):
    """All of asyncio that the step may use: `asyncio.to_thread`. Anything else is an error."""

    def run_in_executor(self, _executor: object, func: Callable[..., Any], *args: Any) -> Any:
        return self._inline(func, *args)

    async def _inline(self, func: Callable[..., Any], *args: Any) -> Any:
        await pause("a thread")
        result = func(*args)
        await pause("the thread's result")
        return result


@contextmanager
def inline_threads() -> Iterator[None]:
    """Let `asyncio.to_thread` run inline for coroutines that are driven by hand."""
    asyncio._set_running_loop(_InlineLoop())
    try:
        yield
    finally:
        asyncio._set_running_loop(None)
