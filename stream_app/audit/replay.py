"""Replay: what is true of a project at a cut, from the records of its topics alone.

This is the audit's own reading of the rules. It shares the wire and the algorithm with the worker,
but none of the worker's merging, so that a fault on either side shows. The rules:

1.  A fact is the last word of an annotator or a model on an item, or on the item itself. The newer
    one is true: order = (time or version, kind, BLAKE2b-128 of the canonical fact). Kinds: label 0,
    abstention 1, retraction 2; registered 0, excluded 1; prediction 0; stratum 0.
2.  A canonical fact is 0x01, then the time (microseconds) or version plus 2^63 as u64, the kind as
    u8; a label appends its class's name, a stratum its own; a prediction the length (u32) of what
    names its classes, each name behind its own length (u16), sorted, and then the float32
    probabilities. Names are UTF-8, numbers big-endian, probabilities little-endian.
3.  The last ``project`` record of control.v1 is in force.
4.  An item that a window selects is on lease until a label or an abstention of it *becomes* the
    true one behind that window's cut, or until ``now`` has reached ``until``.
"""

import struct
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from schemas import (
    RETRACTION,
    Close,
    Control,
    Facts,
    ProjectSettings,
    Selection,
    SourceRecord,
    Topic,
    decode,
    project_key,
)

SOURCES = (Topic.ANNOTATIONS, Topic.PREDICTIONS, Topic.CONTROL)
REGISTERED, EXCLUDED = range(2)

Probs = npt.NDArray[np.float32]
Cut = Mapping[str, int]
K = TypeVar("K")

_PIECE_ROWS, _PIECE_BYTES = 50_000, 16 << 20
"""Limits of what is decoded at once: they bound memory and change no result."""


class Annotation(NamedTuple):
    """What an annotator said about an item."""

    time: int
    kind: int
    label: str | None

    def content(self) -> bytes:
        """Return the end of the canonical fact."""
        return (self.label or "").encode()


class Prediction(NamedTuple):
    """What a model said about an item."""

    version: int
    kind: int
    classes: tuple[str, ...]
    pred_probs: Probs

    def content(self) -> bytes:
        """Return the end of the canonical fact."""
        names = [name.encode() for name in self.classes]
        listed = b"".join(struct.pack(">H", len(name)) + name for name in names)
        return struct.pack(">I", len(listed)) + listed + self.pred_probs.astype("<f4").tobytes()


class Status(NamedTuple):
    """Whether an item is registered or excluded."""

    time: int
    kind: int

    def content(self) -> bytes:
        """Return the end of the canonical fact."""
        return b""


class Belonging(NamedTuple):
    """Which stratum an item belongs to."""

    time: int
    kind: int
    stratum: str

    def content(self) -> bytes:
        """Return the end of the canonical fact."""
        return self.stratum.encode()


AnyFact = Annotation | Prediction | Status | Belonging
Fact = TypeVar("Fact", Annotation, Prediction, Status, Belonging)


def take(known: dict[K, Fact], key: K, fact: Fact) -> bool:
    """Let a fact be true if it is newer than what is known; say whether it is.

    >>> known = {"ann": Annotation(1, LABEL, "cat")}
    >>> take(known, "ann", Annotation(1, RETRACTION, None)), take(known, "ann", known["ann"])
    (True, False)
    """
    before = known.get(key)
    if before is not None:
        ours, theirs = fact[:2], before[:2]
        if ours < theirs or (ours == theirs and _tie_breaker(fact) <= _tie_breaker(before)):
            return False
    known[key] = fact
    return True


def canonical(fact: AnyFact) -> bytes:
    """Return the bytes of which two facts of the same time and kind are told apart."""
    return struct.pack(">BQB", 1, fact[0] + (1 << 63), fact[1]) + fact.content()


def _tie_breaker(fact: AnyFact) -> bytes:
    return blake2b(canonical(fact), digest_size=16).digest()


