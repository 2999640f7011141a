"""Soak: a worker at half of its peak for a long time, then faster than it can.

python tests/load/soak.py --minutes 60 --seed 0 [--json FILE]

1. peak       the projects are full; how many a second does the worker take, sent all at once?
2. steady     a share of that, for the minutes asked for; windows close all the while
3. overload   three times the peak, for a tenth of that time or 15 s: only the lag may grow
4. drain      nothing more is sent; how long until all has been taken?

Events are single records of four projects at work: labels, corrections, retractions, predictions,
of a bounded number of items, so that a worker whose memory or files grow leaks. A fifth project
with few events is audited whole at the end. The last line: ``N minutes, M failures``.

The peak is that of a moment, and others may want the machine in the next. So a worker keeps up with
a steady load if, in the last quarter of it, it caught up at all.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from itertools import cycle, islice
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from labelling import audited
from workers import WorkerProcess, worker

from experiments.document import table
from schemas import ProjectSettings, Topic, project_key
from stream_app.broker import Broker
from stream_app.client import Client
from stream_app.settings import Settings
from stream_app.topics import ensure_topics

PARTITIONS = 2
PROJECTS = ("birds", "fish", "mammals", "stars")
WITNESS = "witness"
"""The project that is audited; it gets one event in `SELDOM`."""
SELDOM = 200
CLASSES = ("a", "b", "c", "d", "e")
ITEMS, ANNOTATORS = 5_000, 8
WINDOW_SECONDS = 5
SETTINGS = ProjectSettings(
    classes=CLASSES,
    models=("m",),
    budget=50,
    window_seconds=WINDOW_SECONDS,
    lease_seconds=20,
    max_answers=ANNOTATORS,
)
WARM_EVENTS, PEAK_EVENTS = 200_000, 60_000
"""The first ones fill the projects: an item with eight labels costs more than one with one."""
STEADY, OVERLOAD = 0.5, 3.0
"""Shares of the peak."""
SLICE = 0.05
"""Seconds between two bursts of events."""

# What may grow from the second quarter of a phase to its last: for allocators and caches.
MORE_MEMORY, MORE_MIB = 1.10, 24
MORE_FILES = 16
OVERLOAD_MIB = 200
"""What an overloaded worker may take beside: the lanes' buffers, and longer runs."""


Event = tuple[Topic, str, bytes]
"""Topic, project, value."""


def events(seed: int) -> Iterator[Event]:
    """Make up `WARM_EVENTS` events."""
    rng = Random(seed)
    for number in range(1, WARM_EVENTS + 1):
        project = WITNESS if number % SELDOM == 0 else rng.choice(PROJECTS)
        item = f"item-{rng.randrange(ITEMS)}"
        kind = rng.random()
        if kind < 0.2:
            shares = [rng.random() + 0.01 for _ in CLASSES]
            total = sum(shares)
            body = {
                "type": "prediction",
                "model": "m",
                "item": item,
                "pred_probs": dict(zip(CLASSES, [one / total for one in shares], strict=True)),
            }
        else:
            body = {"item": item, "annotator": f"annotator-{rng.randrange(ANNOTATORS)}"}
            body["type"] = "retraction" if kind < 0.25 else "annotation"
            if kind >= 0.25:
                body["label"] = rng.choice((*CLASSES, None))
        topic = Topic.PREDICTIONS if kind < 0.2 else Topic.ANNOTATIONS
        yield topic, project, orjson.dumps({**body, "schema_version": 1})


@dataclass(frozen=True, slots=True)
class Sample:
    """A worker, looked at from outside."""

    at: float
    mib: float
    """Resident memory."""
    files: int
    lag: int
    windows: int
    """Of all projects."""
    latency: float
    """Seconds from broker to durable, mean over the runs since the last sample."""


@dataclass(slots=True)
class Watch:
    """Looks at a worker every second or so."""

    process: WorkerProcess
    samples: list[Sample] = field(default_factory=list)
    _latency: tuple[float, float] = (0.0, 0.0)

    def look(self) -> Sample:
        pid = Path("/proc") / str(self.process.process.pid)
        status = dict(
            line.split(":", 1) for line in (pid / "status").read_text().splitlines() if ":" in line
        )
        by_name: dict[str, float] = {}
        for (name, _), value in self.process.metrics().items():
            by_name[name] = by_name.get(name, 0.0) + value
        total = by_name["activelab_event_latency_seconds_sum"]
        count = by_name["activelab_event_latency_seconds_count"]
        seconds, runs = total - self._latency[0], count - self._latency[1]
        self._latency = total, count
        sample = Sample(
            at=time.monotonic(),
            mib=int(status["VmRSS"].split()[0]) / 1024,
            files=len(list((pid / "fd").iterdir())),
            lag=int(by_name.get("activelab_lag_records", 0)),
            windows=int(by_name.get("activelab_windows_total", 0)),
            latency=seconds / runs if runs else 0.0,
        )
        self.samples.append(sample)
        return sample


