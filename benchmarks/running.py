"""Where it is measured: a Kafka, deployments on it, and records that wait in them."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from schemas import Close, ProjectSettings, Topic, home, project_key
from stream_app.broker import Broker
from stream_app.client import Client
from stream_app.settings import Settings
from stream_app.topics import ensure_topics
from stream_app.topology import MAX_OUTPUT_BYTES, changelog

PROJECT = "animals"
BATCH_BYTES = 1 << 18
PATIENCE = 300.0
"""Seconds that anything may take."""


@contextmanager
def kafka() -> Iterator[tuple[str, Path]]:
    """Run a Kafka that compacts nothing, so that what was written can be counted.

    Gives its address, and the folder that holds it.
    """
    with TemporaryDirectory() as folder:
        place = Path(folder)
        with Broker(place / "kafka", properties={"log.cleaner.enable": "false"}) as broker:
            yield broker.bootstrap_servers, place


@dataclass(frozen=True, slots=True)
class Deployment:
    """Topics of its own, and a client."""

    settings: Settings
    client: Client
    folder: Path

    async def feed(self, topic: Topic, values: Iterable[bytes]) -> None:
        """Write records of `PROJECT` as fast as the broker takes them."""
        await self.feed_all(topic, ((PROJECT, value) for value in values))

    async def feed_all(self, topic: Topic, records: Iterable[tuple[str, bytes]]) -> None:
        """Write records of projects, home after home."""
        at_home: dict[int, list[tuple[bytes | None, bytes]]] = defaultdict(list)
        for project, value in records:
            at_home[self.client.home(project)].append((project_key(project), value))
        for partition, some in at_home.items():
            servers, name = self.settings.bootstrap_servers, self.settings.topic(topic)
            await feed(servers, name, some, partition=partition)

    async def settle(self, projects: Iterable[str], settings: ProjectSettings) -> None:
        """Let a running worker know projects."""
        value = settings.to_bytes()
        await self.feed_all(Topic.CONTROL, ((project, value) for project in projects))
        await self.settled(Topic.CONTROL)

    @asynccontextmanager
    async def marked(self, topic: Topic) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Put a mark behind what waits in each partition of a topic.

        Gives what waits until all of it is durable. A mark is a close of a project that does not
        exist: its refusal costs nothing, and comes when all before it has been made true.
        """
        partitions = range(self.client.partitions)
        marks = {number: _name_at(number, self.client.partitions) for number in partitions}
        async with self.client.listen(Topic.WINDOWS, start="end", follow=True) as spoken:
            for mark in marks.values():
                close = Close(cause="request", request_id=uuid.uuid4().hex, budget=0)
                await self.client.publish(topic, mark, [close])

            async def passed() -> None:
                left = set(marks.values())
                async with asyncio.timeout(PATIENCE):
                    async for one in spoken:
                        left.discard(one.said.project)
                        if not left:
                            return

            yield passed

    async def settled(self, *topics: Topic) -> None:
        """Wait until what these topics hold is durable."""
        for topic in topics:
            async with self.marked(topic) as passed:
                await passed()

    def written(self, *topics: str) -> int:
        """Return the bytes that the broker keeps of topics, named in full; of all if none is."""
        names = topics or (f"{self.settings.app_id}*",)
        records = self.folder / "kafka" / "records"
        segments = (file for name in names for file in records.glob(f"{name}-*/*.log"))
        return sum(segment.stat().st_size for segment in segments)

    @property
    def changelog(self) -> str:
        """Return the changelog's name."""
        return changelog(self.settings.app_id)


def _name_at(partition: int, partitions: int) -> str:
    """Return a project's name whose home is a partition."""
    names = (f"mark-{number}" for number in count())
    return next(name for name in names if home(name, partitions) == partition)


@asynccontextmanager
async def deployed(servers: str, folder: Path, partitions: int = 1) -> AsyncIterator[Deployment]:
    """Create a deployment's topics; give it."""
    name = f"bench-{uuid.uuid4().hex[:8]}"
    settings = Settings(
        bootstrap_servers=servers,
        app_id=name,
        topic_prefix=f"{name}.",
        partitions=partitions,
        data_dir=folder / name,
        web_port=0,
    )
    await ensure_topics(settings)
    async with Client(settings) as client:
        yield Deployment(settings, client, folder)


async def feed(
    servers: str, topic: str, records: Iterable[tuple[bytes | None, bytes]], *, partition: int = 0
) -> None:
    """Write records in large batches."""
    producer = AIOKafkaProducer(
        bootstrap_servers=servers,
        max_batch_size=MAX_OUTPUT_BYTES,
        max_request_size=MAX_OUTPUT_BYTES,
    )
    await producer.start()
    for batch in _batches(producer, records):
        await producer.send_batch(batch, topic, partition=partition)
    await producer.stop()


def _batches(
    producer: AIOKafkaProducer, records: Iterable[tuple[bytes | None, bytes]]
) -> Iterator[BatchBuilder]:
    batch, size = producer.create_batch(), 0
    for key, value in records:
        if size and size + len(value) > BATCH_BYTES:
            yield batch
            batch, size = producer.create_batch(), 0
        batch.append(key=key, value=value, timestamp=None)
        size += len(key or b"") + len(value)
    if size:
        yield batch
