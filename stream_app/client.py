"""A client of a deployment: puts records where they belong, reads what is said, asks for windows.

The command line, the trainer and the demo are clients like any other; all they do goes through
the topics.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Self, TypeVar

from aiokafka import AIOKafkaProducer

from schemas import (
    Close,
    Control,
    Event,
    Output,
    ProjectSettings,
    Refusal,
    RequestCause,
    Selection,
    Tombstone,
    Topic,
    Window,
    decode,
    home,
    parse_output,
    project_key,
)
from stream_app.connection import connected, connection
from stream_app.errors import NoAnswer, TopicError
from stream_app.group import Attendance, attendance
from stream_app.reading import Records, Start, reading
from stream_app.settings import Settings
from stream_app.topics import partition_count
from stream_app.topology import MAX_OUTPUT_BYTES, SOURCES

ANSWER_SECONDS = 60.0
"""How long a close may wait for its answer: behind the lag, and for its own refresh."""
VISIBLE_SECONDS = 10.0
"""How long the rest of a committed transaction may take to be seen."""

O = TypeVar("O", bound=Output)  # noqa: E741  # an output


@dataclass(frozen=True, slots=True)
class Spoken:
    """An output record and its place."""

    offset: int
    timestamp: int
    said: Output | Tombstone


@dataclass(slots=True)
class Client:
    """Talks to a deployment; use it as an asynchronous context manager."""

    settings: Settings
    partitions: int = 0
    _producer: AIOKafkaProducer | None = field(init=False, default=None)
    _one_producer: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _connected: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)

    async def __aenter__(self) -> Self:
        self.partitions = await partition_count(self.settings)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connected.aclose()

    async def _speaking(self) -> AIOKafkaProducer:
        """Return the producer, made for the first record: who only reads may have none."""
        async with self._one_producer:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **connection(self.settings),
                    enable_idempotence=True,
                    linger_ms=5,
                    max_request_size=MAX_OUTPUT_BYTES,
                )
                self._producer = await self._connected.enter_async_context(
                    connected(producer, self.settings)
                )
        return self._producer

    def home(self, project: str) -> int:
        """Return the partition in which a project lives."""
        return home(project, self.partitions)

    async def publish(
        self,
        topic: Topic,
        project: str,
        events: Iterable[Event],
        *,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> int:
        """Publish events of a project, in order; return how many, once the broker has them all."""
        producer = await self._speaking()
        sent = [
            await producer.send(
                self.settings.topic(topic),
                event.to_bytes(),
                key=project_key(project),
                partition=self.home(project),
                headers=[*headers],
            )
            for event in events
        ]
        await asyncio.gather(*sent)
        return len(sent)

    async def close_window(
        self,
        project: str,
        *,
        topic: Topic = Topic.PREDICTIONS,
        budget: int | None = None,
        annotator: str | None = None,
        request_id: str | None = None,
        within: float = ANSWER_SECONDS,
    ) -> Window | Refusal:
        """Ask for a window and wait for its answer.

        It covers all that precedes it in its topic; `settle` makes sure of the other topics. With
        an annotator, it selects nothing that they have answered.
        """
        request = request_id or uuid.uuid4().hex
        cause = RequestCause(request_id=request, annotator=annotator)
        async with self.listen(Topic.WINDOWS, project, start="end", follow=True) as windows:
            close = Close(cause="request", request_id=request, budget=budget, annotator=annotator)
            await self.publish(topic, project, [close])
            try:
                async with asyncio.timeout(within):
                    async for spoken in windows:
                        if isinstance(spoken.said, Window | Refusal) and spoken.said.cause == cause:
                            return spoken.said
            except TimeoutError as error:
                raise NoAnswer.within(within, project, await self.attendance(project)) from error
        raise AssertionError  # what follows has no end

    async def settle(
        self, project: str, topics: Iterable[Topic] = SOURCES, *, within: float = ANSWER_SECONDS
    ) -> None:
        """Wait until all that was published before on these topics counts."""
        answers = await asyncio.gather(
            *(self.close_window(project, topic=topic, budget=0, within=within) for topic in topics),
            return_exceptions=True,
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer

    async def attendance(self, project: str | None = None) -> Attendance:
        """Return who is at work, and what waits at a project's home (or everywhere)."""
        return await attendance(self.settings, self._numbers(project))

    async def projects(self, project: str | None = None) -> dict[str, ProjectSettings]:
        """Return the settings of every project (or of one, if it exists), by id.

        They are in the last valid ``project`` record of control.v1, taken by a worker or not yet.
        """
        control = Topic.CONTROL
        found: dict[str, ProjectSettings] = {}
        async with reading(
            self.settings, self.settings.topic(control), self._numbers(project)
        ) as records:
            async for record in records:
                if b'"project"' not in (record.value or b""):
                    continue  # items and closes, of which there may be many
                for piece in decode(
                    [record],
                    topic=control,
                    partition=record.partition,
                    partitions=self.partitions,
                    begin=record.offset,
                    end=record.offset + 1,
                    max_rows=1,
                    max_bytes=1,
                ):
                    if isinstance(piece, Control) and isinstance(piece.event, ProjectSettings):
                        found[piece.project] = piece.event
        if project is not None:
            return {project: found[project]} if project in found else {}
        return dict(sorted(found.items()))

    async def last(
        self, topic: Topic, kind: type[O], project: str, wanted: Callable[[O], bool], count: int = 1
    ) -> list[O]:
        """Return the last ``count`` outputs of a kind that are wanted, in order.

        Looks from the end of the topic, and in all of it only where that is not enough.
        """
        found: list[O] = []
        for start in (-(10 * count + 1_000), "begin"):
            said = [one.said for one in await self.read(topic, project, start=start)]
            found = [one for one in said if isinstance(one, kind) and wanted(one)]
            if len(found) >= count:
                return found[len(found) - count :]
        return found

    async def selections(self, window: Window) -> list[Selection]:
        """Return what a window selects, in rank order.

        It was said in the manifest's transaction; but a transaction becomes visible topic by topic,
        so this waits for what is not there yet.
        """
        count = window.counts.selected
        try:
            async with asyncio.timeout(VISIBLE_SECONDS):
                while True:
                    found = await self.last(
                        Topic.SELECTIONS,
                        Selection,
                        window.project,
                        lambda selection: selection.window == window.window,
                        count,
                    )
                    if len(found) == count:
                        return found
        except TimeoutError as error:
            message = (
                f"Window {window.window} of {window.project!r} has selected {count} items, but "
                f"{Topic.SELECTIONS} no longer has them all: were they archived?"
            )
            raise TopicError(message) from error

    async def read(
        self, topic: Topic, project: str | None = None, *, start: Start = "begin"
    ) -> list[Spoken]:
        """Return what an output topic has said up to now (of one project), in order."""
        async with self.listen(topic, project, start=start) as spoken:
            return [one async for one in spoken]

    @asynccontextmanager
    async def listen(
        self,
        topic: Topic,
        project: str | None = None,
        *,
        start: Start = "begin",
        follow: bool = False,
    ) -> AsyncIterator[AsyncIterator[Spoken]]:
        """Listen to an output topic; with a project, to its home and to nothing of the others."""
        name, numbers = self.settings.topic(topic), self._numbers(project)
        async with reading(self.settings, name, numbers, start=start, follow=follow) as records:
            yield _spoken(topic, project, records)

    def _numbers(self, project: str | None) -> Iterable[int]:
        return range(self.partitions) if project is None else [self.home(project)]


async def _spoken(topic: Topic, project: str | None, records: Records) -> AsyncIterator[Spoken]:
    async for record in records:
        said = parse_output(topic, record.key, record.value)
        if project is None or said.project == project:
            yield Spoken(record.offset, record.timestamp, said)
