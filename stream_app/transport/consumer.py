"""The consumer: delivery by runs, and commits that only lag monitors read.

    aiokafka ──fetch──> Lane (one a source partition) ──take──> agent ──ack──> Lane ──> commit
                          └── a message in the agent's queue says "there is something to take"

A run is formed when it is taken, not when it is fetched, so it holds all that waits. At most one
message a lane is in the agent's queue; what is full is not fetched. Faust's own bookkeeping of
single offsets, gaps and queue pressure is not used.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers.aiokafka import Consumer, Transport
from faust.types import TP, ConsumerMessage
from mode import Service
from mode.utils.futures import notify

from stream_app.ports import Run
from stream_app.transport.errors import Stuck
from stream_app.transport.fetch import RunThread, Wanted
from stream_app.transport.lanes import Lane

if TYPE_CHECKING:
    from stream_app.transport.app import RunApp

WAITING_BYTES = 64 << 20
"""Bytes that wait in all lanes together before nothing is fetched."""
FETCH_SECONDS = 1.0
"""How long a fetch waits for something to come."""
FETCH_SECONDS_WHEN_FULL = 0.02
"""While a lane is left out because it is full, others may be idle: look again soon."""
STUCK_SECONDS = 60.0
WATCH_SECONDS = 2.5


class RunMessage(ConsumerMessage):
    """Tell the agent that a lane has something to take."""

    __slots__ = ("lane",)

    def __init__(self, lane: Lane, generation: int) -> None:
        super().__init__(
            topic=lane.topic,
            partition=lane.partition,
            offset=lane.taken,
            timestamp=0.0,
            timestamp_type=0,
            headers=None,
            key=None,
            value=b"",
            checksum=None,
            tp=TP(lane.topic, lane.partition),
            generation_id=generation,
        )
        self.lane = lane


class RunConsumer(Consumer):
    """A consumer whose messages are runs of source partitions."""

    app: "RunApp"
    _thread: RunThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lanes: dict[TP, Lane] = {}
        self._generation = -1
        self._room = asyncio.Event()
        self._idle_since: float | None = monotonic()

    def _new_consumer_thread(self) -> RunThread:
        return RunThread(self, loop=self.loop, beacon=self.beacon)

    # ------------------------------------------------------------------ from fetch to ack

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._fetch_once()
                await asyncio.sleep(0)
        except ConsumerStoppedError:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise
        except Exception as error:
            await self.app.fail(error)
            raise

    async def _fetch_once(self) -> None:
        lanes, generation = self.lanes, self._generation
        wanted = self._fetchable()
        if not wanted:
            self._room.clear()
            await self.wait_first(self._room.wait(), timeout=FETCH_SECONDS)
            return
        fetches = await self._thread.fetch(
            generation,
            wanted,
            patience=FETCH_SECONDS if len(wanted) == len(lanes) else FETCH_SECONDS_WHEN_FULL,
        )
        for tp, fetch in fetches.items():
            # A rebalance has begun: its seek goes back to before all that is not acked.
            if lanes is not self.lanes or not self.flow_active:
                return
            lane = lanes[tp]
            lane.extend(fetch, now=monotonic())
            if lane.records and not lane.announced:
                lane.announced = True
                message = RunMessage(lane, generation)
                await self.wait_first(self.callback(message), self.suspend_flow.wait())

    def _fetchable(self) -> dict[TP, Wanted]:
        """Return what is wanted of each partition that has room for more: a run, at most.

        So what waits is taken in one piece. Two would cost more, and the second would be short.
        """
        lanes = self.lanes
        if not self.flow_active or sum(lane.size for lane in lanes.values()) >= WAITING_BYTES:
            return {}
        records, size = self.app.settings.run_rows, self.app.settings.run_bytes
        return {
            tp: Wanted(lane.fetched, records - len(lane.records))
            for tp, lane in lanes.items()
            if len(lane.records) < records and lane.size < size
        }

    def take(self, message: RunMessage) -> Run:
        """Hand over all that waits in the lane of ``message``."""
        self._room.set()
        self._idle_since = None
        return message.lane.take()

    def ack(self, message: Any) -> bool:
        """Note that the run which the agent took for ``message`` is durable."""
        message.acked = True
        self._idle_since = now = monotonic()
        message.lane.ack(now=now)
        self._unacked_messages.discard(message)
        notify(self._waiting_for_ack)
        return True

    def resume_flow(self) -> None:
        """Let runs flow to the agent."""
        super().resume_flow()
        self._room.set()

    # ------------------------------------------------------------------ commits

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return iter(list(self.lanes))

    def _new_offset(self, tp: TP) -> int | None:
        lane = self.lanes[tp]
        # Zero is not committed: an offset in the group tells the application that it has a past.
        return lane.acked if lane.acked > lane.committed else None

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        if self.app.crash_reason is not None:  # the thread may be gone, and would never answer
            return False
        lanes = self.lanes
        try:
            async with asyncio.timeout(self.app.settings.commit_timeout):
                committed = await super()._commit(offsets)
        except TimeoutError:
            self.log.warning("The group's offsets could not be committed in time: %r", offsets)
            return False
        if committed:
            for tp, offset in offsets.items():
                if tp in lanes:
                    lanes[tp].commit(offset, now=monotonic())
        return committed

    async def committed_offsets(self, tps: Iterable[TP]) -> dict[TP, int | None]:
        """Return the group's committed offsets, None where there is none."""
        return await self._thread.committed(tps)

    # ------------------------------------------------------------------ rebalances

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Give everything back.

        aiokafka logs what a listener raises and goes on; so it must not get that far.
        """
        try:
            if self.app.should_stop:
                # We are about to leave the group; others wait while we finish what is in flight.
                await self.wait_empty()
            else:
                await self.app.ownership.give_back()
        except Exception as error:
            await self.app.fail(error)
            raise

    async def finish(self) -> None:
        """Stop the flow, wait until what is in flight is acknowledged, and commit it."""
        await super().on_partitions_revoked(self.assignment())
        self.lanes = {}  # only now: upstream forgets what is acked before its last commit

    async def is_member(self, generation: int) -> bool:
        """Ask the broker whether we still are in that generation of the group."""
        return await self._thread.is_member(generation)

    async def confirm(self, *, within: float) -> bool:
        """Ask the broker whether the generation whose lanes we have still is the group's."""
        return await self._thread.confirm(self._generation, within=within)

    async def begin_at(self, generation: int, positions: Mapping[TP, int]) -> None:
        """Begin new lanes at ``positions``; they flow once ``resume_flow`` is called."""
        await self._thread.begin_at(generation, positions)
        self._generation = generation
        self.lanes = {
            tp: Lane.at(tp.topic, tp.partition, position, now=monotonic())
            for tp, position in positions.items()
        }

    # ------------------------------------------------------------------ what others look at

    def lag(self) -> dict[TP, int]:
        """Return, for each source partition, how far the end of the log is from what is durable."""
        lags = {}
        for tp, lane in self.lanes.items():
            high_water, _ = self._thread.ends(tp)
            if high_water is not None:
                lags[tp] = max(0, high_water - lane.position)
        return lags

    def readable(self) -> dict[TP, tuple[int, int]]:
        """Return, for each source partition, where what can be read ends, and how much is beyond.

        Behind its first open transaction nobody can read it.
        """
        readable = {}
        for tp in self.lanes:
            high_water, stable = self._thread.ends(tp)
            if high_water is not None and stable is not None:
                readable[tp] = stable, max(0, high_water - stable)
        return readable

    @Service.task
    async def _watch(self) -> None:
        """End the worker when its consumer only looks alive, whether runs flow or not."""
        async for _ in self.itertimer(WATCH_SECONDS, name="watch"):
            ailment = self._thread.ailment()
            if ailment is not None and not self.should_stop:
                await self.app.fail(Stuck(ailment))

    async def verify_all_partitions_active(self) -> None:
        """End the worker when what it takes is not committed; called every few seconds by Faust.

        Upstream logs slow partitions here, changelogs among them, which we never fetch.
        """
        if self.should_stop or not self.flow_active:
            return
        # Not a chance for the commit has come by if the loop was blocked: give it one.
        with suppress(TimeoutError):
            async with asyncio.timeout(self.app.settings.commit_timeout):
                await self.commit()
        if self.should_stop:
            return
        standing = (
            lane.stuck(STUCK_SECONDS, now=monotonic(), idle_since=self._idle_since)
            for lane in self.lanes.values()
        )
        reason = next(filter(None, standing), None)
        if reason is not None:
            await self.app.fail(Stuck(reason))


class RunTransport(Transport):
    """Faust's aiokafka transport with a consumer that delivers runs."""

    Consumer = cast(Any, RunConsumer)
