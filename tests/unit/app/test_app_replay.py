"""A replay reads the same truth out of a log as the worker's facts do, on its own."""

from collections.abc import Iterable
from random import Random

import pytest
from authors import START, Author
from memory_ports import Sent
from true_facts import true_facts

from schemas import Annotation, Event, Facts, SourceRecord, Topic, decode, project_key
from stream_app import facts
from stream_app.audit.replay import SOURCES, Log, Replay
from stream_app.fold import keyed
from stream_app.partition import Partition

PROJECT = "birds"


def sent(events: Iterable[Event]) -> list[SourceRecord]:
    """Let events arrive, all at the same time by the broker."""
    return [
        Sent(offset, START, project_key(PROJECT), event.to_bytes())
        for offset, event in enumerate(events)
    ]


def replayed(records: dict[Topic, list[SourceRecord]]) -> Replay:
    """Replay all records."""
    logs = {topic: Log(PROJECT) for topic in SOURCES}
    for topic, some in records.items():
        for record in some:
            logs[topic].add(record)
    replay = Replay(PROJECT, logs, partition=0, partitions=1)
    replay.advance({topic: log.end for topic, log in logs.items()})
    return replay


def true_by_facts(records: dict[Topic, list[SourceRecord]]) -> dict[bytes, bytes]:
    """Merge as the worker does: the newer one by `facts.newer`."""
    found: dict[bytes, bytes] = {}
    for topic, some in records.items():
        place = {"topic": topic, "partition": 0, "partitions": 1, "begin": 0, "end": len(some)}
        for piece in decode(some, **place, max_rows=3, max_bytes=10**9):
            for _, come in keyed(Partition(0), piece) if isinstance(piece, Facts) else ():
                for key, fact in zip(come.keys, come.facts, strict=True):
                    if facts.newer(fact, found.get(key)):
                        found[key] = fact
    return found


@pytest.mark.parametrize("seed", range(20))
def test_of_two_facts_a_replay_and_the_worker_take_the_same_whatever_the_order(seed: int) -> None:
    author = Author(seed)
    events = {topic: [author.event(topic) for _ in range(150)] for topic in SOURCES}
    records = {topic: sent(some) for topic, some in events.items()}
    found = true_facts(replayed(records))
    assert found == true_by_facts(records)

    shuffled = {topic: Random(seed).sample(some, len(some)) for topic, some in events.items()}
    assert true_facts(replayed({topic: sent(some) for topic, some in shuffled.items()})) == found
    twice = {topic: sent(some + some) for topic, some in events.items()}
    assert true_facts(replayed(twice)) == found


def test_stopping_at_every_position_ends_where_one_stride_does() -> None:
    author = Author(seed=1)
    records = {topic: sent([author.event(topic) for _ in range(60)]) for topic in SOURCES}
    whole = replayed(records)
    steps = Replay(PROJECT, whole.logs, partition=0, partitions=1)
    for position in range(61):
        steps.advance(dict.fromkeys(SOURCES, position))
    assert true_facts(steps) == true_facts(whole)
    assert steps.settings == whole.settings


def test_a_log_keeps_a_project_s_records_and_the_clock_of_all() -> None:
    log = Log(PROJECT)
    for offset, key, timestamp in ((0, b"birds", 5), (3, b"fish", 9), (4, b"birds", 7)):
        log.add(Sent(offset, timestamp, key, b"{}"))
    assert [record.offset for record in log.between(0, 4)] == [0]
    assert [record.offset for record in log.between(1, 9)] == [4]
    assert [log.now(position) for position in (0, 1, 3, 4, 5)] == [0, 5, 5, 9, 9]
    assert log.end == 5


def test_an_answer_ends_a_lease_only_where_it_wins() -> None:
    records = [
        *sent([Annotation(item="i", annotator="ann", label="cat", time=START * 1000)]),
        Sent(
            1,
            START,
            b"birds",
            Annotation(item="i", annotator="ann", label="cat", time=0).to_bytes(),
        ),
        Sent(2, START, b"birds", Annotation(item="i", annotator="bob", label=None).to_bytes()),
    ]
    replay = Replay(PROJECT, replayed({Topic.ANNOTATIONS: records}).logs, 0, 1)
    still = []
    for position in (1, 2, 3):
        replay.advance(dict.fromkeys(SOURCES, 0) | {Topic.ANNOTATIONS: position})
        still.append("i" in replay.leases)
        replay.leases["i"] = START * 1000 + 1
    assert still == [False, True, False]
