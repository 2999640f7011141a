"""Bring the local state to the end of the changelog, in bulk.

Faust's own recovery waits for the record before the high watermark; behind a transaction that is
a marker, which is never delivered, so it never ends. And it takes aborted records in. Here the
reader's *position* must reach the end: it passes markers and aborted records.
"""

import asyncio
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from time import monotonic

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from stream_app.connection import connected, connection
from stream_app.settings import Settings
from stream_app.transport.errors import RecoveryStalled, StateAhead
from stream_app.transport.store import RocksStore

READ_RECORDS = 10_000
READ_BYTES = 4 << 20
READ_WAIT_MS = 100


@dataclass(frozen=True, slots=True)
class Changelog:
    """Where the changelog is, and how long a reader of it may stand still (seconds)."""

    settings: Settings
    topic: str
    patience: float

    async def restore(self, store: RocksStore, partitions: Iterable[int]) -> int:
        """Write what ``store`` lacks; return how many records that were.

        Call it when no one else can write the changelog of ``partitions`` any more.
        """
        tps = [TopicPartition(self.topic, partition) for partition in sorted(partitions)]
        if not tps:
            return 0
        begins, ends = await self._bounds(tps)
        starts = {}
        for tp in tps:
            have = store.offset(tp.partition)
            if have is not None and have >= ends[tp]:
                message = (
                    f"{self.topic}[{tp.partition}] ends at {ends[tp]}, but the local state has its "
                    f"offset {have}: the changelog was lost or is another one. If it is right, "
                    "remove this worker's data folder"
                )
                raise StateAhead(message)
            start = max(begins[tp], 0 if have is None else have + 1)
            if start < ends[tp]:
                starts[tp] = start
        if not starts:
            return 0
        async with self._consumer("read_committed") as reader:
            # No suspension between the two: without a position the reader would look for one.
            reader.assign(list(starts))
            for tp, start in starts.items():
                reader.seek(tp, start)
            return await self._read(reader, store, {tp: ends[tp] for tp in starts})

    async def _bounds(
        self, tps: list[TopicPartition]
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Return where the partitions begin and end, whatever transactions are open.

        A read_committed consumer would call the last stable offset the end, and an open
        transaction of another producer makes that too low.
        """
        async with self._consumer("read_uncommitted") as viewer:
            return await viewer.beginning_offsets(tps), await viewer.end_offsets(tps)

    def _consumer(self, isolation_level: str) -> AbstractAsyncContextManager[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            **connection(self.settings),
            group_id=None,
            enable_auto_commit=False,
            isolation_level=isolation_level,
            auto_offset_reset="none",
            fetch_max_wait_ms=READ_WAIT_MS,
            max_partition_fetch_bytes=READ_BYTES,
        )
        return connected(consumer, self.settings)

    async def _read(
        self, reader: AIOKafkaConsumer, store: RocksStore, ends: dict[TopicPartition, int]
    ) -> int:
        records, moved = 0, monotonic()
        left = dict(ends)
        while left:
            try:
                fetched = await reader.getmany(
                    *left, timeout_ms=READ_WAIT_MS, max_records=READ_RECORDS
                )
            except OffsetOutOfRangeError as error:
                message = f"{self.topic} was truncated while it was read: {error}"
                raise RecoveryStalled(message) from error
            for tp, batch in fetched.items():
                pairs = ((record.key, record.value) for record in batch)
                store.restore(tp.partition, pairs, batch[-1].offset)
                records += len(batch)
                await asyncio.sleep(0)
            for tp, end in ends.items():
                if tp in left and await reader.position(tp) >= end:
                    store.restore(tp.partition, (), end - 1)
                    reader.pause(tp)
                    del left[tp]
                    moved = monotonic()
            if fetched:
                moved = monotonic()
            elif left and monotonic() - moved > self.patience:
                raise RecoveryStalled(await self._why(reader, left))
        return records

    async def _why(self, reader: AIOKafkaConsumer, left: dict[TopicPartition, int]) -> str:
        """Tell an open transaction from a log that has lost its end."""
        stable = await reader.end_offsets(list(left))
        _, ends = await self._bounds(list(left))
        reasons = []
        for tp, end in left.items():
            where = f"{tp.topic}[{tp.partition}] stands at {await reader.position(tp)} of {end}"
            if ends[tp] < end:
                reasons.append(f"{where}: it was truncated to {ends[tp]}")
            elif stable[tp] < end:
                reasons.append(
                    f"{where}: another producer's transaction is open from {stable[tp]} on; "
                    "it ends by its timeout, or must be aborted"
                )
            else:
                reasons.append(f"{where}: the broker sends nothing")
        return "; ".join(reasons)
