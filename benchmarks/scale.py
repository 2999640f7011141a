"""What an event costs when there is more of everything: ``python -m benchmarks.scale [--quick]``.

Filled projects (2.5 labels and a prediction an item, 200 annotators in each), whose labels are
corrected, a record each, all sent at once; at last one of them closes a window. More items, more
projects that share as many items, more partitions, more workers: each beside the same with less.
These stand at the same time and take turns, as the machine's speed changes from minute to minute;
what is told is the median of the turns. Corrections go round the items, so nothing grows while it
is measured. The cost is the workers' processor time; bytes are what the broker keeps of all topics
for one window of 100 selections. ``--quick`` has 20,000 items everywhere, and one turn.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from benchmarks.crowd import SETTINGS, corrections, item_names, labelled, predicted
from benchmarks.report import is_quick, verdict
from benchmarks.running import PATIENCE, Deployment, deployed, kafka
from benchmarks.workers import Worker, working
from experiments.document import table
from schemas import Topic, home

FLOOR, TARGET = 1 / 1.5, 1 / 1.2


@dataclass(frozen=True, slots=True)
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
    Case(FEW): (Case(FEW, projects=10),),
    Case(FEW, projects=4): (Case(FEW, projects=4, partitions=4, workers=2),),
}
"""What is measured, beside the same with less."""
ALL = {
    Case(FEW): (ALONE, Case(MANY)),
    ALONE: (Case(SOME, projects=10), Case(SOME, projects=100)),
    SHARED: (
        Case(SOME, projects=12, partitions=2),
        Case(SOME, projects=12, partitions=4),
        Case(SOME, projects=12, partitions=2, workers=2),
        Case(SOME, projects=12, partitions=4, workers=2),
    ),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured of a case."""

    cpu: float
    """Seconds of the workers for a million events."""
    times: float
    """As much as with less."""
    window: int
    """Bytes that a window writes."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A filled deployment of a case."""

    case: Case
    deployment: Deployment
    workers: Sequence[Worker]

    def _spent(self) -> float:
        return sum(worker.cpu_seconds() for worker in self.workers)

    async def correct(self, events: int, turn: int) -> float:
        """Correct labels; return the workers' seconds for a million of them."""
        case, before, rng = self.case, self._spent(), np.random.default_rng(1 + turn)
        each = events // case.projects
        corrected = [
            [(name, one) for one in corrections(items_of(case), each, rng)] for name in case.names()
        ]
        in_turn = chain.from_iterable(zip(*corrected, strict=True))
        await self.deployment.feed_all(Topic.ANNOTATIONS, in_turn)
        await self.deployment.settled(Topic.ANNOTATIONS)
        return 1e6 * (self._spent() - before) / (each * case.projects)

    async def window(self) -> int:
        """Close a window; return the bytes that it writes."""
        before = self.deployment.written()
        await self.deployment.client.close_window(self.case.names()[0], within=PATIENCE)
        return self.deployment.written() - before


@asynccontextmanager
async def standing(servers: str, folder: Path, case: Case) -> AsyncIterator[Standing]:
    """Fill a deployment of its own for a case."""
    async with (
        deployed(servers, folder, case.partitions) as deployment,
        working(deployment.settings, case.workers) as workers,
    ):
        await fill(deployment, case)
        yield Standing(case, deployment, workers)


async def measure(
    servers: str, folder: Path, less: Case, more: Sequence[Case], *, events: int, turns: int
) -> dict[Case, Cost]:
    """Measure cases beside one of less."""
    async with AsyncExitStack() as stack:
        side_by_side = [
            await stack.enter_async_context(standing(servers, folder, case))
            for case in (less, *more)
        ]
        spent = np.array(
            [[await one.correct(events, turn) for one in side_by_side] for turn in range(turns)]
        )
        cpu, times = np.median(spent, axis=0), np.median(spent / spent[:, :1], axis=0)
        windows = [await one.window() for one in side_by_side]
    costs = map(Cost, cpu.tolist(), times.tolist(), windows)
    return {one.case: cost for one, cost in zip(side_by_side, costs, strict=True)}


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
    beside, events, turns = (
        (QUICK, 40_000, 1) if is_quick(__doc__, arguments) else (ALL, 160_000, 3)
    )
    rows, all_times = [], []
    with kafka() as (servers, folder):
        for less, more in beside.items():
            costs = asyncio.run(measure(servers, folder, less, more, events=events, turns=turns))
            for case, cost in costs.items():
                sizes = (case.items, case.projects, case.partitions, case.workers)
                figures = (f"{cost.cpu:.1f}", f"{cost.times:.2f}", f"{cost.window / 1024:,.0f}")
                rows.append([*(f"{size:,}" for size in sizes), *figures])
                all_times.append(cost.times)
    heads = ["items", "projects", "partitions", "workers", "CPU s a million events", "times"]
    print(table([*heads, "KiB a window"], *rows))
    worst = 1 / max(all_times)
    verdict(
        "an event's cost with less of something over that with more, at worst", worst, FLOOR, TARGET
    )


if __name__ == "__main__":
    main()
