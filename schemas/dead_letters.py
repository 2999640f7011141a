"""Dead letters: what was wrong with a record, with its raw bytes, for people and for redrive.

Headers say topic, partition, offset, reason (none where only rows were bad), rows (JSON list of
[row, reason]) and home (the right partition). The value is the record's own, or beyond 256 KiB a
JSON object that describes it, and then the header sha256 is there.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import orjson

from schemas.reasons import BadRows, Reason, Rejection
from schemas.topics import MAX_RAW_BYTES

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter as it is read."""

    key: bytes | None
    value: bytes | None
    topic: str
    partition: int
    offset: int
    reason: Reason | None
    rows: BadRows
    home: int | None
    is_whole: bool
    """Whether key and value are the record's; else the value describes it."""


def encode_dead_letter(
    rejection: Rejection, *, topic: str, partition: int
) -> tuple[bytes | None, bytes | None, Headers]:
    """Return key, value and headers of the one dead letter of a record."""
    record = rejection.record
    key, value = record.key, record.value
    place = {"topic": topic, "partition": partition, "offset": record.offset}
    headers = {name: str(part) for name, part in place.items()}
    if rejection.reason is not None:
        headers["reason"] = rejection.reason
    if rejection.rows:
        headers["rows"] = orjson.dumps(rejection.rows).decode()
    if rejection.home is not None:
        headers["home"] = str(rejection.home)
    key_length, length = len(key or b""), len(value or b"")
    if max(key_length, length) > MAX_RAW_BYTES:
        headers["sha256"] = sha256(value or b"").hexdigest()
        summary = {**place, "key_length": key_length, "length": length, "sha256": headers["sha256"]}
        value = orjson.dumps(summary)
        key = key if key_length <= MAX_RAW_BYTES else None
    return key, value, tuple((name, text.encode()) for name, text in headers.items())


def parse_dead_letter(
    key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]
) -> DeadLetter:
    """Read what `encode_dead_letter` wrote; raises ValueError or KeyError on anything else."""
    said = {name: text.decode() for name, text in headers}
    rows = orjson.loads(said.get("rows", "[]"))
    return DeadLetter(
        key=key,
        value=value,
        topic=said["topic"],
        partition=int(said["partition"]),
        offset=int(said["offset"]),
        reason=Reason(said["reason"]) if "reason" in said else None,
        rows=tuple((row, Reason(reason)) for row, reason in rows),
        home=int(said["home"]) if "home" in said else None,
        is_whole="sha256" not in said,
    )
