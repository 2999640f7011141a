"""Events a second end to end through Kafka: ``python -m benchmarks.stream [--quick]``.

Labels of 20,000 items, a record each, one partition, all of it waiting when the worker starts.
Ours: from the moment that the worker serves the partition until all of it is decoded, folded,
scored and durable (facts, scores, trust, positions in transactions). Beside it, in the same run on
the same Kafka, Faust apps as its documentation writes them: one that keeps the same labels in a
table, one that does nothing at all.
"""

import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.crowd import SETTINGS, item_names, single_labels
from benchmarks.plain import create_topics, plain_seconds
from benchmarks.report import is_quick, verdict
from benchmarks.running import deployed, feed, kafka
from benchmarks.workers import Taken, filled, taken
from experiments.document import table
from schemas import Topic

FLOOR, TARGET = 12, 30
NOTHING_FLOOR, NOTHING_TARGET = 3, 6
ITEMS = 20_000


async def ours(servers: str, folder: Path, values: list[bytes]) -> Taken:
    """Return what a worker takes for all of it."""
    async with deployed(servers, folder) as deployment:
        await filled(deployment, SETTINGS, predictions=[], labels=[])
        return await taken(deployment, Topic.ANNOTATIONS, values, len(values))


async def plain(kind: str, servers: str, folder: Path, values: list[bytes]) -> float:
    """Return the seconds that a Faust app of `benchmarks.plain_faust` takes for all of it."""
    topic = f"plain-{kind}-{uuid.uuid4().hex[:8]}"
    await create_topics(servers, topic)
    await feed(servers, topic, ((None, value) for value in values))
    number = str(len(values))
    return await plain_seconds(
        "benchmarks.plain_faust", kind, servers, topic, number, str(folder / topic)
    )


async def measure(servers: str, folder: Path, number: int, fewer: int) -> dict[str, float]:
    """Measure all three, ours with ``number`` events and the others with ``fewer``."""
    values = single_labels(item_names(ITEMS), number, np.random.default_rng(0))
    return {
        "ours": (await ours(servers, folder, values)).rate,
        "a Faust table": fewer / await plain("table", servers, folder, values[:fewer]),
        "Faust, and nothing": fewer / await plain("nothing", servers, folder, values[:fewer]),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table and, as the last line, the ratio."""
    number, fewer = (50_000, 5_000) if is_quick(__doc__, arguments) else (300_000, 30_000)
    with kafka() as (servers, folder):
        rates = asyncio.run(measure(servers, folder, number, fewer))
    ours, of_table, of_nothing = rates.values()
    rows = [[name, f"{rate:,.0f}", f"{ours / rate:.1f}"] for name, rate in rates.items()]
    print(table(["worker", "events a second", "ours over it"], *rows))
    print(
        f"\nagainst a Faust app that does nothing: {ours / of_nothing:.1f} "
        f"(floor {NOTHING_FLOOR}, target {NOTHING_TARGET})"
    )
    verdict("our events a second over those of a Faust table", ours / of_table, FLOOR, TARGET)


if __name__ == "__main__":
    main()
