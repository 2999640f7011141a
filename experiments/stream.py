"""The same rounds through Kafka: items, annotators and trainer on the topics, one real worker.

    python -m experiments.stream --dataset digits --rounds 4 --seed 0

A run is played by the library and through the stream, and must be the same in every round: labels,
accuracies, and the items that are selected, in rank order. Everybody learns ActiveLab's consensus,
which is what item-scores.v1 says.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from rich.live import Live
from rich.table import Table

from activelab import METHODS
from experiments.datasets import DATASETS, Dataset, Rows
from experiments.loop import USUAL_MODE, Round, Setting, measured, play, training_seed
from experiments.options import (
    Batch,
    DatasetName,
    ModelNames,
    ModeName,
    Rounds,
    Trees,
    console,
    errors_in_a_sentence,
    one_of,
    some_of,
)
from experiments.strategies import Rule, suitable
from experiments.trained import examined
from schemas import Annotations, Answer, Items, ProjectSettings, Topic
from stream_app import logs
from stream_app.broker import Broker
from stream_app.client import Client
from stream_app.demo.processes import running
from stream_app.folds import ESTIMATORS
from stream_app.settings import UNPROTECTED, Settings
from stream_app.topics import ensure_topics
from stream_app.trainer import Task, Trainer

ENOUGH = 300
"""Answers of an item: more than a run can ask for."""


async def play_through_kafka(
    client: Client, project: str, setting: Setting, method: str, *, seed: int
) -> AsyncIterator[Round]:
    """Play the rounds of one run through a deployment, in a project of its own."""
    dataset = DATASETS[setting.dataset]()
    settings = ProjectSettings.model_validate(
        {
            "classes": dataset.classes,
            "models": setting.models,
            "method": method,
            "mode": setting.mode,
            "budget": setting.batch,
            "max_answers": ENOUGH,
            "seed": str(seed),
        }
    )
    registered = Items(items=dataset.items, status="registered")
    await client.publish(Topic.CONTROL, project, [settings, registered])
    await client.settle(project, [Topic.CONTROL])
    place = {item: row for row, item in enumerate(dataset.items)}
    code = {name: code for code, name in enumerate(dataset.classes)}
    labels = dataset.first_labels
    for number in range(setting.rounds):
        await client.publish(Topic.ANNOTATIONS, project, [annotations(dataset, labels)])
        chance = training_seed(seed, number)
        models = examined(setting.models, dataset, seed=chance, trees=setting.trees)
        trainer = Trainer(
            client,
            project,
            Task(dataset.items, dataset.features),
            [*models.values()],
            seed=chance,
        )
        window = await trainer.train()
        selected = [one.item for one in await client.selections(window)]
        consensus = np.full(len(dataset.items), -1)
        for item, label in trainer.standing.consensus().items():
            consensus[place[item]] = code[label]
        yield measured(dataset, number, window.counts.labels, consensus, models, selected)
        asked = np.array([place[item] for item in selected], dtype=np.int64)
        labels = dataset.ask(seed=seed, number=number, asked=asked)


def annotations(dataset: Dataset, labels: Rows) -> Annotations:
    """Put labels into one record."""
    return Annotations(
        rows=tuple(
            Answer(item=item, annotator=annotator, label=dataset.classes[code])
            for item, annotator, code in zip(*labels, strict=True)
        )
    )


@asynccontextmanager
async def deployment() -> AsyncIterator[Client]:
    """Run a Kafka and a worker of our own; nothing of them is left behind."""
    with TemporaryDirectory(prefix="activelab-experiment-") as name:
        folder = Path(name)
        broker = Broker(folder / "kafka")
        await asyncio.to_thread(broker.start)
        try:
            settings = Settings(
                bootstrap_servers=broker.bootstrap_servers,
                **UNPROTECTED,
                app_id="activelab-experiment",
                topic_prefix="",
                data_dir=folder / "worker",
                web_port=0,
            )
            await ensure_topics(settings)
            async with (
                asyncio.TaskGroup() as group,
                running("worker", ["worker"], settings=settings, folder=folder, group=group),
                Client(settings) as client,
            ):
                yield client
        finally:
            await asyncio.to_thread(broker.stop)


async def compare(setting: Setting, method: str, seed: int) -> bool:
    """Play a run both ways, round by round, and show them; say whether all rounds are the same."""
    table = Table("round", "labels", "consensus accuracy", "test accuracy", "same", box=None)
    same = True
    with Live(table, console=console):
        async with deployment() as client:
            library = play(setting, method, seed=seed)
            async for streamed in play_through_kafka(
                client, "experiment", setting, method, seed=seed
            ):
                played = await asyncio.to_thread(next, library)
                both = set(played.selected) & set(streamed.selected)
                same &= played == streamed
                table.add_row(
                    str(streamed.number),
                    str(streamed.num_labels),
                    f"{streamed.consensus_accuracy:.4f}",
                    f"{streamed.test_accuracy:.4f}",
                    "all" if played == streamed else f"[red]{len(both)} of {setting.batch}[/red]",
                )
    return same


def main(
    *,
    dataset: DatasetName,
    method: Annotated[str, typer.Option(help=f"One of {', '.join(METHODS)}.")] = "activelab",
    models: ModelNames = "extra-trees",
    mode: ModeName = USUAL_MODE,
    seed: Annotated[int, typer.Option(help="Of all chance.", min=0)] = 0,
    rounds: Rounds = 4,
    batch: Batch = 100,
    trees: Trees = 100,
) -> None:
    """Play the paper's experiment through a Kafka of its own, and by the library beside it.

    Ends with code 1 where one of them selects anything else than the other.
    """
    logs.configure("error")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with errors_in_a_sentence():
        learners = some_of(ESTIMATORS, models)
        one_of(DATASETS, dataset)
        one_of([name for name in METHODS if name in suitable(len(learners))], method)
        setting = Setting(dataset, learners, Rule.ACTIVELAB, mode, rounds, batch, trees)
        same = asyncio.run(compare(setting, method, seed))
    if not same:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
