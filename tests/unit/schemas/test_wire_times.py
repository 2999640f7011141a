"""Times come in aware, are int microseconds inside, and go out as RFC 3339 with Z."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import format_time, parse_time
from schemas.times import to_micros

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(
    datetime.fromisoformat("0002-01-01"), datetime.fromisoformat("9998-12-31"), timezones=ZONES
)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:59:59.999999+00:00", -1),
        ("2025-11-24T16:00:00Z", 1_764_000_000_000_000),
        ("2025-11-24T16:00:00.1234567891Z", 1_764_000_000_123_456),
    ],
)
def test_a_time_is_read_as_microseconds_of_utc(text: str, micros: int) -> None:
    assert parse_time(text) == micros


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2025-13-01T00:00:00Z", "2025-11-24T16:00:00+24:00"]
)
def test_what_is_no_time_raises_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


@pytest.mark.parametrize("text", ["2025-11-24T16:00:00", "2025-11-24"])
def test_a_time_without_zone_raises_a_type_error(text: str) -> None:
    with pytest.raises(TypeError):
        parse_time(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
def test_a_time_out_of_the_years_of_utc_raises_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        parse_time(text)


@given(MOMENTS)
def test_a_time_that_is_written_is_read_as_the_same(moment: datetime) -> None:
    micros = to_micros(moment)
    text = format_time(micros)
    assert text.endswith("Z")
    assert parse_time(text) == micros == parse_time(moment.isoformat())
    assert datetime.fromisoformat(text).astimezone(UTC) == moment
