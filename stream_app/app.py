"""The composition root: settings in, a worker's app out, everything joined here and only here."""

import asyncio
import time

import structlog
from aiokafka import AIOKafkaProducer
from mode import Service

from schemas import Close, Topic, home, project_key
from stream_app.connection import connected, connection
from stream_app.errors import StateError
from stream_app.ports import Run
from stream_app.reading import reading
from stream_app.settings import Settings
from stream_app.step import Step
from stream_app.telemetry import Telemetry, Watched
from stream_app.ticker import Ticker
from stream_app.topology import SOURCES, TABLE
from stream_app.transport import Positions, RunApp
from stream_app.web import Access, KafkaTopics, Neighbours, Seat, Site, Web

TICK_SECONDS = 0.1
"""How late a clock close may be sent, beside the time it takes."""

CONFIRM_SECONDS = 2.0
"""How long the group may take to say that our partitions are ours before the web says no."""

log = structlog.get_logger(__name__)


class Worker:
    """One worker: the Faust app, the step, the ticker and the web, over one telemetry."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.telemetry = Telemetry()
        self.app = RunApp(
            settings=settings,
            sources=[settings.topic(topic) for topic in SOURCES],
            table=TABLE,
            on_assigned=self._assigned,
            on_run=self._take,
            on_revoked=self._revoked,
        )
        self.step = Step(settings, self.app.transaction, self.app.store, self.telemetry)
        self.telemetry.watch(
            Watched(
                partitions=lambda: list(self.step.partitions.values()),
                lag=self.app.lag,
                readable=self.app.readable,
                is_ready=self.is_ready,
                total=settings.partitions,
            )
        )
        self.app.producers.observe = self.telemetry.committed
        self.app.observe = lambda recovered: self.telemetry.took_over(recovered.seconds)
        self.app.add_dependency(TickerService(self))
        self.app.add_dependency(
            Web(settings, self.telemetry, self.is_ready, self._site(), self.app.advertise)
        )

    def is_ready(self) -> bool:
        """Say whether this worker serves the partitions that it has been given."""
        return self.app.owned == frozenset(self.step.partitions) and bool(self.app.owned)

    def _site(self) -> Site:
        """Return what the web is made of."""
        seat = Seat(
            partitions=lambda: self.step.partitions if self.is_ready() else {},
            confirmed=lambda: self.app.confirmed(within=CONFIRM_SECONDS),
            addresses=self.app.addresses,
            waiting=lambda number: sum(
                lag for (_, partition), lag in self.app.lag().items() if partition == number
            ),
        )
        neighbours = Neighbours(Access.of(self.settings))
        return Site(self.settings, seat, self.app.store, KafkaTopics(self.settings), neighbours)

    async def _take(self, run: Run) -> None:
        await self.step.take(run)

    async def _assigned(self, partitions: frozenset[int]) -> Positions:
        """Rebuild memory; return where each source must be read from: exactly behind it."""
        # A rebalance may abandon this take-over, but not the thread: what it loads is ours only
        # once it is awaited.
        loaded = await asyncio.to_thread(self.step.load, partitions)
        fresh = {number for number, partition in loaded.items() if not partition.positions}
        if fresh:
            await self._refuse_lost_state(frozenset(fresh))
        self.step.partitions = loaded
        positions = {
            (self.settings.topic(topic), number): position
            for number, partition in loaded.items()
            for topic, position in partition.cut().items()
        }
        log.info("assigned", partitions=sorted(partitions))
        return positions

    async def _revoked(self, partitions: frozenset[int]) -> None:
        self.step.partitions = {}
        log.info("revoked", partitions=sorted(partitions))

    async def _refuse_lost_state(self, partitions: frozenset[int]) -> None:
        """Refuse a changelog without applied record where this deployment has worked before.

        Starting anew there would count every annotation again and select what is on lease.
        """
        committed = await self.app.committed_offsets(partitions)
        worked = {number for (_, number), offset in committed.items() if offset}
        # Read, not measured: a first window that was aborted has moved the end of the log, too.
        windows = self.settings.topic(Topic.WINDOWS)
        async with reading(self.settings, windows, sorted(partitions)) as records:
            worked |= {record.partition async for record in records}
        if worked:
            raise StateError.lost(sorted(worked), self.settings.app_id)


class TickerService(Service):
    """Sends the clock closes of the projects whose partitions this worker owns."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker
        self._ticker = Ticker()

    @Service.task
    async def _tick(self) -> None:
        settings = self._worker.settings
        producing = AIOKafkaProducer(**connection(settings), enable_idempotence=True)
        async with connected(producing, settings) as producer:
            while not self.should_stop:
                await self._send(producer)
                await self.sleep(TICK_SECONDS)

    async def _send(self, producer: AIOKafkaProducer) -> None:
        """Send what is due; a project that is being rebalanced is not ours to tick."""
        settings, step = self._worker.settings, self._worker.step
        if not self._worker.is_ready():
            return
        projects = [
            p for partition in step.partitions.values() for p in partition.projects.values()
        ]
        for tick in self._ticker.due(projects, time.time()):
            close = Close(cause="boundary", boundary=tick.boundary)
            await producer.send_and_wait(
                settings.topic(Topic.CONTROL),
                close.to_bytes(),
                key=project_key(tick.project),
                partition=home(tick.project, settings.partitions),
            )


def create_worker(settings: Settings) -> Worker:
    """Join a worker's parts; it touches nothing until it is run."""
    return Worker(settings)
