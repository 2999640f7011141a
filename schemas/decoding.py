"""Decode a run of input records into columns of facts, and the controls between them.

A record is judged by its own bytes, its place and its broker timestamp alone, in this order:

1. key: a project's id; 2. partition: that project's home; 3. value: there, not too large;
4. JSON in UTF-8; 5. an object with ``type`` and ``schema_version``; 6. a type of this topic;
7. its model: first the lengths of columns, then field by field; rows one by one;
8. a close: on annotations.v1 a request with budget 0, on predictions.v1 a request.

The first thing that is wrong is the reason. Nothing a record holds raises.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from schemas.columns import (
    AnnotationColumns,
    Control,
    Facts,
    PredictionColumns,
    StatusColumns,
)
from schemas.events import (
    Annotation,
    Annotations,
    Close,
    Event,
    Items,
    Prediction,
    Predictions,
    Retraction,
)
from schemas.fields import model_of
from schemas.judge import judge
from schemas.keys import home
from schemas.project import ProjectSettings
from schemas.reasons import Reason, Rejection, SourceRecord
from schemas.rows import FAST, Row, event_rows
from schemas.topics import MAX_ID_BYTES, MAX_RECORD_BYTES, Topic


def _by_type(*models: type[Event]) -> dict[str, type[Event]]:
    return {model.model_fields["type"].default: model for model in models}


MODELS: Mapping[str, dict[str, type[Event]]] = {
    Topic.ANNOTATIONS: _by_type(Annotation, Annotations, Retraction, Close),
    Topic.PREDICTIONS: _by_type(Prediction, Predictions, Close),
    Topic.CONTROL: _by_type(ProjectSettings, Items, Close),
}
"""What may be on a source topic, by type."""
_ELSEWHERE: dict[str, type[Event] | Reason] = {
    name: Reason.TYPE_NOT_ALLOWED for models in MODELS.values() for name in models
}


def decode(
    records: Sequence[SourceRecord],
    *,
    topic: str,
    partition: int,
    partitions: int,
    begin: int,
    end: int,
    max_rows: int,
    max_bytes: int,
) -> Iterator[Facts | Control]:
    """Yield the consecutive pieces of a run that covers positions [begin, end).

    Facts hold as many records as fit ``max_rows`` and ``max_bytes`` (of keys and values), at
    least one; a valid ``project`` or ``close`` is a piece of its own.
    """
    reader = _Reader(topic, partition, partitions)
    draft = _Draft(begin, max_rows, max_bytes)
    for record in records:
        read = reader.read(record)
        if isinstance(read, Control):
            if draft.records:
                yield draft.facts(topic, draft.end)
            after = end if record is records[-1] else read.end
            yield replace(read, begin=draft.end, end=after)
            draft = _Draft(after, max_rows, max_bytes)
        elif not draft.take(record, *read):
            yield draft.facts(topic, draft.end)
            draft = _Draft(draft.end, max_rows, max_bytes)
            draft.take(record, *read)
    if draft.begin < end:
        yield draft.facts(topic, end)


@dataclass(slots=True)
class _Draft:
    """Records, and what they say, while there is room for more."""

    begin: int
    rows_left: int
    bytes_left: int
    records: list[SourceRecord] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)

    def take(self, record: SourceRecord, rows: Sequence[Row], rejection: Rejection | None) -> bool:
        """Add a record unless it is too much; the first one never is."""
        self.rows_left -= (len(rows) or 1) + (len(rejection.rows) if rejection else 0)
        self.bytes_left -= len(record.key or b"") + len(record.value or b"")
        if self.records and (self.rows_left < 0 or self.bytes_left < 0):
            return False
        self.records.append(record)
        self.rows.extend(rows)
        if rejection is not None:
            self.rejections.append(rejection)
        return True

    @property
    def end(self) -> int:
        """Return the position behind the last record."""
        return self.records[-1].offset + 1 if self.records else self.begin

    def facts(self, topic: str, end: int) -> Facts:
        """Return the facts up to ``end``; a topic holds rows of one kind."""
        return Facts(
            begin=self.begin,
            end=end,
            now=max((record.timestamp for record in self.records), default=0),
            num_records=len(self.records),
            annotations=AnnotationColumns.of(self.rows if topic == Topic.ANNOTATIONS else ()),
            predictions=PredictionColumns.of(self.rows if topic == Topic.PREDICTIONS else ()),
            statuses=StatusColumns.of(self.rows if topic == Topic.CONTROL else ()),
            rejections=self.rejections,
        )


@dataclass(frozen=True, slots=True)
class _Place:
    """What a key says: a project at home, or what is wrong with it."""

    project: str
    reason: Reason | None = None
    home: int | None = None


class _Reader:
    """Reads records of one partition; remembers where the keys that it has seen belong."""

    def __init__(self, topic: str, partition: int, partitions: int) -> None:
        self._topic = topic
        self._models = {**_ELSEWHERE, **MODELS[topic]}
        self._partition = partition
        self._partitions = partitions
        self._places: dict[bytes | None, _Place] = {}

    def read(self, record: SourceRecord) -> Control | tuple[Sequence[Row], Rejection | None]:
        """Return the rows of a record and what is rejected of it, or the control that it is."""
        key = record.key
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = _locate(key, self._partition, self._partitions)
        if place.reason is not None:
            return (), Rejection(record, place.reason, home=place.home)
        opened = _open(record.value, self._models)
        if not isinstance(opened, tuple):
            return (), Rejection(record, opened)
        model, body = opened
        fast = FAST.get(model)
        rows = fast(place.project, body, record.timestamp) if fast else None
        if rows is not None:
            return rows, None
        return self._judge(record, place.project, model, body)

    def _judge(
        self, record: SourceRecord, project: str, model: type[Event], body: dict[str, Any]
    ) -> Control | tuple[Sequence[Row], Rejection | None]:
        verdict = judge(model, body, record.timestamp * 1000)
        event = verdict.event
        if event is None:
            return (), Rejection(record, verdict.reason)
        if isinstance(event, Close) and not _may_close(self._topic, event):
            return (), Rejection(record, Reason.TYPE_NOT_ALLOWED)
        if isinstance(event, Close | ProjectSettings):
            at = record.offset
            return Control(at, at + 1, project, event, at, record.timestamp)
        rejection = Rejection(record, None, verdict.rows) if verdict.rows else None
        return event_rows(project, event, record.timestamp), rejection


def _locate(key: bytes | None, partition: int, partitions: int) -> _Place:
    try:
        project = (key or b"").decode()
    except UnicodeDecodeError:
        return _Place("", Reason.WRONG_KEY)
    if not key:
        return _Place("", Reason.WRONG_KEY)
    if len(key) > MAX_ID_BYTES:
        return _Place("", Reason.TOO_LARGE)
    right = home(project, partitions)
    if right != partition:
        return _Place(project, Reason.WRONG_PARTITION, right)
    return _Place(project)


def _open(
    value: bytes | None, models: Mapping[str, type[Event] | Reason]
) -> tuple[type[Event], dict[str, Any]] | Reason:
    """Return a value's model and what it says in JSON, or the reason why it says nothing."""
    if not value:
        return Reason.EMPTY_VALUE
    if len(value) > MAX_RECORD_BYTES:
        return Reason.TOO_LARGE
    try:
        body = orjson.loads(value)
    except orjson.JSONDecodeError:
        return Reason.NOT_JSON if _is_utf8(value) else Reason.NOT_UTF8
    model = model_of(body, models)
    return model if isinstance(model, Reason) else (model, body)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _may_close(topic: str, close: Close) -> bool:
    """Whether a close belongs on a topic: away from control.v1 only those that are asked for."""
    if topic == Topic.CONTROL:
        return True
    return close.cause == "request" and (topic == Topic.PREDICTIONS or close.budget == 0)
