"""Workers in the process of the test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from counting import Counting
from world import eventually

from stream_app.settings import Settings


@asynccontextmanager
async def running(
    settings: Settings, application: type[Counting] = Counting
) -> AsyncIterator[Counting]:
    counting = application(settings)
    await counting.app.start()
    try:
        yield counting
    finally:
        await counting.app.stop()
    assert counting.app.crash_reason is None


@asynccontextmanager
async def crashing(
    settings: Settings, application: type[Counting]
) -> AsyncIterator[tuple[Counting, list[BaseException]]]:
    """Run an application; within the context it must crash, for the reason that is appended."""
    counting = application(settings)
    reasons: list[BaseException] = []
    try:
        await counting.app.start()
        yield counting, reasons
        await eventually(lambda: counting.app.crash_reason is not None, "crashed")
        reasons.append(counting.app.crash_reason)
    finally:
        await counting.app.stop()


async def crash(settings: Settings, application: type[Counting]) -> type[BaseException]:
    """Run an application until it has crashed; return the reason."""
    async with crashing(settings, application) as (_, reasons):
        pass
    return type(reasons[0])
