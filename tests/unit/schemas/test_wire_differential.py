"""The fast path and the models accept, reject and read the same.

The reference below knows nothing of columns or speed. It judges a record by pydantic alone: the
record without its rows first, then each row as a record of that row alone.
"""

import json
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from wire_builders import (
    ARRIVAL,
    HOME,
    MICROS,
    PARTITIONS,
    PROJECT,
    Record,
    annotation,
    body,
    pieces,
    prediction,
    predictions,
    project,
)

from schemas import (
    ABSTENTION,
    LABEL,
    RETRACTION,
    Annotation,
    Annotations,
    Close,
    Control,
    Event,
    Facts,
    Items,
    Prediction,
    Predictions,
    ProjectSettings,
    Reason,
    Retraction,
    Topic,
    home,
)
from schemas.rows import FAST, event_rows

SOURCES = (Topic.ANNOTATIONS, Topic.PREDICTIONS, Topic.CONTROL)
MODELS: dict[str, tuple[type[Event], tuple[Topic, ...], tuple[str, ...]]] = {
    "annotation": (Annotation, (Topic.ANNOTATIONS,), ()),
    "annotations": (Annotations, (Topic.ANNOTATIONS,), ("rows",)),
    "retraction": (Retraction, (Topic.ANNOTATIONS,), ()),
    "prediction": (Prediction, (Topic.PREDICTIONS,), ()),
    "predictions": (Predictions, (Topic.PREDICTIONS,), ("items", "pred_probs")),
    "project": (ProjectSettings, (Topic.CONTROL,), ()),
    "items": (Items, (Topic.CONTROL,), ("items",)),
    "close": (Close, SOURCES, ()),
}
"""By type: the model, the topics where it may be, and its parallel lists."""
VALUE_ERRORS = ("greater_than_equal", "less_than", "less_than_equal", "too_short")


# The reference.


@dataclass
class Said:
    """What a record says: rows, each of plain values; or a control; and what is rejected."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    control: Event | None = None
    reason: str | None = None
    bad: dict[int, str] = field(default_factory=dict)
    home: int | None = None


def reference(record: Record, topic: Topic) -> Said:
    wrong, right = misplaced(record.key)
    if wrong:
        return Said(reason=wrong, home=right)
    if not record.value:
        return Said(reason="empty_value")
    try:
        record.value.decode()
        event = orjson.loads(record.value)
    except UnicodeDecodeError:
        return Said(reason="not_utf8")
    except orjson.JSONDecodeError:
        return Said(reason="not_json")
    return Said(reason=why) if (why := head(event, topic)) else judged(event, topic)


def misplaced(key: bytes | None) -> tuple[str | None, int | None]:
    """Return what is wrong with a record's place, and the right partition."""
    try:
        right = home((key or b"").decode(), PARTITIONS)
    except UnicodeDecodeError:
        key = None
    if not key:
        return "wrong_key", None
    if len(key) > 1024:
        return "too_large", None
    return (None, None) if right == HOME else ("wrong_partition", right)


def head(event: Any, topic: Topic) -> str | None:
    """Return what is wrong before any model is asked."""
    if not isinstance(event, dict):
        return "wrong_type"
    if not event.keys() >= {"type", "schema_version"}:
        return "missing_field"
    kind, version = event["type"], event["schema_version"]
    if not isinstance(kind, str) or not isinstance(version, int) or isinstance(version, bool):
        return "wrong_type"
    if version != 1:
        return "unknown_schema_version"
    if kind not in MODELS:
        return "unknown_type"
    return None if topic in MODELS[kind][1] else "type_not_allowed"


def judged(event: dict[str, Any], topic: Topic) -> Said:
    model, _, columns = MODELS[event["type"]]
    lists = [event[name] for name in columns if isinstance(event.get(name), list)]
    if len({len(column) for column in lists}) > 1:
        return Said(reason="wrong_length")
    without_rows = {name: [] for name in columns if len(lists) == len(columns)}
    said, why = validated(model, event | without_rows)
    if said is None:
        return Said(reason=why)
    if isinstance(said, Close) and not may_close(said, topic):
        return Said(reason="type_not_allowed")
    if isinstance(said, Close | ProjectSettings):
        return Said(control=said)
    if not columns:
        return Said(rows=plain(said))
    whole = Said()
    for at in range(len(lists[0])):
        said, why = validated(model, event | {name: [event[name][at]] for name in columns})
        if said is None:
            whole.bad[at] = why
        else:
            whole.rows += plain(said)
    return whole


def validated(model: type[Event], event: Any) -> tuple[Event | None, str]:
    try:
        return model.model_validate(event, extra="ignore", context=MICROS), ""
    except ValidationError as error:
        first = error.errors()[0]
    kind, value = first["type"], first["input"]
    if kind in list(Reason):
        return None, kind
    if kind == "missing":
        return None, "missing_field"
    if kind in VALUE_ERRORS or (kind == "literal_error" and isinstance(value, str)):
        return None, "bad_settings" if model is ProjectSettings else "bad_value"
    return None, "wrong_type"


def may_close(close: Close, topic: Topic) -> bool:
    if topic == Topic.CONTROL:
        return True
    if topic == Topic.PREDICTIONS:
        return close.cause == "request"
    return close.cause == "request" and close.budget == 0


