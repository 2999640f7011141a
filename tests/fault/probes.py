"""Probes: how long does whoever asks a deployment for something wait for the answer?

A project at every home asks for an empty window, again and again; each question is in the log
behind all that was said before it in its topic. So the longest wait of a question that was open
after a fault is how long the fault has kept the service from serving.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from time import monotonic

import orjson
from seeded_load import CLASSES, at_every_home, until_acknowledged

from schemas import Close, ProjectSettings, Topic
from stream_app.client import Client
from stream_app.reading import Records, reading

PAUSE = 0.2
"""Seconds between an answer and the next question of a partition."""


class Probes:
    """One question open at every home at any time."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.projects = at_every_home(client.partitions, "probe")
        self._answers: dict[str, asyncio.Event] = {}
        self._last = dict.fromkeys(self.projects, 0.0)
        """When the last question of each project that is answered was asked."""
        self._waits: list[tuple[float, float]] = []
        """When a question was asked, and when it was answered."""
        self._may_ask = asyncio.Event()

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Ask meanwhile."""
        settings = ProjectSettings(classes=CLASSES, models=("m",), budget=0)
        for project in self.projects:
            await until_acknowledged(self.client, Topic.CONTROL, project, [settings])
        windows = self.client.settings.topic(Topic.WINDOWS)
        numbers = range(self.client.partitions)
        async with reading(
            self.client.settings, windows, numbers, start="end", follow=True
        ) as answers:
            tasks = [asyncio.create_task(self._ask(project)) for project in self.projects]
            tasks.append(asyncio.create_task(self._listen(answers)))
            self._may_ask.set()
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                for task in tasks:
                    with suppress(asyncio.CancelledError):
                        await task

    async def _ask(self, project: str) -> None:
        for number in count(1):
            await self._may_ask.wait()
            request = f"{project} {number}"
            answered = self._answers[request] = asyncio.Event()
            asked = monotonic()
            close = Close(cause="request", request_id=request, budget=0)
            await until_acknowledged(self.client, Topic.ANNOTATIONS, project, [close])
            await answered.wait()
            self._waits.append((asked, monotonic()))
            self._last[project] = asked
            await asyncio.sleep(PAUSE)

    async def _listen(self, records: Records) -> None:
        async for record in records:
            request = orjson.loads(record.value)["cause"].get("request_id")
            answered = self._answers.pop(request, None)
            if answered is not None:
                answered.set()

    @asynccontextmanager
    async def silent(self) -> AsyncIterator[None]:
        """Ask nothing meanwhile; every question before has been answered."""
        self._may_ask.clear()
        while self._answers:  # noqa: ASYNC110  a dict that empties makes no event
            await asyncio.sleep(0.02)
        try:
            yield
        finally:
            self._may_ask.set()

    def answered(self, since: float) -> bool:
        """Say whether a question that was asked since has been answered at every home."""
        return min(self._last.values()) >= since

    def longest(self, since: float) -> float:
        """Return how long, since then, an answer was waited for at most."""
        return max(end - max(begin, since) for begin, end in self._waits if end > since)
