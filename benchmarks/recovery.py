"""A worker comes back: ``python -m benchmarks.recovery [--quick]``.

A project of 1 M items, 2.5 labels and a prediction each, was filled by a worker. It starts again on
its own disk, and then on an empty one, from the changelog: from the start of the process until it
serves the partition, its pool rebuilt and fitted. Beside it a stock Faust app recovers a RocksDB
table from the first of the same records, copied without transactions (behind a transaction's
marker Faust's recovery does not end): from the assignment until the table is recovered, without its
start, and it builds nothing from them. ``--quick`` has 50,000 items.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.crowd import SETTINGS, item_names, labelled, predicted
from benchmarks.plain import create_topics, plain_seconds
from benchmarks.report import is_quick, verdict
from benchmarks.running import Deployment, deployed, feed, kafka
from benchmarks.workers import data_dir, filled, working
from experiments.document import table
from stream_app.reading import reading

FLOOR, TARGET = 5, 20
SECONDS_FLOOR, SECONDS_TARGET = 20, 10


@dataclass(frozen=True, slots=True)
class Measured:
    """A recovery."""

    what: str
    records: int
    """Of the changelog, that were read."""
    seconds: float

    @property
    def rate(self) -> float:
        """Return records a second."""
        return self.records / self.seconds


async def ours(deployment: Deployment, what: str, records: int) -> Measured:
    """Start a worker, and stop it once it serves."""
    async with working(deployment.settings) as (worker,):
        return Measured(what, records, worker.assigned_at - worker.began)


async def fausts(deployment: Deployment, some: list[tuple[bytes, bytes]]) -> Measured:
    """Let a stock app of Faust recover from some records."""
    servers, name = deployment.settings.bootstrap_servers, f"plain-{deployment.settings.app_id}"
    source, changelog = f"{name}-source", f"{name}-facts-changelog"
    await create_topics(servers, source, changelog)
    await feed(servers, changelog, some)
    folder = str(deployment.folder / name)
    seconds = await plain_seconds("benchmarks.plain_recovery", servers, name, source, folder)
    return Measured("Faust, a table from some of them", len(some), seconds)


async def changes(deployment: Deployment) -> AsyncIterator[tuple[bytes, bytes]]:
    """Read the changelog."""
    async with reading(deployment.settings, deployment.changelog, [0]) as records:
        async for record in records:
            yield record.key or b"", record.value or b""


async def measure(servers: str, folder: Path, items: int, share: int) -> list[Measured]:
    """Measure all of them; Faust's with ``share`` of the records."""
    async with deployed(servers, folder) as deployment:
        names = item_names(items)
        labels = labelled(names, np.random.default_rng(0))
        await filled(deployment, SETTINGS, predicted(names, version=1), labels)
        number, some = 0, list[tuple[bytes, bytes]]()
        async for change in changes(deployment):
            number += 1
            if len(some) < share:
                some.append(change)
        measured = [await ours(deployment, "restart with its disk", 0)]
        shutil.rmtree(data_dir(deployment.settings, 0))
        measured.append(await ours(deployment, "with an empty disk", number))
        return [*measured, await fausts(deployment, some)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table and, as the last line, the ratio."""
    items, share = (50_000, 50_000) if is_quick(__doc__, arguments) else (1_000_000, 100_000)
    with kafka() as (servers, folder):
        measured = asyncio.run(measure(servers, folder, items, share))
    rows = [
        [one.what, f"{one.records:,}", f"{one.seconds:.1f}", f"{one.rate:,.0f}"] for one in measured
    ]
    print(table([f"{items:,} items", "records read", "seconds", "records a second"], *rows))
    *ours, faust = measured
    print(
        f"\nthe restart with its disk: {ours[0].seconds:.1f} s "
        f"(floor {SECONDS_FLOOR} s, target {SECONDS_TARGET} s)"
    )
    ratio = ours[-1].rate / faust.rate
    verdict("records a second, ours with an empty disk over Faust's", ratio, FLOOR, TARGET)


if __name__ == "__main__":
    main()
