"""From an event to its new score, through Kafka: ``python -m benchmarks.latency [--quick]``.

A project of 20,000 items whose windows close every two seconds. Events come one by one, 1,000 a
second, and then half as many as the worker took when they were sent all at once (the median of
three times, just before: the machine's speed changes from minute to minute). They go round the
items: an item gets four more labels, one a turn, and an abstention; then they are taken back, while
others get theirs. So there are as many labels at every close, and what a score counts (labels,
answers) tells which event was its item's last one. An event's time is from the moment at which it
was due until a score that counts it is readable: a reader of committed records may have it. How far
they may read is asked every few milliseconds, and the scores are read when all has been sent: who
sends and asks shares the machine with Kafka and the worker, and leaves it to them.
"""

import asyncio
import gc
import math
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.crowd import ROWS, SETTINGS, item_names, predicted
from benchmarks.pools import ANNOTATORS, CLASSES
from benchmarks.report import is_quick, verdict
from benchmarks.running import BATCH_BYTES, PROJECT, Deployment, deployed, kafka
from benchmarks.workers import Worker, working
from experiments.document import table
from schemas import Topic, project_key
from stream_app.connection import connected, connection
from stream_app.reading import reading
from stream_app.settings import Settings

FLOOR, TARGET = 1, 5
LIMIT_MS = 250.0
"""The floor: of 99 % of the events."""
ITEMS = 20_000
FIRST_ANSWERS, MORE_ANSWERS = 2, 4
"""Labels that an item has all the while, and those that come and go."""
CYCLE = 2 * (MORE_ANSWERS + 1)
"""Events of an item until it is as it was."""
WINDOW_SECONDS = 2
CLOCKED = SETTINGS.model_copy(
    update={"window_seconds": WINDOW_SECONDS, "lease_seconds": 20, "max_answers": 300}
)
BURSTS = 3
"""How often the peak is measured."""
SLICE = 0.005
"""Seconds between two looks, at what is due to be sent (a producer of Kafka waits as long by
default), and at what may be read."""


def answer(item: int, voter: int) -> dict[str, str]:
    """Return what one of an item's voters says; one in four items has something to disagree on."""
    said = item + voter * (item % 4 == 0)
    return {**_pair(item, voter), "label": CLASSES[said % len(CLASSES)]}


def _pair(item: int, voter: int) -> dict[str, str]:
    return {
        "item": f"item-{item:07}",
        "annotator": f"annotator-{(item + voter) % ANNOTATORS}",
    }


def event(number: int) -> bytes:
    """Return the event of so many before it, as a record of its own: they go round the items."""
    turn, item = divmod(number, ITEMS)
    return stepped(item, (turn + item) % CYCLE)


def stepped(item: int, step: int) -> bytes:
    """Return a step of an item's cycle; before the first turn an item has gone ``item`` steps."""
    voter = FIRST_ANSWERS + step % (MORE_ANSWERS + 1)
    if step > MORE_ANSWERS:
        said: dict[str, str | None] = {"type": "retraction", **_pair(item, voter)}
    elif step == MORE_ANSWERS:
        said = {"type": "annotation", **_pair(item, voter), "label": None}
    else:
        said = {"type": "annotation", **answer(item, voter)}
    return orjson.dumps({"schema_version": 1, **said})


def step_of(num_annotations: int, num_answers: int) -> int:
    """Return the last step of an item's cycle by what its score counts."""
    more = num_annotations - FIRST_ANSWERS
    if num_answers == num_annotations:
        return (more - 1) % CYCLE
    return 2 * MORE_ANSWERS - more


