"""What a worker shows of what it knows: in its log and to strangers nothing of items or labels."""

import asyncio
import re
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from aiokafka import AIOKafkaProducer
from workers import WorkerProcess, worker

from schemas import (
    Annotation,
    Annotations,
    Answer,
    Items,
    Prediction,
    ProjectSettings,
    Retraction,
    Topic,
    Window,
    project_key,
)
from stream_app.client import Client
from stream_app.settings import Settings
from stream_app.topics import ensure_topics

PROJECT = "animals"
MARK = "hush"
"""It is in every id, label and class that the worker is told, and in what it can't read."""
ITEMS = [f"{MARK}-item-{number}\n'\u202e" for number in range(6)]
ANNOTATORS = [f"{MARK}-ann\t{number}@example.org" for number in range(3)]
CLASSES = (f"{MARK}-cat", f"{MARK}-dog")
MODEL = "resnet"
"""The operator names it; like the project, it is a label of metrics."""
OPEN = ("/metrics", "/healthz", "/readyz", "/", "/static/page.js", "/api/openapi.json")
"""What is served to whoever comes."""
API = [f"/api/v1/{path}?project=animals" for path in ("project", "ranking", "annotators")]
FAUSTS = ("/tables/", "/table/facts/key/", "/router/", "/stats/", "/graph/", "/assignment/")


@pytest.fixture
def told(settings: Settings) -> Settings:
    asyncio.run(ensure_topics(settings))
    return settings


async def tell(settings: Settings) -> Window:
    """Say good and bad things of all kinds, and close a window on them."""
    rows = [Answer(item=i, annotator=a, label=CLASSES[0]) for i in ITEMS for a in ANNOTATORS]
    half_bad = Annotations(rows=tuple(rows)).to_bytes().replace(b'"label"', b'"liebel"', 1)
    bad = [half_bad, b"", b"{", MARK.encode() + b"\xff", b'{"type":"annotation","hush":1}']
    async with (
        Client(settings) as client,
        AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers) as producer,
    ):
        project = ProjectSettings(classes=CLASSES, models=(MODEL,), budget=3)
        await client.publish(Topic.CONTROL, PROJECT, [project])
        annotations = [
            Annotations(rows=tuple(rows)),
            Annotation(item=ITEMS[0], annotator=ANNOTATORS[0], label=f"{MARK}-dormant"),
            Annotation(item=ITEMS[1], annotator=ANNOTATORS[0], label=None),
            Retraction(item=ITEMS[2], annotator=ANNOTATORS[0]),
        ]
        await client.publish(Topic.ANNOTATIONS, PROJECT, annotations)
        for model in (MODEL, f"{MARK}-unknown"):
            probabilities = {CLASSES[0]: 0.7, CLASSES[1]: 0.3}
            prediction = Prediction(item=ITEMS[3], model=model, pred_probs=probabilities)
            await client.publish(Topic.PREDICTIONS, PROJECT, [prediction])
        await client.publish(Topic.CONTROL, PROJECT, [Items(items=(ITEMS[5],), status="excluded")])
        for topic in (Topic.ANNOTATIONS, Topic.PREDICTIONS, Topic.CONTROL):
            for value in bad:
                for key in (project_key(PROJECT), f"{MARK}\xff".encode("latin-1")):
                    where = client.home(PROJECT)
                    await producer.send(settings.topic(topic), value, key=key, partition=where)
        await producer.flush()
        await client.settle(PROJECT)
        window = await client.close_window(PROJECT)
    assert isinstance(window, Window)
    return window


def listening(pid: int) -> set[tuple[str, int]]:
    """Return the addresses at which a process listens, as the kernel says."""
    inodes = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            inodes |= set(re.findall(r"^socket:\[(\d+)\]$", str(file.readlink())))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and rest[5] in inodes:
                address, port = local.split(":")
                found.add((address, int(port, 16)))
    return found


def shown(process: WorkerProcess, path: str, host: str = "localhost") -> tuple[int, str]:
    """Return status and text of what a worker serves at a path to who calls it by a name."""
    try:
        with urlopen(Request(process.url(path), headers={"Host": host})) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_strangers_and_logs_learn_nothing_of_what_a_worker_is_told(told: Settings) -> None:
    with worker(told) as process:
        window = asyncio.run(tell(told))
        assert window.counts.selected == 3
        assert window.counts.annotators == 3
        for path in OPEN:
            status, text = shown(process, path)
            assert status == 200
            assert text
            assert MARK not in text
        for path in (*API, "/api/v1/projects", "/api/v1/dead-letters"):
            status, text = shown(process, path, "rebound.example")
            assert status == 403
            assert MARK not in text
        for path in API:
            status, text = shown(process, path)
            assert status == 200
            assert MARK in text
        for path in FAUSTS:
            assert shown(process, path)[0] == 404
        port = int(process.url("").rsplit(":", 1)[1])
        assert listening(process.process.pid) == {("0100007F", port)}
        assert process.stop() == 0
    assert "event='assigned'" in process.text()
    assert MARK not in process.text()
