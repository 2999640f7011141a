"""Costs by unit, and what they come to on paper: ``python -m benchmarks.scaling [--quick]``.

One worker, one partition, one project of 100,000 items with 2.5 labels and a prediction each, of
10 classes. It is filled, closed, recovered with an empty disk, labelled by single records, and
predicted anew. What that took, by item and by event, is multiplied by what a deployment may have.
Writes the tables of docs/scaling.md; ``--quick`` has 20,000 items and writes nothing.
"""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from benchmarks.crowd import SETTINGS, item_names, labelled, predicted, single_labels
from benchmarks.report import is_quick
from benchmarks.running import PATIENCE, PROJECT, Deployment, deployed, kafka
from benchmarks.workers import Taken, data_dir, taken, working
from experiments.document import DOCS, table, write
from schemas import Topic

DOCUMENT = DOCS / "scaling.md"
BUSY = 0.6
"""Of a core, that the events of a partition may take: the rest is for closes and bursts."""
REPLICAS = 3
SCENARIOS = ((100_000, 1_000), (1_000_000, 10_000), (10_000_000, 100_000), (100_000_000, 1_000_000))
"""Items, and labels a second."""
OF_EVENTS = (Topic.ITEM_SCORES, Topic.ANNOTATOR_TRUST)


@dataclass(frozen=True, slots=True)
class Stream:
    """What an event of a kind costs."""

    cpu: float
    """Seconds of the worker."""
    read: float
    """Bytes, as the source topic keeps them."""
    written: float
    """Bytes, as the changelog and the output topics keep them."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What was measured."""

    label: Stream
    prediction: Stream
    memory: float
    """Bytes an item, its labels and its prediction included."""
    disk: float
    """Bytes an item."""
    close: float
    """Seconds an item."""
    recovery: float
    """Seconds an item, with an empty disk."""

    def rows(self) -> list[list[str]]:
        """Return them for the table."""
        return [
            *(
                [
                    f"a {what}",
                    f"{1e6 * one.cpu:.1f} µs of CPU",
                    f"{one.read:.0f} bytes read, {one.written:.0f} written",
                ]
                for what, one in (
                    ("label, a record of its own", self.label),
                    ("prediction, in columns", self.prediction),
                )
            ),
            ["an item at rest", f"{self.memory:.0f} bytes of memory", f"{self.disk:.0f} of disk"],
            ["an item at a close", f"{1e6 * self.close:.1f} µs", ""],
            ["an item at a recovery", f"{1e6 * self.recovery:.1f} µs", "from the changelog"],
        ]

    def on_paper(self, items: int, labels: int) -> list[str]:
        """Return what a deployment needs that has so many items, and labels a second."""
        partitions = max(1, ceil(labels * self.label.cpu / BUSY))
        each = items / partitions
        broker = labels * (self.label.read + self.label.written) / 1e6
        figures = (
            items * self.memory / 1e9,
            items * self.disk / 1e9,
            broker,
            REPLICAS * broker,
            each * self.close,
            each * self.recovery,
        )
        return [f"{items:,}", f"{labels:,}", f"{partitions:,}", *map(_rounded, figures)]


def _rounded(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


async def measure(servers: str, folder: Path, items: int, events: int) -> Costs:
    """Measure all of it."""
    async with deployed(servers, folder) as deployment:
        names, rng = item_names(items), np.random.default_rng(0)
        place = data_dir(deployment.settings, 0)
        async with working(deployment.settings) as (worker,):
            empty, start = worker.resident_bytes(), worker.assigned_at - worker.began
            await deployment.settle([PROJECT], SETTINGS)
            await deployment.feed(Topic.PREDICTIONS, predicted(names, version=1))
            await deployment.feed(Topic.ANNOTATIONS, labelled(names, rng))
            await deployment.settled(Topic.PREDICTIONS, Topic.ANNOTATIONS)
            for _ in range(2):  # the second one is like those that follow
                before = await worker.metric("activelab_window_duration_seconds_sum")
                await deployment.client.close_window(PROJECT, within=PATIENCE)
            close = await worker.metric("activelab_window_duration_seconds_sum") - before
            memory = worker.resident_bytes() - empty
        disk = sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
        shutil.rmtree(place)
        async with working(deployment.settings) as (worker,):
            recovery = worker.assigned_at - worker.began - start
        return Costs(
            label=await stream(deployment, Topic.ANNOTATIONS, single_labels(names, events, rng)),
            prediction=await stream(
                deployment, Topic.PREDICTIONS, predicted(names, version=2), items
            ),
            memory=memory / items,
            disk=disk / items,
            close=close / items,
            recovery=recovery / items,
        )


async def stream(
    deployment: Deployment, topic: Topic, values: list[bytes], events: int | None = None
) -> Stream:
    """Let a worker take records; return what one of their events costs."""
    source = deployment.settings.topic(topic)
    said = [deployment.changelog, *map(deployment.settings.topic, OF_EVENTS)]
    read, written = deployment.written(source), deployment.written(*said)
    took: Taken = await taken(deployment, topic, values, events or len(values))
    return Stream(
        took.cpu / took.events,
        (deployment.written(source) - read) / took.events,
        (deployment.written(*said) - written) / took.events,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables, and write them unless it was quick."""
    quick = is_quick(__doc__, arguments)
    items, events = (20_000, 40_000) if quick else (100_000, 200_000)
    with kafka() as (servers, folder):
        costs = asyncio.run(measure(servers, folder, items, events))
    measured = table([f"of {items:,} items", "", ""], *costs.rows())
    paper = table(
        [
            "items",
            "labels/s",
            "partitions",
            "memory GB",
            "disk GB",
            "broker MB/s",
            f"with {REPLICAS} replicas",
            "a close s",
            "recovery s",
        ],
        *(costs.on_paper(*scenario) for scenario in SCENARIOS),
    )
    print(measured, paper, sep="\n\n")
    if not quick:
        write(DOCUMENT, {"measured": measured, "paper": paper})


if __name__ == "__main__":
    main()
