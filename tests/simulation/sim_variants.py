"""What must be found: the product with one thing done wrong, the way it is done elsewhere.

Each variant overrides one method of the ports or of the step, or one rule of the core.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import orjson
from sim_broker import CHANGELOG, Entry, Transaction
from sim_ports import Disk, Producers
from sim_worker import Parts, Worker

from activelab import ItemScores, Strata
from activelab.rows import Ints
from schemas import Close, Control, Facts, decode
from stream_app import facts, windows
from stream_app.latest import Latest
from stream_app.outbound import Outbound
from stream_app.partition import Partition
from stream_app.ports import Change, Message, Messages
from stream_app.project import Project
from stream_app.projects import Projects
from stream_app.step import Step
from stream_app.transport.errors import TransactionLost


@dataclass(frozen=True)
class Variant:
    """One thing done wrong, and in how many seeds it must have been found."""

    name: str
    within: int
    parts: Parts = field(default_factory=Parts)
    rules: Mapping[str, object] = field(default_factory=dict)
    """What replaces rules of the product, by their names in `stream_app`."""

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Break the product's rules for a while."""
        with ExitStack() as stack:
            for name, broken in self.rules.items():
                stack.enter_context(patch(f"stream_app.{name}", broken))
            yield


# ---------------------------------------------------------------- transactions


class StoreFirst(Producers):
    async def commit(self, partition: int, changes: Sequence[Change], messages: Messages) -> int:
        end = self.broker.logs[CHANGELOG, partition].end
        self.worker.disk.write(partition, changes, end + len(changes) - 1)
        return await super().commit(partition, changes, messages)


class Retry(Producers):
    async def commit(self, partition: int, changes: Sequence[Change], messages: Messages) -> int:
        try:
            return await self._commit(partition, changes, messages)
        except TransactionLost:
            await self.acquire(self.epochs)
            return await self._commit(partition, changes, messages)


class HalfCommit(Producers):
    def refused(self, topic: str) -> int:
        return 0


class SayAtOnce(Producers):
    def append(
        self, transaction: Transaction, topic: str, partition: int, messages: Sequence[Message]
    ) -> int:
        if topic == CHANGELOG:
            return super().append(transaction, topic, partition, messages)
        for message in messages:
            self.broker.append(topic, partition, message)
        return 0


class OwnId(Worker):
    def transactional_id(self, partition: int) -> str:
        return f"{self.name}-{partition}"


class FenceLate(Worker):
    async def fence(self, partitions: frozenset[int]) -> None:
        pass

    async def load(self, partitions: frozenset[int]) -> None:
        await self.producers.acquire(partitions)
        await super().load(partitions)


# ---------------------------------------------------------------- the step


class AppliedApart(Step):
    """Says ``applied`` in a transaction of its own."""

    is_first: bool

    async def _say(self, partition: Partition, outbound: Outbound) -> None:
        applied = [change for change in outbound.changes if change[0] == facts.APPLIED]
        rest = [change for change in outbound.changes if change[0] != facts.APPLIED]
        parts = [Outbound(rest, outbound.messages), Outbound(applied)]
        if not rest:
            parts = [outbound]
        elif self.is_first:
            parts.reverse()
        for part in parts:
            if part.changes:
                await super()._say(partition, part)


class AppliedFirst(AppliedApart):
    is_first = True


class AppliedLast(AppliedApart):
    is_first = False


class WindowFirst(Step):
    async def _close(
        self, partition: Partition, topic: str, control: Control, close: Close
    ) -> Iterator[Outbound]:
        return reversed([*await super()._close(partition, topic, control, close)])


def close_before_its_facts(*args: Any, **kwargs: Any) -> Iterator[Facts | Control]:
    held: Facts | None = None
    for piece in decode(*args, **kwargs):
        if held is not None and isinstance(piece, Control) and isinstance(piece.event, Close):
            yield replace(piece, begin=held.begin)
            held = replace(held, begin=piece.end, end=piece.end)
        elif held is not None:
            yield held
            held = None
        if isinstance(piece, Facts):
            held = piece
        elif held is None:
            yield piece
    if held is not None:
        yield held


class AckFirst(Worker):
    async def take(self, lane: Any) -> None:
        run = lane.take()
        lane.ack(now=0.0)
        await self.step.take(run)


# ---------------------------------------------------------------- recovery and reading


class OneFetch(Worker):
    def read_changelog(self, partition: int, position: int) -> tuple[list[Entry], int]:
        records, _ = super().read_changelog(partition, position)
        return records, self.broker.logs[CHANGELOG, partition].end


class ReadUncommitted(Worker):
    def read_changelog(self, partition: int, position: int) -> tuple[list[Entry], int]:
        entries = self.broker.logs[CHANGELOG, partition].entries[position:]
        return [one for one in entries if not one.is_marker], position + len(entries)


class SeekCommitted(Worker):
    def positions(self, partition: int) -> Mapping[str, int]:
        committed = self.broker.group.committed
        topics = super().positions(partition)
        return {topic: committed.get((topic, partition), 0) for topic in topics}


class LoseFetch(Worker):
    def fetch(self) -> None:
        if self.rng.random() < 0.05:
            for place, lane in self.lanes.items():
                lane.fetched = self.broker.logs[place].stable
        super().fetch()


# ---------------------------------------------------------------- the store


class OffsetFirst(Disk):
    def write(self, partition: int, changes: Sequence[Change], offset: int) -> None:
        super().write(partition, (), offset)
        super().write(partition, changes, offset)


