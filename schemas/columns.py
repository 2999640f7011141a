"""What a run of records says, as columns: pieces of facts, and the controls between them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any, Self

from schemas.events import Close
from schemas.project import ProjectSettings
from schemas.reasons import Rejection

LABEL, ABSTENTION, RETRACTION = range(3)
"""Kinds of annotations; of those with the same time the last kind counts."""

AnnotationRow = tuple[str, str, str, str | None, int, int]
PredictionRow = tuple[str, str, str, int, tuple[str, ...], bytes]
StatusRow = tuple[str, str, bool, str | None, int]


@dataclass(frozen=True, slots=True)
class Columns:
    """Parallel lists, an element an event."""

    project: list[str]
    item: list[str]

    @classmethod
    def of(cls, rows: Sequence[tuple[Any, ...]]) -> Self:
        """Turn rows, in the order of the fields, into columns."""
        return cls(*map(list, zip(*rows, strict=True))) if rows else cls(*([] for _ in fields(cls)))

    def __len__(self) -> int:
        return len(self.item)


@dataclass(frozen=True, slots=True)
class AnnotationColumns(Columns):
    """Labels, abstentions and retractions."""

    annotator: list[str]
    label: list[str | None]
    """The name of a class, where ``kind`` is LABEL."""
    kind: list[int]
    time: list[int]
    """Microseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class PredictionColumns(Columns):
    """What models say about items."""

    model: list[str]
    version: list[int]
    classes: list[tuple[str, ...]]
    """Names of the classes, sorted."""
    pred_probs: list[bytes]
    """K float32 each, little-endian, in the order of ``classes``; they sum to 1."""


@dataclass(frozen=True, slots=True)
class StatusColumns(Columns):
    """Registered and excluded items, and what they belong to."""

    excluded: list[bool]
    stratum: list[str | None]
    """None: nothing is said of it."""
    time: list[int]
    """Microseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Some consecutive records of a run, and what is true by them: positions [begin, end)."""

    begin: int
    end: int
    now: int
    """The largest broker timestamp of the records in milliseconds; 0 where there are none."""
    num_records: int
    annotations: AnnotationColumns
    predictions: PredictionColumns
    statuses: StatusColumns
    rejections: list[Rejection]

    @property
    def num_rows(self) -> int:
        """Return the number of accepted events."""
        return len(self.annotations) + len(self.predictions) + len(self.statuses)

    @property
    def events(self) -> dict[str, int]:
        """Return the number of accepted events by type."""
        kinds = self.annotations.kind
        return {
            "label": kinds.count(LABEL),
            "abstention": kinds.count(ABSTENTION),
            "retraction": kinds.count(RETRACTION),
            "prediction": len(self.predictions),
            "status": len(self.statuses),
            "stratum": len(self.statuses) - self.statuses.stratum.count(None),
        }

    @property
    def latest(self) -> int | None:
        """Return the largest event time in microseconds; None where no event has one."""
        return max(chain(self.annotations.time, self.statuses.time), default=None)


@dataclass(frozen=True, slots=True)
class Control:
    """A valid ``project`` or ``close`` record, alone: positions [begin, end)."""

    begin: int
    end: int
    project: str
    event: ProjectSettings | Close
    offset: int
    timestamp: int
    """The broker's, in milliseconds."""

    @property
    def now(self) -> int:
        """Return the broker's timestamp, as `Facts` have it."""
        return self.timestamp
