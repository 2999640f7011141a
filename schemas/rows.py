"""Rows of facts: from an event that its model accepted, or fast, straight from a parsed body.

The fast way only ever *accepts*, and what it accepts the model accepts and reads the same;
whatever it does not recognise is None, for `schemas.judge` to judge.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

from schemas.columns import (
    ABSTENTION,
    LABEL,
    RETRACTION,
    AnnotationRow,
    PredictionRow,
    StatusRow,
)
from schemas.events import (
    Annotation,
    Annotations,
    Answer,
    Event,
    Items,
    Prediction,
    Predictions,
    Retraction,
)
from schemas.probabilities import canonical, matrix
from schemas.times import MAX_AHEAD, parse_time
from schemas.topics import MAX_CLASSES, MAX_ID_BYTES, MAX_ROWS

Row = AnnotationRow | PredictionRow | StatusRow

_SHORT = MAX_ID_BYTES // 4
"""Characters of a name that need no counting of bytes."""
_STRINGS = frozenset((str,))


def event_rows(project: str, event: Event, timestamp: int) -> Sequence[Row]:
    """Return an accepted event's rows; ``timestamp`` is the broker's, in milliseconds."""
    arrival = timestamp * 1000
    match event:
        case Annotation():
            return [_answer(project, event, arrival)]
        case Annotations():
            default = _given(event.time, arrival)
            return [_answer(project, row, default) for row in event.rows]
        case Retraction():
            time = _given(event.time, arrival)
            return [(project, event.item, event.annotator, None, RETRACTION, time)]
        case Items():
            time = _given(event.time, arrival)
            said = event.status == "excluded", event.stratum, time
            return [(project, item, *said) for item in event.items]
        case Prediction():
            items: Sequence[str] = [event.item]
            classes = tuple(event.pred_probs)
            values: Sequence[Sequence[float]] = [[*event.pred_probs.values()]]
        case Predictions():
            items, classes, values = event.items, event.classes, event.pred_probs
        case _:
            msg = f"Not a fact: {event.type}"
            raise TypeError(msg)
    version = _given(event.version, timestamp)
    shares = np.array(values, np.float64).reshape(len(items), len(classes))
    names, pred_probs, _ = canonical(classes, shares)
    return _predictions(project, event.model, version, items, names, pred_probs)


def _answer(project: str, answer: Answer, default: int) -> AnnotationRow:
    kind = ABSTENTION if answer.label is None else LABEL
    time = _given(answer.time, default)
    return project, answer.item, answer.annotator, answer.label, kind, time


def _predictions(
    project: str,
    model: str,
    version: int,
    items: Sequence[str],
    names: tuple[str, ...],
    pred_probs: npt.NDArray[np.float32],
) -> list[PredictionRow]:
    raw, width = pred_probs.astype("<f4", copy=False).tobytes(), 4 * len(names)
    rows = [raw[at : at + width] for at in range(0, len(raw), width)]
    same = repeat(project), items, repeat(model), repeat(version), repeat(names)
    return list(zip(*same, rows, strict=False))  # the repeats have no end


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _fast_annotation(
    project: str, body: dict[str, Any], timestamp: int
) -> list[AnnotationRow] | None:
    arrival = timestamp * 1000
    row = _fast_answer(project, body, arrival, arrival + MAX_AHEAD)
    return row and [row]


def _fast_annotations(
    project: str, body: dict[str, Any], timestamp: int
) -> list[AnnotationRow] | None:
    arrival = timestamp * 1000
    latest = arrival + MAX_AHEAD
    text = body.get("time")
    default = arrival if text is None else _fast_time(text, latest)
    answers = body.get("rows")
    if default is None or type(answers) is not list or len(answers) > MAX_ROWS:
        return None
    rows = []
    for answer in answers:
        row = _fast_answer(project, answer, default, latest) if type(answer) is dict else None
        if row is None:
            return None
        rows.append(row)
    return rows


def _fast_retraction(
    project: str, body: dict[str, Any], timestamp: int
) -> list[AnnotationRow] | None:
    arrival = timestamp * 1000
    # What is taken back is said as what abstains: by whom, of what, and when.
    row = _fast_answer(project, {**body, "label": None}, arrival, arrival + MAX_AHEAD)
    return row and [(*row[:4], RETRACTION, row[5])]


def _fast_answer(
    project: str, body: dict[str, Any], default: int, latest: int
) -> AnnotationRow | None:
    item, annotator, text = body.get("item"), body.get("annotator"), body.get("time")
    label = body.get("label", 0)  # 0: missing, and wrong as any number is
    time = default if text is None else _fast_time(text, latest)
    if time is None or not (
        type(item) is type(annotator) is str
        and item
        and annotator
        and len(item) + len(annotator) <= _SHORT
    ):
        return None
    if label is None:
        return project, item, annotator, None, ABSTENTION, time
    return (project, item, annotator, label, LABEL, time) if _is_short(label) else None


def _fast_time(text: object, latest: int) -> int | None:
    if type(text) is not str:
        return None
    try:
        time = parse_time(text)
    except (TypeError, ValueError):
        return None
    return time if time <= latest else None


def _is_short(name: object) -> TypeGuard[str]:
    return type(name) is str and 0 < len(name) <= _SHORT


def _fast_prediction(
    project: str, body: dict[str, Any], timestamp: int
) -> list[PredictionRow] | None:
    shares = body.get("pred_probs")
    if type(shares) is not dict:
        return None
    values = [[*shares.values()]]
    return _fast_columns(project, body, timestamp, [body.get("item")], [*shares], values)


def _fast_predictions(
    project: str, body: dict[str, Any], timestamp: int
) -> list[PredictionRow] | None:
    items, classes, values = body.get("items"), body.get("classes"), body.get("pred_probs")
    if not (type(items) is type(classes) is type(values) is list):
        return None
    if _STRINGS.issuperset(map(type, classes)) and len(set(classes)) == len(classes):
        return _fast_columns(project, body, timestamp, items, classes, values)
    return None


def _fast_columns(
    project: str,
    body: dict[str, Any],
    timestamp: int,
    items: list[Any],
    classes: list[str],
    values: list[Any],
) -> list[PredictionRow] | None:
    """Read predictions as columns: a single prediction is one row of them."""
    model, version = body.get("model"), body.get("version")
    if version is None:
        version = timestamp
    if not (
        _is_short(model)
        and type(version) is int
        and 0 <= version < 1 << 63
        and len(items) == len(values) <= MAX_ROWS
        and len(classes) <= MAX_CLASSES
        and _are_short(items)
        and _are_short(classes)
    ):
        return None
    shares = matrix(values, len(classes))
    if shares is None:
        return None
    names, pred_probs, good = canonical(classes, shares)
    return _predictions(project, model, version, items, names, pred_probs) if good.all() else None


def _are_short(names: list[Any]) -> bool:
    """Whether there are names, all of them short."""
    return (
        _STRINGS.issuperset(map(type, names))
        and all(names)
        and 0 < max(map(len, names), default=0) <= _SHORT
    )


FAST: Mapping[type[Event], Callable[[str, dict[str, Any], int], Sequence[Row] | None]] = {
    Annotation: _fast_annotation,
    Annotations: _fast_annotations,
    Retraction: _fast_retraction,
    Prediction: _fast_prediction,
    Predictions: _fast_predictions,
}
"""By model, what reads the rows of (project, parsed body, broker's timestamp in milliseconds)."""
