"""An event loop without time: what is ready runs, and what waits can be looked at.

The product's coroutines run on it as they are. Where each of them stands, with its local
variables, can be told from their frames, so two histories that lead to the same place are one.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine, Hashable, Iterator
from types import CoroutineType, FrameType
from typing import Any

from aiokafka.errors import KafkaError

from stream_app.transport.errors import TransportError

PLAIN = (str, bytes, int, bool, type(None), frozenset, tuple)


class Loop(asyncio.AbstractEventLoop):
    """As much of an event loop as tasks, futures and bounded waits need; no bound ever passes."""

    def __init__(self) -> None:
        self._ready: deque[asyncio.Handle] = deque()
        self._tasks: list[asyncio.Task[Any]] = []

    def settle(self) -> None:
        """Run until everything waits for the world."""
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            while self._ready:
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            asyncio._set_running_loop(before)
        ended = [task for task in self._tasks if task.done() and not task.cancelled()]
        self._tasks = [task for task in self._tasks if not task.done()]
        for error in filter(None, (task.exception() for task in ended)):
            if not isinstance(error, KafkaError | TransportError):
                raise error

    def close(self) -> None:
        """End all that is still there."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            self.settle()

    def standing(self) -> Iterator[Hashable]:
        """Tell where each coroutine stands, and what it knows."""
        for task in self._tasks:
            coroutine: Any = task.get_coro()
            while isinstance(coroutine, CoroutineType):
                if coroutine.cr_frame is not None:
                    yield _place(coroutine.cr_frame)
                coroutine = coroutine.cr_await

    # ------------------------------------------------------------------ what asyncio asks for

    def create_task(self, coro: Coroutine[Any, Any, Any], **kwargs: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, **kwargs)
        self._tasks.append(task)
        return task

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def call_soon(
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, **_kwargs: Any
    ) -> asyncio.TimerHandle:
        return asyncio.TimerHandle(when, callback, args, self)

    def time(self) -> float:
        return 0.0

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        raise AssertionError(context) from context.get("exception")


def _place(frame: FrameType) -> Hashable:
    known = sorted(
        (name, repr(value)) for name, value in frame.f_locals.items() if isinstance(value, PLAIN)
    )
    return frame.f_code.co_qualname, frame.f_lasti, tuple(known)
