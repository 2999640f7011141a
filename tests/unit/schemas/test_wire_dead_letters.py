"""A dead letter says what was wrong with a record, and carries it whole where it can."""

from hashlib import sha256

import orjson
import pytest
from wire_builders import Record

from schemas import DeadLetter, Reason, Rejection, encode_dead_letter, parse_dead_letter

LIMIT = 256 << 10
BAD_ROWS = ((1, Reason.EMPTY_ID), (3, Reason.WRONG_TYPE))


def read(rejection: Rejection) -> DeadLetter:
    letter = encode_dead_letter(rejection, topic="x.annotations.v1", partition=3)
    return parse_dead_letter(*letter)


@pytest.mark.parametrize("value", [b"", None, b"\xff", b"x" * LIMIT])
@pytest.mark.parametrize("key", [b"", None, b"\xff", b"k" * LIMIT])
def test_key_and_value_are_the_records_own(key: bytes | None, value: bytes | None) -> None:
    letter = read(Rejection(Record(value, 17, key), Reason.NOT_JSON))
    assert (letter.key, letter.value) == (key, value)
    assert letter.is_whole
    assert (letter.topic, letter.partition, letter.offset) == ("x.annotations.v1", 3, 17)
    assert (letter.reason, letter.rows, letter.home) == (Reason.NOT_JSON, (), None)


def test_bad_rows_are_listed_and_leave_no_reason_for_the_record() -> None:
    letter = read(Rejection(Record(b"{}"), None, BAD_ROWS))
    assert letter.reason is None
    assert letter.rows == BAD_ROWS
    _, _, headers = encode_dead_letter(
        Rejection(Record(b"{}"), None, BAD_ROWS), topic="annotations.v1", partition=3
    )
    assert dict(headers)["rows"] == b'[[1,"empty_id"],[3,"wrong_type"]]'


def test_the_right_partition_is_named() -> None:
    rejection = Rejection(Record(b"{}"), Reason.WRONG_PARTITION, home=5)
    assert read(rejection).home == 5


def test_beyond_256_kib_a_description_takes_the_values_place() -> None:
    value = b"x" * (LIMIT + 1)
    letter = read(Rejection(Record(value, 17), Reason.TOO_LARGE))
    assert not letter.is_whole
    assert letter.key == b"digits"
    assert letter.value is not None
    assert orjson.loads(letter.value) == {
        "topic": "x.annotations.v1",
        "partition": 3,
        "offset": 17,
        "key_length": 6,
        "length": LIMIT + 1,
        "sha256": sha256(value).hexdigest(),
    }


def test_a_key_beyond_256_kib_is_left_out() -> None:
    letter = read(Rejection(Record(None, 17, b"k" * (LIMIT + 1)), Reason.TOO_LARGE))
    assert letter.key is None
    assert not letter.is_whole


def test_the_most_that_can_be_wrong_fits_into_a_record() -> None:
    rows = tuple((row, max(Reason, key=len)) for row in range(10_000))
    rejection = Rejection(Record(b"x" * LIMIT, 2**63, b"k" * LIMIT), None, rows, home=9_999)
    key, value, headers = encode_dead_letter(rejection, topic="t" * 249, partition=9_999)
    sizes = [len(name) + len(text) for name, text in headers]
    assert len(key or b"") + len(value or b"") + sum(sizes) < 2 << 20


def test_another_record_is_no_dead_letter() -> None:
    with pytest.raises(KeyError):
        parse_dead_letter(b"digits", b"{}", ())
