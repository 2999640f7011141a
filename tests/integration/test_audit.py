"""An audit of a real worker agrees; of topics in which one label was changed it does not."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import orjson
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from workers import worker

from schemas import (
    Annotation,
    Items,
    Prediction,
    Predictions,
    ProjectSettings,
    Retraction,
    Topic,
    Window,
)
from stream_app.audit import audit, audit_all
from stream_app.audit.history import TOPICS
from stream_app.client import Client
from stream_app.errors import AuditRefused
from stream_app.reading import reading
from stream_app.settings import Settings
from stream_app.topics import ensure_topics

PROJECT = "animals"
CLASSES = ("cat", "dog", "eel")
C = TypeVar("C")
Tampering = Callable[[Topic, dict[str, Any]], dict[str, Any]]


async def some_windows(client: Client, project: str) -> None:
    """Close windows of a project that is corrected, excluded from, changed and misspelt."""
    shape = ProjectSettings(classes=CLASSES, models=("m",), budget=4, max_answers=3)
    items = tuple(f"item-{number}" for number in range(12))
    answers = [
        Annotation(item=item, annotator=f"ann-{number % 4}", label=CLASSES[number % 3], time=number)
        for number, item in enumerate(items[:8] + items[:5] + items[2:6])
    ]
    shares = ((0.6, 0.3, 0.1), (0.2, 0.5, 0.3), (0.1, 0.1, 0.8))
    predictions = Predictions(
        model="m", classes=CLASSES, items=items, pred_probs=tuple(shares[i % 3] for i in range(12))
    )
    await client.publish(Topic.CONTROL, project, [shape])
    await client.publish(Topic.ANNOTATIONS, project, answers)
    await client.publish(Topic.PREDICTIONS, project, [predictions])
    await client.settle(project)
    assert isinstance(await client.close_window(project), Window)
    retraction = Retraction(item="item-0", annotator="ann-0")
    stranger = Annotation(item="item-1", annotator="ann-9", label="fox")
    await client.publish(Topic.ANNOTATIONS, project, [retraction, stranger])
    excluded = Items(items=("item-3",), status="excluded")
    await client.publish(Topic.CONTROL, project, [excluded, shape.model_copy(update={"budget": 6})])
    newer = Prediction(item="item-4", model="m", pred_probs={"eel": 0.9, "cat": 0.1})
    await client.publish(Topic.PREDICTIONS, project, [newer])
    await client.settle(project)
    assert isinstance(await client.close_window(project), Window)


async def command(settings: Settings, *words: str) -> tuple[int | None, dict[str, Any]]:
    """Run a command of the command line; return its exit code and the JSON that it says."""
    where = {"BOOTSTRAP_SERVERS": settings.bootstrap_servers, "TOPIC_PREFIX": settings.topic_prefix}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stream_app.cli", *words, "--json"),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {f"STREAM_APP_{name}": value for name, value in where.items()},
    )
    said, _ = await process.communicate()
    return process.returncode, orjson.loads(said)


async def copied(settings: Settings, tampering: Tampering) -> Settings:
    """Copy what an audit reads to the topics of another deployment, as ``tampering`` has it.

    The copies keep offsets and timestamps, so their topics let a producer say what time it is.
    """
    name = f"{tampering.__name__}-{settings.app_id}"
    copy = settings.model_copy(update={"topic_prefix": f"{name}.", "app_id": name})
    topics = [NewTopic(copy.topic(topic), settings.partitions, 1) for topic in TOPICS]
    async with kafka(AIOKafkaAdminClient, settings) as admin:
        await admin.create_topics(topics)
    async with kafka(AIOKafkaProducer, settings) as producer:
        for topic in TOPICS:
            numbers = range(settings.partitions)
            async with reading(settings, settings.topic(topic), numbers) as records:
                async for record in records:
                    body = tampering(topic, orjson.loads(record.value or b"null"))
                    await producer.send(
                        copy.topic(topic),
                        orjson.dumps(body),
                        key=record.key,
                        partition=record.partition,
                        timestamp_ms=record.timestamp,
                    )
    return copy


@asynccontextmanager
async def kafka(kind: Callable[..., C], settings: Settings) -> AsyncIterator[C]:
    """Connect one of the client library's clients, and close it."""
    client: Any = kind(bootstrap_servers=settings.bootstrap_servers)
    await client.start()
    try:
        yield client
    finally:
        await (client.stop() if hasattr(client, "stop") else client.close())


