"""What must be true of a deployment at rest, by its topics, its workers' disks, and its load."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from fault_world import World
from faust.stores.rocksdb import Store as FaustStore
from records_verdict import (
    CHANGELOG,
    Logs,
    changelog_wrong,
    history_of,
    outcomes_wrong,
    published_consensus,
    windows_wrong,
)
from rocksdict import AccessType, Options, Rdict
from seeded_load import Truth
from true_facts import true_facts

from schemas import SourceRecord, Topic
from stream_app import facts
from stream_app.audit.batch import Batch
from stream_app.audit.replay import Replay
from stream_app.reading import reading
from stream_app.settings import Settings
from stream_app.topology import SOURCES, changelog


@dataclass
class ReadLog:
    """One partition of a topic, read committed up to its end."""

    records: list[SourceRecord] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Return the position behind the last record."""
        return self.records[-1].offset + 1 if self.records else 0

    def committed(self) -> Iterable[SourceRecord]:
        """Iterate over what was read."""
        return self.records


async def read_logs(settings: Settings, partitions: int) -> Logs:
    """Read all topics of a deployment."""
    names = {topic: settings.topic(topic) for topic in Topic}
    logs = {
        (topic, number): ReadLog() for topic in (*names, CHANGELOG) for number in range(partitions)
    }
    for topic, name in (*names.items(), (CHANGELOG, changelog(settings.app_id))):
        async with reading(settings, name, range(partitions)) as records:
            async for record in records:
                logs[topic, record.partition].records.append(record)
    return logs


async def judge(world: World) -> list[str]:
    """Return what is wrong with the topics; the load rests, and what it has said is applied."""
    logs = await read_logs(world.settings, world.client.partitions)
    return list(_judge(world, logs))


def _judge(world: World, logs: Logs) -> Iterator[str]:
    partitions = world.client.partitions
    for partition in range(partitions):
        yield from changelog_wrong(logs, partition)
        yield from outcomes_wrong(logs, partition, partitions=partitions)
    for project in (*world.load.projects, *world.probes.projects):
        history = history_of(logs, project, partitions=partitions)
        yield from windows_wrong(history)
        if project in world.load.truth:
            number = world.client.home(project)
            replay = history.replay()
            for _ in history.walk(replay):
                pass
            replay.advance({topic: logs[topic, number].end for topic in SOURCES})
            yield from _facts(world.load.truth[project], replay, logs, number)
            yield from _consensus(replay, logs, number)


def _facts(truth: Truth, replay: Replay, logs: Logs, number: int) -> Iterator[str]:
    """Judge that the inputs hold what the load has said, and the state what the inputs hold."""
    project = replay.project
    if replay.annotations != truth.annotations:
        yield f"{project}: annotations {_differing(replay.annotations, truth.annotations)}"
    if replay.statuses != truth.statuses:
        yield f"{project}: statuses {_differing(replay.statuses, truth.statuses)}"
    versions = {where: one.version for where, one in replay.predictions.items()}
    said = {where: version for where, (version, _) in truth.predictions.items()}
    if versions != said:
        yield f"{project}: versions {_differing(versions, said)}"
    for where, (_, shares) in truth.predictions.items():
        kept = replay.predictions[where]
        if not np.allclose(kept.pred_probs, [shares[name] for name in kept.classes], atol=1e-6):
            yield f"{project}: {where} has {kept.pred_probs}, not {shares}"
    prefix = facts.fact_prefix(project)
    kept = {key: value for key, value in _state(logs, number).items() if key.startswith(prefix)}
    if kept != true_facts(replay):
        yield f"{project}: the state's facts differ: {_differing(kept, true_facts(replay))}"


def _consensus(replay: Replay, logs: Logs, number: int) -> Iterator[str]:
    """Judge the consensus that is published at last: the batch's."""
    if replay.settings is None:
        yield f"{replay.project}: the inputs do not hold its settings"
        return
    batch = Batch.of(replay, replay.settings, 0)
    names = [
        replay.settings.classes[label] if label >= 0 else None
        for label in batch.scores.consensus_label.tolist()
    ]
    right = dict(zip(batch.counted.items, names, strict=True))
    published = published_consensus(logs[Topic.ITEM_SCORES, number].committed(), replay.project)
    if published != right:
        yield f"{replay.project}: consensus {_differing(published, right)}"


def _state(logs: Logs, number: int, end: int | None = None) -> dict[bytes, bytes]:
    """Return what the changelog says up to an offset (exclusive)."""
    return {
        record.key or b"": record.value or b""
        for record in logs[CHANGELOG, number].committed()
        if end is None or record.offset < end
    }


def _differing(ours: Mapping, theirs: Mapping) -> str:  # type: ignore[type-arg]
    """Show a few entries in which two mappings differ."""
    keys = [key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)]
    shown = "; ".join(f"{key!r}: {ours.get(key)!r}, not {theirs.get(key)!r}" for key in keys[:3])
    return f"{len(keys)} differ: {shown}"


async def judge_disks(world: World) -> list[str]:
    """Return what is wrong with the disks of workers that have ended, former owners' included."""
    logs = await read_logs(world.settings, world.client.partitions)
    return [
        sentence
        for folder in sorted(world.settings.data_dir.glob("*/**/*.db"))
        for sentence in _disk(logs, folder)
    ]


def _disk(logs: Logs, folder: Path) -> Iterator[str]:
    """Judge that a disk is the changelog up to the offset that it names."""
    number = int(folder.stem.rpartition("-")[2])
    disk = Rdict(str(folder), Options(raw_mode=True), access_type=AccessType.read_only())
    kept = dict(disk.items())
    disk.close()
    offset = kept.pop(FaustStore.offset_key, None)
    right = _state(logs, number, 0 if offset is None else int(offset) + 1)
    if kept != right:
        yield f"{folder}: at {offset!r} it differs from the changelog: {_differing(kept, right)}"
