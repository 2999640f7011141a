"""Faust's recovery and tables, with the take-over (ownership.py) in the place of their work.

Faust resumes the partitions before it seeks; a run fetched in between is thrown away and never
read again. So of its recovery only the beginning is left: it says what is assigned.
"""

import asyncio
from typing import TYPE_CHECKING, cast

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP
from mode import Service

from stream_app.transport.errors import UnevenAssignment
from stream_app.transport.ownership import Positions, Recovered

if TYPE_CHECKING:
    from stream_app.transport.app import RunApp


class RunRecovery(Recovery):
    """Faust's place for recovery: it begins take-overs, and does nothing else."""

    app: "RunApp"

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        """Begin to take over what is assigned, unless it is of a generation that is over."""
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        if self.signal_recovery_start.is_set() and not self.app.should_stop:
            self.signal_recovery_start.clear()
            self.app.ownership.begin(generation_id, self._partitions())

    @Service.task
    async def _restart_recovery(self) -> None:
        """Do nothing: a take-over begins with its assignment."""

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Do nothing: changelogs are read in bulk, not through the worker's consumer."""

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


class FaustPorts:
    """The ports of ownership on a Faust app; every wait on the broker is bounded."""

    def __init__(self, app: "RunApp") -> None:
        self._app = app

    async def hold(self) -> None:
        """Wait until Faust's last service has started; stop the flow."""
        await self._app.recovery._started.wait()
        self._app.consumer.stop_flow()
        self._app.in_recovery = True

    async def fence(self, partitions: frozenset[int]) -> None:
        """Start a producer a partition."""
        await self._app.producers.acquire(partitions)

    async def is_member(self, generation: int) -> bool:
        """Send a heartbeat of that generation."""
        async with asyncio.timeout(self._app.settings.commit_timeout):
            return await self._app.consumer.is_member(generation)

    async def restore(self, partitions: frozenset[int]) -> int:
        """Read the changelogs into RocksDB."""
        return await self._app.changelog.restore(self._app.store, partitions)

    async def give(self, partitions: frozenset[int]) -> Positions:
        """Ask the application; it must name a position for each source."""
        positions = await self._app._on_assigned(partitions)
        wanted = {(topic, partition) for topic in self._app.sources for partition in partitions}
        if positions.keys() != wanted:
            odd = sorted(positions.keys() ^ wanted)
            message = f"the application must name a position for each source, and no more: {odd}"
            raise UnevenAssignment(message)
        self._app.in_recovery = False
        return positions

    async def begin_at(self, generation: int, positions: Positions) -> None:
        """Seek to the positions; only these partitions can be fetched then."""
        async with asyncio.timeout(self._app.settings.commit_timeout):
            await self._app.consumer.begin_at(
                generation, {TP(*place): position for place, position in positions.items()}
            )

    async def flow(self, recovered: Recovered) -> None:
        """Empty the queues, fetch, and tell Faust what it tells its other services."""
        app, tables = self._app, cast(RunTables, self._app.tables)
        app.recovered = recovered
        app.observe(recovered)
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()
        tables.on_actives_ready()
        tables.on_standbys_ready()
        app.on_rebalance_end()
        tables.recovery.completed.set()
        await app.on_rebalance_complete.send()

    async def finish(self) -> None:
        """Wait for what is in flight, and commit it."""
        await self._app.consumer.finish()

    async def release(self) -> None:
        """Close the producers."""
        await self._app.producers.release()

    async def take_back(self, partitions: frozenset[int]) -> None:
        """Tell the application."""
        await self._app._on_revoked(partitions)

    async def fail(self, error: BaseException) -> None:
        """Crash the app."""
        await self._app.fail(error)


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