class Arrivals:
    """When scores could be read that count some events, from ``first`` on."""

    def __init__(self, first: int, number: int) -> None:
        self.first = first
        self.at = np.full(number, np.inf)
        """Seconds of `time.perf_counter`; infinite where there is none."""
        self.missing = number
        self._turn = [(first - item + ITEMS - 1) // ITEMS for item in range(ITEMS)]
        """By item: the first turn of which no score was read."""

    def take(self, value: bytes, now: float) -> None:
        """Note a score: it counts its item's last event, and those before."""
        score = orjson.loads(value)
        item = int(score["item"][-7:])
        step = step_of(score["num_annotations"], score["num_answers"])
        turn = self._turn[item]
        end = turn + (step + 1 - turn - item) % CYCLE
        for number in range(turn * ITEMS + item - self.first, end * ITEMS - self.first, ITEMS):
            if number < len(self.at):
                self.at[number] = now
                self.missing -= 1
        self._turn[item] = end


Seen = list[tuple[int, float]]
"""How far scores may be read, and when that was seen."""


@asynccontextmanager
async def watching(settings: Settings, topic: str) -> AsyncIterator[Seen]:
    """See all the while how far committed records may be read, and once more at the end."""
    place, seen = TopicPartition(topic, 0), Seen()
    consumer = AIOKafkaConsumer(**connection(settings), isolation_level="read_committed")
    async with connected(consumer, settings):

        async def look() -> None:
            ends = await consumer.end_offsets([place])
            if not seen or ends[place] != seen[-1][0]:
                seen.append((ends[place], time.perf_counter()))

        async def keep_looking() -> None:
            while True:
                await asyncio.sleep(SLICE)
                await look()

        await look()
        task = asyncio.create_task(keep_looking())
        try:
            yield seen
        finally:
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.result()  # raises what it died of
        await look()


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
    """What events at a rate took."""

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
    """Send events at a rate, and measure them."""
    values = [event(one) for one in range(first, first + number)]
    gc.freeze()  # to look through them would hold up the sender
    arrivals = Arrivals(first, number)
    settings = deployment.settings
    duration = "activelab_window_duration_seconds_"
    before = [await worker.metric(duration + name) for name in ("sum", "count")]
    scores = settings.topic(Topic.ITEM_SCORES)
    async with watching(settings, scores) as seen:
        began = await send(deployment, values, rate)
        await deployment.settled(Topic.ANNOTATIONS)
    ends, times = zip(*seen, (math.inf, math.inf), strict=True)  # closes go on saying scores
    async with reading(settings, scores, [0], start=ends[0]) as records:
        async for record in records:
            if record.value is not None:
                arrivals.take(record.value, times[bisect_right(ends, record.offset)])
    assert not arrivals.missing, f"no score counts {arrivals.missing} of the events"
    after = [await worker.metric(duration + name) for name in ("sum", "count")]
    spent, closes = (b - a for a, b in zip(before, after, strict=True))
    late = 1000 * (arrivals.at - began - np.arange(number) / rate)
    return Measured(load, rate, late, closes, 1000 * spent / max(1.0, closes))


async def measure(servers: str, folder: Path, burst: int, seconds: float) -> list[Measured]:
    """Fill the project, find the peak, and measure at both rates."""
    async with deployed(servers, folder) as deployment, working(deployment.settings) as (worker,):
        await deployment.settle([PROJECT], CLOCKED)
        await deployment.feed(Topic.PREDICTIONS, predicted(item_names(ITEMS), version=1))
        rows = [answer(item, voter) for voter in range(FIRST_ANSWERS) for item in range(ITEMS)]
        batches = [
            orjson.dumps({"type": "annotations", "schema_version": 1, "rows": rows[at : at + ROWS]})
            for at in range(0, len(rows), ROWS)
        ]
        await deployment.feed(Topic.ANNOTATIONS, batches)
        gone = [stepped(item, step) for item in range(ITEMS) for step in range(item % CYCLE)]
        await deployment.feed(Topic.ANNOTATIONS, gone)
        await deployment.settled(Topic.PREDICTIONS, Topic.ANNOTATIONS)

        slow = await flow(deployment, worker, "1,000 a second", 0, int(1_000 * seconds), 1_000.0)
        first, peaks = len(slow.milliseconds), []
        for _ in range(BURSTS):
            values = [event(number) for number in range(first, first + burst)]
            began = time.perf_counter()
            await deployment.feed(Topic.ANNOTATIONS, values)
            await deployment.settled(Topic.ANNOTATIONS)
            peaks.append(burst / (time.perf_counter() - began))
            first += burst
        half = float(np.median(peaks)) / 2
        number = int(half * seconds)
        fast = await flow(deployment, worker, "half of the peak", first, number, half)
        return [slow, fast]


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
