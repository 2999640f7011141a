"""What must be true of a world at rest, judged by the audit, which shares no rule with the core.

Every function yields sentences about what is wrong; none is the only good answer.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from authors import PROJECTS
from records_verdict import (
    CHANGELOG,
    changelog_wrong,
    history_of,
    outcomes_wrong,
    published_consensus,
    windows_wrong,
)
from remembered import said_of
from sim_broker import Broker
from sim_worker import Worker
from sim_world import World
from true_facts import true_facts

import activelab
from schemas import (
    Topic,
    Window,
    home,
    project_key,
)
from stream_app import facts
from stream_app.audit.batch import Batch
from stream_app.audit.history import History
from stream_app.partition import load
from stream_app.project import Project

TOLERANCE = 1e-9


def judge(world: World) -> Iterator[str]:
    """Yield all that is wrong."""
    yield from world.wrong
    for partition in range(world.partitions):
        yield from changelog_wrong(world.broker.logs, partition)
        yield from outcomes_wrong(world.broker.logs, partition, partitions=world.partitions)
        yield from _owner(world, partition)
    for name in PROJECTS:
        history = history_of(world.broker.logs, name, partitions=world.partitions)
        yield from windows_wrong(history)
        yield from _consensus(world.broker, history)
        yield from _state(world, history)


def _owner_of(world: World, partition: int) -> Worker:
    (owner,) = (worker for worker in world.workers if partition in worker.owned)
    return owner


# ---------------------------------------------------------------- windows


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
            published = published_consensus(before, history.project)
            if published != right:
                yield (
                    f"{history.project}: consensus at window {answer.window} is {published}, "
                    f"not {right}"
                )


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
        said_of(project), project.dormant,
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
    published = published_consensus(
        world.broker.logs[Topic.ITEM_SCORES, number].committed(), history.project
    )
    if published.keys() != said_of(project).keys():
        yield f"{history.project}: published {published}, remembered {said_of(project)}"


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
