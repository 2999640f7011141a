"""A filled pool predicted anew, through Kafka: ``python -m benchmarks.repredict [--quick]``.

All items of a project have 2.5 labels and a prediction. A model predicts all of them again, in
columnar batches as the trainer sends them, and then labels come, a record each; both wait when the
worker starts. From the moment that it serves until all is durable: each item's fact, and its new
score. CPU is the worker's; bytes are what the broker keeps of its transactions, by prediction.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.crowd import SETTINGS, item_names, labelled, predicted, single_labels
from benchmarks.report import is_quick, verdict
from benchmarks.running import deployed, kafka
from benchmarks.workers import Taken, filled, taken
from experiments.document import table
from schemas import Topic

FLOOR, TARGET = 80, 250
"""Thousands of predictions a second."""


async def measure(
    servers: str, folder: Path, items: int, rounds: int, events: int
) -> tuple[Taken, Taken, dict[str, float]]:
    """Return what predictions took, what labels took, and bytes a prediction by topic."""
    async with deployed(servers, folder) as deployment:
        names = item_names(items)
        labels = labelled(names, np.random.default_rng(0))
        await filled(deployment, SETTINGS, predicted(names, version=1), labels)
        topics = (deployment.changelog, deployment.settings.topic(Topic.ITEM_SCORES))
        before = {topic: deployment.written(topic) for topic in topics}
        values = [one for version in range(rounds) for one in predicted(names, 2 + version)]
        predictions = await taken(deployment, Topic.PREDICTIONS, values, items * rounds)
        written = {
            topic: (deployment.written(topic) - before[topic]) / predictions.events
            for topic in topics
        }
        singles = single_labels(names, events, np.random.default_rng(1))
        return predictions, await taken(deployment, Topic.ANNOTATIONS, singles, events), written


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table and, as the last line, the ratio."""
    items, rounds, events = (
        (20_000, 3, 50_000) if is_quick(__doc__, arguments) else (200_000, 3, 300_000)
    )
    with kafka() as (servers, folder):
        predictions, singles, written = asyncio.run(measure(servers, folder, items, rounds, events))
    changelog, scores = written.values()
    waiting = {
        f"predictions of {items:,} items, {rounds} times": predictions,
        "labels, a record each": singles,
    }
    rows = [[what, f"{one.rate:,.0f}", f"{one.cpu_each:.1f}"] for what, one in waiting.items()]
    print(table(["waiting", "a second", "CPU µs each"], *rows))
    print(
        f"\na prediction writes {changelog + scores:.0f} bytes: {changelog:.0f} to the changelog, "
        f"{scores:.0f} to the scores"
    )
    verdict("thousands of predictions a second", predictions.rate / 1000, FLOOR, TARGET)


if __name__ == "__main__":
    main()
