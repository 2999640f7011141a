"""What a record says, judged by pydantic alone: the reference of the fast path and of the fuzzer.

It knows nothing of columns or speed: first the record without its rows, then each row as a record
of that row alone.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from pydantic import ValidationError
from wire_builders import HOME, PARTITIONS, Record

from schemas import (
    ABSTENTION,
    LABEL,
    RETRACTION,
    Annotation,
    Annotations,
    Close,
    Event,
    Items,
    Prediction,
    Predictions,
    ProjectSettings,
    Reason,
    Retraction,
    Topic,
    home,
)

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
    return Said(reason=why) if (why := head(event, topic)) else judged(record, event, topic)


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


def judged(record: Record, event: dict[str, Any], topic: Topic) -> Said:
    model, _, columns = MODELS[event["type"]]
    lists = [event[name] for name in columns if isinstance(event.get(name), list)]
    if len({len(column) for column in lists}) > 1:
        return Said(reason="wrong_length")
    without_rows = {name: [] for name in columns if isinstance(event.get(name), list)}
    said, why = validated(record, model, event | without_rows)
    if said is None:
        return Said(reason=why)
    if isinstance(said, Close) and not may_close(said, topic):
        return Said(reason="type_not_allowed")
    if isinstance(said, Close | ProjectSettings):
        return Said(control=said)
    if not columns:
        return Said(rows=plain(record, said))
    whole = Said()
    for at in range(len(lists[0])):
        said, why = validated(record, model, event | {name: [event[name][at]] for name in columns})
        if said is None:
            whole.bad[at] = why
        else:
            whole.rows += plain(record, said)
    return whole


def validated(record: Record, model: type[Event], event: Any) -> tuple[Event | None, str]:
    try:
        return model.model_validate(event, extra="ignore", context=record.timestamp * 1000), ""
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


def plain(record: Record, event: Any) -> list[tuple[Any, ...]]:
    project, arrival = (record.key or b"").decode(), record.timestamp * 1000

    def given(value: int | None, default: int) -> int:
        return default if value is None else value

    def shares(item: str, row: dict[str, float]) -> tuple[Any, ...]:
        classes = tuple(sorted(row))
        values = np.array([row[name] for name in classes])
        pred_probs = (values / np.add.reduce(values) + 0.0).astype(np.float32)
        version = given(event.version, record.timestamp)
        return project, item, event.model, version, classes, pred_probs.tobytes()

    match event:
        case Annotation() | Annotations():
            rows = event.rows if isinstance(event, Annotations) else (event,)
            default = given(event.time, arrival)
            return [
                (
                    project,
                    row.item,
                    row.annotator,
                    row.label,
                    ABSTENTION if row.label is None else LABEL,
                    given(row.time, default),
                )
                for row in rows
            ]
        case Retraction():
            time = given(event.time, arrival)
            return [(project, event.item, event.annotator, None, RETRACTION, time)]
        case Items():
            time = given(event.time, arrival)
            said = event.status == "excluded", event.stratum, time
            return [(project, item, *said) for item in event.items]
        case Prediction():
            return [shares(event.item, event.pred_probs)]
        case _:
            return [
                shares(item, dict(zip(event.classes, row, strict=True)))
                for item, row in zip(event.items, event.pred_probs, strict=True)
            ]
