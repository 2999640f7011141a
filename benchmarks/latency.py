"""From an event to its new score, through Kafka: ``python -m benchmarks.latency [--quick]``.

A project of 20,000 items whose windows close every two seconds. Labels come one by one, 1,000 a
second, and then half as many as the worker took at most when they were sent all at once. A label's
time is from the moment at which it was due until a reader of committed records has a score that
counts it. Each label is its item's next answer, so a score's ``num_answers`` says which it counts.
Sender and reader share one process and the machine with Kafka and the worker; what was read is
looked at when all has been sent.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
from aiokafka import AIOKafkaProducer

from benchmarks.crowd import ROWS, SETTINGS, item_names, predicted
from benchmarks.pools import ANNOTATORS, CLASSES
from benchmarks.report import is_quick, verdict
from benchmarks.running import BATCH_BYTES, PATIENCE, PROJECT, Deployment, deployed, kafka
from benchmarks.workers import Worker, working
from experiments.document import table
from schemas import Topic, project_key
from stream_app.reading import Records, reading

FLOOR, TARGET = 1, 5
LIMIT_MS = 250.0
"""The floor: of 99 % of the events."""
ITEMS = 20_000
FIRST_ANSWERS = 2
WINDOW_SECONDS = 2
CLOCKED = SETTINGS.model_copy(
    update={"window_seconds": WINDOW_SECONDS, "lease_seconds": 20, "max_answers": 300}
)
SLICE = 0.002
"""Seconds between two looks at what is due."""


def answer(number: int) -> dict[str, str]:
    """Return the label of so many before it: they go round the items, by ever new annotators."""
    turn, item = divmod(number, ITEMS)
    return {
        "item": f"item-{item:07}",
        "annotator": f"annotator-{(item + turn) % ANNOTATORS}",
        "label": CLASSES[(item + turn * (item % 4 == 0)) % len(CLASSES)],
    }


def single(number: int) -> bytes:
    """Return a label as a record of its own."""
    return orjson.dumps({"type": "annotation", "schema_version": 1, **answer(number)})


@dataclass(slots=True)
class Arrivals:
    """When the scores were read that count the labels from ``first`` on."""

    first: int
    at: npt.NDArray[np.float64]
    """Seconds of `time.perf_counter`; infinite where none was."""
    missing: int = field(init=False)

    def __post_init__(self) -> None:
        self.missing = len(self.at)

    def take(self, value: bytes, now: float) -> None:
        """Note a score: it counts its item's last label, and those before."""
        score = orjson.loads(value)
        number = (score["num_answers"] - 1) * ITEMS + int(score["item"][-7:]) - self.first
        while number >= 0 and number < len(self.at) and np.isinf(self.at[number]):
            self.at[number] = now
            self.missing -= 1
            number -= ITEMS


Seen = deque[tuple[bytes, float]]
"""Scores that were read, each with the time."""


@asynccontextmanager
async def arriving(records: Records) -> AsyncIterator[tuple[Seen, asyncio.Task[None]]]:
    """Read scores all the while; gives where they are put, and the task, which has no end."""
    seen: Seen = deque()

    async def read() -> None:
        async for record in records:
            if record.value is not None:
                seen.append((record.value, time.perf_counter()))

    task = asyncio.create_task(read())
    try:
        yield seen, task
    finally:
        task.cancel()
        await asyncio.wait({task})


async def send(deployment: Deployment, values: Sequence[bytes], rate: float) -> float:
    """Send records at a rate; return when the first one was due."""
    topic, key = deployment.settings.topic(Topic.ANNOTATIONS), project_key(PROJECT)
    async with AIOKafkaProducer(
        bootstrap_servers=deployment.settings.bootstrap_servers, max_batch_size=BATCH_BYTES
    ) as producer:
        await producer.partitions_for(topic)  # asks where it is
        began, sent = time.perf_counter(), 0
        while sent < len(values):
            due = min(len(values), 1 + int(rate * (time.perf_counter() - began)))
            if due > sent:
                batch = producer.create_batch()
                for value in values[sent:due]:
                    batch.append(key=key, value=value, timestamp=None)
                await producer.send_batch(batch, topic, partition=0)
                sent += batch.record_count()
            await asyncio.sleep(SLICE)
    return began