@asynccontextmanager
async def looking(watch: Watch, every: float) -> AsyncIterator[None]:
    """Look at a worker all the while."""

    async def look() -> None:
        while True:
            await asyncio.to_thread(watch.look)
            await asyncio.sleep(every)

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


@dataclass(slots=True)
class Sender:
    """Sends events at their projects' homes, in large batches: so it leaves others the machine."""

    client: Client
    producer: AIOKafkaProducer
    source: Iterator[Event]
    sent: int = 0

    async def send(self, number: int) -> None:
        """Send so many events, as fast as the broker takes them."""
        batches: dict[tuple[Topic, int], BatchBuilder] = {}
        for topic, project, value in islice(self.source, number):
            place, key = (topic, self.client.home(project)), project_key(project)
            batch = batches.get(place)
            if batch is None or batch.append(key=key, value=value, timestamp=None) is None:
                if batch is not None:
                    await self._send(place, batch)
                batch = batches[place] = self.producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        for place, batch in batches.items():
            await self._send(place, batch)
        self.sent += number

    async def _send(self, place: tuple[Topic, int], batch: BatchBuilder) -> None:
        name = self.client.settings.topic(place[0])
        await self.producer.send_batch(batch, name, partition=place[1])

    async def flow(self, rate: float, seconds: float) -> float:
        """Send so many events a second for so long; return the rate that came of it."""
        began, before = time.monotonic(), self.sent
        while (now := time.monotonic() - began) < seconds:
            await self.send(int(rate * min(now, seconds)) - (self.sent - before))
            await asyncio.sleep(SLICE)
        await self.producer.flush()
        return (self.sent - before) / (time.monotonic() - began)


@dataclass(slots=True)
class Report:
    """What was measured."""

    seed: int
    minutes: float
    peak: float = 0.0
    """Events a second."""
    steady: float = 0.0
    overload: float = 0.0
    drained: float = 0.0
    """Seconds."""
    events: int = 0
    audited: int = 0
    """Windows of the witness that are exact."""
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.wrong.append(otherwise)


async def soak(
    minutes: float, seed: int, folder: Path, servers: str, steady: float = STEADY
) -> Report:
    """Run all phases on a deployment of its own; ``steady`` is the share of the peak."""
    report = Report(seed, minutes)
    settings = Settings(
        bootstrap_servers=servers,
        app_id="soak",
        topic_prefix="soak.",
        partitions=PARTITIONS,
        data_dir=folder / "worker",
        web_port=0,
    )
    await ensure_topics(settings)
    async with (
        Client(settings) as client,
        AIOKafkaProducer(bootstrap_servers=servers, max_batch_size=1 << 17) as producer,
    ):
        for project in (*PROJECTS, WITNESS):
            await client.publish(Topic.CONTROL, project, [SETTINGS])
        sender = Sender(client, producer, cycle(events(seed)))
        await sender.send(WARM_EVENTS)
        await producer.flush()
        with worker(settings) as process:
            await all_taken(client)
            began = time.monotonic()
            await sender.send(PEAK_EVENTS)
            await producer.flush()
            await all_taken(client)
            report.peak = PEAK_EVENTS / (time.monotonic() - began)
            watch = Watch(process)
            seconds = 60 * minutes
            every = max(0.5, seconds / 600)
            async with looking(watch, every):
                report.steady = await sender.flow(steady * report.peak, seconds)
                calm, watch.samples = watch.samples, []
                report.overload = await sender.flow(
                    OVERLOAD * report.peak, max(3 * WINDOW_SECONDS, seconds / 10)
                )
                overloaded, watch.samples = watch.samples, []
                began = time.monotonic()
                await asyncio.to_thread(drain, watch)
                report.drained = time.monotonic() - began
            report.samples = {"steady": calm, "overload": overloaded, "drain": watch.samples}
            report.events = sender.sent
            await client.settle(WITNESS)
            report.audited = len(await audited(settings, WITNESS))
            report.expect(process.stop() == 0, "the worker did not end as asked to")
    judge(report)
    return report


