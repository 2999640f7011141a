"""What must be true of the records of a deployment at rest, wherever its topics are.

The simulation gives the logs of its own Kafka, the fault campaign those of a real one. Every
function yields sentences about what is wrong; none is the only good answer.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import orjson

from schemas import (
    BoundaryCause,
    Close,
    Control,
    Facts,
    SourceRecord,
    Topic,
    Window,
    decode,
    home,
    parse_dead_letter,
    parse_pair_key,
)
from stream_app import facts
from stream_app.audit import audit_history
from stream_app.audit.history import History
from stream_app.audit.replay import Log
from stream_app.topology import SOURCES

CHANGELOG = "changelog"
"""Stands for the changelog among the names of topics."""


class CommittedLog(Protocol):
    """One partition of a topic."""

    @property
    def end(self) -> int:
        """Return the next offset."""
        ...

    def committed(self) -> Iterable[SourceRecord]:
        """Iterate over the records that were ever committed."""
        ...


Logs = Mapping[tuple[str, int], CommittedLog]
"""By topic, unprefixed, and partition; the changelog is called `CHANGELOG`."""


def history_of(logs: Logs, project: str, *, partitions: int) -> History:
    """Return what the records say of a project, as an audit takes it."""
    number = home(project, partitions)
    own: dict[str, Log] = {topic: Log(project) for topic in Topic}
    for topic, log in own.items():
        for record in logs[topic, number].committed():
            log.add(record)
    return History(project, partitions, own)


# ---------------------------------------------------------------- one history, step by step


def changelog_wrong(logs: Logs, partition: int) -> Iterator[str]:
    """Judge the state's history: positions move on, and facts are only replaced by newer ones."""
    positions: Mapping[str, int] = {}
    known: dict[bytes, bytes] = {}
    for entry in logs[CHANGELOG, partition].committed():
        key, value = entry.key or b"", entry.value or b""
        where = f"changelog {partition} @{entry.offset}"
        if key == facts.APPLIED:
            _, _, after = orjson.loads(value)
            steps = [after.get(topic, 0) - positions.get(topic, 0) for topic in SOURCES]
            if min(steps) < 0 or steps.count(0) != len(steps) - 1:
                yield f"{where}: applied goes from {dict(positions)} to {after}"
            positions = after
        elif key.startswith(facts.EVERY_FACT):
            if not facts.newer(value, known.get(key)):
                yield f"{where}: fact {key!r} is not newer than what it replaces"
            known[key] = value
    for topic in SOURCES:
        at = positions.get(topic, 0)
        left = [one.offset for one in logs[topic, partition].committed() if one.offset >= at]
        if left:
            yield f"{topic} {partition}: @{left[0]} and what follows are not applied"


def outcomes_wrong(logs: Logs, partition: int, *, partitions: int) -> Iterator[str]:
    """Judge that a record has its dead letter, and a close its answer, once."""
    letters: Counter[tuple[str, int]] = Counter()
    for entry in logs[Topic.DEAD_LETTERS, partition].committed():
        letter = parse_dead_letter(entry.key, entry.value, entry.headers)
        letters[letter.topic, letter.offset] += 1
    closes: Counter[tuple[str, str]] = Counter()
    for topic in SOURCES:
        log = logs[topic, partition]
        pieces = decode(
            list(log.committed()), topic=topic, partition=partition, partitions=partitions,
            begin=0, end=log.end, max_rows=10**6, max_bytes=10**9,
        )  # fmt: skip
        for piece in pieces:
            match piece:
                case Facts(rejections=rejections):
                    letters.subtract((topic, one.record.offset) for one in rejections)
                case Control(event=Close(request_id=str(request)), project=project):
                    closes[project, request] += 1
                case _:
                    pass
    for (topic, offset), number in letters.items():
        if number:
            yield f"{topic} {partition} @{offset}: {number:+} dead letters"
    for entry in logs[Topic.WINDOWS, partition].committed():
        answer = orjson.loads(entry.value or b"")
        if (request := answer["cause"].get("request_id")) is not None:
            closes[answer["project"], request] -= 1
    for (project, request), number in closes.items():
        if number:
            yield f"request {request!r} of {project}: {-number:+} answers"


# ---------------------------------------------------------------- windows


def windows_wrong(history: History) -> Iterator[str]:
    """Judge what was published: each window is the batch's, numbered, in budget, off lease."""
    for report in audit_history(history):
        for difference in report.differences:
            yield f"{history.project}: window {report.window.window}, {difference}"
    windows = [answer for answer in history.answers if isinstance(answer, Window)]
    numbers = [window.window for window in windows]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"{history.project}: windows {numbers}"
    selected = {number: len(some) for number, some in history.selections.items()}
    manifests = {w.window: w.counts.selected for w in windows if w.counts.selected}
    if selected != manifests:
        yield f"{history.project}: {selected} are selected, the manifests say {manifests}"
    yield from _budget(history.project, windows)
    yield from _leases(history)


def _budget(project: str, windows: list[Window]) -> Iterator[str]:
    spent = 0
    for window in windows:
        if isinstance(window.cause, BoundaryCause):
            spent = 0
        spent += window.counts.selected
        counts = window.counts.selected if window.settings.window_seconds is None else spent
        if window.counts.selected and counts > window.settings.budget:
            yield f"{project}: window {window.window} makes it {counts} of {window.settings.budget}"


def _leases(history: History) -> Iterator[str]:
    replay = history.replay()
    for answer, _ in history.walk(replay):
        if isinstance(answer, Window):
            for selection in history.selections.get(answer.window, ()):
                until = replay.leases.get(selection.item, 0)
                if until > answer.now:
                    yield (
                        f"{history.project}: window {answer.window} selects {selection.item}, "
                        f"which is on lease until {until}, at {answer.now}"
                    )


def published_consensus(scores: Iterable[SourceRecord], project: str) -> dict[str, str | None]:
    """Return the last consensus of every item of which a score is published."""
    published: dict[str, str | None] = {}
    for entry in scores:
        name, item = parse_pair_key(entry.key or b"")
        if name == project and entry.value:
            published[item] = orjson.loads(entry.value)["consensus_label"]
        elif name == project:
            published.pop(item, None)
    return published
