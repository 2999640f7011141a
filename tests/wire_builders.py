"""Builders of what the tests of the wire read: records at their home, and their decoding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from schemas import Control, Facts, Reason, decode, home

PROJECT = "digits"
PARTITIONS = 8
HOME = home(PROJECT, PARTITIONS)
ARRIVAL = 1_764_000_000_000
"""The broker's timestamp of a record, in milliseconds: 2025-11-24T16:00:00Z."""
MICROS = ARRIVAL * 1000


@dataclass(frozen=True, slots=True)
class Record:
    value: bytes | None
    offset: int = 0
    key: bytes | None = PROJECT.encode()
    timestamp: int = ARRIVAL


def body(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "schema_version": 1, **fields}


def annotation(**fields: Any) -> dict[str, Any]:
    return body("annotation", **{"item": "i", "annotator": "a", "label": "cat", **fields})


def prediction(**fields: Any) -> dict[str, Any]:
    shares = {"cat": 0.25, "dog": 0.75}
    return body("prediction", **{"item": "i", "model": "m", "pred_probs": shares, **fields})


def predictions(rows: Sequence[Any], **fields: Any) -> dict[str, Any]:
    columns = {"classes": ["cat", "dog"], "items": [f"i{at}" for at in range(len(rows))]}
    return body("predictions", **{"model": "m", "pred_probs": rows, **columns, **fields})


def project(**fields: Any) -> dict[str, Any]:
    return body("project", **{"classes": ["cat", "dog"], "models": ["m"], "budget": 5, **fields})


def pieces(
    records: Sequence[Record],
    topic: str,
    *,
    begin: int = 0,
    end: int | None = None,
    max_rows: int = 10**6,
    max_bytes: int = 10**9,
) -> list[Facts | Control]:
    if end is None:
        end = records[-1].offset + 1
    return list(
        decode(
            records,
            topic=topic,
            partition=HOME,
            partitions=PARTITIONS,
            begin=begin,
            end=end,
            max_rows=max_rows,
            max_bytes=max_bytes,
        )
    )


def facts(event: dict[str, Any], topic: str, **place: Any) -> Facts:
    """Decode one record that is no control."""
    (piece,) = pieces([Record(orjson.dumps(event), **place)], topic)
    assert isinstance(piece, Facts)
    return piece


def control(event: dict[str, Any], topic: str) -> Control:
    """Decode one record that is a control."""
    (piece,) = pieces([Record(orjson.dumps(event))], topic)
    assert isinstance(piece, Control)
    return piece


def reason(event: Any, topic: str) -> Reason | None:
    """Return why a record is rejected as a whole; None where it is accepted."""
    value = event if isinstance(event, bytes | None) else orjson.dumps(event)
    (piece,) = pieces([Record(value)], topic)
    if isinstance(piece, Control) or not piece.rejections:
        return None
    (rejection,) = piece.rejections
    assert piece.num_rows == 0 or rejection.reason is None
    return rejection.reason


def bad_rows(event: dict[str, Any], topic: str) -> dict[int, Reason]:
    """Return which rows of a batch are bad, and why; the record itself is accepted."""
    (rejection,) = facts(event, topic).rejections
    assert rejection.reason is None
    return dict(rejection.rows)
