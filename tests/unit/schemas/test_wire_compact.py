"""Records that wait for their transaction take what they hold, not what they were written in."""

import tracemalloc

import orjson

from schemas import pair_key
from schemas.compact import dumps

RECORDS = 500


def kept(make: object) -> float:
    """Return the bytes that a record of 100 characters keeps."""
    tracemalloc.start()
    try:
        records = [make({"text": f"{number:0100}"}) for number in range(RECORDS)]  # type: ignore[operator]
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(records) == RECORDS
    return size / RECORDS


def test_a_record_keeps_no_buffer() -> None:
    assert dumps({"text": "é"}) == orjson.dumps({"text": "é"})
    assert kept(orjson.dumps) > 4_000  # else the copy is for nothing
    assert kept(dumps) < 300
    assert kept(lambda body: pair_key("project", body["text"])) < 300
