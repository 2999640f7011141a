"""The step: take what was delivered, make it true, and only then let it be acknowledged.

1. cut      a run into pieces: facts up to a limit, or one control record
2. gather   look up in the table what memory can't tell to be new
3. decide   pure: change the memory, gather what is to be said
4. commit   one transaction (a close: bounded ones first), awaited
5. store    RocksDB, behind the commit: never ahead of the changelog
6. return   the transport acknowledges the run when all its pieces are through

Strictly one after the other. Whatever fails between 3 and 5 ends the worker: memory is then
ahead of the log, and the recovery of the next owner decides what is true.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from schemas import Close, Control, Facts, ProjectSettings, decode
from stream_app import facts
from stream_app.fold import fold, keyed, unsure
from stream_app.outbound import Outbound
from stream_app.partition import Partition, load
from stream_app.ports import Run, Store, Transaction
from stream_app.settings import Settings
from stream_app.telemetry import Telemetry
from stream_app.windows import close_window

SHORT_CLOSE = 250_000
"""Cells (items x classes x models) of a close that holds the loop no longer than a run of facts
does. Beside the loop it would take twice as long, as both want the interpreter."""


@dataclass(slots=True)
class Step:
    """The partitions that this worker owns, and the one way in which they move."""

    settings: Settings
    transaction: Transaction
    store: Store
    telemetry: Telemetry
    partitions: dict[int, Partition] = field(default_factory=dict)

    def load(self, numbers: frozenset[int]) -> dict[int, Partition]:
        """Build the memory of partitions from the table; whoever calls makes it ours."""
        return {number: load(number, self.store) for number in sorted(numbers)}

    async def take(self, run: Run) -> None:
        """Make a run true; when this returns, all of it is durable."""
        partition = self.partitions[run.partition]
        topic = run.topic.removeprefix(self.settings.topic_prefix)
        for piece in decode(
            run.records,
            topic=topic,
            partition=run.partition,
            partitions=self.settings.partitions,
            begin=run.begin,
            end=run.end,
            max_rows=self.settings.run_rows,
            max_bytes=self.settings.run_bytes,
        ):
            match piece:
                case Facts():
                    said = iter([self._fold(partition, topic, piece)])
                case Control(event=Close() as close):
                    said = await self._close(partition, topic, piece, close)
                case Control(event=ProjectSettings() as settings):
                    said = iter([await self._settle(partition, topic, piece, settings)])
            for outbound in said:
                await self._say(partition, outbound)
        if run.records:
            self.telemetry.durable(run.records[0].timestamp / 1000)

    def _fold(self, partition: Partition, topic: str, piece: Facts) -> Outbound:
        incoming = list(keyed(partition, piece))
        keys = unsure(incoming)
        known = dict(zip(keys, self.store.get_many(partition.number, keys), strict=True))
        folded = fold(partition, topic, piece, incoming, known)
        self.telemetry.folded(piece, folded)
        return folded.outbound

    async def _close(
        self, partition: Partition, topic: str, control: Control, close: Close
    ) -> Iterator[Outbound]:
        answered = None
        if close.request_id is not None:
            key = facts.request_key(control.project, close.request_id)
            (raw,) = self.store.get_many(partition.number, [key])
            answered = None if raw is None else facts.decode_number(raw)
        closing = partial(close_window, partition, topic, control, close, answered=answered)
        project = partition.projects.get(control.project)
        is_long = project is not None and project.pool.num_cells > SHORT_CLOSE
        with self.telemetry.closing():
            closed = await asyncio.to_thread(closing) if is_long else closing()
        self.telemetry.closed(closed)
        return closed.outbound

    async def _settle(
        self, partition: Partition, topic: str, control: Control, settings: ProjectSettings
    ) -> Outbound:
        before = partition.projects.get(control.project)
        project = await asyncio.to_thread(partition.settle, control.project, settings, self.store)
        if before is not None and before is not project:  # here, where nobody reads it meanwhile
            before.shape.forget(before.pool.number)
        outbound = Outbound()
        outbound.changes.append(partition.advance(topic, control.begin, control.end, control.now))
        outbound.save(project)
        return outbound

    async def _say(self, partition: Partition, outbound: Outbound) -> None:
        messages = {self.settings.topic(topic): said for topic, said in outbound.messages.items()}
        offset = await self.transaction.commit(partition.number, outbound.changes, messages)
        self.store.write(partition.number, outbound.changes, offset)
