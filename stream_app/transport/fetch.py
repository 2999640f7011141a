"""The consumer's thread: fetch with positions, seek, and ask the group whether we are still in.

All of aiokafka runs in this thread. A fetch belongs to a generation of the group and is drained
only in it, so one that outlives a rebalance can move no position of the next assignment.
"""

import asyncio
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from stream_app.transport.lanes import Fetch
from stream_app.transport.ownership import Superseded

FETCH_MAX_WAIT_MS = 50
"""Faust fixes 1500. aiokafka has one fetch in flight a broker, so the long poll of an idle
partition would hold up the busy ones."""
HEARTBEAT_RETRY_SECONDS = 0.1


class Wanted(NamedTuple):
    """What is wanted of a partition."""

    position: int
    """Where its fetch must begin."""
    room: int
    """The most records that it may have."""


class RunThread(AIOKafkaConsumerThread):
    """The thread of a consumer that delivers runs."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Read by AIOKafkaConsumer.start() when it makes its Fetcher; Faust has no setting for
        # either (its consumer reads committed only under its own exactly_once).
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS
        return consumer

    def _stopped_set(self) -> None:
        # A crash has ended this thread before the service is stopped; upstream raises then, and
        # leaves the rest of the stop undone.
        if not self.thread_loop.is_closed():
            super()._stopped_set()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Pause all partitions before anything else: only a seek lets one flow.

        So nothing is fetched from positions that the application has not named, and changelogs,
        which recovery reads by itself, are not fetched at all.
        """
        self._ensure_consumer().pause(*(TopicPartition(*tp) for tp in assigned))
        await super().on_partitions_assigned(assigned, generation_id)

    async def begin_at(self, generation: int, positions: Mapping[TP, int]) -> None:
        """Seek to ``positions`` and let just these partitions be fetched."""
        await self.call_thread(self._begin_at, generation, positions)

    async def _begin_at(self, generation: int, positions: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        if consumer._coordinator.generation != generation:
            raise Superseded
        for tp, position in positions.items():
            consumer.seek(TopicPartition(*tp), position)
            consumer.resume(TopicPartition(*tp))

    async def fetch(
        self, generation: int, wanted: Mapping[TP, Wanted], *, patience: float
    ) -> Mapping[TP, Fetch]:
        """Return what has been fetched; wait up to ``patience`` seconds for something.

        A partition that is found elsewhere than wanted is returned, too, whether it has records
        or not: aiokafka resets a position that is not in the log (any more) without a word.
        """
        tps = {TopicPartition(*tp): one for tp, one in wanted.items()}
        fetched: Mapping[TP, Fetch]
        fetched = await self.call_thread(self._fetch, generation, tps, monotonic() + patience)
        return fetched

    async def _fetch(
        self, generation: int, wanted: Mapping[TopicPartition, Wanted], deadline: float
    ) -> Mapping[TP, Fetch]:
        consumer = self._ensure_consumer()
        fetcher = consumer._fetcher
        # Without this context aiokafka takes the consumer for idle and leaves the group.
        with consumer._subscription.fetch_context():
            while True:
                if consumer._closed or fetcher._closed:
                    raise ConsumerStoppedError
                fetches = await self._drain(generation, wanted)
                remaining = deadline - monotonic()
                if fetches or remaining <= 0:
                    return fetches
                waiter = fetcher._create_fetch_waiter()
                done, _ = await asyncio.wait([waiter], timeout=remaining)
                if done:
                    waiter.result()  # raises what the fetcher or the coordinator died of
                else:
                    waiter.cancel()

    async def _drain(
        self, generation: int, wanted: Mapping[TopicPartition, Wanted]
    ) -> dict[TP, Fetch]:
        """Take what is there, with the positions before and after.

        Nothing here suspends (timeout 0, no reassignment), so what moved the positions is what
        we return: a seek or a rebalance can't come in between.
        """
        consumer = self._ensure_consumer()
        fetcher, subscriptions = consumer._fetcher, consumer._subscription
        if generation != consumer._coordinator.generation or subscriptions.reassignment_in_progress:
            return {}
        assignment = subscriptions.subscription.assignment
        fetches = {}
        for tp, (position, room) in wanted.items():
            state = assignment.state_value(tp)
            # A position that is being reset is none; -1 differs from all that may be wanted.
            begin, records = _position(state), {}
            if tp in fetcher._records:  # of many partitions, few have anything
                records = await fetcher.fetched_records({tp}, timeout=0, max_records=room)
            end = _position(state)
            if begin != position or end != position:
                fetches[TP(*tp)] = Fetch(begin, end, records.get(tp, ()))
        return fetches

    async def is_member(self, generation: int) -> bool:
        """Ask the broker whether ``generation`` is still the group's, and we are in it.

        What this process remembers says nothing after it has been frozen.
        """
        member: bool = await self.call_thread(self._is_member, generation)
        return member

    async def _is_member(self, generation: int) -> bool:
        coordinator = self._ensure_consumer()._coordinator
        while coordinator.generation == generation:
            if await coordinator._do_heartbeat():
                return bool(coordinator.generation == generation)
            await asyncio.sleep(HEARTBEAT_RETRY_SECONDS)
        return False

    async def confirm(self, generation: int, *, within: float) -> bool:
        """Ask as `is_member` does, but beside the calls that queue, and for so many seconds."""
        if self.thread_loop.is_closed():
            return False
        asking = asyncio.run_coroutine_threadsafe(self._is_member(generation), self.thread_loop)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(asking), within)
        except TimeoutError:
            return False

    async def committed(self, tps: Iterable[TP]) -> dict[TP, int | None]:
        """Return the group's committed offsets."""
        committed: dict[TP, int | None] = await self.call_thread(self._committed, list(tps))
        return committed

    async def _committed(self, tps: list[TP]) -> dict[TP, int | None]:
        consumer = self._ensure_consumer()
        offsets = await asyncio.gather(*(consumer.committed(TopicPartition(*tp)) for tp in tps))
        return dict(zip(tps, offsets, strict=True))

    def ends(self, tp: TP) -> tuple[int | None, int | None]:
        """Return the end of the partition, and of what can be read, as the last fetch saw them."""
        subscription = self._ensure_consumer()._subscription.subscription
        assignment = subscription and subscription.assignment
        state = assignment and assignment.state_value(TopicPartition(*tp))
        return (state.highwater, state.lso) if state else (None, None)

    def ailment(self) -> str | None:
        """Return why aiokafka does not go on, if so: it tells only those who fetch."""
        consumer = self._consumer
        if consumer is None:
            return None
        coordinator = consumer._coordinator
        if coordinator._pending_exception is not None:
            return f"the Kafka consumer can't go on: {coordinator._pending_exception!r}"
        if consumer._fetcher._fetch_task.done() or coordinator._coordination_task.done():
            return "a background routine of the Kafka consumer has ended"
        return None


def _position(state: Any) -> int:
    """Return the position of a partition, -1 while aiokafka looks for one."""
    return state.position if state.has_valid_position else -1
