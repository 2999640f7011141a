"""What must hold of whatever arrives: the fuzzer's law, on one partition of the real core.

Records arrive at the home of a project that is at work; then a window is asked for. Nothing may be
raised, and each record must have exactly one outcome, the one that the reference says:

- it is accepted, and what it says is true: the audit of all windows finds no difference;
- or it is a dead letter, exactly one, with its own bytes and the reason, or the rows, in headers.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from authors import START
from histories import Delivery, Happening, Partition, arrival
from memory_ports import Sent, Stage
from wire_builders import HOME, PARTITIONS, PROJECT, Record
from wire_reference import reference

from schemas import Close, DeadLetter, ProjectSettings, Topic, parse_dead_letter
from stream_app.audit import audit_history

SETTINGS = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=5)
"""Of the project at work; what is hostile may change them."""
LAST = Close(cause="request", request_id="the last word")


def survive(happenings: Sequence[Happening]) -> None:
    """Let things happen to a partition at work, and hold what comes of it against the law."""
    partition = Partition(Stage(now=START, number=HOME, partitions=PARTITIONS))
    beginning = arrival(Topic.CONTROL, PROJECT, SETTINGS), Delivery(Topic.CONTROL, 1)
    end = arrival(Topic.CONTROL, PROJECT, LAST)
    asyncio.run(partition.live([*beginning, *happenings, end]))
    letters = dead_letters(partition)
    for topic, log in partition.arrived.items():
        for record in log:
            judge(topic, record, letters.pop((topic, record.offset), []))
    assert not letters, f"dead letters of records that did not arrive: {letters}"
    applied = {topic: position for topic, position in applied_of(partition).items() if position}
    assert applied == {topic: len(log) for topic, log in partition.arrived.items() if log}
    for report in audit_history(partition.history(PROJECT)):
        assert not report.differences, report


def judge(topic: Topic, record: Sent, letters: Sequence[DeadLetter]) -> None:
    """Compare what became of a record with what the reference says of it."""
    said = reference(Record(record.value, record.offset, record.key, record.timestamp), topic)
    wanted = [(said.reason, said.bad, said.home)] if said.reason or said.bad else []
    assert [(one.reason, dict(one.rows), one.home) for one in letters] == wanted, record
    for letter in letters:
        assert not letter.is_whole or (letter.key, letter.value) == (record.key, record.value)


def dead_letters(partition: Partition) -> dict[tuple[str, int], list[DeadLetter]]:
    """Return the dead letters, by the place of their records."""
    letters: dict[tuple[str, int], list[DeadLetter]] = defaultdict(list)
    for topic, message in partition.stage.memory.said:
        if topic == Topic.DEAD_LETTERS:
            letter = parse_dead_letter(message.key, message.value, message.headers)
            assert letter.partition == HOME
            letters[letter.topic, letter.offset].append(letter)
    return letters


def applied_of(partition: Partition) -> dict[Topic, int]:
    """Return how far the core has come, by what is durable: a restart remembers nothing else."""
    partition.stage.restart()
    return dict(partition.stage.step.partitions[HOME].positions)
