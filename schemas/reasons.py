"""Why a record, or a row of one, is not accepted: outcomes, not exceptions."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pydantic_core import PydanticCustomError


class Reason(StrEnum):
    """Say in one word what is wrong with a record or a row."""

    WRONG_KEY = "wrong_key"
    """No key, an empty one, or one that is not UTF-8: a key is a project's id."""
    WRONG_PARTITION = "wrong_partition"
    """Not at its project's home; the rejection names the right one."""
    EMPTY_VALUE = "empty_value"
    """A tombstone or no bytes."""
    TOO_LARGE = "too_large"
    """An id over 1024 UTF-8 bytes, a record over 1 MiB, too many rows or classes."""
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    """Broken JSON, NaN and infinity included; also JSON that is nested too deep."""
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    """A value of another JSON type; nothing is coerced."""
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_SCHEMA_VERSION = "unknown_schema_version"
    TYPE_NOT_ALLOWED = "type_not_allowed"
    """A record of this type, or a close that spends budget, does not belong on this topic."""
    EMPTY_ID = "empty_id"
    DUPLICATE_NAME = "duplicate_name"
    """A list of classes or models names one twice."""
    BAD_PROBABILITIES = "bad_probabilities"
    """Negative, not finite, or with a sum further than 1e-3 from 1."""
    WRONG_LENGTH = "wrong_length"
    """Columns of different lengths, or a row with more or fewer numbers than classes."""
    BAD_TIME = "bad_time"
    """Not ISO 8601, or out of the years 1 to 9999 UTC."""
    TIME_WITHOUT_ZONE = "time_without_zone"
    TIME_IN_FUTURE = "time_in_future"
    """More than five minutes ahead of the broker's timestamp."""
    BAD_VALUE = "bad_value"
    """The right type, but out of range or not one of the known words."""
    BAD_SETTINGS = "bad_settings"
    """As `BAD_VALUE`, in a project's settings; or settings that don't go together."""


class SourceRecord(Protocol):
    """A record of a source topic as it is delivered (aiokafka's ConsumerRecord is one)."""

    @property
    def offset(self) -> int:
        """Return its place in the partition."""
        ...

    @property
    def timestamp(self) -> int:
        """Return the broker's time, in milliseconds since the Unix epoch."""
        ...

    @property
    def key(self) -> bytes | None:
        """Return its project's id in UTF-8, where it is right."""
        ...

    @property
    def value(self) -> bytes | None:
        """Return its JSON; None is a tombstone."""
        ...


BadRows = tuple[tuple[int, Reason], ...]
"""(row, reason), by row."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that is not accepted, or that has bad rows; at most one a record.

    ``reason`` None: the record is accepted but for ``rows``.
    """

    record: SourceRecord
    reason: Reason | None
    rows: BadRows = ()
    home: int | None = None
    """The right partition of a record with `Reason.WRONG_PARTITION`."""


def fault(reason: Reason, why: str) -> PydanticCustomError:
    """Return the error by which a model's validator gives a reason of ours."""
    return PydanticCustomError(reason.value, why)