@dataclass(slots=True)
class Log:
    """What one topic holds in a partition: a project's records, and the clock of everyone's."""

    project: str
    records: list[SourceRecord] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    """Of the project's records."""
    clock: list[tuple[int, int]] = field(default_factory=lambda: [(-1, 0)])
    """(offset, timestamp) of each record that was later, by the broker, than all before it."""
    end: int = 0
    """The position behind the last record."""

    def add(self, record: SourceRecord) -> None:
        """Add the next record; where its key is another's, it is not kept, let alone parsed."""
        self.end = record.offset + 1
        if record.timestamp > self.clock[-1][1]:
            self.clock.append((record.offset, record.timestamp))
        if record.key == project_key(self.project):
            self.records.append(record)
            self.offsets.append(record.offset)

    def between(self, begin: int, end: int) -> Sequence[SourceRecord]:
        """Return the project's records at the positions [begin, end)."""
        return self.records[bisect_left(self.offsets, begin) : bisect_left(self.offsets, end)]

    def now(self, position: int) -> int:
        """Return the largest timestamp (ms) before a position; 0 where there is none."""
        return self.clock[bisect_left(self.clock, (position, 0)) - 1][1]


@dataclass(slots=True)
class Replay:
    """A project, moved on along its logs from cut to cut."""

    project: str
    logs: Mapping[str, Log]
    partition: int
    partitions: int
    positions: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SOURCES, 0))
    now: int = 0
    """The largest timestamp (ms) of any project's record before the cut."""
    settings: ProjectSettings | None = None
    annotations: dict[tuple[str, str], Annotation] = field(default_factory=dict)
    predictions: dict[tuple[str, str], Prediction] = field(default_factory=dict)
    statuses: dict[str, Status] = field(default_factory=dict)
    strata: dict[str, Belonging] = field(default_factory=dict)
    leases: dict[str, int] = field(default_factory=dict)
    """Until when (microseconds) an item is on lease, where no answer has ended that."""

    def advance(self, cut: Cut) -> list[Close]:
        """Take the records up to a cut; return the closes among them, by topic in log order.

        A position never goes back, whatever a cut says.
        """
        closes: list[Close] = []
        for topic, begin in self.positions.items():
            end = max(begin, cut.get(topic, 0))
            pieces = decode(
                self.logs[topic].between(begin, end),
                topic=topic,
                partition=self.partition,
                partitions=self.partitions,
                begin=begin,
                end=end,
                max_rows=_PIECE_ROWS,
                max_bytes=_PIECE_BYTES,
            )
            for piece in pieces:
                match piece:
                    case Facts():
                        self._take(piece)
                    case Control(event=Close() as close):
                        closes.append(close)
                    case Control(event=ProjectSettings() as settings):
                        self.settings = settings
            self.positions[topic] = end
            self.now = max(self.now, self.logs[topic].now(end))
        return closes

    def lease(self, selections: Iterable[Selection]) -> None:
        """Put what a window of this cut has selected on lease."""
        self.leases.update((selection.item, selection.until) for selection in selections)

    def _take(self, piece: Facts) -> None:
        said = piece.annotations
        for item, annotator, label, kind, time in zip(
            said.item, said.annotator, said.label, said.kind, said.time, strict=True
        ):
            won = take(self.annotations, (item, annotator), Annotation(time, kind, label))
            if won and kind != RETRACTION:
                self.leases.pop(item, None)
        columns = piece.predictions
        for item, model, version, classes, pred_probs in zip(
            columns.item,
            columns.model,
            columns.version,
            columns.classes,
            columns.pred_probs,
            strict=True,
        ):
            said_of_classes = np.frombuffer(pred_probs, "<f4")
            take(self.predictions, (item, model), Prediction(version, 0, classes, said_of_classes))
        statuses = piece.statuses
        for item, excluded, stratum, time in zip(
            statuses.item, statuses.excluded, statuses.stratum, statuses.time, strict=True
        ):
            take(self.statuses, item, Status(time, EXCLUDED if excluded else REGISTERED))
            if stratum is not None:
                take(self.strata, item, Belonging(time, 0, stratum))
