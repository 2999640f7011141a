"""The fast path and the models accept, reject and read the same."""

import json
from typing import Any

import orjson
import pytest
from hostile import LONG, VALID, mutated
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wire_builders import (
    ARRIVAL,
    MICROS,
    PROJECT,
    Record,
    annotation,
    body,
    pieces,
    prediction,
    predictions,
)
from wire_reference import SOURCES, Said, reference

from schemas import (
    Annotation,
    Annotations,
    Close,
    Control,
    Event,
    Facts,
    Prediction,
    Predictions,
    Retraction,
    Topic,
)
from schemas.rows import FAST, event_rows


def decoded(record: Record, topic: Topic) -> Said:
    (piece,) = pieces([record], topic)
    if isinstance(piece, Control):
        assert piece.project == PROJECT
        assert isinstance(piece.event, Event)
        return Said(control=piece.event)
    (rejection,) = piece.rejections or (None,)
    said = Said(rows_of(piece))
    if rejection is not None:
        said.reason = rejection.reason
        said.bad = {row: str(why) for row, why in rejection.rows}
        said.home = rejection.home
    return said


def rows_of(piece: Facts) -> list[tuple[Any, ...]]:
    answers, shares, statuses = piece.annotations, piece.predictions, piece.statuses
    names = ("project", "item", "model", "version", "classes", "pred_probs")
    return [
        *zip(
            answers.project,
            answers.item,
            answers.annotator,
            answers.label,
            answers.kind,
            answers.time,
            strict=True,
        ),
        *zip(*(getattr(shares, name) for name in names), strict=True),
        *zip(
            statuses.project,
            statuses.item,
            statuses.excluded,
            statuses.stratum,
            statuses.time,
            strict=True,
        ),
    ]


VALUES = st.one_of(mutated().map(lambda event: json.dumps(event).encode()), st.none())
TOPICS = st.sampled_from(SOURCES)


@settings(max_examples=1500)
@given(VALUES, TOPICS)
@example(orjson.dumps(annotation()), Topic.ANNOTATIONS)
@example(orjson.dumps(annotation(item=LONG, time="2025-11-24T12:00:00Z")), Topic.ANNOTATIONS)
@example(orjson.dumps(prediction(pred_probs={LONG: 1})), Topic.PREDICTIONS)
@example(orjson.dumps(predictions([[0.5, 0.5004]], classes=["x", LONG])), Topic.PREDICTIONS)
@example(orjson.dumps(predictions([[1, 0], [0, 1]], items=["i", ""])), Topic.PREDICTIONS)
@example(orjson.dumps(predictions([[1, 0]], classes=["cat", ""])), Topic.PREDICTIONS)
@example(
    orjson.dumps(body("predictions", model="m", classes=["cat"], items=["i", [1.0]])),
    Topic.PREDICTIONS,
)
@example(orjson.dumps(body("annotations", rows=[{"item": 7, "annotator": ""}])), Topic.ANNOTATIONS)
def test_fast_path_and_models_agree_on_mutated_records(value: bytes | None, topic: Topic) -> None:
    record = Record(value)
    assert decoded(record, topic) == reference(record, topic)


@settings(max_examples=300)
@given(VALID, st.data())
def test_they_agree_on_damaged_bytes(event: dict[str, Any], data: st.DataObject) -> None:
    value = bytearray(json.dumps(event, ensure_ascii=False).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(value) - 1))
        value[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        value = value or bytearray(b"0")
    record = Record(bytes(value))
    for topic in SOURCES:
        assert decoded(record, topic) == reference(record, topic)


@given(st.binary(max_size=40) | st.none(), st.binary(max_size=4) | st.none(), TOPICS)
def test_they_agree_on_any_bytes(value: bytes | None, key: bytes | None, topic: Topic) -> None:
    for record in (Record(value), Record(value, key=key)):
        assert decoded(record, topic) == reference(record, topic)


@given(st.lists(VALUES, min_size=1, max_size=12), TOPICS)
def test_a_run_says_what_its_records_say(values: list[bytes | None], topic: Topic) -> None:
    """Records don't influence each other: a run is the concatenation of its records."""
    records = [Record(value, at) for at, value in enumerate(values)]
    run = pieces(records, topic)
    rows = [row for piece in run if isinstance(piece, Facts) for row in rows_of(piece)]
    controls = [piece.event for piece in run if isinstance(piece, Control)]
    said = [reference(record, topic) for record in records]
    assert rows == [row for one in said for row in one.rows]
    assert controls == [one.control for one in said if one.control is not None]
    rejected = [
        rejection.record.offset
        for piece in run
        if isinstance(piece, Facts)
        for rejection in piece.rejections
    ]
    assert rejected == [at for at, one in enumerate(said) if one.reason or one.bad]


@pytest.mark.parametrize(
    ("model", "event"),
    [
        (Annotation, annotation(time="2025-11-24T12:00:00Z")),
        (Annotations, body("annotations", rows=[{"item": "i", "annotator": "a", "label": None}])),
        (Retraction, body("retraction", item="i", annotator="a")),
        (Prediction, prediction()),
        (Predictions, predictions([[0.5, 0.5], [1, 0]])),
    ],
)
def test_ordinary_records_take_the_fast_path(model: type[Event], event: dict[str, Any]) -> None:
    """Else decoding would be slow without a sign."""
    assert FAST[model](PROJECT, event, ARRIVAL)


def test_only_facts_have_rows() -> None:
    with pytest.raises(TypeError, match="close"):
        event_rows(PROJECT, Close(cause="boundary", boundary=MICROS), ARRIVAL)
