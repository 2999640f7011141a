"""A worker: the product's step, lanes and ticker, over ports that crash, freeze and forget.

What stands in `stream_app.transport` on Faust and aiokafka is here again in the same order, each
part a method, so that a broken variant is a subclass that overrides one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from sim_broker import CHANGELOG, Broker, Entry, Place
from sim_loop import Routine, pause
from sim_ports import Disk, Luck, Producers

from schemas import Close, Topic, home, project_key
from stream_app.errors import StateError
from stream_app.partition import Partition
from stream_app.ports import Message
from stream_app.settings import Settings
from stream_app.step import Step
from stream_app.telemetry import Telemetry
from stream_app.ticker import Ticker
from stream_app.topology import SOURCES
from stream_app.transport.errors import StateAhead
from stream_app.transport.lanes import Fetch, Lane


class Worker:
    """A process with a disk; `boot`, then `go_on` from pause to pause until it dies."""

    def __init__(
        self,
        name: str,
        *,
        broker: Broker,
        settings: Settings,
        rng: Random,
        luck: Luck,
        parts: "Parts",
    ) -> None:
        self.name, self.broker, self.settings = name, broker, settings
        self.rng, self.luck, self.parts = rng, luck, parts
        self.disk = parts.disk()
        self.skew = rng.choice((-1500, 0, 0, 700))
        """How far its clock is off, in milliseconds."""
        self.routine: Routine | None = None
        self.at = "off"
        self.is_frozen = False

    # ------------------------------------------------------------------ life and death

    def boot(self) -> None:
        """Start the process: nothing is known but what is on disk."""
        self.producers = self.parts.producers(self)
        self.step = self.parts.step(self.settings, self.producers, self.disk, Telemetry())
        self.ticker = Ticker()
        self.lanes: dict[Place, Lane] = {}
        self.owned: frozenset[int] = frozenset()
        self.generation = self.known_generation = 0
        self.is_frozen = False
        self._begin()

    def _begin(self) -> None:
        self.routine, self.at = self._live(), "start"

    def die(self) -> None:
        """End the process, wherever it is; what it has asked for may still arrive."""
        assert self.routine is not None
        self.routine.close()
        self.routine, self.at, self.is_frozen = None, "off", False

    @property
    def is_up(self) -> bool:
        """Say whether the process runs, if only frozen."""
        return self.routine is not None

    @property
    def is_idle(self) -> bool:
        """Say whether it owns what the group says, and has nothing to do."""
        return self.at == "a run" and self.generation == self.broker.group.generation

    def go_on(self) -> None:
        """Run up to the next pause. Raises what ends the process."""
        assert self.routine is not None
        self.at = self.routine.send(None)

    # ------------------------------------------------------------------ the group

    def heartbeat(self) -> None:
        """Learn the group's generation; a take-over for another one is abandoned."""
        self.known_generation = self.broker.group.generation
        if self.generation != self.known_generation and not self.owned:
            self.die()
            self._begin()

    async def _live(self) -> None:
        while True:
            if self.generation != self.known_generation:
                self.let_go()
                self.generation = self.known_generation
                await self.take_over(self.broker.group.members.get(self.name, frozenset()))
            elif waiting := [lane for lane in self.lanes.values() if lane.records]:
                await self.take(self.rng.choice(waiting))
            else:
                await pause("a run")

    def let_go(self) -> None:
        """Forget the partitions; nothing is in flight."""
        self.owned, self.lanes = frozenset(), {}
        self.producers.epochs = {}
        self.step.partitions = {}

    async def take_over(self, partitions: frozenset[int]) -> None:
        """Fence, look whether it is still ours, recover, rebuild, seek; only then it flows."""
        await self.fence(partitions)
        await pause("am I a member?")
        if self.broker.group.generation != self.generation:
            return
        try:
            for partition in sorted(partitions):
                await self.recover(partition)
            await self.load(partitions)
        except (StateAhead, StateError):
            # What does not fit may be what a successor has said since, while we were frozen.
            await pause("am I still a member?")
            if self.broker.group.generation != self.generation:
                return
            raise
        await pause("seek")
        if self.known_generation != self.generation:
            return
        self.lanes = {
            (topic, partition): Lane.at(topic, partition, position, now=0.0)
            for partition in sorted(partitions)
            for topic, position in self.positions(partition).items()
        }
        self.owned = partitions

    async def fence(self, partitions: frozenset[int]) -> None:
        """End all that former owners could still say."""
        await self.producers.acquire(partitions)

    async def recover(self, partition: int) -> None:
        """Bring the disk to the end of the changelog, where nobody else can write any more."""
        log, table = self.broker.logs[CHANGELOG, partition], self.disk.table(partition)
        end = log.end
        await pause(f"read changelog {partition} up to {end}")
        if table.offset is not None and table.offset >= end:
            message = f"changelog {partition} ends at {end}, the disk has {table.offset}"
            raise StateAhead(message)
        position = 0 if table.offset is None else table.offset + 1
        while position < end:
            records, position = self.read_changelog(partition, position)
            if records:
                self.disk.restore(partition, records, records[-1].offset)
            await pause(f"read changelog {partition} from {position} of {log.end}")
        if end:
            self.disk.restore(partition, (), end - 1)

    async def load(self, partitions: frozenset[int]) -> None:
        """Rebuild memory; refuse a state that has lost its own positions."""
        await pause("rebuild memory")
        loaded = self.step.load(partitions)
        for number, partition in loaded.items():
            windows = any(self.broker.logs[Topic.WINDOWS, number].committed())
            committed = any(self.broker.group.committed.get((topic, number)) for topic in SOURCES)
            if (windows or committed) and not partition.positions:
                raise StateError.lost([number], "simulation")
        self.step.partitions = loaded

    # ------------------------------------------------------------------ runs

    def fetch(self) -> None:
        """Fetch something of each lane, or nothing."""
        for (topic, partition), lane in self.lanes.items():
            records, end = self.broker.logs[topic, partition].read(
                lane.fetched, self.rng.choice((0, 1, 2, 5, 20))
            )
            if end != lane.fetched:
                lane.extend(Fetch(lane.fetched, end, records), now=0.0)

    async def take(self, lane: Lane) -> None:
        """Give a run to the step, and acknowledge it when all of it is durable."""
        await self.step.take(lane.take())
        await pause("acknowledge")
        lane.ack(now=0.0)

    def commit_offsets(self) -> None:
        """Tell the group how far we are."""
        acked = {place: lane.acked for place, lane in self.lanes.items() if lane.acked}
        self.broker.commit(self.generation, acked)

    def tick(self) -> None:
        """Send the clock closes that are due by our clock, as far as we know what is ours."""
        projects = [
            project
            for number in sorted(self.owned)
            for project in self.step.partitions[number].projects.values()
        ]
        for tick in self.ticker.due(projects, (self.broker.now + self.skew) / 1000):
            place = Topic.CONTROL, home(tick.project, self.settings.partitions)
            close = Close(cause="boundary", boundary=tick.boundary)
            message = Message(project_key(tick.project), close.to_bytes())
            self.broker.publish(f"{self.name} ticks", place, message)

    # ------------------------------------------------------------------ where things are

    def transactional_id(self, partition: int) -> str:
        """Name a partition's producer; the same whoever owns it."""
        return f"simulation-{partition}"

    def read_changelog(self, partition: int, position: int) -> tuple[list[Entry], int]:
        """Read some committed records of the changelog."""
        return self.broker.logs[CHANGELOG, partition].read(position, self.rng.choice((2, 5, 50)))

    def positions(self, partition: int) -> Mapping[str, int]:
        """Return where each source is read from: behind what is applied."""
        loaded: Partition = self.step.partitions[partition]
        return loaded.cut()


@dataclass(frozen=True)
class Parts:
    """What a worker is made of; a broken variant has another part."""

    worker: type[Worker] = Worker
    producers: type[Producers] = Producers
    disk: type[Disk] = Disk
    step: type[Step] = Step
