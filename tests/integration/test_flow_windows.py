"""From labels and predictions to ranked windows, through two workers and four partitions."""

import asyncio
from random import Random

import pytest
from labelling import Labelling, audited, project_settings, window_of

from activelab import METHODS
from schemas import ItemScore, Prediction, Topic
from stream_app.client import Client

ITEMS = [f"item-{number}" for number in range(60)]


async def test_projects_of_every_method_on_every_partition_get_the_batch_answer(
    client: Client,
) -> None:
    async def run(project: Labelling) -> None:
        name = project.project
        await client.publish(Topic.CONTROL, name, [project.settings, project.register(ITEMS[:40])])
        for _ in range(3):
            await client.publish(Topic.ANNOTATIONS, name, project.label(60, ITEMS[:50]))
            for model in project.settings.models:
                some = Random(model).sample(ITEMS, 30)
                await client.publish(Topic.PREDICTIONS, name, [project.predict(some, model)])
            await window_of(client, project)

    projects = []
    for seed, method in enumerate(METHODS):
        models = ("m",) if method == "activelab" else ("m", "n")
        settings = project_settings(method=method, models=models, max_answers=6, seed=str(seed))
        projects.append(Labelling(f"by {method}", settings, seed))
    assert {client.home(project.project) for project in projects} == {0, 1, 2, 3}

    await asyncio.gather(*map(run, projects))

    for project in projects:
        await audited(client.settings, project.project)


async def test_windows_amid_a_flow_know_exactly_what_precedes_their_cut(
    client: Client, project: str
) -> None:
    animals = Labelling(project, project_settings(budget=3))
    await client.publish(Topic.CONTROL, project, [animals.settings, animals.register(ITEMS)])

    async def label() -> None:
        for _ in range(20):
            await client.publish(Topic.ANNOTATIONS, project, animals.label(20, ITEMS))

    async def predict() -> None:
        for _ in range(20):
            await client.publish(Topic.PREDICTIONS, project, [animals.predict(ITEMS[:20])])

    async def close() -> None:
        for _ in range(4):
            await client.close_window(project)

    await asyncio.gather(label(), predict(), close())

    assert len(await audited(client.settings, project)) == 4


async def test_a_models_classes_are_read_by_name_in_any_order_and_where_one_is_missing(
    client: Client, project: str
) -> None:
    settings = project_settings(method="uncertainty", budget=4)
    animals = Labelling(project, settings)
    await client.publish(Topic.CONTROL, project, [settings])
    predictions = {
        "another order": {"eel": 0.7, "cat": 0.2, "dog": 0.1},
        "no eel in the fold": {"dog": 0.6, "cat": 0.4},
        "a class that is not listed": {"fox": 0.5, "cat": 0.4, "dog": 0.1},
    }
    events = [Prediction(item=i, model="m", pred_probs=p) for i, p in predictions.items()]
    await client.publish(Topic.PREDICTIONS, project, events)
    await client.publish(Topic.PREDICTIONS, project, [animals.predict(ITEMS[:1])])
    animals.items.update(predictions)
    animals.predictions["m"] |= {
        "another order": [0.2, 0.1, 0.7],
        "no eel in the fold": [0.4, 0.6, 0.0],
        "a class that is not listed": [0.8, 0.2, 0.0],
    }

    await window_of(client, animals)

    scores = [one.said for one in await client.read(Topic.ITEM_SCORES, project)]
    consensus = {one.item: one.consensus_label for one in scores if isinstance(one, ItemScore)}
    assert [consensus[item] for item in predictions] == ["eel", "dog", "cat"]
    await audited(client.settings, project)


@pytest.mark.parametrize("budget", [0, 1, 5])
async def test_a_request_may_ask_for_fewer(client: Client, project: str, budget: int) -> None:
    animals = Labelling(project)
    await client.publish(Topic.CONTROL, project, [animals.settings, animals.register(ITEMS)])
    window = await window_of(client, animals, budget)
    assert window.counts.selected == budget
