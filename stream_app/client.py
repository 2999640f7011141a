"""A client of a deployment: puts records where they belong, reads what is said, asks for windows.

The command line, the trainer and the demo are clients like any other; all they do goes through
the topics.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from schemas import (
    Close,
    Event,
    Output,
    Refusal,
    RequestCause,
    Tombstone,
    Topic,
    Window,
    home,
    parse_output,
    project_key,
)
from stream_app.errors import BrokerError, NoAnswer
from stream_app.reading import Records, reading
from stream_app.settings import Settings
from stream_app.topics import partition_count
from stream_app.topology import MAX_OUTPUT_BYTES, SOURCES

ANSWER_SECONDS = 60.0
"""How long a close may wait for its answer: behind the lag, and for its own refresh."""


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
    _producer: AIOKafkaProducer = field(init=False)

    async def __aenter__(self) -> Self:
        self.partitions = await partition_count(self.settings)
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self.settings.bootstrap_servers,
            enable_idempotence=True,
            linger_ms=5,
            max_request_size=MAX_OUTPUT_BYTES,
        )
        try:
            await self._producer.start()
        except KafkaConnectionError as error:
            message = f"No Kafka answers at {self.settings.bootstrap_servers}."
            raise BrokerError(message) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    def home(self, project: str) -> int:
        """Return the partition in which a project lives."""
        return home(project, self.partitions)

    async def publish(self, topic: Topic, project: str, events: Iterable[Event]) -> int:
        """Publish events of a project, in order; return how many, once the broker has them all."""
        sent = [
            await self._producer.send(
                self.settings.topic(topic),
                event.to_bytes(),
                key=project_key(project),
                partition=self.home(project),
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
        request_id: str | None = None,
        within: float = ANSWER_SECONDS,
    ) -> Window | Refusal:
        """Ask for a window and wait for its answer.

        It covers all that precedes it in its topic; `settle` makes sure of the other topics.
        """
        request = request_id or uuid.uuid4().hex
        cause = RequestCause(request_id=request)
        async with self.listen(Topic.WINDOWS, project, start="end", follow=True) as windows:
            close = Close(cause="request", request_id=request, budget=budget)
            await self.publish(topic, project, [close])
            try:
                async with asyncio.timeout(within):
                    async for spoken in windows:
                        if isinstance(spoken.said, Window | Refusal) and spoken.said.cause == cause:
                            return spoken.said
            except TimeoutError as error:
                raise NoAnswer.within(within, project) from error
        raise AssertionError  # what follows has no end

    async def settle(self, project: str) -> None:
        """Wait until all that was published before counts, whatever its topic."""
        await asyncio.gather(
            *(self.close_window(project, topic=topic, budget=0) for topic in SOURCES)
        )

    async def read(self, topic: Topic, project: str | None = None) -> list[Spoken]:
        """Return what an output topic has said up to now (of one project), in order."""
        async with self.listen(topic, project) as spoken:
            return [one async for one in spoken]

    @asynccontextmanager
    async def listen(
        self,
        topic: Topic,
        project: str | None = None,
        *,
        start: Literal["begin", "end"] = "begin",
        follow: bool = False,
    ) -> AsyncIterator[AsyncIterator[Spoken]]:
        """Listen to an output topic; with a project, to its home and to nothing of the others."""
        numbers = range(self.partitions) if project is None else [self.home(project)]
        async with reading(
            self.settings, self.settings.topic(topic), numbers, start=start, follow=follow
        ) as records:
            yield _spoken(topic, project, records)


async def _spoken(topic: Topic, project: str | None, records: Records) -> AsyncIterator[Spoken]:
    async for record in records:
        said = parse_output(topic, record.key, record.value)
        if project is None or said.project == project:
            yield Spoken(record.offset, record.timestamp, said)