async def all_taken(client: Client) -> None:
    """Wait until all that was sent is applied."""
    await asyncio.gather(*(client.settle(name) for name in (*PROJECTS, WITNESS)))


def drain(watch: Watch) -> None:
    """Wait until nothing waits."""
    while watch.look().lag:
        time.sleep(0.2)


def quarters(samples: list[Sample]) -> list[list[Sample]]:
    """Return the four quarters of a phase."""
    size = max(1, len(samples) // 4)
    return [samples[at * size : (at + 1) * size] for at in range(4)]


def judge(report: Report) -> None:
    """Say what is not as it should be."""
    steady, overload = report.samples["steady"], report.samples["overload"]
    _, second, _, last = quarters(steady)
    before, after = (median(one.mib for one in part) for part in (second, last))
    report.expect(after <= MORE_MEMORY * before + MORE_MIB, f"memory: {before} to {after} MiB")
    before, after = (max(one.files for one in part) for part in (second, last))
    report.expect(after <= before + MORE_FILES, f"files: {before} to {after}")
    second_of_events = int(report.peak)
    waiting = min(one.lag for one in last)
    report.expect(waiting <= second_of_events, f"never caught up: {waiting} records wait")
    closed = steady[-1].windows - steady[0].windows
    due = len((*PROJECTS, WITNESS)) * int((steady[-1].at - steady[0].at) / WINDOW_SECONDS - 1)
    report.expect(closed >= due, f"{closed} windows, of {due} that were due")

    most = max(one.lag for one in overload)
    report.expect(most > 2 * second_of_events, f"an overload that is none: {most} records waited")
    usual, most = (max(one.mib for one in part) for part in (last, overload))
    report.expect(most <= usual + OVERLOAD_MIB, f"memory in overload: {usual} to {most} MiB")
    # What was due in the overload may be late, but comes before the last of what waited is taken.
    after = report.samples["drain"][-1].windows
    report.expect(after - steady[-1].windows >= len(PROJECTS), "no windows in overload")
    slow = max(one.latency for one in (*overload, *report.samples["drain"]))
    usual = median(one.latency for one in last)
    report.expect(slow > 2 * usual, f"the latency does not tell overload: {usual}, {slow} s")
    report.expect(report.audited > 1, "no window of the witness")


def phases(report: Report) -> str:
    """Return what was measured, as a table."""
    rates = {"steady": report.steady, "overload": report.overload, "drain": 0.0}
    rows = []
    for phase, samples in report.samples.items():
        mib, files = [one.mib for one in samples], [one.files for one in samples]
        lag, latency = [one.lag for one in samples], [one.latency for one in samples]
        rows.append(
            [
                phase,
                f"{rates[phase]:,.0f}",
                f"{mib[0]:.0f}, {median(mib):.0f}, {mib[-1]:.0f}",
                f"{min(files)} to {max(files)}",
                f"{median(lag):,.0f}, {max(lag):,}",
                f"{median(latency):.3f}, {max(latency):.3f}",
                f"{samples[-1].windows:,}",
            ]
        )
    memory, latencies = "memory MiB (first, median, last)", "latency s (median, most)"
    heads = ["phase", "events/s", memory, "files", "lag (median, most)", latencies, "windows"]
    return table(heads, *rows)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steady", type=float, default=STEADY, help="share of the peak")
    parser.add_argument("--json", type=Path, help="file for all samples")
    options = parser.parse_args()
    with TemporaryDirectory() as folder, Broker() as broker:
        place, servers = Path(folder), broker.bootstrap_servers
        report = asyncio.run(soak(options.minutes, options.seed, place, servers, options.steady))
    if options.json:
        options.json.write_bytes(orjson.dumps(asdict(report)))
    print(f"peak {report.peak:,.0f} events/s; {report.events:,} events sent, seed {report.seed}; ")
    print(f"drained in {report.drained:.1f} s; {report.audited} windows audited\n")
    print(phases(report))
    print(*report.wrong, sep="\n")
    print(f"{options.minutes:g} minutes, {len(report.wrong)} failures")
    return int(bool(report.wrong))


if __name__ == "__main__":
    sys.exit(main())
