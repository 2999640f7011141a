"""A filled pool predicted anew, through Kafka: ``python -m benchmarks.repredict [--quick]``.

All items of a project have 2.5 labels and a prediction. A model predicts all of them again, in
columnar batches as the trainer sends them, and then labels come, a record each; both wait when the
worker starts. From the moment that it serves until all is durable: each item's fact, and its new
score. Bytes are what the broker keeps of the worker's transactions, by prediction.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.crowd import SETTINGS, item_names, labelled, predicted, single_labels
from benchmarks.report import is_quick, verdict
from benchmarks.running import deployed, filled, kafka, seconds_of
from experiments.document import table
from schemas import Topic

FLOOR, TARGET = 80, 250
"""Thousands of predictions a second."""


async def measure(
    servers: str, folder: Path, items: int, rounds: int, events: int
) -> tuple[float, float, dict[str, float]]:
    """Return predictions a second, events a second, and bytes a prediction by topic."""
    async with deployed(servers, folder) as deployment:
        names = item_names(items)
        labels = labelled(names, np.random.default_rng(0))
        await filled(deployment, SETTINGS, predicted(names, version=1), labels)
        topics = (deployment.changelog, deployment.settings.topic(Topic.ITEM_SCORES))
        before = {topic: deployment.written(topic) for topic in topics}
        values = [one for version in range(rounds) for one in predicted(names, 2 + version)]
        predictions = items * rounds
        rate = predictions / await seconds_of(deployment, Topic.PREDICTIONS, values)
        written = {
            topic: (deployment.written(topic) - before[topic]) / predictions for topic in topics
        }
        labels = single_labels(names, events, np.random.default_rng(1))
        return rate, events / await seconds_of(deployment, Topic.ANNOTATIONS, labels), written


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table and, as the last line, the ratio."""
    items, rounds, events = (
        (20_000, 3, 50_000) if is_quick(__doc__, arguments) else (200_000, 3, 300_000)
    )
    with kafka() as (servers, folder):
        predictions, singles, written = asyncio.run(measure(servers, folder, items, rounds, events))
    changelog, scores = written.values()
    rows = [
        [f"predictions of {items:,} items, {rounds} times", f"{predictions:,.0f}"],
        ["labels, a record each", f"{singles:,.0f}"],
    ]
    print(table(["waiting", "a second"], *rows))
    print(
        f"\na prediction writes {changelog + scores:.0f} bytes: {changelog:.0f} to the changelog,"
    )
    print(f"{scores:.0f} to the scores")
    verdict("thousands of predictions a second", predictions / 1000, FLOOR, TARGET)


if __name__ == "__main__":
    main()