def plain(event: Any) -> list[tuple[Any, ...]]:
    def given(value: int | None, default: int) -> int:
        return default if value is None else value

    match event:
        case Annotation() | Annotations():
            rows = event.rows if isinstance(event, Annotations) else (event,)
            default = given(event.time, MICROS)
            return [
                (
                    PROJECT,
                    row.item,
                    row.annotator,
                    row.label,
                    ABSTENTION if row.label is None else LABEL,
                    given(row.time, default),
                )
                for row in rows
            ]
        case Retraction():
            time = given(event.time, MICROS)
            return [(PROJECT, event.item, event.annotator, None, RETRACTION, time)]
        case Items():
            time = given(event.time, MICROS)
            return [(PROJECT, item, event.status == "excluded", time) for item in event.items]
        case Prediction():
            return [shares(event, event.item, event.pred_probs)]
        case _:
            return [
                shares(event, item, dict(zip(event.classes, row, strict=True)))
                for item, row in zip(event.items, event.pred_probs, strict=True)
            ]


def shares(event: Any, item: str, row: dict[str, float]) -> tuple[Any, ...]:
    classes = tuple(sorted(row))
    values = np.array([row[name] for name in classes])
    pred_probs = (values / np.add.reduce(values) + 0.0).astype(np.float32)
    version = ARRIVAL if event.version is None else event.version
    return PROJECT, item, event.model, version, classes, pred_probs.tobytes()


# What is compared.


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
        *(
            (*row[:-1], row[-1].tobytes())
            for row in zip(*(getattr(shares, name) for name in names), strict=True)
        ),
        *zip(statuses.project, statuses.item, statuses.excluded, statuses.time, strict=True),
    ]


# What they are given.

LONG = "é" * 300
NAMES = st.sampled_from(["i", "j", "cat", "dog", " ", LONG])
TIMES = st.sampled_from(
    [None, "2025-11-24T12:00:00Z", "2025-11-24T16:05:00Z", "2025-11-24T17:00:00.123456+01:00"]
)
ANSWERS = st.fixed_dictionaries(
    {"item": NAMES, "annotator": NAMES, "label": st.none() | NAMES}, optional={"time": TIMES}
)
SHARES = st.sampled_from([[1, 0], [0.25, 0.75], [0.5, 0.5004], [0.3333, 0.6667], [0.0, 1.0]])
VERSIONS = st.sampled_from([None, 0, 7, 2**63 - 1])


def typed(kind: str, fields: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    always = {"type": st.just(kind), "schema_version": st.just(1), **fields}
    return st.fixed_dictionaries(always, optional=optional)


@st.composite
def columns(draw: st.DrawFn) -> dict[str, Any]:
    rows = draw(st.lists(SHARES, max_size=5))
    items = [draw(NAMES) for _ in rows]
    classes = draw(st.sampled_from([["cat", "dog"], ["dog", "cat"], ["x", LONG]]))
    version = draw(VERSIONS)
    return predictions(rows, items=items, classes=classes, version=version, model=draw(NAMES))


VALID = st.one_of(
    ANSWERS.map(lambda answer: body("annotation", **answer)),
    typed("annotations", {"rows": st.lists(ANSWERS, max_size=5)}, time=TIMES),
    typed("retraction", {"item": NAMES, "annotator": NAMES}, time=TIMES),
    typed(
        "prediction",
        {
            "item": NAMES,
            "model": NAMES,
            "pred_probs": SHARES.map(lambda row: dict(zip(("dog", "cat"), row, strict=True))),
        },
        version=VERSIONS,
    ),
    columns(),
    typed(
        "items",
        {
            "items": st.lists(NAMES, max_size=5),
            "status": st.sampled_from(["registered", "excluded"]),
        },
        time=TIMES,
    ),
    st.sampled_from(
        [
            project(),
            project(method="activelab_ensemble", models=["m", "n"], window_seconds=60),
            body("close", cause="request", request_id="r", budget=0),
            body("close", cause="boundary", boundary="2025-11-24T12:00:00Z"),
        ]
    ),
)
ODD = st.sampled_from(
    [
        *(None, True, False, 0, 1, -1, 7, 2**63, 2**64, 10**30, 0.5, -0.0, 1.5, 1e-9, 1e308),
        *("", "x", "cat", LONG, "é" * 513, "\u0000", "now", "2025-11-24", "1", "registered"),
        *("2025-11-24T12:00:00", "2025-11-24T16:05:00.000001Z", "0001-01-01T00:00:00+01:00"),
        *([], {}, [[]], ["x"], [0.5, 0.5], ["cat", "cat"], {"x": 1}, [[1, 0]], [{}], [None]),
        *("annotation", "annotations", "prediction", "predictions", "items", "close", "project"),
        *(float("nan"), float("inf")),
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """Draw a valid record and change it at some places, however deep."""
    event = json.loads(json.dumps(draw(VALID)))
    for _ in range(draw(st.integers(0, 3))):
        node = event
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if not isinstance(node[key], dict | list) or draw(st.booleans()):
                change(draw, node, key)
                break
            node = node[key]
    return event


def change(draw: st.DrawFn, node: Any, key: Any) -> None:
    match draw(st.sampled_from(["replace", "remove", "add", "repeat"])):
        case "replace":
            node[key] = deepcopy(draw(ODD))
        case "remove":
            del node[key]
        case "add" if isinstance(node, dict):
            node[draw(st.sampled_from(["time", "version", "budget", "unknown"]))] = deepcopy(
                draw(ODD)
            )
        case "repeat" if isinstance(node, list):
            node.append(node[key])


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
