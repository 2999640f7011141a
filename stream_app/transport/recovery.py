"""Take over partitions after a rebalance: fence, recover, rebuild, seek, and only then flow.

Faust resumes the partitions before it seeks; a run fetched in between is thrown away and never
read again. So the whole end of a rebalance is here, in one order.
"""

import asyncio
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from aiokafka.errors import IllegalStateError
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP
from mode import Service

from stream_app.transport.errors import UnevenAssignment
from stream_app.transport.fetch import Superseded

if TYPE_CHECKING:
    from stream_app.transport.app import Positions, RunApp


@dataclass(frozen=True, slots=True)
class Recovered:
    """What the last take-over cost."""

    partitions: int
    records: int
    seconds: float


class RunRecovery(Recovery):
    """Faust's place for recovery, with the take-over as its only work."""

    app: "RunApp"
    _take_over: asyncio.Task[None] | None = None

    @Service.task
    async def _restart_recovery(self) -> None:
        """Take over whenever a rebalance has ended; the next one abandons what is not done."""
        started: Any = self.signal_recovery_start  # mode's annotation lacks asyncio's own Event
        while not await self.wait_for_stopped(started):
            started.clear()
            self._take_over = asyncio.create_task(self._guarded(self._generation_id))
            await asyncio.wait({self._take_over})

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Do nothing: changelogs are read in bulk, not through the worker's consumer."""

    async def abandon(self) -> None:
        """End a take-over that is not done, and wait until it has ended."""
        if self._take_over is not None and not self._take_over.done():
            self._take_over.cancel()
            await asyncio.wait({self._take_over})

    async def on_stop(self) -> None:
        """End with the app."""
        await self.abandon()

    async def _guarded(self, generation: int) -> None:
        try:
            await self._take(generation)
        except (Superseded, IllegalStateError):
            self.log.warning("The group has moved on from generation %s", generation)
        except Exception as error:  # noqa: BLE001 Faust would end only this service
            await self.app.fail(error)

    async def _take(self, generation: int) -> None:
        app, consumer = self.app, self.app.consumer
        began = perf_counter()
        # 1. Nothing flows; upstream may have let it.
        consumer.stop_flow()
        app.in_recovery = True
        partitions = self._partitions()
        # 2. Fence the former owners: from here on the changelogs' ends stand.
        await app.producers.acquire(partitions)
        # 3. We were perhaps frozen on the way, and have fenced the rightful owner; the epoch goes
        #    to whoever initialises last. Then it ends, and we give up here; nothing is lost.
        async with asyncio.timeout(app.settings.commit_timeout):
            if not await consumer.is_member(generation):
                raise Superseded
        # 4. The local state.
        records = await app.changelog.restore(app.store, partitions)
        # 5. The application's memory; it knows where to go on.
        positions = await app.give(partitions)
        self._check(partitions, positions)
        app.in_recovery = False
        # 6. Seek, empty the queues, and only now let it flow.
        async with asyncio.timeout(app.settings.commit_timeout):
            await consumer.begin_at(
                generation, {TP(*place): position for place, position in positions.items()}
            )
        app.owned = partitions
        app.recovered = Recovered(len(partitions), records, perf_counter() - began)
        app.observe(app.recovered)
        app.flow_control.resume()
        consumer.resume_flow()
        await app._fetcher.maybe_start()
        # 7. Tell Faust what it tells its other services.
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()
        self.completed.set()
        await app.on_rebalance_complete.send()
        self.log.info(
            "Took over partitions %s in %.3f s, %s records recovered",
            sorted(partitions),
            perf_counter() - began,
            records,
        )

    def _partitions(self) -> frozenset[int]:
        """Return the partitions we are to own; all topics must agree about them."""
        partitions = frozenset(tp.partition for tp in self.active_tps)
        assigned = self.app.assignor.assigned_actives()
        for topic in self.app.sources:
            of_topic = frozenset(tp.partition for tp in assigned if tp.topic == topic)
            if of_topic != partitions:
                message = (
                    f"assigned partitions {sorted(of_topic)} of {topic}, but {sorted(partitions)} "
                    "of the changelog: do all topics have the same number of partitions?"
                )
                raise UnevenAssignment(message)
        return partitions

    def _check(self, partitions: frozenset[int], positions: "Positions") -> None:
        wanted = {(topic, partition) for topic in self.app.sources for partition in partitions}
        if positions.keys() != wanted:
            odd = sorted(positions.keys() ^ wanted)
            message = f"the application must name a position for each source, and no more: {odd}"
            raise UnevenAssignment(message)


class RunTables(TableManager):
    """Faust's tables, recovered by take-over."""

    _recovery: RunRecovery | None = None

    @property
    def recovery(self) -> RunRecovery:
        """Return the recovery service."""
        if self._recovery is None:
            self._recovery = RunRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Start without upstream's second of waiting: all others have started before us."""
        await self._update_channels()
        await self.recovery.start()

    def __hash__(self) -> int:
        return object.__hash__(self)
