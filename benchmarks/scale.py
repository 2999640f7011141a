"""What an event costs when there is more of everything: ``python -m benchmarks.scale [--quick]``.

Filled projects (2.5 labels and a prediction an item, 200 annotators in each), whose labels are
corrected, a record each, all sent at once; then one of them closes a window. More items, more
projects that share as many items, more partitions, more workers: each beside the same with less.
Corrections go round the items, so nothing grows while it is measured. The cost is the workers'
processor time; bytes are what the broker keeps of all topics for one window of 100 selections.
``--quick`` has 20,000 items everywhere.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from benchmarks.crowd import SETTINGS, corrections, item_names, labelled, predicted
from benchmarks.report import is_quick, verdict
from benchmarks.running import PATIENCE, Deployment, deployed, kafka
from benchmarks.workers import working
from experiments.document import table
from schemas import Topic, home

FLOOR, TARGET = 1 / 1.5, 1 / 1.2


@dataclass(frozen=True, order=True, slots=True)
class Case:
    """How much there is of everything."""

    items: int
    projects: int = 1
    partitions: int = 1
    workers: int = 1

    def names(self) -> list[str]:
        """Name the projects, so that partitions have equally many."""
        found: list[str] = []
        number = 0
        while len(found) < self.projects:
            name = f"project-{number}"
            if home(name, self.partitions) == len(found) % self.partitions:
                found.append(name)
            number += 1
        return found


FEW, SOME, MANY = 20_000, 100_000, 1_000_000
"""The fewest are as many as a run's events: of fewer, a run would score some twice in one."""
ALONE, SHARED = Case(SOME), Case(SOME, projects=12)
QUICK = {
    Case(FEW, projects=10): Case(FEW),
    Case(FEW, projects=4, partitions=4, workers=2): Case(FEW, projects=4),
}
"""What is measured, and beside what."""
ALL = {
    Case(SOME): Case(FEW),
    Case(MANY): Case(FEW),
    Case(SOME, projects=10): ALONE,
    Case(SOME, projects=100): ALONE,
    Case(SOME, projects=12, partitions=2): SHARED,
    Case(SOME, projects=12, partitions=4): SHARED,
    Case(SOME, projects=12, partitions=2, workers=2): SHARED,
    Case(SOME, projects=12, partitions=4, workers=2): SHARED,
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured."""

    cpu: float
    """Seconds of the workers for a million events."""
    window: int
    """Bytes that a window writes."""


async def measure(servers: str, folder: Path, case: Case, events: int) -> Cost:
    """Measure a case on a deployment of its own."""
    async with (
        deployed(servers, folder, case.partitions) as deployment,
        working(deployment.settings, case.workers) as workers,
    ):
        await fill(deployment, case)
        before = sum(worker.cpu_seconds() for worker in workers)
        rng = np.random.default_rng(1)
        each = events // case.projects
        corrected = [
            [(name, one) for one in corrections(items_of(case), each, rng)] for name in case.names()
        ]
        in_turn = chain.from_iterable(zip(*corrected, strict=True))
        await deployment.feed_all(Topic.ANNOTATIONS, in_turn)
        await deployment.settled(Topic.ANNOTATIONS)
        spent = sum(worker.cpu_seconds() for worker in workers) - before
        written = deployment.written()
        await deployment.client.close_window(case.names()[0], within=PATIENCE)
        return Cost(1e6 * spent / (each * case.projects), deployment.written() - written)


def items_of(case: Case) -> list[str]:
    """Name the items of each project."""
    return item_names(case.items // case.projects)


async def fill(deployment: Deployment, case: Case) -> None:
    """Fill the projects, and close a first window of one."""
    names, rng = case.names(), np.random.default_rng(0)
    await deployment.settle(names, SETTINGS)
    predictions, labels = predicted(items_of(case), version=1), labelled(items_of(case), rng)
    for topic, values in ((Topic.PREDICTIONS, predictions), (Topic.ANNOTATIONS, labels)):
        await deployment.feed_all(topic, ((name, value) for name in names for value in values))
    await deployment.settled(Topic.PREDICTIONS, Topic.ANNOTATIONS)
    await deployment.client.close_window(names[0], within=PATIENCE)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table and, as the last line, the ratio."""
    beside, events = (QUICK, 40_000) if is_quick(__doc__, arguments) else (ALL, 160_000)
    costs: dict[Case, Cost] = {}
    with kafka() as (servers, folder):
        for case in sorted({*beside, *beside.values()}):
            costs[case] = asyncio.run(measure(servers, folder, case, events))
    rows = []
    for case, cost in costs.items():
        base = costs[beside.get(case, case)]
        sizes = (case.items, case.projects, case.partitions, case.workers)
        figures = (f"{cost.cpu:.1f}", f"{cost.cpu / base.cpu:.2f}", f"{cost.window / 1024:,.0f}")
        rows.append([*(f"{size:,}" for size in sizes), *figures])
    heads = ["items", "projects", "partitions", "workers", "CPU s a million events", "times"]
    print(table([*heads, "KiB a window"], *rows))
    worst = min(costs[base].cpu / costs[case].cpu for case, base in beside.items())
    verdict(
        "an event's cost with less of something over that with more, at worst", worst, FLOOR, TARGET
    )


if __name__ == "__main__":
    main()
