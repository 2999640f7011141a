"""One transactional producer an owned partition: everything is said through it, or nothing.

The id is ``{app_id}-{partition}``, so acquiring a partition fences its former owner: whatever a
paused worker still wants to say when it wakes up, the broker refuses. (An id per worker fences
nobody.)
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer import sender
from aiokafka.producer.message_accumulator import BatchBuilder
from mode import get_logger

from stream_app.connection import connection
from stream_app.ports import Change, Messages
from stream_app.settings import Settings
from stream_app.transport.errors import TransactionLost

log = get_logger(__name__)

TRANSACTION_BACKOFF_SECONDS = 0.002
"""aiokafka waits that long when the coordinator still writes the markers of the last transaction
(20 ms by default, which would be most of the latency of a run)."""
STOP_SECONDS = 5.0


class Producers:
    """The transactions of the partitions that this worker owns (the Transaction port)."""

    def __init__(
        self,
        settings: Settings,
        *,
        changelog: str,
        max_batch_bytes: int,
        on_failure: Callable[[BaseException], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._changelog = changelog
        self._max_batch_bytes = max_batch_bytes
        self._on_failure = on_failure
        self._producers: dict[int, AIOKafkaProducer] = {}
        self._failure: BaseException | None = None
        self.observe: Callable[[float], None] = lambda _seconds: None
        """Called with the seconds that each transaction took."""
        sender.BACKOFF_OVERRIDE = TRANSACTION_BACKOFF_SECONDS

    async def acquire(self, partitions: Iterable[int]) -> None:
        """Become the only one who can say anything for ``partitions``.

        From then on a former owner can't move the end of the changelog any more, so recovery
        reads it afterwards.
        """
        await self.release()
        reached = connection(self._settings)
        self._producers = {
            partition: self._producer(partition, reached) for partition in partitions
        }
        async with asyncio.timeout(self._settings.commit_timeout):
            await asyncio.gather(*(producer.start() for producer in self._producers.values()))

    def _producer(self, partition: int, reached: Mapping[str, Any]) -> AIOKafkaProducer:
        settings = self._settings
        return AIOKafkaProducer(
            **reached,
            client_id=f"{settings.app_id}-{partition}",
            transactional_id=f"{settings.app_id}-{partition}",
            transaction_timeout_ms=int(settings.transaction_timeout * 1000),
            max_batch_size=self._max_batch_bytes,
            request_timeout_ms=int(settings.commit_timeout * 1000),
        )

    async def release(self) -> None:
        """Close the producers; nothing is in flight, or the process is about to end."""
        producers, self._producers = self._producers, {}
        await asyncio.gather(*map(self._stop, producers.values()))

    async def _stop(self, producer: AIOKafkaProducer) -> None:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await producer.stop()
        except (TimeoutError, KafkaError) as error:
            log.warning("A producer did not stop: %r", error)

    async def commit(self, partition: int, changes: Sequence[Change], messages: Messages) -> int:
        """Say ``changes`` and ``messages`` in one transaction of ``partition``.

        Returns the changelog offset of the last change. Any failure, and any outcome that is not
        known, ends the worker; nothing can be committed after it.
        """
        if self._failure is not None:
            message = f"partition {partition}: an earlier transaction failed"
            raise TransactionLost(message) from self._failure
        began = perf_counter()
        try:
            async with asyncio.timeout(self._settings.commit_timeout):
                offset = await self._commit(partition, changes, messages)
        except Exception as error:
            message = f"partition {partition}: the outcome of a transaction is not known: {error!r}"
            self._failure = TransactionLost(message)
            await self._on_failure(self._failure)
            raise self._failure from error
        self.observe(perf_counter() - began)
        return offset

    async def _commit(self, partition: int, changes: Sequence[Change], messages: Messages) -> int:
        if partition not in self._producers:
            message = f"partition {partition} is not ours: {sorted(self._producers)} are"
            raise TransactionLost(message)
        if not changes:
            message = f"partition {partition}: a transaction without a change has no offset"
            raise ValueError(message)
        producer = self._producers[partition]
        # 1. Everything is laid out first: what is too large fails before the transaction begins.
        said = ((key, value, ()) for key, value in changes)
        batches = [(self._changelog, batch) for batch in self._batches(producer, said)]
        last = len(batches) - 1
        batches += [
            (topic, batch)
            for topic, records in messages.items()
            for batch in self._batches(producer, records)
        ]
        counts = [batch.record_count() for _, batch in batches]
        # 2. Begin, and send.
        await producer.begin_transaction()
        futures = [
            await producer.send_batch(batch, topic, partition=partition) for topic, batch in batches
        ]
        # 3. Await every future: commit_transaction() does not look at them, and would commit the
        #    one half when the other was refused.
        sent = await asyncio.gather(*futures)
        # 4. Commit.
        await producer.commit_transaction()
        if sent[last].offset < 0:
            message = f"{self._changelog}[{partition}]: the broker did not say the offset"
            raise TransactionLost(message)
        offset: int = sent[last].offset + counts[last] - 1
        return offset

    def _batches(
        self, producer: AIOKafkaProducer, messages: Iterable[tuple[Any, ...]]
    ) -> Iterator[BatchBuilder]:
        """Pack ``messages`` in order; a batch is what the broker's record limit speaks of."""
        batch = None
        for key, value, headers in messages:
            named = [*headers] if headers else None  # a list, aiokafka insists
            if batch is not None:
                said = batch.append(timestamp=None, key=key, value=value, headers=named)
                if said is not None:
                    continue
                yield batch
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=named)
            if batch.size() > self._max_batch_bytes:  # the first one is taken whatever its size
                text = f"a record of {batch.size()} bytes exceeds {self._max_batch_bytes}"
                raise ValueError(text)
        if batch is not None:
            yield batch
