"""The Faust app: sources in runs, one table with its changelog, transactions a partition.

It knows nothing of what the runs mean. The application gives three coroutines:

- ``on_assigned(partitions)``: the store is recovered and the producers are ours. Rebuild memory
  from the store; return where each source of each partition must be read from.
- ``on_run(run)``: make all of the run durable (``transaction.commit``, then ``store.write``). When
  it returns, the run is acknowledged. One at a time, in order of each partition.
- ``on_revoked(partitions)``: forget; it follows each ``on_assigned``, even one that was cancelled.

Whatever one of them raises ends the worker.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import faust
from faust.types import TP
from mode.supervisors import CrashingSupervisor
from yarl import URL

from stream_app.ports import Run, Transaction
from stream_app.settings import Settings
from stream_app.topology import MAX_OUTPUT_BYTES, changelog
from stream_app.transport.changelog import Changelog
from stream_app.transport.consumer import RunConsumer, RunTransport
from stream_app.transport.credentials import credentials
from stream_app.transport.ending import end_within
from stream_app.transport.ownership import Ownership, Place, Positions, Recovered
from stream_app.transport.producers import Producers
from stream_app.transport.recovery import FaustPorts, RunRecovery, RunTables
from stream_app.transport.store import OPTIONS, RocksStore

FAILURE_SECONDS = 10.0
"""How long a worker that has failed may take to end by itself."""
A_DAY = 86_400.0


class RunApp(faust.App):
    """A Faust app whose agent takes runs and whose table is written in transactions."""

    consumer: RunConsumer

    def __init__(
        self,
        *,
        settings: Settings,
        sources: Sequence[str],
        table: str,
        on_assigned: Callable[[frozenset[int]], Awaitable[Positions]],
        on_run: Callable[[Run], Awaitable[None]],
        on_revoked: Callable[[frozenset[int]], Awaitable[None]],
    ) -> None:
        super().__init__(
            settings.app_id,
            broker=[f"kafka://{host.strip()}" for host in settings.bootstrap_servers.split(",")],
            broker_credentials=credentials(settings),
            TableManager=RunTables,
            store="rocksdb://",
            datadir=settings.data_dir,
            table_standby_replicas=0,
            topic_partitions=settings.partitions,
            topic_allow_declare=False,  # topics are made by whoever knows the map, before us
            topic_disable_leader=True,
            consumer_auto_offset_reset="earliest",
            consumer_max_fetch_size=settings.run_bytes,  # a fetch is enough for a run
            broker_session_timeout=settings.session_timeout,
            broker_request_timeout=max(90.0, settings.session_timeout),  # Faust wants it longer
            broker_heartbeat_interval=settings.session_timeout / 5,
            # A run in flight is finished before partitions are given back.
            broker_rebalance_timeout=60.0 + 2 * settings.commit_timeout,
            broker_max_poll_interval=A_DAY,  # an idle worker must stay in the group
            broker_commit_interval=1.0,
            broker_commit_every=10**9,
            stream_buffer_maxsize=2**20,  # lanes bound what waits; the queue holds one message each
            stream_wait_empty=True,
            stream_recovery_delay=0.0,
            web_enabled=False,
            worker_redirect_stdouts=False,
        )
        self.settings = settings
        self.sources = tuple(sources)
        self._on_assigned, self._on_run, self._on_revoked = on_assigned, on_run, on_revoked
        self.ownership = Ownership(FaustPorts(self))
        self.recovered: Recovered | None = None
        """What the last take-over cost."""
        self.observe: Callable[[Recovered], None] = lambda _recovered: None
        """Called after each take-over."""
        facts = self.Table(
            table,
            key_type=bytes,
            value_type=bytes,
            partitions=settings.partitions,
            options=dict(OPTIONS),
        )
        name = changelog(settings.app_id)
        self._rocks = RocksStore(facts)
        self.changelog = Changelog(settings, name, patience=2 * settings.transaction_timeout)
        self.producers = Producers(
            settings, changelog=name, max_batch_bytes=MAX_OUTPUT_BYTES, on_failure=self.fail
        )
        topic = self.topic(
            *self.sources,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
        )
        agent = self.agent(
            topic, name="runs", concurrency=1, supervisor_strategy=CrashingSupervisor
        )
        agent(self._take_runs)

    # ------------------------------------------------------------------ what the application uses

    @property
    def owned(self) -> frozenset[int]:
        """Return the partitions whose runs come to this worker now."""
        return self.ownership.owned

    @property
    def transaction(self) -> Transaction:
        """Say things for a partition that we own."""
        return self.producers

    @property
    def store(self) -> RocksStore:
        """Look into the local state, and write it after a transaction."""
        return self._rocks

    async def committed_offsets(self, partitions: frozenset[int]) -> dict[Place, int | None]:
        """Return the group's committed offsets of all sources, None where there is none."""
        tps = [TP(topic, partition) for topic in self.sources for partition in partitions]
        offsets = await self.consumer.committed_offsets(tps)
        return {(tp.topic, tp.partition): offset for tp, offset in offsets.items()}

    def lag(self) -> dict[Place, int]:
        """Return, for each owned source partition, how much of its log is not yet durable here."""
        return {(tp.topic, tp.partition): lag for tp, lag in self.consumer.lag().items()}

    def readable(self) -> dict[Place, tuple[int, int]]:
        """Return, of the same, up to where it can be read, and how much is pinned behind that."""
        return {(tp.topic, tp.partition): ends for tp, ends in self.consumer.readable().items()}

    async def confirmed(self, *, within: float) -> bool:
        """Ask the group whether what we own still is ours; False where it does not answer."""
        return bool(self.owned) and await self.consumer.confirm(within=within)

    def advertise(self, url: str) -> None:
        """Say to the group where others reach this worker; before it joins, and once."""
        self.conf.canonical_url = URL(url)

    def addresses(self) -> dict[int, str]:
        """Return, for each partition, what its owner advertises, as of the last assignment."""
        return {
            partition: url
            for url, topics in self.assignor.tables_metadata().items()
            for partitions in topics.values()
            for partition in partitions
        }

    async def fail(self, error: BaseException) -> None:
        """End the worker: the first failure counts."""
        if self.crash_reason is None:
            await self.crash(error)

    def _crash(self, reason: BaseException) -> None:
        # Called for every crash of whatever service, in whatever thread.
        if self.in_worker and self.crash_reason is None:
            end_within(FAILURE_SECONDS, f"the worker failed ({reason!r}) and did not end")
        super()._crash(reason)

    # ------------------------------------------------------------------ the agent

    async def _take_runs(self, stream: Any) -> None:
        """Give run after run to the application, and acknowledge what it has made durable."""
        async for event in stream.noack().events():
            run = self.consumer.take(event.message)
            try:
                await self._on_run(run)
            except Exception as error:
                await self.fail(error)
                raise
            event.ack()

    # ------------------------------------------------------------------ rebalances

    @property
    def recovery(self) -> RunRecovery:
        """Return the service that begins take-overs."""
        return cast(RunTables, self.tables).recovery

    def _on_rebalance_when_stopped(self) -> None:
        """Leave the consumer open: upstream closes it under a run that is being finished."""

    async def on_first_start(self) -> None:
        """Make the data folder with its parents, which Faust does not."""
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()

    async def on_stop(self) -> None:
        """Stop as Faust does (flow, agents, commit), then close the producers."""
        await self.ownership.end()
        await super().on_stop()
        await self.producers.release()

    # ------------------------------------------------------------------ Faust's factories

    def _new_transport(self) -> RunTransport:
        return RunTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> RunTransport:
        return RunTransport(self.conf.broker_producer, self)
