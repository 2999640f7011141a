"""Real workers: processes that take what waits, looked at from outside."""

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.running import PATIENCE, PROJECT, Deployment
from schemas import ProjectSettings, Topic
from stream_app.settings import Settings

_ASSIGNED = re.compile(r"event='assigned' partitions=\[([\d, ]*)\]")
_WEB = re.compile(r"event='web' url='([^']+)'")


def data_dir(settings: Settings, number: int) -> Path:
    """Return the folder of one of the workers of a deployment."""
    return settings.data_dir.with_name(f"{settings.data_dir.name}-{number}")


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

    def resident_bytes(self) -> int:
        """Return the memory that it holds now."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

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
                place = {"data_dir": data_dir(settings, number)}
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


@dataclass(frozen=True, slots=True)
class Taken:
    """What a worker took for a number of events."""

    events: int
    seconds: float
    cpu: float
    """Seconds of its processor time."""

    @property
    def rate(self) -> float:
        """Return events a second."""
        return self.events / self.seconds

    @property
    def cpu_each(self) -> float:
        """Return microseconds of processor time an event."""
        return 1e6 * self.cpu / self.events


async def taken(
    deployment: Deployment, topic: Topic, values: Iterable[bytes], events: int
) -> Taken:
    """Return what a worker takes for records that wait when it begins to serve."""
    await deployment.feed(topic, values)
    async with deployment.marked(topic) as passed, working(deployment.settings) as (worker,):
        before = worker.cpu_seconds()
        await passed()
        cpu = worker.cpu_seconds() - before
        return Taken(events, time.perf_counter() - worker.assigned_at, cpu)
