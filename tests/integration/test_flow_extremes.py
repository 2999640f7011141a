"""The largest, the most and the oddest of everything: it counts, or it is one dead letter."""

import gzip
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from labelling import CLASSES, audited, project_settings

from schemas import (
    MAX_ANSWERS,
    MAX_CLASSES,
    MAX_ID_BYTES,
    MAX_RECORD_BYTES,
    MAX_ROWS,
    Annotation,
    Annotations,
    Answer,
    DeadLetter,
    Items,
    ItemScore,
    Prediction,
    Reason,
    Topic,
    Window,
    parse_dead_letter,
    project_key,
)
from stream_app.client import Client
from stream_app.reading import reading

OVERHEAD = 200
"""Bytes that a record and its batch have beside key and value, and more."""


@pytest.fixture
async def producer(client: Client) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that is none of ours, and lets through whatever the broker takes."""
    producer = AIOKafkaProducer(
        bootstrap_servers=client.settings.bootstrap_servers, max_request_size=1 << 30
    )
    await producer.start()
    yield producer
    await producer.stop()


def batch(kind: str, **columns: list[object]) -> Callable[[int], bytes]:
    """Return what makes a batch of a size, padded by a field that nobody knows."""

    def make(size: int) -> bytes:
        body = {"type": kind, "schema_version": 1, "model": "m", "status": "registered", **columns}
        return body_of(body, size)

    return make


def body_of(body: dict[str, object], size: int) -> bytes:
    plain = orjson.dumps(body | {"padding": ""})
    return orjson.dumps(body | {"padding": "x" * (size - len(plain))})


ALL = range(MAX_ROWS)
NO_ONE: list[object] = [{"item": "i", "annotator": "", "label": "cat"}] * MAX_ROWS
LARGEST = {
    "junk": (Topic.ANNOTATIONS, lambda size: b"x" * size, Reason.NOT_JSON, ()),
    "deep": (Topic.CONTROL, lambda size: b"[" * size, Reason.NOT_JSON, ()),
    "not text": (Topic.PREDICTIONS, lambda size: b"\xff" * size, Reason.NOT_UTF8, ()),
    "bad answers": (Topic.ANNOTATIONS, batch("annotations", rows=NO_ONE), None, ALL),
    "one row more": (
        Topic.ANNOTATIONS,
        batch("annotations", rows=[*NO_ONE, NO_ONE[0]]),
        Reason.TOO_LARGE,
        (),
    ),
    "bad items": (Topic.CONTROL, batch("items", items=[""] * MAX_ROWS), None, ALL),
    "bad predictions": (
        Topic.PREDICTIONS,
        batch("predictions", classes=["cat"], items=[""] * MAX_ROWS, pred_probs=[[0.5]] * MAX_ROWS),
        None,
        ALL,
    ),
}
"""By name: topic, what makes the value of a size, and the reason, or the rows that are bad."""


async def letters_of(client: Client, project: str) -> list[DeadLetter]:
    topic = client.settings.topic(Topic.DEAD_LETTERS)
    async with reading(client.settings, topic, [client.home(project)]) as records:
        letters = [parse_dead_letter(one.key, one.value, one.headers) async for one in records]
    return [one for one in letters if one.key == project_key(project)]


async def test_a_record_as_large_as_the_broker_takes_is_one_dead_letter(
    client: Client, producer: AIOKafkaProducer, project: str
) -> None:
    key, partition = project_key(project), client.home(project)
    await client.publish(Topic.CONTROL, project, [project_settings()])
    size = MAX_RECORD_BYTES - OVERHEAD - len(key)
    places = []
    for topic, make, _, _ in LARGEST.values():
        name = client.settings.topic(topic)
        sent = await producer.send_and_wait(name, make(size), key=key, partition=partition)
        places.append((topic, sent.offset))
    await client.settle(project)
    letters = {(one.topic, one.offset): one for one in await letters_of(client, project)}
    assert len(letters) == len(LARGEST) == len(await letters_of(client, project))
    for place, (_, _, reason, rows) in zip(places, LARGEST.values(), strict=True):
        assert letters[place].reason == reason
        assert [row for row, _ in letters[place].rows] == [*rows]
    await audited(client.settings, project)


async def test_a_record_that_is_small_only_while_it_is_compressed_is_too_large(
    client: Client, project: str
) -> None:
    """The broker bounds what it keeps; what comes out of that may be twenty times as large."""
    value = b" " * (20 * MAX_RECORD_BYTES)
    assert len(gzip.compress(value)) < MAX_RECORD_BYTES
    await client.publish(Topic.CONTROL, project, [project_settings()])
    async with AIOKafkaProducer(
        bootstrap_servers=client.settings.bootstrap_servers,
        compression_type="gzip",
        max_request_size=1 << 30,
        max_batch_size=1 << 30,
    ) as compressing:
        await compressing.send_and_wait(
            client.settings.topic(Topic.ANNOTATIONS),
            value,
            key=project_key(project),
            partition=client.home(project),
        )
    await client.settle(project)
    (letter,) = await letters_of(client, project)
    assert letter.reason == Reason.TOO_LARGE
    assert not letter.is_whole


async def test_a_key_of_half_a_megabyte_is_one_dead_letter(
    client: Client, producer: AIOKafkaProducer, project: str
) -> None:
    name, key = client.settings.topic(Topic.ANNOTATIONS), b"k" * (MAX_RECORD_BYTES // 2)
    sent = await producer.send_and_wait(name, b"{}", key=key, partition=client.home(project))
    await client.publish(Topic.CONTROL, project, [project_settings()])
    await client.settle(project)
    topic = client.settings.topic(Topic.DEAD_LETTERS)
    async with reading(client.settings, topic, [client.home(project)]) as records:
        letters = [parse_dead_letter(one.key, one.value, one.headers) async for one in records]
    found = [one for one in letters if (one.topic, one.offset) == (Topic.ANNOTATIONS, sent.offset)]
    assert [(one.reason, one.key, one.is_whole) for one in found] == [
        (Reason.TOO_LARGE, None, False)
    ]


async def test_ten_thousand_classes(client: Client, project: str) -> None:
    classes = [f"class {number}" for number in range(MAX_CLASSES)]
    await client.publish(Topic.CONTROL, project, [project_settings(classes=classes, budget=3)])
    shares = dict.fromkeys(classes, 1 / MAX_CLASSES)
    await client.publish(
        Topic.PREDICTIONS,
        project,
        [Prediction(item=f"item {n}", model="m", pred_probs=shares) for n in range(20)],
    )
    answers = [
        Annotation(item=f"item {n % 20}", annotator=f"ann {n % 7}", label=classes[n * 37])
        for n in range(100)
    ]
    await client.publish(Topic.ANNOTATIONS, project, answers)
    await client.settle(project)
    window = await client.close_window(project)
    assert isinstance(window, Window)
    assert (window.counts.items, window.counts.labels) == (20, 100)
    assert window.counts.selected == 3
    await audited(client.settings, project)


async def test_a_hundred_thousand_labels_of_one_item(client: Client, project: str) -> None:
    await client.publish(Topic.CONTROL, project, [project_settings(budget=1)])
    number = 100_000
    batches = [
        Annotations(
            rows=[
                Answer(item="the one", annotator=f"ann {n}", label=CLASSES[n % 10 // 8])
                for n in range(at, at + MAX_ROWS)
            ]
        )
        for at in range(0, number, MAX_ROWS)
    ]
    await client.publish(Topic.ANNOTATIONS, project, batches)
    # An annotator of it labels something else, a few of them often.
    more = [
        Annotation(item=f"item {n % 9}", annotator=f"ann {n % 13}", label="cat") for n in range(60)
    ]
    await client.publish(Topic.ANNOTATIONS, project, more)
    await client.settle(project, [Topic.ANNOTATIONS])
    window = await client.close_window(project)
    assert isinstance(window, Window)
    assert window.counts.labels == number + len({(n % 9, n % 13) for n in range(60)})
    assert window.counts.annotators == number
    await audited(client.settings, project)
    said = [one.said for one in await client.read(Topic.ITEM_SCORES, project)]
    of_it = [one for one in said if isinstance(one, ItemScore) and one.item == "the one"]
    assert (of_it[-1].num_annotations, of_it[-1].consensus_label) == (number, "cat")


async def test_a_selection_names_as_many_annotators_as_there_may_be(
    client: Client, project: str
) -> None:
    """The longest ids that there are, of characters that take six bytes each in JSON."""
    await client.publish(
        Topic.CONTROL, project, [project_settings(budget=1, max_answers=MAX_ANSWERS)]
    )
    filler = "\u0001" * (MAX_ID_BYTES - 3)
    names = {f"{filler}{number}" for number in range(100, 100 + MAX_ANSWERS - 1)}
    answers = [Annotation(item=filler, annotator=name, label="cat") for name in names]
    await client.publish(Topic.ANNOTATIONS, project, answers)
    await client.settle(project, [Topic.ANNOTATIONS])
    window = await client.close_window(project)
    assert isinstance(window, Window)
    (selected,) = await client.selections(window)
    assert set(selected.answered_by) == names
    await audited(client.settings, project)


ODD_IDS = (
    *("é", "e\u0301", "ﬁ", "fi", "Å", "\u212b"),
    *(
        "\u0000",
        "\u202e",
        "\ufeff",
        "\U0001f600",
        " ",
        " a",
        "a ",
        "a\tb",
        '"',
        "\\",
        "[1]",
        "null",
    ),
    *("x" * 1024, "\u0001" * 1024),
)


async def test_ids_are_taken_as_they_are(client: Client, project: str) -> None:
    """No trimming, no normalisation: ids that are equal to the eye are two, to the byte."""
    assert len(set(ODD_IDS)) == len(ODD_IDS)
    await client.publish(Topic.CONTROL, project, [project_settings(budget=len(ODD_IDS))])
    answers = [Annotation(item=odd, annotator=odd, label="cat") for odd in ODD_IDS]
    await client.publish(Topic.ANNOTATIONS, project, answers)
    await client.settle(project)
    window = await client.close_window(project)
    assert isinstance(window, Window)
    assert window.counts.annotators == window.counts.items == len(ODD_IDS)
    selected = await client.selections(window)
    assert {one.item for one in selected} == set(ODD_IDS)
    assert {one.answered_by for one in selected} == {(odd,) for odd in ODD_IDS}
    await audited(client.settings, project)


async def test_times_of_1970_count_and_times_of_2100_are_dead_letters(
    client: Client, project: str
) -> None:
    await client.publish(Topic.CONTROL, project, [project_settings()])
    years = {year: datetime(year, 1, 1, tzinfo=UTC) for year in (1, 1969, 1970, 2100, 9999)}
    answers = [
        Annotation(item=f"{year}", annotator="ann", label="cat", time=time)
        for year, time in years.items()
    ]
    await client.publish(Topic.ANNOTATIONS, project, answers)
    await client.settle(project)
    window = await client.close_window(project)
    assert isinstance(window, Window)
    assert {one.item for one in await client.selections(window)} == {"1", "1969", "1970"}
    reasons = [one.reason for one in await letters_of(client, project)]
    assert reasons == [Reason.TIME_IN_FUTURE] * 2
    await audited(client.settings, project)


async def test_of_duplicate_rows_in_one_record_one_counts(client: Client, project: str) -> None:
    """The newest; of those at one time, which of them does not depend on their order."""
    await client.publish(Topic.CONTROL, project, [project_settings()])
    early, late = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    rows = [
        *[Answer(item="newest", annotator="ann", label="dog", time=late)] * 2,
        Answer(item="newest", annotator="ann", label="cat", time=early),
        Answer(item="tied", annotator="ann", label="cat", time=early),
        Answer(item="tied", annotator="ann", label="dog", time=early),
        Answer(item="tied, turned", annotator="ann", label="dog", time=early),
        Answer(item="tied, turned", annotator="ann", label="cat", time=early),
    ]
    await client.publish(Topic.ANNOTATIONS, project, [Annotations(rows=rows)])
    await client.publish(Topic.CONTROL, project, [Items(items=["new"] * 5, status="registered")])
    await client.settle(project)
    window = await client.close_window(project)
    assert isinstance(window, Window)
    assert (window.counts.items, window.counts.labels) == (4, 3)
    said = [one.said for one in await client.read(Topic.ITEM_SCORES, project)]
    scores = {one.item: one.consensus_label for one in said if isinstance(one, ItemScore)}
    assert scores["newest"] == "dog"
    assert scores["tied"] == scores["tied, turned"]
    await audited(client.settings, project)
