"""Whatever a producer sends: it becomes a dead letter with its raw bytes, and the flow goes on."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from labelling import CLASSES, audited, project_settings

from schemas import Annotation, DeadLetter, Reason, Topic, Window, parse_dead_letter, project_key
from stream_app.client import Client
from stream_app.reading import reading
from stream_app.settings import Settings

A, P, C = Topic.ANNOTATIONS, Topic.PREDICTIONS, Topic.CONTROL
PROJECT = "dead letters"
KEY = project_key(PROJECT)
JUNK = b"x" * 300_000
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@dataclass(frozen=True)
class Bad:
    """A bad record, and what is to be said of it."""

    topic: Topic
    value: bytes | None
    reason: Reason | None
    rows: tuple[tuple[int, Reason], ...] = ()
    key: bytes | None = KEY
    away: int = 0
    """How many partitions from home."""


def record(kind: str, usual: dict[str, Any], changes: dict[str, Any]) -> bytes:
    """Encode a good record but for ``changes``; a field that is ... is left out."""
    body = {"type": kind, "schema_version": 1} | usual | changes
    return orjson.dumps({name: value for name, value in body.items() if value is not ...})


def annotation(**changes: Any) -> bytes:
    return record("annotation", {"item": "a", "annotator": "ann", "label": "cat"}, changes)


def prediction(**changes: Any) -> bytes:
    return record("prediction", {"item": "a", "model": "m", "pred_probs": {"cat": 1}}, changes)


def predictions(**changes: Any) -> bytes:
    usual = {"model": "m", "classes": CLASSES, "items": ["a"], "pred_probs": [[1, 0, 0]]}
    return record("predictions", usual, changes)


def project(**changes: Any) -> bytes:
    return record("project", {"classes": CLASSES, "models": ["m"], "budget": 1}, changes)


def close(**changes: Any) -> bytes:
    return record("close", {"cause": "request", "request_id": "r"}, changes)


ROWS = [
    {"item": "a", "annotator": "ann", "label": "cat"},
    {"item": "", "annotator": "ann", "label": "cat"},
    {"item": "b", "annotator": "ann", "label": 7},
]
EVERY_BAD = (
    Bad(A, annotation(), Reason.WRONG_KEY, key=None),
    Bad(P, prediction(), Reason.WRONG_KEY, key=b""),
    Bad(C, project(), Reason.WRONG_KEY, key=b"\xff"),
    Bad(A, annotation(), Reason.WRONG_PARTITION, away=1),
    Bad(C, project(), Reason.WRONG_PARTITION, away=3),
    Bad(A, None, Reason.EMPTY_VALUE),
    Bad(C, b"", Reason.EMPTY_VALUE),
    Bad(A, annotation(item="i" * 1025), Reason.TOO_LARGE),
    Bad(A, b'{"type": "annotation\xff"}', Reason.NOT_UTF8),
    Bad(P, b"{", Reason.NOT_JSON),
    Bad(P, JUNK, Reason.NOT_JSON),
    Bad(A, annotation(annotator=...), Reason.MISSING_FIELD),
    Bad(A, annotation(label=7), Reason.WRONG_TYPE),
    Bad(A, annotation(type="annotashun"), Reason.UNKNOWN_TYPE),
    Bad(P, prediction(schema_version=2), Reason.UNKNOWN_SCHEMA_VERSION),
    Bad(A, project(), Reason.TYPE_NOT_ALLOWED),
    Bad(A, close(budget=1), Reason.TYPE_NOT_ALLOWED),
    Bad(A, annotation(item=""), Reason.EMPTY_ID),
    Bad(C, project(models=["m", "m"]), Reason.DUPLICATE_NAME),
    Bad(P, prediction(pred_probs={"cat": 0.5, "dog": 0.6}), Reason.BAD_PROBABILITIES),
    Bad(P, predictions(items=["a", "b"]), Reason.WRONG_LENGTH),
    Bad(A, annotation(time="yesterday"), Reason.BAD_TIME),
    Bad(A, annotation(time="2026-01-01T00:00:00"), Reason.TIME_WITHOUT_ZONE),
    Bad(A, annotation(time=TOMORROW), Reason.TIME_IN_FUTURE),
    Bad(P, prediction(version=-1), Reason.BAD_VALUE),
    Bad(C, project(method="guess"), Reason.BAD_SETTINGS),
    Bad(
        A,
        record("annotations", {"rows": ROWS}, {}),
        None,
        rows=((1, Reason.EMPTY_ID), (2, Reason.WRONG_TYPE)),
    ),
)


@pytest.fixture
async def producer(client: Client) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that is none of ours."""
    producer = AIOKafkaProducer(bootstrap_servers=client.settings.bootstrap_servers)
    await producer.start()
    yield producer
    await producer.stop()


async def dead_letters(settings: Settings) -> dict[tuple[str, int, int], DeadLetter]:
    """Read all dead letters, by the place of their records: one a record."""
    letters: dict[tuple[str, int, int], DeadLetter] = {}
    name = settings.topic(Topic.DEAD_LETTERS)
    async with reading(settings, name, range(settings.partitions)) as records:
        async for one in records:
            letter = parse_dead_letter(one.key, one.value, one.headers)
            assert letter.partition == one.partition
            place = (letter.topic, letter.partition, letter.offset)
            assert letters.setdefault(place, letter) is letter
    return letters


async def test_every_bad_record_is_one_dead_letter_and_what_is_behind_it_counts(
    client: Client, producer: AIOKafkaProducer
) -> None:
    at_home = client.home(PROJECT)
    await client.publish(C, PROJECT, [project_settings()])
    places = []
    for number, bad in enumerate(EVERY_BAD):
        partition = (at_home + bad.away) % client.partitions
        topic = client.settings.topic(bad.topic)
        sent = await producer.send_and_wait(topic, bad.value, key=bad.key, partition=partition)
        places.append((bad.topic, partition, sent.offset))
        behind = Annotation(item=f"behind {number}", annotator="ann", label="dog")
        await client.publish(A, PROJECT, [behind])
    await client.settle(PROJECT)

    window = await client.close_window(PROJECT)
    assert isinstance(window, Window)
    assert window.counts.labels == len(EVERY_BAD) + 1  # and the good row of the batch
    letters = await dead_letters(client.settings)
    found = [letters[place] for place in places]
    assert [(one.reason, one.rows) for one in found] == [
        (bad.reason, bad.rows) for bad in EVERY_BAD
    ]
    for letter, bad in zip(found, EVERY_BAD, strict=True):
        assert letter.key == bad.key
        assert letter.home == (at_home if bad.reason == Reason.WRONG_PARTITION else None)
        if bad.value == JUNK:
            assert not letter.is_whole
            assert orjson.loads(letter.value or b"") == {
                "topic": letter.topic,
                "partition": letter.partition,
                "offset": letter.offset,
                "key_length": len(KEY),
                "length": len(JUNK),
                "sha256": hashlib.sha256(JUNK).hexdigest(),
            }
        else:
            assert letter.is_whole
            assert letter.value == bad.value
    await audited(client.settings, PROJECT)


def test_no_reason_is_left_out() -> None:
    reasons = {bad.reason for bad in EVERY_BAD}
    assert reasons - {None} == set(Reason)
