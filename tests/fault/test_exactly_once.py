"""Whatever fails, and whenever: nothing is lost, nothing is said twice, every window is exact."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from labelling import Labelling, audited, compare, project_settings, window_of
from workers import PATIENCE, WorkerProcess, worker

from schemas import ItemScore, Refusal, RequestCause, Topic, Window
from stream_app.broker import Broker
from stream_app.client import Client
from stream_app.settings import Settings
from stream_app.topics import ensure_topics

PROJECT = "animals"
ITEMS = [f"item-{number:04}" for number in range(3_000)]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Many small transactions, and as little waiting for a dead worker as Kafka allows."""
    return settings.model_copy(update={"session_timeout": 6.0, "run_rows": 50})


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[Client]:
    await ensure_topics(settings)
    async with Client(settings) as client:
        yield client


async def begun(client: Client) -> Labelling:
    """Begin a project, and let its annotators and its model say much before anybody reads it."""
    animals = Labelling(PROJECT, project_settings(budget=20))
    await client.publish(Topic.CONTROL, PROJECT, [animals.settings])
    await flow(client, animals)
    return animals


async def flow(client: Client, animals: Labelling) -> None:
    """Publish a label of each item, then as many again, and predictions of some items."""
    everyone = [animals.answer(item, "ann-0", "cat") for item in ITEMS]
    await client.publish(Topic.ANNOTATIONS, PROJECT, everyone)
    await client.publish(Topic.ANNOTATIONS, PROJECT, animals.label(len(ITEMS), ITEMS))
    await client.publish(Topic.PREDICTIONS, PROJECT, [animals.predict(ITEMS[::3])])


async def first_score(client: Client) -> None:
    """Wait until something has been said of an item."""
    async with (
        asyncio.timeout(PATIENCE),
        client.listen(Topic.ITEM_SCORES, PROJECT, follow=True) as scores,
    ):
        await anext(scores)


async def scored(client: Client) -> set[str]:
    """Return the items of which something has been said."""
    said = [one.said for one in await client.read(Topic.ITEM_SCORES, PROJECT)]
    return {one.item for one in said if isinstance(one, ItemScore)}


async def signal_amid_the_flow(
    client: Client, process: WorkerProcess, number: signal.Signals
) -> None:
    """Signal a worker that has taken some of the flow; it must not have taken all of it."""
    await first_score(client)
    process.signal(number)
    assert 0 < len(await scored(client)) < len(ITEMS)


def beside(settings: Settings) -> Settings:
    """Return the settings of a second worker of the deployment."""
    return settings.model_copy(update={"data_dir": settings.data_dir.with_name("second")})


async def test_a_worker_killed_in_the_middle_of_a_flow_loses_nothing(client: Client) -> None:
    animals = await begun(client)
    with worker(client.settings) as killed:
        await signal_amid_the_flow(client, killed, signal.SIGKILL)
        assert killed.ended() == -signal.SIGKILL
    with worker(client.settings):
        await window_of(client, animals)
    await audited(client.settings, PROJECT)


async def test_a_worker_killed_in_the_middle_of_a_close_makes_its_window_once(
    client: Client,
) -> None:
    """A close says the consensus of many items in bounded transactions before its window."""
    many = [f"item-{number}" for number in range(100_000)]
    animals = Labelling(PROJECT, project_settings(budget=20, method="random"))
    # Nothing is said of what comes before its project: so the first close has it all to say.
    parts = [many[at : at + 10_000] for at in range(0, len(many), 10_000)]
    await client.publish(Topic.CONTROL, PROJECT, map(animals.register, parts))
    await client.publish(Topic.CONTROL, PROJECT, [animals.settings])
    request = partial(client.close_window, PROJECT, topic=Topic.CONTROL, request_id="r")
    asked = asyncio.create_task(request())
    with worker(client.settings) as killed:
        await first_score(client)
        killed.kill()
    assert 0 < len(await scored(client)) < len(many)
    assert not asked.done()

    with worker(client.settings):
        window, again = await asked, await request()
        assert isinstance(window, Window)
        await compare(client, animals, window, 20)
        await client.publish(Topic.ANNOTATIONS, PROJECT, animals.label(500, many))
        await client.publish(Topic.PREDICTIONS, PROJECT, [animals.predict(many[:5_000])])
        await window_of(client, animals)

    assert isinstance(again, Refusal)
    assert again.window == window.window == 1
    assert await scored(client) == set(many)
    windows = await audited(client.settings, PROJECT)
    assert [one.cause for one in windows].count(RequestCause(request_id="r")) == 1


async def test_a_frozen_worker_ends_when_it_wakes_up_behind_its_successor(client: Client) -> None:
    animals = await begun(client)
    with worker(client.settings) as frozen:
        await signal_amid_the_flow(client, frozen, signal.SIGSTOP)
        with worker(beside(client.settings)):
            await window_of(client, animals)
            frozen.signal(signal.SIGCONT)
            assert frozen.ended() != 0
            assert frozen.says("ProducerFenced")
            await client.publish(Topic.ANNOTATIONS, PROJECT, animals.label(500, ITEMS))
            await window_of(client, animals)
    await audited(client.settings, PROJECT)


async def test_a_restart_with_or_without_the_local_state_changes_nothing(client: Client) -> None:
    animals = await begun(client)
    selected: list[str] = []
    with worker(client.settings) as stopped:
        await signal_amid_the_flow(client, stopped, signal.SIGTERM)
        assert stopped.ended() == 0
    for lost in (False, True):
        if lost:
            shutil.rmtree(client.settings.data_dir)
        with worker(client.settings) as stopped:
            window = await window_of(client, animals)
            selected += [selection.item for selection in await client.selections(window)]
            assert stopped.stop() == 0
        await client.publish(Topic.PREDICTIONS, PROJECT, [animals.predict(ITEMS[:100])])
    assert len(set(selected)) == 40  # leases survive
    await audited(client.settings, PROJECT)


async def test_a_worker_that_joins_and_leaves_amid_a_flow_moves_partitions_exactly(
    client: Client,
) -> None:
    animals = await begun(client)
    with worker(client.settings), worker(beside(client.settings)) as guest:
        flowing = asyncio.create_task(flow(client, animals))
        await first_score(client)
        assert guest.stop() == 0
        await flowing
        await window_of(client, animals)
    await audited(client.settings, PROJECT)


async def test_a_broker_that_restarts_amid_a_flow_has_lost_nothing(
    settings: Settings, tmp_path: Path
) -> None:
    """Its workers go on or end, as it hits them; one that is started then finds all that was."""
    broker = Broker(tmp_path / "kafka")
    await asyncio.to_thread(broker.start)
    try:
        settings = settings.model_copy(update={"bootstrap_servers": broker.bootstrap_servers})
        await ensure_topics(settings)
        async with Client(settings) as client:
            animals = await begun(client)
            with worker(settings):
                await first_score(client)
                await asyncio.to_thread(broker.stop)
                await asyncio.to_thread(broker.start)
                assert 0 < len(await scored(client)) < len(ITEMS)
                with worker(beside(settings)):
                    await window_of(client, animals)
            await audited(settings, PROJECT)
    finally:
        await asyncio.to_thread(broker.stop)
