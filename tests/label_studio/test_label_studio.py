"""The bridge between a real Label Studio and a real worker, both ways."""

import asyncio
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest
from label_studio_server import ADMIN, TOKEN, LabelStudio, StudioProject, label_studio
from workers import PATIENCE, Series, WorkerProcess, eventually, scraped, series, worker

from schemas import Annotation, Prediction, ProjectSettings, Selection, Topic, Window
from stream_app.broker import Broker
from stream_app.client import Client
from stream_app.copying import copy_inputs
from stream_app.reading import reading
from stream_app.settings import Settings
from stream_app.topics import ensure_topics
from stream_app.trainer import Standing

SECRET = "a secret of the webhooks"
ITEMS = [f"img-{number}" for number in range(1, 7)]
NEVER = 3600.0

pytestmark = pytest.mark.timeout(900)  # the first time, Label Studio is installed


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudio]:
    with label_studio(tmp_path_factory.mktemp("studio") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def token(studio: LabelStudio) -> str:
    """Return a personal access token; a user has one."""
    made: str = studio.call("POST", "/api/token/", {})["token"]
    return made


@pytest.fixture(scope="session")
def deployed(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(
        bootstrap_servers=broker.bootstrap_servers,
        app_id="studio",
        topic_prefix="studio.",
        partitions=2,
        data_dir=tmp_path_factory.mktemp("studio-worker") / "worker",
        web_port=0,
    )
    asyncio.run(ensure_topics(settings))
    with worker(settings):
        yield settings


@pytest.fixture
async def client(deployed: Settings) -> AsyncIterator[Client]:
    async with Client(deployed) as client:
        yield client


@pytest.fixture
async def project(client: Client, request: pytest.FixtureRequest) -> str:
    """Name a project after its test, and create it."""
    name: str = request.node.name
    settings = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=10)
    await client.publish(Topic.CONTROL, name, [settings])
    return name


@pytest.fixture
def theirs(studio: LabelStudio, request: pytest.FixtureRequest) -> StudioProject:
    """Make Label Studio's project of the same title."""
    return studio.project(request.node.name[:50], ITEMS)


class Bridges:
    """Starts bridges as processes of their own."""

    def __init__(self, settings: Settings, project: str, theirs: StudioProject, log: Path) -> None:
        self.settings = settings.model_copy(update={"data_dir": log})
        self.arguments = (project, "--url", theirs.studio.url)
        self.studio_project = theirs.number
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"

    def start(self, *options: object, studio_project: int | None = None) -> WorkerProcess:
        """Start one, which need not start well."""
        number = self.studio_project if studio_project is None else studio_project
        given = ("--studio-project", number, "--port", self.port, *options)
        command = ("-m", "stream_app.cli", "label-studio", *self.arguments, *map(str, given))
        return WorkerProcess(self.settings, command)

    @contextmanager
    def running(self, *options: object) -> Iterator[WorkerProcess]:
        """Run one that has passed over everything, until it is killed."""
        process = self.start(*options)
        try:
            process.wait_for("event='passed' full=True")
            yield process
            assert process.process.poll() is None, process.text()[-4000:]
        finally:
            process.kill()

    def by_webhooks(self) -> tuple[object, ...]:
        """Return options of a bridge that makes its webhook, and passes but once."""
        return ("--webhook-url", self.url, "--pass-seconds", NEVER)

    @staticmethod
    def by_passes(full: float = NEVER) -> tuple[object, ...]:
        """Return options of a bridge that never gets a webhook."""
        return ("--pass-seconds", 0.3, "--full-pass-seconds", full)

    def metrics(self) -> dict[Series, float]:
        """Scrape it."""
        with urllib.request.urlopen(f"{self.url}metrics", timeout=30) as answer:
            return scraped(answer.read().decode())

    def post(self, body: bytes, secret: str) -> int:
        """Send it a webhook, and return the status of its answer."""
        headers = {"X-ActiveLab-Secret": secret, "Content-Type": "application/json"}
        request = urllib.request.Request(self.url, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture
def bridges(
    deployed: Settings,
    project: str,
    theirs: StudioProject,
    token: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Bridges:
    monkeypatch.setenv("STREAM_APP_LABEL_STUDIO_TOKEN", token)
    monkeypatch.setenv("STREAM_APP_LABEL_STUDIO_SECRET", SECRET)
    return Bridges(deployed, project, theirs, tmp_path / "bridge")


Known = dict[str, tuple[str | None, int, int]]
"""Item to consensus label, number of labels, number of answers."""


async def known(client: Client, project: str) -> Callable[[Known], Awaitable[None]]:
    """Return what waits until the worker knows exactly this."""
    standing = Standing(client, project)

    async def wait(wanted: Known) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            await standing.renew()
            found = {
                item: (score.consensus_label, score.num_annotations, score.num_answers)
                for item, score in standing.items.items()
                if score.num_answers
            }
            if found == wanted:
                return
            assert time.monotonic() < deadline, f"{found} is not {wanted}"

    return wait


async def test_webhooks_are_labels_at_once(
    client: Client, project: str, theirs: StudioProject, bridges: Bridges
) -> None:
    ann, bob = theirs.studio.user("ann"), theirs.studio.user("bob")
    knows = await known(client, project)
    with bridges.running(*bridges.by_webhooks()):
        first = theirs.annotate("img-1", "cat", ann)
        second = theirs.annotate("img-1", "cat", bob)
        other = theirs.annotate("img-2", "dog", bob)
        theirs.annotate("img-3", None, bob, skip=True)
        labels = {"img-2": ("dog", 1, 1), "img-3": (None, 0, 1)}
        await knows({"img-1": ("cat", 2, 2), **labels})
        theirs.correct(first, "dog")
        theirs.correct(second, "dog")
        await knows({"img-1": ("dog", 2, 2), **labels})
        theirs.delete(second)
        await knows({"img-1": ("dog", 1, 1), **labels})
        theirs.delete(other)
        theirs.delete_task("img-3")
        await knows({"img-1": ("dog", 1, 1)})


async def test_passes_find_what_webhooks_lose_and_what_happens_while_the_bridge_is_down(
    client: Client, project: str, theirs: StudioProject, bridges: Bridges
) -> None:
    ann, bob = theirs.studio.user("ann"), theirs.studio.user("bob")
    knows = await known(client, project)
    corrected = theirs.annotate("img-1", "cat", ann)
    deleted = theirs.annotate("img-2", "dog", ann)
    theirs.annotate("img-4", "dog", ann)
    labels: Known = {"img-1": ("cat", 1, 1), "img-2": ("dog", 1, 1), "img-4": ("dog", 1, 1)}
    with bridges.running(*bridges.by_passes()):
        await knows(labels)
        lost = theirs.annotate("img-3", "cat", bob)
        await knows({"img-3": ("cat", 1, 1), **labels})
        theirs.delete(lost)
        await knows(labels)
    # it was killed
    theirs.correct(corrected, "dog")
    theirs.delete(deleted)
    theirs.annotate("img-5", "cat", bob)
    with bridges.running(*bridges.by_passes(full=0.3)):
        await knows({"img-1": ("dog", 1, 1), "img-4": ("dog", 1, 1), "img-5": ("cat", 1, 1)})
        theirs.delete_task("img-4")
        await knows({"img-1": ("dog", 1, 1), "img-5": ("cat", 1, 1)})


async def test_answers_of_others_are_not_taken_back(
    client: Client, project: str, theirs: StudioProject, bridges: Bridges
) -> None:
    knows = await known(client, project)
    await client.publish(
        Topic.ANNOTATIONS, project, [Annotation(item="img-1", annotator="a file", label="cat")]
    )
    theirs.annotate("img-1", "cat", ADMIN)
    with bridges.running(*bridges.by_passes(full=0.3)):
        await knows({"img-1": ("cat", 2, 2)})
        theirs.delete_task("img-1")
        await knows({"img-1": ("cat", 1, 1)})


async def test_inputs_that_are_copied_are_known_as_the_bridges_own(
    client: Client, project: str, theirs: StudioProject, bridges: Bridges
) -> None:
    made = theirs.annotate("img-1", "cat", ADMIN)
    with bridges.running(*bridges.by_passes()):
        await (await known(client, project))({"img-1": ("cat", 1, 1)})
    theirs.delete(made)
    new = bridges.settings.model_copy(
        update={"topic_prefix": "copied.", "app_id": "copied", "partitions": 3}
    )
    await ensure_topics(new)
    async for _ in copy_inputs(bridges.settings, new):
        pass
    bridges.settings = new
    with bridges.running(*bridges.by_passes()):
        topic = new.topic(Topic.ANNOTATIONS)
        async with Client(new) as there, reading(new, topic, [there.home(project)]) as records:
            said = [orjson.loads(record.value or b"") async for record in records]
    assert said[-1] == {
        "type": "retraction",
        "schema_version": 1,
        "item": "img-1",
        "annotator": f"label-studio-{ADMIN}",
        "time": said[-2]["time"],
    }


async def test_selections_are_the_next_tasks_in_rank_order(
    client: Client, project: str, theirs: StudioProject, bridges: Bridges
) -> None:
    bob = theirs.studio.user("bob")
    theirs.annotate("img-4", "cat", bob)
    theirs.annotate("img-5", "dog", bob)
    with bridges.running(*bridges.by_passes()):
        await (await known(client, project))({"img-4": ("cat", 1, 1), "img-5": ("dog", 1, 1)})
    sure = {"img-4": 0.001, "img-5": 0.001}  # of a cat: bob is wrong about img-4
    await client.publish(
        Topic.PREDICTIONS,
        project,
        [
            Prediction(item=item, model="m", pred_probs={"cat": cat, "dog": 1 - cat})
            for number, item in enumerate(reversed(ITEMS))
            for cat in [sure.get(item, 0.5 + number / 20)]
        ],
    )
    asked = await selected(client, project, budget=5)  # while the bridge is down
    assert {one.reason for one in asked} == {"first_label", "relabel"}
    with bridges.running(*bridges.by_webhooks(), "--pass-seconds", 0.3):
        await shows(theirs, [one.item for one in asked])
        for one in asked:
            assert theirs.next_item() == one.item
            theirs.annotate(one.item, "dog", ADMIN)
        assert theirs.next_item() is None
        await shows(theirs, [])
        again = await selected(client, project, budget=2)
        assert again
        await shows(theirs, [one.item for one in again])


async def selected(client: Client, project: str, budget: int) -> list[Selection]:
    """Return what a window selects that knows all that was said."""
    await client.settle(project)
    window = await client.close_window(project, budget=budget)
    assert isinstance(window, Window), window
    return await client.selections(window)


async def shows(theirs: StudioProject, items: list[str]) -> None:
    """Wait until Label Studio's tab shows these items in this order."""
    eventually(lambda: theirs.queue() == items, lambda: f"{theirs.queue()} is not {items}")


async def test_a_webhook_without_the_secret_or_without_sense_changes_nothing(
    client: Client, project: str, theirs: StudioProject, bridges: Bridges
) -> None:
    made = theirs.annotate("img-1", "cat", ADMIN)
    deletion = json.dumps(
        {
            "action": "ANNOTATIONS_DELETED",
            "annotations": [{"id": made}],
            "project": {"id": theirs.number},
        }
    ).encode()
    knows = await known(client, project)
    with bridges.running("--pass-seconds", NEVER):
        await knows({"img-1": ("cat", 1, 1)})
        assert bridges.post(deletion, "") == 401
        assert bridges.post(deletion, SECRET[:-1]) == 401
        assert bridges.post(b" " * (5 << 20), SECRET) == 413
        for senseless in (b"{", b"[]", b"{}", b'{"action": "ANNOTATIONS_DELETED", "project": 1}'):
            assert bridges.post(senseless, SECRET) == 400
        others = deletion.replace(f'{{"id": {theirs.number}}}'.encode(), b'{"id": 0}')
        assert bridges.post(others, SECRET) == 200
        theirs.annotate("img-2", "cat", ADMIN)  # nobody tells
        await client.settle(project)
        await knows({"img-1": ("cat", 1, 1)})
        assert bridges.post(deletion, SECRET) == 200
        await knows({})
        metrics = bridges.metrics()
        for outcome, number in {"refused": 2, "unreadable": 5, "taken": 2, "waiting": 0}.items():
            assert metrics[series("activelab_bridge_webhooks_total", outcome=outcome)] == number
        for kind in ("annotation", "retraction"):
            assert metrics[series("activelab_bridge_events_total", type=kind)] == 1
        assert metrics[series("activelab_bridge_unsettled_pairs")] == 0
        full = series("activelab_bridge_pass_duration_seconds_count", scope="full")
        assert metrics[full] == 1
        ended = metrics[series("activelab_bridge_last_pass_timestamp_seconds")]
        assert time.time() - 600 < ended <= time.time()


async def test_a_label_studio_that_is_away_is_waited_for(
    client: Client, project: str, theirs: StudioProject, bridges: Bridges
) -> None:
    theirs.annotate("img-1", "cat", ADMIN)
    there = urlsplit(theirs.studio.url)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    bridges.arguments = (project, "--url", f"http://127.0.0.1:{port}")
    bridge = bridges.start(*bridges.by_passes())
    try:
        bridge.wait_for("event='away'")

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            back, on = await asyncio.open_connection(there.hostname, there.port)
            await asyncio.gather(copy(reader, on), copy(back, writer))

        async with await asyncio.start_server(forward, "127.0.0.1", port):
            await (await known(client, project))({"img-1": ("cat", 1, 1)})
    finally:
        bridge.kill()


async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    """Copy what is sent to where it goes, to its end."""
    while some := await source.read(1 << 16):
        to.write(some)
    to.close()


@pytest.mark.parametrize(
    ("given", "secret", "studio_project", "sentence"),
    [
        ("f0" * 20, SECRET, None, "answers 401"),
        (TOKEN, SECRET, 10_000, "answers 404"),
        (TOKEN, "short", None, "STREAM_APP_LABEL_STUDIO_SECRET"),
        ("", SECRET, None, "STREAM_APP_LABEL_STUDIO_TOKEN"),
    ],
    ids=["token", "project", "secret", "no token"],
)
def test_a_bridge_to_nowhere_ends_with_a_sentence(
    bridges: Bridges,
    monkeypatch: pytest.MonkeyPatch,
    given: str,
    secret: str,
    studio_project: int | None,
    sentence: str,
) -> None:
    monkeypatch.setenv("STREAM_APP_LABEL_STUDIO_TOKEN", given)
    monkeypatch.setenv("STREAM_APP_LABEL_STUDIO_SECRET", secret)
    bridge = bridges.start(studio_project=studio_project)
    try:
        assert bridge.ended() == 1
    finally:
        bridge.kill()
    assert sentence in bridge.text()
    assert "Traceback" not in bridge.text()