@dataclass(frozen=True, slots=True)
class Measured:
    """What labels at a rate took."""

    load: str
    rate: float
    milliseconds: npt.NDArray[np.float64]
    closes: float
    close_ms: float
    """Of one close: refresh and ranking."""

    @property
    def p99(self) -> float:
        """Return what 99 % stay below."""
        return float(np.quantile(self.milliseconds, 0.99))

    def row(self) -> list[str]:
        """Return it for the table."""
        p50 = float(np.median(self.milliseconds))
        figures = (self.rate, p50, self.p99, self.milliseconds.max(), self.closes, self.close_ms)
        return [self.load, *(f"{figure:,.0f}" for figure in figures)]


async def flow(
    deployment: Deployment, worker: Worker, load: str, first: int, number: int, rate: float
) -> Measured:
    """Send labels at a rate, and measure them."""
    values = [single(one) for one in range(first, first + number)]
    arrivals = Arrivals(first, np.full(number, np.inf))
    settings = deployment.settings
    duration = "activelab_window_duration_seconds_"
    before = [await worker.metric(duration + name) for name in ("sum", "count")]
    scores = settings.topic(Topic.ITEM_SCORES)
    async with (
        reading(settings, scores, [0], start="end", follow=True) as records,
        arriving(records) as (seen, reader),
    ):
        began = await send(deployment, values, rate)
        async with asyncio.timeout(PATIENCE):
            while arrivals.missing:
                await asyncio.sleep(SLICE)
                if reader.done():
                    reader.result()  # raises what it died of
                while seen:
                    arrivals.take(*seen.popleft())
    after = [await worker.metric(duration + name) for name in ("sum", "count")]
    spent, closes = (b - a for a, b in zip(before, after, strict=True))
    late = 1000 * (arrivals.at - began - np.arange(number) / rate)
    return Measured(load, rate, late, closes, 1000 * spent / max(1.0, closes))


async def measure(servers: str, folder: Path, burst: int, seconds: float) -> list[Measured]:
    """Fill the project, find the peak, and measure at both rates."""
    async with deployed(servers, folder) as deployment, working(deployment.settings) as (worker,):
        await deployment.settle([PROJECT], CLOCKED)
        await deployment.feed(Topic.PREDICTIONS, predicted(item_names(ITEMS), version=1))
        first = FIRST_ANSWERS * ITEMS
        rows = [answer(number) for number in range(first)]
        batches = [
            orjson.dumps({"type": "annotations", "schema_version": 1, "rows": rows[at : at + ROWS]})
            for at in range(0, first, ROWS)
        ]
        await deployment.feed(Topic.ANNOTATIONS, batches)
        await deployment.settled(Topic.PREDICTIONS, Topic.ANNOTATIONS)

        values = [single(number) for number in range(first, first + burst)]
        began = time.perf_counter()
        await deployment.feed(Topic.ANNOTATIONS, values)
        await deployment.settled(Topic.ANNOTATIONS)
        peak = burst / (time.perf_counter() - began)
        first += burst

        measured = []
        for load, rate in (("1,000 a second", 1_000.0), ("half of the peak", peak / 2)):
            number = int(rate * seconds)
            measured.append(await flow(deployment, worker, load, first, number, rate))
            first += number
        return measured


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table and, as the last line, the ratio."""
    burst, seconds = (40_000, 8.0) if is_quick(__doc__, arguments) else (100_000, 30.0)
    with kafka() as (servers, folder):
        measured = asyncio.run(measure(servers, folder, burst, seconds))
    heads = ["load", "events/s", "p50 ms", "p99 ms", "most ms", "closes", "a close ms"]
    print(table(heads, *(one.row() for one in measured)))
    worst = max(one.p99 for one in measured)
    verdict(f"the floor of {LIMIT_MS:g} ms over the larger p99", LIMIT_MS / worst, FLOOR, TARGET)


if __name__ == "__main__":
    main()
