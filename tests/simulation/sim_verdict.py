"""What must be true of a world at rest, judged by the audit, which shares no rule with the core.

Every function yields sentences about what is wrong; none is the only good answer.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import orjson
from authors import PROJECTS
from sim_broker import CHANGELOG, Broker, Entry
from sim_worker import Worker
from sim_world import World
from true_facts import true_facts

import activelab
from schemas import (
    BoundaryCause,
    Close,
    Control,
    Facts,
    Topic,
    Window,
    decode,
    home,
    parse_dead_letter,
    parse_pair_key,
    project_key,
)
from stream_app import facts
from stream_app.audit import audit_history
from stream_app.audit.batch import Batch
from stream_app.audit.history import History
from stream_app.audit.replay import Log
from stream_app.partition import load
from stream_app.project import Project
from stream_app.topology import SOURCES

TOLERANCE = 1e-9


def judge(world: World) -> Iterator[str]:
    """Yield all that is wrong."""
    yield from world.wrong
    for partition in range(world.partitions):
        yield from _changelog(world.broker, partition)
        yield from _outcomes(world.broker, partition)
        yield from _owner(world, partition)
    for name in PROJECTS:
        history = _history(world.broker, name)
        yield from _windows(history)
        yield from _consensus(world.broker, history)
        yield from _state(world, history)


def _history(broker: Broker, project: str) -> History:
    """Read what the topics hold of a project, committed."""
    number = home(project, broker.partitions)
    logs: dict[str, Log] = {topic: Log(project) for topic in Topic}
    for topic, log in logs.items():
        for entry in broker.logs[topic, number].committed():
            log.add(entry)
    return History(project, broker.partitions, logs)


def _owner_of(world: World, partition: int) -> Worker:
    (owner,) = (worker for worker in world.workers if partition in worker.owned)
    return owner


# ---------------------------------------------------------------- one history, step by step


def _changelog(broker: Broker, partition: int) -> Iterator[str]:
    """Judge the state's history: positions move on, and facts are only replaced by newer ones."""
    positions: Mapping[str, int] = {}
    known: dict[bytes, bytes] = {}
    for entry in broker.logs[CHANGELOG, partition].committed():
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
        left, _ = broker.logs[topic, partition].read(positions.get(topic, 0), limit=1)
        if left:
            yield f"{topic} {partition}: @{left[0].offset} and what follows are not applied"


