"""Times: aware ISO 8601 in, int microseconds since the Unix epoch inside, RFC 3339 with Z out."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_AHEAD = 5 * 60 * 1_000_000
"""Microseconds that an event's time may be ahead of its record's broker timestamp."""


_MICROSECOND = timedelta(microseconds=1)
_MIN = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
_MAX = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND


def parse_time(text: str) -> int:
    """Return an aware ISO 8601 time in microseconds, digits beyond them cut off.

    Raises ValueError where it is no such time or not in the years 1 to 9999 UTC, TypeError where
    it has no zone.

    >>> parse_time("1970-01-01T01:00:00.5+01:00")
    500000
    """
    return to_micros(datetime.fromisoformat(text))


def to_micros(moment: datetime) -> int:
    """Return an aware datetime in microseconds; raises as `parse_time` does."""
    elapsed = moment - EPOCH
    micros = (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
    if not _MIN <= micros <= _MAX:
        msg = f"{moment.isoformat()} is out of the years 1 to 9999 UTC"
        raise ValueError(msg)
    return micros


def format_time(micros: int) -> str:
    """Return microseconds as RFC 3339 in UTC; `parse_time` reads the same back.

    >>> format_time(500_000)
    '1970-01-01T00:00:00.500000Z'
    """
    return (EPOCH + timedelta(microseconds=micros)).isoformat()[:-6] + "Z"
