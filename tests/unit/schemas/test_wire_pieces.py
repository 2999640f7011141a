"""A run is cut at controls, at rows and at bytes; its pieces cover it without gaps."""

from itertools import pairwise

import orjson
from hypothesis import given
from hypothesis import strategies as st
from wire_builders import ARRIVAL, Record, annotation, body, pieces, project

from schemas import Control, Facts, Reason, Topic

REQUEST = orjson.dumps(body("close", cause="request", request_id="r", budget=0))
LABEL = orjson.dumps(annotation())
BAD = b"bad"
SIZE = len(b"digits") + len(LABEL)


def batch(rows: int) -> bytes:
    row = {"item": "i", "annotator": "a", "label": "cat"}
    return orjson.dumps(body("annotations", rows=[row] * rows))


def spans(run: list[Facts | Control]) -> list[tuple[str, int, int]]:
    return [(type(piece).__name__, piece.begin, piece.end) for piece in run]


def test_a_control_is_a_piece_of_its_own() -> None:
    values = [LABEL, LABEL, REQUEST, LABEL, REQUEST]
    run = pieces(
        [Record(value, at) for at, value in enumerate(values, 10)],
        Topic.ANNOTATIONS,
        begin=7,
        end=20,
    )
    assert spans(run) == [
        ("Facts", 7, 12),
        ("Control", 12, 13),
        ("Facts", 13, 14),
        ("Control", 14, 20),
    ]


def test_a_control_that_comes_first_begins_where_the_run_does() -> None:
    (piece,) = pieces([Record(REQUEST, 9)], Topic.ANNOTATIONS, begin=4, end=12)
    assert isinstance(piece, Control)
    assert (piece.begin, piece.offset, piece.end) == (4, 9, 12)


def test_a_control_that_is_not_valid_is_rejected_among_the_facts() -> None:
    records = [Record(LABEL, 0), Record(orjson.dumps(project(budget=-1)), 1)]
    (piece,) = pieces(records, Topic.CONTROL)
    assert isinstance(piece, Facts)
    reasons = [rejection.reason for rejection in piece.rejections]
    assert reasons == [Reason.TYPE_NOT_ALLOWED, Reason.BAD_SETTINGS]


def test_a_run_of_markers_alone_is_a_piece_without_facts() -> None:
    (piece,) = pieces([], Topic.ANNOTATIONS, begin=3, end=5)
    assert isinstance(piece, Facts)
    assert (piece.begin, piece.end, piece.now, piece.num_records) == (3, 5, 0, 0)
    assert piece.latest is None
    assert pieces([], Topic.ANNOTATIONS, begin=3, end=3) == []


def test_facts_hold_no_more_rows_than_fit() -> None:
    values = [batch(3), batch(2), batch(1), batch(9), LABEL]
    run = pieces(
        [Record(value, at) for at, value in enumerate(values)], Topic.ANNOTATIONS, max_rows=5
    )
    assert [piece.num_rows for piece in run if isinstance(piece, Facts)] == [5, 1, 9, 1]
    assert spans(run) == [("Facts", 0, 2), ("Facts", 2, 3), ("Facts", 3, 4), ("Facts", 4, 5)]


def test_bad_rows_and_bad_records_take_room_too() -> None:
    rejected = pieces([Record(BAD, at) for at in range(5)], Topic.ANNOTATIONS, max_rows=2)
    assert spans(rejected) == [("Facts", 0, 2), ("Facts", 2, 4), ("Facts", 4, 5)]
    half = orjson.dumps(body("annotations", rows=[7, 7, 7]))
    run = pieces([Record(half, at) for at in range(3)], Topic.ANNOTATIONS, max_rows=8)
    assert spans(run) == [("Facts", 0, 2), ("Facts", 2, 3)]


def test_facts_hold_no_more_bytes_than_fit() -> None:
    records = [Record(LABEL, at) for at in range(5)]
    run = pieces(records, Topic.ANNOTATIONS, max_bytes=2 * SIZE)
    assert spans(run) == [("Facts", 0, 2), ("Facts", 2, 4), ("Facts", 4, 5)]
    run = pieces(records, Topic.ANNOTATIONS, max_bytes=2 * SIZE - 1)
    assert len(run) == 5


def test_now_is_the_largest_broker_timestamp_of_a_piece() -> None:
    stamps = [5, 9, 7]
    records = [Record(BAD, at, timestamp=ARRIVAL + ms) for at, ms in enumerate(stamps)]
    (piece,) = pieces(records, Topic.ANNOTATIONS)
    assert piece.now == ARRIVAL + 9


def test_facts_count_their_events_and_know_the_latest() -> None:
    late, early = "2025-11-24T16:04:00Z", "2025-11-24T12:00:00Z"
    events = [
        annotation(time=early),
        annotation(label=None, time=late),
        body("retraction", item="i", annotator="a", time=early),
    ]
    records = [Record(orjson.dumps(event), at) for at, event in enumerate(events)]
    (piece,) = pieces(records, Topic.ANNOTATIONS)
    assert isinstance(piece, Facts)
    assert piece.events == {
        "label": 1,
        "abstention": 1,
        "retraction": 1,
        "prediction": 0,
        "status": 0,
        "stratum": 0,
    }
    assert piece.latest == ARRIVAL * 1000 + 240_000_000


@given(
    st.lists(st.sampled_from([LABEL, BAD, REQUEST, batch(4), None]), min_size=1),
    st.integers(1, 6),
    st.integers(1, 5 * SIZE),
    st.data(),
)
def test_pieces_cover_a_run_in_order_whatever_the_limits(
    values: list[bytes | None], max_rows: int, max_bytes: int, data: st.DataObject
) -> None:
    gaps = [data.draw(st.integers(1, 3)) for _ in values]
    offsets = [sum(gaps[: at + 1]) for at in range(len(gaps))]
    records = [Record(value, offset) for value, offset in zip(values, offsets, strict=True)]
    end = offsets[-1] + 1 + data.draw(st.integers(0, 2))
    run = pieces(records, Topic.ANNOTATIONS, end=end, max_rows=max_rows, max_bytes=max_bytes)
    whole = pieces(records, Topic.ANNOTATIONS, end=end)
    assert run[0].begin == 0
    assert run[-1].end == end
    assert all(one.end == other.begin for one, other in pairwise(run))
    assert [piece.offset for piece in run if isinstance(piece, Control)] == [
        offset for offset, value in zip(offsets, values, strict=True) if value == REQUEST
    ]
    for name in ("item", "label", "kind"):
        assert _column(run, name) == _column(whole, name)
    assert all(piece.num_records for piece in run if isinstance(piece, Facts))


def _column(run: list[Facts | Control], name: str) -> list[object]:
    facts = (piece for piece in run if isinstance(piece, Facts))
    return [value for piece in facts for value in getattr(piece.annotations, name)]
