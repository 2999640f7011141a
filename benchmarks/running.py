"""What is measured through Kafka: deployments, records that wait in them, and real workers."""

import asyncio
import os
import re
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self
from urllib.request import urlopen

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from prometheus_client.parser import text_string_to_metric_families

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
_ASSIGNED = re.compile(r"event='assigned' partitions=\[([\d, ]*)\]")
_WEB = re.compile(r"event='web' url='([^']+)'")


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

    def data_dir(self, worker: int) -> Path:
        """Return the folder of a worker of `working`."""
        return _data_dir(self.settings, worker)


def _data_dir(settings: Settings, worker: int) -> Path:
    return settings.data_dir.with_name(f"{settings.data_dir.name}-{worker}")


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


@dataclass(slots=True)
class Worker:
    """A worker process, looked at from outside."""

    process: asyncio.subprocess.Process
    began: float
    """When it was started, in seconds of `time.perf_counter`."""
    partitions: frozenset[int] = frozenset()
    assigned_at: float = 0.0
    """When it last began to serve partitions."""
    lines: list[str] = field(default_factory=list)
    _said: asyncio.Condition = field(default_factory=asyncio.Condition)

    @classmethod
    async def start(cls, settings: Settings) -> Self:
        """Start a worker of a deployment."""
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stream_app.cli", "worker"),
            env={**os.environ, **settings.environment()},
            stderr=asyncio.subprocess.PIPE,
        )
        return cls(process, began)

    async def listen(self) -> None:
        """Read its log until it ends."""
        assert self.process.stderr is not None
        async for raw in self.process.stderr:
            line = raw.decode()
            self.lines.append(line)
            if found := _ASSIGNED.search(line):
                self.assigned_at = time.perf_counter()
                self.partitions = frozenset(map(int, found[1].split(",")))
            async with self._said:
                self._said.notify_all()
        async with self._said:
            self._said.notify_all()

    async def serving(self, number: int) -> None:
        """Wait until it serves so many partitions."""

        def serves() -> bool:
            assert self.process.returncode is None, "".join(self.lines[-20:])
            return len(self.partitions) == number

        async with asyncio.timeout(PATIENCE), self._said:
            await self._said.wait_for(serves)

    def cpu_seconds(self) -> float:
        """Return the processor time that it has taken so far, of all its threads."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    async def metric(self, name: str) -> float:
        """Scrape it: the sum of a series."""
        (url,) = {found[1] for line in self.lines if (found := _WEB.search(line))}
        text = await asyncio.to_thread(lambda: urlopen(url).read().decode())
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        )


@asynccontextmanager
async def working(settings: Settings, workers: int = 1) -> AsyncIterator[list[Worker]]:
    """Run workers that share a deployment's partitions; give them when they serve them all."""
    started: list[Worker] = []
    async with asyncio.TaskGroup() as listening:
        try:
            for number in range(workers):
                place = {"data_dir": _data_dir(settings, number)}
                worker = await Worker.start(settings.model_copy(update=place))
                started.append(worker)
                listening.create_task(worker.listen())
            for worker in started:
                await worker.serving(settings.partitions // workers)
            yield started
        finally:
            for worker in started:
                if worker.process.returncode is None:
                    worker.process.terminate()
            await asyncio.gather(*(worker.process.wait() for worker in started))


async def filled(
    deployment: Deployment, settings: ProjectSettings, predictions: list[bytes], labels: list[bytes]
) -> None:
    """Let a worker fill `PROJECT`, and stop it."""
    async with working(deployment.settings):
        await deployment.settle([PROJECT], settings)
        await deployment.feed(Topic.PREDICTIONS, predictions)
        await deployment.feed(Topic.ANNOTATIONS, labels)
        await deployment.settled(Topic.PREDICTIONS, Topic.ANNOTATIONS)


async def seconds_of(deployment: Deployment, topic: Topic, values: Iterable[bytes]) -> float:
    """Return what a worker takes for records that wait when it begins to serve."""
    await deployment.feed(topic, values)
    async with deployment.marked(topic) as passed, working(deployment.settings) as (worker,):
        await passed()
        return time.perf_counter() - worker.assigned_at
