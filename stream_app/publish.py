"""Files of labels, predictions and items as records of the wire. Pure but for reading the file.

    file ──> rows, each with its place ──> events, judged by the wire's models ──> batches that fit

A row that the worker would reject raises here, with its place; so read a file to its end once
before sending any of it.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby, islice
from pathlib import Path
from typing import Annotated, Any
from zipfile import BadZipFile

import numpy as np
import orjson
from pydantic import Field, TypeAdapter, ValidationError

from schemas import (
    MAX_RECORD_BYTES,
    MAX_ROWS,
    Annotation,
    Annotations,
    Answer,
    Event,
    Items,
    Prediction,
    Predictions,
    Retraction,
)
from stream_app.errors import StreamAppError

Body = dict[str, Any]
Placed = tuple[str, Body]
"""A line, or a row, of a file, and what it says."""

RECORD_BYTES = 256 << 10
"""What a record is split to, so that a dead letter repeats all of it."""
RECORD_ROWS = 1_000
ENVELOPE_BYTES = 4 << 10
"""What Kafka puts around a value, key included, when it compares it with its limit."""

_ANNOTATIONS: TypeAdapter[Event] = TypeAdapter(
    Annotated[Annotation | Annotations | Retraction, Field(discriminator="type")]
)
_PREDICTIONS: TypeAdapter[Event] = TypeAdapter(
    Annotated[Prediction | Predictions, Field(discriminator="type")]
)
_ITEMS: TypeAdapter[Event] = TypeAdapter(Items)


class BadFile(StreamAppError):
    """A file can't be published; the message names file, place and what is wrong there."""


def annotations(path: Path, *, now: int) -> Iterator[Event]:
    """Read labels from CSV or JSONL; ``now`` (microseconds) bounds their times.

    Columns item, annotator, label, and time where there are any. An empty label is an abstention.
    """
    rows = _rows(
        path,
        lambda row: {"type": "annotation"} | row,
        required=("item", "annotator", "label"),
        optional=("time",),
    )
    return batched(_judged(path, rows, _ANNOTATIONS, now))


def items(path: Path, *, now: int, status: str = "registered") -> Iterator[Event]:
    """Read items from CSV or JSONL: column item, and if there are any status, stratum and time."""
    rows = _rows(
        path,
        lambda row: {"type": "items", "items": [row.pop("item", None)], "status": status} | row,
        required=("item",),
        optional=("status", "stratum", "time"),
    )
    return batched(_judged(path, rows, _ITEMS, now))


def predictions(
    path: Path, *, now: int, model: str | None, version: int | None = None
) -> Iterator[Event]:
    """Read a model's predictions from CSV (item, and a column a class), JSONL or npz.

    ``version`` None: the broker's time, so that what is published later is the newer one.
    """
    origin = {k: v for k, v in (("model", model), ("version", version)) if v is not None}
    match path.suffix:
        case ".npz":
            rows = _arrays(path, {"type": "predictions"} | origin)
        case ".csv":
            cells = _csv(path, required=("item",), optional=None)
            rows = ((at, {"type": "prediction"} | origin | _shares(path, at, c)) for at, c in cells)
        case _:
            rows = _jsonl(path, lambda row: {"type": "prediction"} | origin | row)
    return batched(_judged(path, rows, _PREDICTIONS, now))


def batched(events: Iterable[Event]) -> Iterator[Event]:
    """Join neighbours that one record can hold, and split what is too large; keeps the order."""
    for shape, neighbours in groupby(events, _shape):
        if shape is None:
            for event in neighbours:
                yield from _fitted(event)
            continue
        while some := list(islice(neighbours, RECORD_ROWS)):
            yield from _fitted(_joined(some))


def num_rows(event: Event) -> int:
    """Return how many labels, predictions or items an event holds."""
    return len(getattr(event, event.ROWS[0])) if event.ROWS else 1


def _shape(event: Event) -> object:
    """Return what events that can be rows of one record have in common; None: nothing."""
    match event:
        case Annotation():
            return "annotation"
        case Prediction():
            return event.model, event.version, tuple(event.pred_probs)
        case Items():
            return event.status, event.stratum, event.time
    return None


def _joined(events: list[Any]) -> Event:
    """Return events of one shape as one."""
    match events[0]:
        case Annotation():
            rows = (Answer(**e.model_dump(include=set(Answer.model_fields))) for e in events)
            return Annotations(rows=tuple(rows))
        case Prediction() as first:
            return Predictions(
                model=first.model,
                version=first.version,
                classes=tuple(first.pred_probs),
                items=tuple(event.item for event in events),
                pred_probs=tuple(tuple(event.pred_probs.values()) for event in events),
            )
        case Items() as first:
            names = tuple(name for event in events for name in event.items)
            return first.model_copy(update={"items": names})
    raise AssertionError  # of no shape


