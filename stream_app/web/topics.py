"""What is read from the topics when asked, and what is said on them: the log behind the memory.

Windows, selections and dead letters are no state of a worker. They are read from the end of their
topic, so much and no more, in a thread of its own: neither the step nor other requests wait for it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, Protocol, TypeVar

from schemas import (
    DeadLetter,
    Event,
    Refusal,
    Selection,
    Topic,
    Window,
    parse_dead_letter,
    parse_output,
)
from schemas.compact import dumps
from stream_app.client import Client
from stream_app.reading import last_positions, reading
from stream_app.settings import Settings
from stream_app.topology import SOURCES
from stream_app.web.recent import Recent
from stream_app.web.wire import Letter

LOOK_BACK = 20_000
"""Selections of a partition that are looked through for those of an item."""
BEGINNING = 160
"""Characters of a dead letter that are shown."""

T = TypeVar("T")


class Topics(Protocol):
    """What the site reads from the topics, and says on them."""

    async def aclose(self) -> None:
        """Close what was opened."""

    async def publish(self, project: str, event: Event) -> None:
        """Say something on control.v1."""

    async def ends(self, project: str) -> dict[Topic, int]:
        """Return where each source ends now at a project's home."""
        ...

    async def close(
        self, project: str, *, request_id: str, budget: int | None, annotator: str | None
    ) -> Window | Refusal:
        """Ask for a window, and wait for it."""
        ...

    async def selections(self, window: Window) -> list[Selection]:
        """Return what a window selects, in rank order."""
        ...

    async def window(self, project: str, number: int) -> Window | None:
        """Return a window by its number."""
        ...

    async def windows(self, project: str, count: int, *, last: int) -> list[Window]:
        """Return the last windows, of which ``last`` is the number of the last one."""
        ...

    async def selected(self, project: str, item: str) -> tuple[list[Selection], int]:
        """Return an item's selections, the last one first; and how many were looked at."""
        ...

    async def dead_letters(self, project: str | None, count: int) -> list[Letter]:
        """Return the last dead letters, the newest first."""
        ...


class KafkaTopics:
    """The topics of a deployment; use it as an asynchronous context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = Client(settings, settings.partitions)
        self._recent = Recent()

    async def aclose(self) -> None:
        """Close the producer, if there is one."""
        await self._client.__aexit__()

    async def publish(self, project: str, event: Event) -> None:
        """Say something on control.v1."""
        await self._client.publish(Topic.CONTROL, project, [event])

    async def ends(self, project: str) -> dict[Topic, int]:
        """Return where each source ends now at a project's home."""
        names = {self._settings.topic(topic): topic for topic in SOURCES}
        ends = await last_positions(self._settings, names, self._client.home(project))
        return {names[name]: end for name, end in ends.items()}

    async def close(
        self, project: str, *, request_id: str, budget: int | None, annotator: str | None
    ) -> Window | Refusal:
        """Ask for a window on control.v1, and wait for it."""
        return await self._client.close_window(
            project,
            topic=Topic.CONTROL,
            budget=budget,
            annotator=annotator,
            request_id=request_id,
        )

    async def selections(self, window: Window) -> list[Selection]:
        """Return what a window selects, in rank order."""
        return await _apart(lambda: self._client.selections(window))

    async def window(self, project: str, number: int) -> Window | None:
        """Return a window by its number."""
        found = await _apart(
            lambda: self._client.last(
                Topic.WINDOWS, Window, project, lambda one: one.window == number
            )
        )
        return found[0] if found else None

    async def windows(self, project: str, count: int, *, last: int) -> list[Window]:
        """Return the last windows: read once for each that is added."""
        count = min(count, last)
        if not count:
            return []
        return await self._recent.get(
            ("windows", project, count, last),
            lambda: _apart(
                lambda: self._client.last(Topic.WINDOWS, Window, project, lambda _: True, count)
            ),
        )

    async def selected(self, project: str, item: str) -> tuple[list[Selection], int]:
        """Return an item's selections, among the last `LOOK_BACK` of its partition."""
        return await self._recent.get(
            ("selected", project, item), lambda: _apart(lambda: self._selected(project, item))
        )

    async def _selected(self, project: str, item: str) -> tuple[list[Selection], int]:
        topic, number = Topic.SELECTIONS, self._client.home(project)
        key, mark = project.encode(), dumps(item)
        found, looked_at = list[Selection](), 0
        async with reading(
            self._settings, self._settings.topic(topic), [number], start=-LOOK_BACK
        ) as records:
            async for record in records:
                looked_at += 1
                # Parsed only where the id is in it somewhere, as it is written.
                if record.key == key and mark in (record.value or b""):
                    said = parse_output(topic, record.key, record.value)
                    if isinstance(said, Selection) and said.item == item:
                        found.append(said)
        return found[::-1], looked_at

    async def dead_letters(self, project: str | None, count: int) -> list[Letter]:
        """Return the last dead letters, of the last so many of each partition."""
        return await self._recent.get(
            ("dead letters", project, count),
            lambda: _apart(lambda: self._dead_letters(project, count)),
        )

    async def _dead_letters(self, project: str | None, count: int) -> list[Letter]:
        partitions = range(self._client.partitions)
        last = [deque[Letter](maxlen=count) for _ in partitions]
        name = self._settings.topic(Topic.DEAD_LETTERS)
        start = -count if project is None else -LOOK_BACK
        async with reading(self._settings, name, partitions, start=start) as records:
            async for record in records:
                if project is None or record.key == project.encode():
                    letter = parse_dead_letter(record.key, record.value, record.headers)
                    last[record.partition].append(shown(letter, record.timestamp * 1000))
        newest = sorted(chain.from_iterable(last), key=attrgetter("time"), reverse=True)
        return newest[:count]


async def _apart(read: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in a thread and a loop of its own."""
    return await asyncio.to_thread(lambda: asyncio.run(read()))


def shown(letter: DeadLetter, time: int) -> Letter:
    """Return what is shown of a dead letter that was written at ``time`` (microseconds)."""
    value = letter.value or b""
    rows: Sequence[tuple[int, str]] = letter.rows
    return Letter(
        time=time,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        reason=letter.reason,
        rows=len(rows),
        first_row=rows[0][0] if rows else None,
        first_reason=rows[0][1] if rows else None,
        home=letter.home,
        key=None if letter.key is None else _text(letter.key[:1024]),
        begins=_text(value[: 4 * BEGINNING])[:BEGINNING],
        size=len(value),
    )


def _text(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")
