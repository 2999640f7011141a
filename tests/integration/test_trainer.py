"""The trainer on a real deployment: it learns from consensus labels, and trains when answered."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from workers import worker

from schemas import Annotation, ItemScore, ProjectSettings, Selection, Topic, Window
from stream_app.client import Client
from stream_app.errors import StreamAppError
from stream_app.folds import ESTIMATORS
from stream_app.settings import Settings
from stream_app.topics import ensure_topics
from stream_app.trainer import Task, Trainer

PROJECT = "animals"
CLASSES = ("cat", "dog", "eel")
ITEMS = [f"item-{number:02d}" for number in range(60)]
TRUTH = np.arange(60) % 2  # no eel ...
FEATURES = np.random.default_rng(0).normal(size=(60, 3)) + 4 * TRUTH[:, None]
RARE = [Annotation(item="item-00", annotator="ann-1", label="eel")]  # ... but for one


@pytest.fixture
def deployed(settings: Settings) -> Iterator[Settings]:
    asyncio.run(ensure_topics(settings))
    with worker(settings):
        yield settings


async def create(client: Client, models: tuple[str, ...] = ("m",)) -> None:
    method = "activelab" if len(models) == 1 else "activelab_ensemble"
    project = ProjectSettings(classes=CLASSES, models=models, method=method, budget=5)
    await client.publish(Topic.CONTROL, PROJECT, [project])
    await client.settle(PROJECT, [Topic.CONTROL])


def labels(first: int, last: int) -> list[Annotation]:
    return [
        Annotation(item=item, annotator="ann-0", label=CLASSES[TRUTH[number]])
        for number, item in enumerate(ITEMS[first:last], start=first)
    ]


def trainer(client: Client, *estimators: str, patience: float = 60.0) -> Trainer:
    made = [ESTIMATORS[name](0) for name in estimators or ("logistic-regression",)]
    return Trainer(client, PROJECT, Task(ITEMS, FEATURES), made, patience=patience)


async def scores(client: Client) -> dict[str, ItemScore]:
    said = [one.said for one in await client.read(Topic.ITEM_SCORES, PROJECT)]
    return {one.item: one for one in said if isinstance(one, ItemScore)}


async def test_a_rare_class_and_few_labels_are_no_obstacle(deployed: Settings) -> None:
    async with Client(deployed) as client:
        await create(client)
        await client.publish(Topic.ANNOTATIONS, PROJECT, [*labels(1, 20), *RARE])
        window = await trainer(client).train()
        assert window.counts.selected == 5
        known = await scores(client)
    assert len(known) == 60
    assert all(score.has_prediction for score in known.values())
    # what nobody has labelled is known by the model alone
    right = [known[ITEMS[n]].consensus_label == CLASSES[TRUTH[n]] for n in range(20, 60)]
    assert np.mean(right) > 0.9


async def test_without_two_classes_the_window_comes_without_predictions(
    deployed: Settings,
) -> None:
    async with Client(deployed) as client:
        await create(client)
        await client.publish(Topic.ANNOTATIONS, PROJECT, RARE)
        window = await trainer(client).train()
        assert window.counts.selected == 1
        assert not any(score.has_prediction for score in (await scores(client)).values())


async def test_it_trains_again_when_its_window_is_answered(deployed: Settings) -> None:
    async with (
        Client(deployed) as client,
        client.listen(Topic.WINDOWS, PROJECT, follow=True) as windows,
    ):
        await create(client)
        await client.publish(Topic.ANNOTATIONS, PROJECT, labels(0, 20))
        following = asyncio.create_task(trainer(client).follow())
        seen: list[int] = []
        async for spoken in windows:
            if isinstance(spoken.said, Window) and spoken.said.counts.selected:
                seen.append(spoken.said.counts.labels)
                if len(seen) == 3:
                    break
                for selection in await client.selections(spoken.said):
                    another = f"another-{len(selection.answered_by)}"
                    answer = Annotation(item=selection.item, annotator=another, label="cat")
                    await client.publish(Topic.ANNOTATIONS, PROJECT, [answer])
        following.cancel()
        await asyncio.wait([following])
    assert seen == [20, 25, 30]


async def test_an_item_that_nobody_answers_does_not_hold_it_for_ever(deployed: Settings) -> None:
    async with Client(deployed) as client:
        await create(client)
        await client.publish(Topic.ANNOTATIONS, PROJECT, labels(0, 20))
        patient = trainer(client, patience=1.0)
        window = await patient.train()
        waiting = asyncio.create_task(patient.answered(window))
        first: Selection = (await client.selections(window))[0]
        done, _ = await asyncio.wait([waiting], timeout=2.5)
        assert not done  # nothing to learn from yet
        await client.publish(
            Topic.ANNOTATIONS,
            PROJECT,
            [Annotation(item=first.item, annotator="ann-2", label="dog")],
        )
        async with asyncio.timeout(30):
            await waiting


async def test_models_are_trained_in_the_projects_order(deployed: Settings) -> None:
    async with Client(deployed) as client:
        await create(client, ("linear", "trees"))
        await client.publish(Topic.ANNOTATIONS, PROJECT, labels(0, 20))
        window = await trainer(client, "logistic-regression", "extra-trees").train()
        assert set(window.parameters.models) == {"linear", "trees"}
        assert window.counts.dormant == {}
        with pytest.raises(StreamAppError, match="--model-id"):
            await trainer(client, "logistic-regression").train()


async def test_a_project_that_is_not_there_is_said_in_a_sentence(deployed: Settings) -> None:
    async with Client(deployed) as client:
        with pytest.raises(StreamAppError, match="no_project"):
            await trainer(client).train()


async def test_the_command_trains_once_from_a_file(deployed: Settings, tmp_path: Path) -> None:
    file = tmp_path / "features.npz"
    np.savez(file, items=np.array(ITEMS), features=FEATURES)
    async with Client(deployed) as client:
        await create(client)
        await client.publish(Topic.ANNOTATIONS, PROJECT, labels(0, 20))
        command = ["trainer", PROJECT, "--features", str(file), "--once", "--budget", "3"]
        ran = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "stream_app.cli", *command],
            env=os.environ | deployed.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        windows = [one.said for one in await client.read(Topic.WINDOWS, PROJECT)]
    assert isinstance(windows[-1], Window)
    assert windows[-1].counts.selected == 3
