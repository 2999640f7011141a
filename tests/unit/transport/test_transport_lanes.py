"""Runs are contiguous, merged while they wait, and a lane says when it stands still."""

from dataclasses import dataclass

import pytest

from stream_app.transport.errors import RunLost
from stream_app.transport.lanes import Fetch, Lane


@dataclass(frozen=True)
class Record:
    offset: int
    key: bytes | None = b"key"
    value: bytes | None = b"value"
    timestamp: int = 0


def lane_at(position: int) -> Lane:
    return Lane.at("topic", 3, position, now=0.0)


def fetch(begin: int, end: int, *offsets: int) -> Fetch:
    return Fetch(begin, end, [Record(offset) for offset in offsets])


def test_what_waits_is_taken_as_one_run_from_the_end_of_the_last_one() -> None:
    lane = lane_at(10)
    lane.extend(fetch(10, 12, 10, 11), now=1.0)
    lane.extend(fetch(12, 15, 13), now=2.0)

    first = lane.take()
    lane.extend(fetch(15, 16, 15), now=3.0)
    second = lane.take()

    assert (first.topic, first.partition, first.begin, first.end) == ("topic", 3, 10, 15)
    assert [record.offset for record in first.records] == [10, 11, 13]
    assert (second.begin, second.end) == (15, 16)


@pytest.mark.parametrize("begin", [11, 9, -1])
def test_a_fetch_that_begins_elsewhere_is_refused(begin: int) -> None:
    with pytest.raises(RunLost, match=rf"topic\[3\]: a fetch begins at {begin}.* ended at 10"):
        lane_at(10).extend(fetch(begin, 20, 15), now=1.0)


def test_markers_without_records_belong_to_the_next_run() -> None:
    lane = lane_at(0)
    lane.extend(fetch(0, 4), now=1.0)
    lane.extend(fetch(4, 5, 4), now=2.0)

    assert (lane.take().begin, lane.fetched) == (0, 5)


def test_the_size_counts_keys_and_values_and_is_empty_after_a_take() -> None:
    lane = lane_at(0)
    lane.extend(Fetch(0, 2, [Record(0), Record(1, key=None, value=None)]), now=1.0)
    assert lane.size == 8

    lane.take()

    assert (lane.size, lane.records) == (0, [])


def test_the_position_is_what_is_durable_until_nothing_is_left_to_do() -> None:
    lane = lane_at(0)
    lane.extend(fetch(0, 2, 0), now=1.0)
    waiting = lane.position
    lane.take()
    lane.extend(fetch(2, 3), now=2.0)
    in_flight = lane.position
    lane.ack(now=3.0)

    assert (waiting, in_flight, lane.position, lane.acked) == (0, 0, 3, 2)


def test_a_lane_is_stuck_when_what_is_durable_stays_uncommitted() -> None:
    lane = lane_at(0)
    lane.extend(fetch(0, 1, 0), now=100.0)
    lane.take()
    lane.ack(now=100.0)

    assert lane.stuck(60, now=160.0, idle_since=100.0) is None
    assert lane.stuck(60, now=161.0, idle_since=100.0) == (
        "topic[3]: 1 is durable, but the group knows 0"
    )
    lane.commit(1, now=161.0)
    assert lane.stuck(60, now=300.0, idle_since=100.0) is None


def test_a_lane_that_is_committed_now_and_then_is_not_stuck() -> None:
    lane = lane_at(0)
    for second in range(100):
        lane.extend(fetch(second, second + 1, second), now=second)
        lane.take()
        lane.ack(now=second)
        if second % 50 == 49:
            lane.commit(second - 40, now=second)

        assert lane.stuck(60, now=second, idle_since=second) is None


def test_a_lane_is_stuck_when_records_wait_and_the_agent_is_idle() -> None:
    lane = lane_at(0)
    lane.extend(fetch(0, 1, 0), now=100.0)

    assert lane.stuck(60, now=161.0, idle_since=None) is None  # a long run of another partition
    assert lane.stuck(60, now=161.0, idle_since=110.0) is None
    assert lane.stuck(60, now=171.0, idle_since=110.0) == (
        "topic[3]: 1 records wait, and nobody takes them"
    )