class SayDeltas(Producers):
    """Says how many windows a project has had more than before; the store adds that."""

    async def commit(self, partition: int, changes: Sequence[Change], messages: Messages) -> int:
        deltas = []
        for key, value in changes:
            before = self.worker.disk.table(partition).rows.get(key)
            deltas.append((key, _count(key, value, before, -1)))
        return await super().commit(partition, deltas, messages)


class AddDeltas(Disk):
    def restore(self, partition: int, entries: Iterable[Entry], offset: int) -> None:
        rows = dict(self.table(partition).rows)
        for entry in entries:
            key = entry.key or b""
            rows[key] = _count(key, entry.value or b"", rows.get(key), 1)
        self.write(partition, list(rows.items()), offset)


def _count(key: bytes, value: bytes, before: bytes | None, sign: int) -> bytes:
    """Add what was counted ``before`` to a project's number of windows, or take it away."""
    if not key.startswith(facts.project_key("")) or before is None:
        return value
    record = orjson.loads(value)
    record[2] += sign * orjson.loads(before)[2]
    return orjson.dumps(record)


# ---------------------------------------------------------------- rules of the core


def last_one_wins(fact: bytes, than: bytes | None) -> bool:
    return fact != than


def lease_all_but_the_last(
    self: Outbound, project: Project, items: Iterable[str], until: int
) -> None:
    some = list(items)
    _lease(self, project, some[:-1] if until else some, until)


def lease_in_memory(self: Outbound, project: Project, items: Iterable[str], until: int) -> None:
    _lease(Outbound(), project, items, until)


def every_boundary_counts(project: Project, boundary: int, now: int) -> object:
    project.ledger.last_boundary = 0
    return _at_boundary(project, boundary, now)


def requests_are_forgotten(*args: Any, answered: int | None, **kwargs: Any) -> object:
    return _verdict(*args, answered=None, **kwargs)


def the_clock_goes_back(self: Partition, topic: str, begin: int, end: int, now: int) -> Change:
    self.now = 0
    return _advance(self, topic, begin, end, now)


def whoever_asks(*args: Any, annotator: str | None, **kwargs: Any) -> object:
    return _rank(*args, annotator=None, **kwargs)


def nobody_is_done(scores: ItemScores, *, target: float | None) -> object:
    return np.zeros(len(scores.item_ids), np.bool_)


def strata_are_in_memory_only(self: Projects, *known: Any) -> None:
    _load_facts(self, *known)
    self.shape.strata = Strata()


def the_last_is_the_latest(self: Latest, kind: bytes, places: Ints, times: facts.Times) -> None:
    self._of(kind, places)[places] = times


def what_is_loaded_is_never_late(self: Projects, *known: Any) -> None:
    _load_facts(self, *known)
    self.shape.latest = Latest()


_lease, _advance = Outbound.lease, Partition.advance
_rank, _load_facts = windows.rank, Projects.load_facts
_at_boundary: Callable[..., object] = windows._at_boundary
_verdict: Callable[..., object] = windows.verdict


VARIANTS = (
    Variant("RocksDB is written before the commit", 50, Parts(producers=StoreFirst)),
    Variant("RocksDB's offset is written before what it covers", 200, Parts(disk=OffsetFirst)),
    Variant("counters are said as deltas", 200, Parts(producers=SayDeltas, disk=AddDeltas)),
    Variant("a transaction of unknown outcome is said again", 200, Parts(producers=Retry)),
    Variant(
        "a transaction is committed without a look at its batches", 200, Parts(producers=HalfCommit)
    ),
    Variant("outputs are said outside of the transaction", 50, Parts(producers=SayAtOnce)),
    Variant("applied is said after its transaction", 200, Parts(step=AppliedLast)),
    Variant("applied is said before its transaction", 50, Parts(step=AppliedFirst)),
    Variant("a run is acknowledged before its commit", 50, Parts(worker=AckFirst)),
    Variant("a close says its window before its consensus", 50, Parts(step=WindowFirst)),
    Variant("no fencing: a transactional id a worker", 50, Parts(worker=OwnId)),
    Variant("the fence comes after the changelog is read", 200, Parts(worker=FenceLate)),
    Variant("recovery takes one fetch for all", 50, Parts(worker=OneFetch)),
    Variant("recovery reads what was aborted", 50, Parts(worker=ReadUncommitted)),
    Variant("reading goes on at the committed offsets", 50, Parts(worker=SeekCommitted)),
    Variant("a fetch is thrown away and not read again", 50, Parts(worker=LoseFetch)),
    Variant("a close is applied before its run", 50, rules={"step.decode": close_before_its_facts}),
    Variant("versions and times are ignored", 50, rules={"facts.newer": last_one_wins}),
    Variant(
        "the last fact of an item is the latest",
        50,
        rules={"latest.Latest.put": the_last_is_the_latest},
    ),
    Variant(
        "facts that are loaded are late for nothing",
        50,
        rules={"projects.Projects.load_facts": what_is_loaded_is_never_late},
    ),
    Variant("a lease is skipped", 50, rules={"outbound.Outbound.lease": lease_all_but_the_last}),
    Variant("leases are in memory only", 50, rules={"outbound.Outbound.lease": lease_in_memory}),
    Variant("a boundary counts twice", 50, rules={"windows._at_boundary": every_boundary_counts}),
    Variant("a request is answered twice", 50, rules={"windows.verdict": requests_are_forgotten}),
    Variant("an annotator is given what they know", 50, rules={"windows.rank": whoever_asks}),
    Variant("items that are done are selected", 50, rules={"ranking.done": nobody_is_done}),
    Variant(
        "strata are in memory only",
        50,
        rules={"projects.Projects.load_facts": strata_are_in_memory_only},
    ),
    Variant("now goes back", 50, rules={"partition.Partition.advance": the_clock_goes_back}),
)