def _fitted(event: Event) -> Iterator[Event]:
    """Split an event by its rows until each part fits a record."""
    size, rows = len(orjson.dumps(event.model_dump(mode="json"))), num_rows(event)
    if rows > 1 and (size > RECORD_BYTES or rows > MAX_ROWS):
        step = max(1, min(MAX_ROWS, rows * RECORD_BYTES // size))
        for at in range(0, rows, step):
            part = {name: getattr(event, name)[at : at + step] for name in event.ROWS}
            yield from _fitted(event.model_copy(update=part))
    elif size > MAX_RECORD_BYTES - ENVELOPE_BYTES:
        message = f"A single row makes a record of {size:,} bytes; 1 MiB is the limit."
        raise BadFile(message)
    else:
        yield event


def _judged(
    path: Path, bodies: Iterable[Placed], models: TypeAdapter[Event], now: int
) -> Iterator[Event]:
    """Judge bodies as the worker will."""
    for place, body in bodies:
        try:
            yield models.validate_python(body, context=now)
        except ValidationError as error:
            raise _bad(path, place, _first(error)) from error


def _first(error: ValidationError) -> str:
    """Return what is wrong first."""
    first = error.errors(include_url=False)[0]
    where = " ".join(str(part) for part in first["loc"] if part not in _TYPES)
    shown = "" if first["type"] == "missing" else f" (found: {str(first['input'])[:60]!r})"
    return f"{where}: {first['msg']}{shown}"


_TYPES = {"annotation", "annotations", "retraction", "prediction", "predictions"}


def _bad(path: Path, place: str, what: str) -> BadFile:
    return BadFile(f"{path} {place}: {what}")


def _rows(
    path: Path,
    complete: Callable[[Body], Body],
    *,
    required: tuple[str, ...],
    optional: tuple[str, ...],
) -> Iterator[Placed]:
    """Read rows of CSV or JSONL; ``complete`` makes records of them."""
    if path.suffix == ".csv":
        for place, cells in _csv(path, required=required, optional=optional):
            given = {name: cell or None for name, cell in cells.items()}
            yield place, complete({n: c for n, c in given.items() if c or n in required})
    else:
        yield from _jsonl(path, complete)


def _shares(path: Path, place: str, cells: Mapping[str, str]) -> Body:
    """Return a row of a CSV of predictions: what is not the item is a class."""
    shares = {}
    for name, cell in cells.items():
        if name != "item":
            try:
                shares[name] = float(cell)
            except ValueError as error:
                raise _bad(path, place, f"{name!r}: not a number: {cell!r}") from error
    return {"item": cells["item"], "pred_probs": shares}


def _csv(
    path: Path, *, required: tuple[str, ...], optional: tuple[str, ...] | None
) -> Iterator[tuple[str, dict[str, str]]]:
    """Read CSV with a header; ``optional`` None: any other column."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines, strict=True)
        try:
            header = next(reader, [])
            if wrong := _wrong_header(header, required, optional):
                raise _bad(path, "line 1", wrong)
            for cells in reader:
                place = f"line {reader.line_num}"
                if len(cells) not in (0, len(header)):
                    raise _bad(path, place, f"{len(cells)} cells under {len(header)} columns")
                if cells:
                    yield place, dict(zip(header, cells, strict=True))
        except csv.Error as error:
            raise _bad(path, f"line {reader.line_num}", str(error)) from error
        except UnicodeDecodeError as error:
            raise _bad(path, f"after line {reader.line_num}", "not UTF-8") from error


def _wrong_header(
    header: list[str], required: tuple[str, ...], optional: tuple[str, ...] | None
) -> str | None:
    """Say what is wrong with the names of the columns."""
    for name in required:
        if name not in header:
            return f"no column {name!r} among {', '.join(map(repr, header))}"
    for name in header:
        if header.count(name) > 1:
            return f"column {name!r} is there twice"
        if optional is not None and name not in required + optional:
            known = ", ".join(required + optional)
            return f"unknown column {name!r}; known are {known}"
    return None


def _jsonl(path: Path, complete: Callable[[Body], Body]) -> Iterator[Placed]:
    """Read a JSON object a line; one with a type is a record as it is, the others are rows."""
    if path.suffix not in (".jsonl", ".ndjson"):
        message = f"{path}: the name must end in .csv or .jsonl (predictions also: .npz)."
        raise BadFile(message)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            place = f"line {number}"
            if not line.strip():
                continue
            try:
                body = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise _bad(path, place, f"not JSON: {error}") from error
            if not isinstance(body, dict):
                raise _bad(path, place, "not a JSON object")
            yield place, body if "type" in body else complete(body)


def _arrays(path: Path, origin: Body) -> Iterator[Placed]:
    """Read arrays items (N,), classes (K,) and pred_probs (N, K) in pieces of rows."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in ("items", "classes", "pred_probs")}
    except (KeyError, ValueError, OSError, BadZipFile) as error:
        message = f"{path}: arrays items, classes, pred_probs, without Python objects: {error}"
        raise BadFile(message) from error
    names, classes, pred_probs = found["items"], found["classes"], found["pred_probs"]
    if {names.dtype.kind, classes.dtype.kind} != {"U"} or pred_probs.dtype.kind not in "fiu":
        message = f"{path}: items and classes must be text, pred_probs numbers."
        raise BadFile(message)
    if pred_probs.shape != (*names.shape, *classes.shape) or pred_probs.ndim != 2:
        message = (
            f"{path}: pred_probs has shape {pred_probs.shape}, but there are "
            f"{names.shape} items and {classes.shape} classes."
        )
        raise BadFile(message)
    listed = classes.tolist()
    for at in range(0, len(names), RECORD_ROWS):
        piece = slice(at, at + RECORD_ROWS)
        rows = pred_probs[piece].astype(np.float64).tolist()
        body = {"classes": listed, "items": names[piece].tolist(), "pred_probs": rows}
        yield f"rows from {at}", origin | body
