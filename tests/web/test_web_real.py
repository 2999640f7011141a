"""Two real workers on a real Kafka: one answers for the other, and none for what it has lost."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from json import loads
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer
from axe import violations
from browser import browsing
from workers import WorkerProcess, eventually
from yarl import URL

from schemas import Annotation, Predictions, Topic, project_key
from stream_app.broker import Broker
from stream_app.client import Client
from stream_app.settings import Settings
from stream_app.topics import ensure_topics

pytestmark = pytest.mark.timeout(480)  # the first one may have to install the browser

TOKEN = "a token of some length"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}
PROJECTS = [f"p{number}" for number in range(8)]
SETTINGS = {"classes": ["cat", "dog"], "models": ["m"], "budget": 3}
ITEMS = [f"img-{number}" for number in range(6)]


@pytest.fixture(scope="module")
def settings(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(
        bootstrap_servers=broker.bootstrap_servers,
        app_id="web",
        topic_prefix="web.",
        partitions=4,
        web_port=0,
        session_timeout=6,
        api_token=TOKEN,
        data_dir=tmp_path_factory.mktemp("web") / "worker",
    )
    asyncio.run(ensure_topics(settings))
    return settings


@pytest.fixture(scope="module")
def workers(settings: Settings) -> Iterator[list[WorkerProcess]]:
    """Two workers, each with two of the four partitions."""
    with ExitStack() as running:
        found = []
        for name in ("one", "two"):
            own = settings.model_copy(update={"data_dir": settings.data_dir / name})
            own.data_dir.parent.mkdir(exist_ok=True)
            found.append(WorkerProcess(own))
            running.callback(found[-1].stop)
        for worker in found:
            worker.wait_for("event='assigned'")

        def shared() -> bool:
            return all(len(_owned(worker)) == 2 for worker in found)

        eventually(shared, lambda: "the partitions are not shared")
        yield found


def _owned(worker: WorkerProcess) -> set[str]:
    return {
        dict(labels)["partition"]
        for (name, labels) in worker.metrics()
        if name == "activelab_partition_owned"
    }


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def get(web: aiohttp.ClientSession, worker: WorkerProcess, path: str, **query: str) -> Any:
    async with web.get(worker.url(f"/api/v1/{path}"), params=query) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def send(
    web: aiohttp.ClientSession,
    worker: WorkerProcess,
    method: str,
    path: str,
    project: str,
    body: object,
) -> Any:
    async with web.request(
        method,
        worker.url(f"/api/v1/{path}"),
        params={"project": project},
        json=body,
        headers=WITH_TOKEN,
    ) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def played(web: aiohttp.ClientSession, settings: Settings, worker: WorkerProcess) -> None:
    """Let eight projects have a window each, all by way of one worker."""
    async with Client(settings) as client:
        for project in PROJECTS:
            await send(web, worker, "PATCH", "project", project, SETTINGS)
            answers = [
                Annotation(item=item, annotator=who, label="cat" if n % 2 else "dog")
                for n, item in enumerate(ITEMS[:4])
                for who in ("ann", "bob")
            ]
            predictions = Predictions(
                model="m", classes=("cat", "dog"), items=ITEMS, pred_probs=[[0.3, 0.7]] * 6
            )
            await client.publish(Topic.ANNOTATIONS, project, answers)
            await client.publish(Topic.PREDICTIONS, project, [predictions])
            body = {"annotator": "ann", "number": 2, "request_id": "ann-1"}
            said = await send(web, worker, "POST", "next", project, body)
            assert {one["item"] for one in said["selections"]} == {"img-4", "img-5"}


async def test_two_workers_answer_as_one_and_none_for_what_it_has_lost(
    web: aiohttp.ClientSession, settings: Settings, workers: list[WorkerProcess]
) -> None:
    await answer_as_one(web, settings, *workers)
    await say_nothing_of_what_is_lost(web, *workers)


async def answer_as_one(
    web: aiohttp.ClientSession, settings: Settings, one: WorkerProcess, two: WorkerProcess
) -> None:
    workers = one, two
    await played(web, settings, one)
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers) as producer:
        topic = settings.topic(Topic.ANNOTATIONS)
        await producer.send_and_wait(topic, b"{", key=project_key("p0"), partition=0)

    listed = [await get(web, worker, "projects") for worker in workers]
    here = [await get(web, worker, "projects", here="true") for worker in workers]
    owned = [{p["project"] for p in answer["projects"]} for answer in here]
    assert all(owned)
    assert owned[0] | owned[1] == set(PROJECTS)
    assert not owned[0] & owned[1]
    for answer in listed:
        assert [p["project"] for p in answer["projects"]] == PROJECTS
        assert answer["silent"] == []

    foreign = min(owned[1])
    for path, query in (
        ("ranking", {}),
        ("annotators", {}),
        ("windows", {}),
        ("item", {"item": "img-4"}),
        ("selections", {"item": "img-4"}),
    ):
        answers = [await get(web, worker, path, project=foreign, **query) for worker in workers]
        for answer in answers:
            for moving in ("now", "walked_at"):
                answer.pop(moving, None)
        assert answers[0] == answers[1]
        assert len(answers[0].get("ranked", "four")) == 4
    assert answers[0]["selections"][0]["window"] == 1
    letters = (await get(web, one, "dead-letters"))["letters"]
    assert [letter["reason"] for letter in letters] == ["not_json"]

    async with browsing() as browser:
        page = await browser.new_page()
        await page.goto(one.url(f"/#/project?project={foreign}"))
        await page.get_by_role("heading", name=foreign).wait_for()
        await page.get_by_role("cell", name="img-0").first.wait_for()
        assert await page.locator("#live").inner_text() == "Live"
        await send(web, two, "POST", "pause", foreign, {})
        await page.get_by_text("paused, by activelab").wait_for()
        assert await violations(page) == []


async def say_nothing_of_what_is_lost(
    web: aiohttp.ClientSession, one: WorkerProcess, two: WorkerProcess
) -> None:
    """A worker is frozen; the question is in its socket when it wakes up, before any news."""
    here = await get(web, two, "projects", here="true")
    mine = here["projects"][0]["project"]
    two.signal(signal.SIGSTOP)
    try:
        eventually(lambda: len(_owned(one)) == 4, lambda: "nobody has taken over")
        asking = await _asked(two, mine)
    finally:
        two.signal(signal.SIGCONT)
    assert (await asking()) in (b"503", b"")
    # It comes back to the group; then it is known again who answers.
    eventually(lambda: _windows(one, mine) == 1, lambda: "nobody answers any more")


def _windows(worker: WorkerProcess, project: str) -> int | None:
    """Return how many windows a project has had; None where it is not said right now."""
    try:
        with urlopen(worker.url(f"/api/v1/project?project={project}")) as response:
            windows: int = loads(response.read())["summary"]["windows"]
            return windows
    except HTTPError as error:
        assert error.code in (502, 503)
        return None


async def _asked(worker: WorkerProcess, project: str) -> Callable[[], Awaitable[bytes]]:
    """Send a question; return what waits for the status of its answer, empty where none comes.

    A worker that was fenced may end instead.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", URL(worker.url("")).port)
    writer.write(
        f"GET /api/v1/project?project={project} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    )
    await writer.drain()

    async def status() -> bytes:
        line = await reader.readline()
        writer.close()
        return line[9:12]

    return status