def _outcomes(broker: Broker, partition: int) -> Iterator[str]:
    """Judge that a record has its dead letter, and a close its answer, once."""
    letters: Counter[tuple[str, int]] = Counter()
    for entry in broker.logs[Topic.DEAD_LETTERS, partition].committed():
        letter = parse_dead_letter(entry.key, entry.value, entry.headers)
        letters[letter.topic, letter.offset] += 1
    closes: Counter[tuple[str, str]] = Counter()
    for topic in SOURCES:
        log = broker.logs[topic, partition]
        pieces = decode(
            list(log.committed()), topic=topic, partition=partition, partitions=broker.partitions,
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
    for entry in broker.logs[Topic.WINDOWS, partition].committed():
        answer = orjson.loads(entry.value or b"")
        if (request := answer["cause"].get("request_id")) is not None:
            closes[answer["project"], request] -= 1
    for (project, request), number in closes.items():
        if number:
            yield f"request {request!r} of {project}: {-number:+} answers"


# ---------------------------------------------------------------- windows


def _windows(history: History) -> Iterator[str]:
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


def _consensus(broker: Broker, history: History) -> Iterator[str]:
    """Judge the consensus that is published when a window is: the batch's at its cut."""
    number = home(history.project, broker.partitions)
    windows = (
        entry
        for entry in broker.logs[Topic.WINDOWS, number].committed()
        if entry.key == project_key(history.project)
    )
    scores = list(broker.logs[Topic.ITEM_SCORES, number].committed())
    replay = history.replay()
    for (answer, _), entry in zip(history.walk(replay), windows, strict=True):
        if isinstance(answer, Window) and replay.settings is not None:
            batch = Batch.of(replay, replay.settings, answer.window)
            labels = batch.scores.consensus_label.tolist()
            names = [replay.settings.classes[label] if label >= 0 else None for label in labels]
            right = dict(zip(batch.counted.items, names, strict=True))
            before = [one for one in scores if one.visible_since <= entry.visible_since]
            published = _published(before, history.project)
            if published != right:
                yield (
                    f"{history.project}: consensus at window {answer.window} is {published}, "
                    f"not {right}"
                )


def _published(scores: Iterable[Entry], project: str) -> dict[str, str | None]:
    """Return the last consensus of every item of which a score is published."""
    published: dict[str, str | None] = {}
    for entry in scores:
        name, item = parse_pair_key(entry.key or b"")
        if name == project and entry.value:
            published[item] = orjson.loads(entry.value)["consensus_label"]
        elif name == project:
            published.pop(item, None)
    return published


# ---------------------------------------------------------------- state


def _owner(world: World, partition: int) -> Iterator[str]:
    """Judge a disk by the changelog, and a memory by its disk."""
    owner = _owner_of(world, partition)
    truth = owner.parts.disk()
    truth.restore(partition, world.broker.logs[CHANGELOG, partition].committed(), offset=0)
    if owner.disk.table(partition).rows != truth.table(partition).rows:
        yield f"partition {partition}: the disk of {owner.name} is not what the changelog says"
    memory, fresh = owner.step.partitions[partition], load(partition, owner.disk)
    if (memory.positions, memory.now) != (fresh.positions, fresh.now):
        yield f"partition {partition}: memory is at {memory.positions}, {memory.now}"
    if memory.strangers != fresh.strangers:
        yield f"partition {partition}: strangers {memory.strangers}, not {fresh.strangers}"
    for name in memory.projects.keys() | fresh.projects.keys():
        ours, theirs = (_remembered(one.projects.get(name)) for one in (memory, fresh))
        if ours != theirs:
            yield f"{name}: memory holds {ours}, its disk {theirs}"


def _remembered(project: Project | None) -> object:
    if project is None:
        return None
    ledger = project.ledger
    return (
        project.settings, ledger.next_window, ledger.last_boundary, ledger.spent, ledger.closed_at,
        project.said, project.dormant,
    )  # fmt: skip


def _state(world: World, history: History) -> Iterator[str]:
    """Judge the state by the batch on all facts."""
    number = home(history.project, history.partitions)
    owner = _owner_of(world, number)
    replay = history.replay()
    for _ in history.walk(replay):
        pass
    replay.advance(world.broker.ends(number))
    kept = owner.disk.scan(number, facts.fact_prefix(history.project))
    if dict(kept) != true_facts(replay):
        yield f"{history.project}: the facts are not those of the inputs"
    project = owner.step.partitions[number].projects.get(history.project)
    if project is None or replay.settings is None:
        if (project is None) != (replay.settings is None):
            yield f"{history.project}: it exists here, or in the inputs"
        return
    if project.settings != replay.settings:
        yield f"{history.project}: settings {project.settings}, not {replay.settings}"
        return
    batch = Batch.of(replay, replay.settings, project.ledger.next_window)
    now = replay.now * 1000
    ours, theirs = (
        {item: until for item, until in one.leases.items() if until > now}
        for one in (project, replay)
    )
    if ours != theirs:
        yield f"{history.project}: leases {ours}, not {theirs}"
    if project.dormant != batch.counted.dormant:
        yield f"{history.project}: dormant {project.dormant}, not {batch.counted.dormant}"
    yield from _scores(project, batch)
    published = _published(
        world.broker.logs[Topic.ITEM_SCORES, number].committed(), history.project
    )
    if published.keys() != project.said.keys():
        yield f"{history.project}: published {published}, remembered {project.said}"


def _by_item(scores: activelab.ItemScores) -> dict[str, tuple[Any, ...]]:
    columns = (scores.consensus_label, scores.consensus_quality, scores.activelab_score)
    return dict(zip(scores.item_ids, zip(*(c.tolist() for c in columns), strict=True), strict=True))


def _scores(project: Project, batch: Batch) -> Iterator[str]:
    """Judge the pool, refreshed, by the batch functions on the replayed columns."""
    ours, theirs = _by_item(project.pool.refresh().scores), _by_item(batch.scores)
    if ours.keys() != theirs.keys():
        yield f"{project.id}: items {sorted(ours)}, not {sorted(theirs)}"
        return
    for item, right in theirs.items():
        if not np.allclose(ours[item], right, rtol=0, atol=TOLERANCE):
            yield f"{project.id}: {item} has {ours[item]}, not {right}"