def nothing(topic: Topic, body: dict[str, Any]) -> dict[str, Any]:
    return body


def one_label(topic: Topic, body: dict[str, Any]) -> dict[str, Any]:
    changed = topic == Topic.ANNOTATIONS and (body.get("item"), body.get("annotator")) == (
        "item-1",
        "ann-1",
    )
    return body | {"label": "eel"} if changed else body


def a_worse_item(topic: Topic, body: dict[str, Any]) -> dict[str, Any]:
    changed = topic == Topic.SELECTIONS and body["rank"] == 6
    return body | {"item": "item-7"} if changed else body


async def test_a_worker_s_windows_are_what_an_audit_recomputes(
    client: Client, project: str
) -> None:
    await some_windows(client, project)
    reports = await audit_all(client.settings, project)
    assert [str(d) for report in reports for d in report.differences] == []
    assert [len(report.selections) for report in reports if report.selections] == [4, 6]
    assert reports[-1].window.counts.dormant == {"labels:fox": 1}

    code, said = await command(client.settings, "audit", project)
    assert code == 0
    assert said["windows"] == [{"window": 8, "agrees": True, "selected": 6, "differences": []}]


async def test_an_audit_of_a_copy_says_what_was_tampered_with(settings: Settings) -> None:
    await ensure_topics(settings)
    with worker(settings):
        async with Client(settings) as client:
            await some_windows(client, PROJECT)
    assert (await audit(await copied(settings, nothing), PROJECT)).agrees

    reports = await audit_all(await copied(settings, one_label), PROJECT)
    # What is expected of the items rests on every label and on the model, so every window that
    # knows all of them shows it.
    most = max(report.window.counts.labels for report in reports)
    assert not any(
        report.agrees
        for report in reports
        if report.window.counts.labels == most and report.window.cut[Topic.PREDICTIONS]
    )
    different = {difference.what for difference in reports[-1].differences}
    assert different == {"outlook wrong_labelled", "outlook gain_per_label", "rank 1 score"}
    assert reports[-1].selections[0].item == "item-1"

    code, said = await command(await copied(settings, a_worse_item), "audit", PROJECT)
    assert code == 1
    (window,) = said["windows"]
    assert {difference["what"] for difference in window["differences"]} == {"digest", "rank 6 item"}


async def test_nothing_is_judged_where_a_log_has_lost_its_beginning(settings: Settings) -> None:
    await ensure_topics(settings)
    async with Client(settings) as client:
        lost = [Annotation(item="item", annotator=name, label="cat") for name in ("ann", "bob")]
        await client.publish(Topic.ANNOTATIONS, PROJECT, lost)
        place = TopicPartition(settings.topic(Topic.ANNOTATIONS), client.home(PROJECT))
    async with kafka(AIOKafkaAdminClient, settings) as admin:
        await admin.delete_records({place: RecordsToDelete(2)})
    code, said = await command(settings, "audit", PROJECT)
    assert code == 3
    assert "begins at offset 2" in said["refused"]


async def test_a_project_without_a_window_is_not_judged(settings: Settings) -> None:
    await ensure_topics(settings)
    with pytest.raises(AuditRefused, match="no window yet"):
        await audit(settings, PROJECT)


async def test_an_item_is_explained_by_who_said_what_of_it(client: Client, project: str) -> None:
    await some_windows(client, project)
    code, said = await command(client.settings, "item", "show", project, "item-1")
    assert code == 0
    assert [(a["annotator"], a["label"], a["dormant"]) for a in said["answers"]] == [
        ("ann-1", "cat", False),
        ("ann-9", "fox", True),
    ]
    (prediction,) = said["predictions"]
    assert prediction["pred_probs"] == pytest.approx({"cat": 0.2, "dog": 0.5, "eel": 0.3})
    (window,) = await client.last(Topic.WINDOWS, Window, project, lambda _: True)
    (last,) = [s for s in await client.selections(window) if s.item == "item-1"]
    assert (said["selections"][-1]["rank"], said["state"]) == (last.rank, "on lease")
    assert said["standing"]["method_score"] == pytest.approx(last.score, abs=1e-9)
