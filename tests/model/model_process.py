"""One worker process: the product's Ownership and Producers, on ports that ask the world.

A process is driven by events: an assignment, a revocation, a run, an answer. What it asks is a
call, and waits until the world answers. Where it stands after some events is a `Place`; places that
can not be told apart are the same one, so the product's code is run once an event and place.
"""

from collections.abc import Awaitable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiokafka.errors import KafkaError
from model_loop import Loop

from stream_app.settings import Settings
from stream_app.transport.errors import TransactionLost, TransportError
from stream_app.transport.ownership import Ownership, Positions, Recovered, Stage, Superseded
from stream_app.transport.producers import Producers

HOME = 0
"""The one partition."""
ALL, NONE = frozenset({HOME}), frozenset[int]()
SETTINGS = Settings()
SOME = 4
"""Histories that are kept of a place."""

Call = tuple[Hashable, ...]
"""What a process asks of the world: a name and arguments."""
Event = tuple[Hashable, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a process stands, as far as the world may look; there is one of each."""

    number: int

    calls: tuple[Call, ...]
    """What it has asked and not been told."""
    dropped: tuple[Call, ...]
    """What it does not wait for any more since the last event; the request may be under way."""
    flowing: bool
    memory: int | None
    """The next position of the input, as the application knows it."""
    run: int | None
    """Where the run in flight begins."""
    serves: int
    """In which generation it has sought last."""
    has_given_back: bool
    """Whether it may join the next generation."""
    is_failing: bool
    wrong: str | None


class Process:
    """A worker process; its ports do what `FaustPorts` and `RunConsumer` do, a call a request."""

    def __init__(self, parts: "Parts") -> None:
        self.loop = Loop()
        self.calls: list[tuple[Call, Any]] = []
        self.dropped: list[Call] = []
        self.ownership: Ownership = parts.ownership(self)
        self.producers: Producers = parts.producers(self)
        self.store = 0
        self.memory: int | None = None
        self.flowing = False
        self.run: int | None = None
        self.acked = 0
        self.serves = -1
        self.has_given_back = True
        self.is_failing = False
        self.wrong: str | None = None
        self._acks = self.loop.create_future()

    # ------------------------------------------------------------------ events

    def meet(self, event: Event) -> None:
        """Let an event happen, and run until everything waits again."""
        self.dropped = []
        match event:
            case "assigned", int(generation), bool(is_ours):
                self.has_given_back = False
                self.loop.call_soon(self.ownership.begin, generation, ALL if is_ours else NONE)
            case ("revoked",):
                self.loop.create_task(self.revoked())
            case ("run",):
                self.loop.create_task(self.take())
            case "answer", tuple(call), answer:
                self._future(call).set_result(answer)
            case "refusal", tuple(call), str(why):
                refusal = Superseded() if why == "superseded" else KafkaError(why)
                self._future(call).set_exception(refusal)
        self.loop.settle()

    async def revoked(self) -> None:
        """Do what RunConsumer.on_partitions_revoked does."""
        if self.is_failing:
            return
        await self.ownership.give_back()
        self.has_given_back = True
        if self.is_failing:
            return
        if (
            self.calls
            or self.producers._producers
            or self.memory is not None
            or self.run is not None
        ):
            self.wrong = "something is left of what it has given back"

    async def take(self) -> None:
        """Do what RunApp._take_runs does with a run of one record."""
        assert self.memory is not None
        self.run = begin = self.memory
        if self.ownership.stage not in {Stage.SERVING, Stage.FINISHING}:
            self.wrong = f"a run is taken while {self.ownership.stage.name}"
        try:
            await self.apply(begin)
        except TransactionLost:
            self.failed()
            return
        self.acknowledge(begin + 1)

    async def apply(self, begin: int) -> None:
        """Make a run durable."""
        await self.producers.commit(HOME, [(b"applied", b"%d" % begin)], {})

    def acknowledge(self, end: int) -> None:
        if self.memory is None or self.ownership.stage not in {Stage.SERVING, Stage.FINISHING}:
            self.wrong = f"a run is acknowledged while {self.ownership.stage.name}"
        self.memory, self.run, self.acked = end, None, end
        self._wake()

    # ------------------------------------------------------------------ ports of Ownership

    async def hold(self) -> None:
        self.flowing = False

    async def fence(self, partitions: frozenset[int]) -> None:
        await self.producers.acquire(partitions)

    async def is_member(self, generation: int) -> bool:
        return bool(await self.ask("member", generation))

    async def restore(self, partitions: frozenset[int]) -> int:
        if partitions:
            try:
                self.store = await self.ask("read", await self.ask("end"))
            finally:
                await self.ask("close")
        return 0

    async def give(self, partitions: frozenset[int]) -> Positions:
        await self.ask("rebuild")
        if partitions:
            self.memory = self.store
        return {("source", partition): self.store for partition in partitions}

    async def begin_at(self, generation: int, positions: Positions) -> None:
        await self.ask("seek", generation)
        self.serves = generation
        self.memory = positions.get(("source", HOME))

    async def flow(self, _recovered: Recovered) -> None:
        self.flowing = self.memory is not None

    async def finish(self) -> None:
        self.flowing = False
        while self.run is not None and not self.is_failing:
            await self.ask("offsets", self.acked)  # upstream does, while it waits
            if self.run is None or self.is_failing:
                break
            self._acks = self.loop.create_future()
            await self._acks
        await self.ask("offsets", self.acked)
        self.acked = 0

    async def release(self) -> None:
        await self.producers.release()

    async def take_back(self, _partitions: frozenset[int]) -> None:
        self.memory, self.serves = None, -1

    async def fail(self, error: BaseException) -> None:
        if not isinstance(error, KafkaError | TransportError):
            raise error
        self.failed()

    def failed(self) -> None:
        """Begin to end; whatever is under way goes on until the process is gone."""
        self.is_failing = True
        self.flowing = False
        self._wake()

    # ------------------------------------------------------------------ calls

    async def ask(self, *call: Hashable) -> Any:
        """Ask the world something, and wait for its answer."""
        asked = call, self.loop.create_future()
        self.calls.append(asked)
        try:
            return await asked[1]
        finally:
            self.calls.remove(asked)
            if asked[1].cancelled():
                self.dropped.append(call)

    def _future(self, call: Call) -> Any:
        return next(future for one, future in self.calls if one == call and not future.done())

    def _wake(self) -> None:
        if not self._acks.done():
            self._acks.set_result(None)

    def seen(self) -> tuple[Any, ...]:
        """Return what the world may look at, in the order of `Place`."""
        return (
            tuple(call for call, _ in self.calls),
            tuple(self.dropped),
            self.flowing,
            self.memory,
            self.run,
            self.serves,
            self.has_given_back,
            self.is_failing,
            self.wrong,
        )

    def unseen(self) -> Hashable:
        """Return all else by which its future could differ."""
        ownership, producers = self.ownership, self.producers
        return (
            *(ownership.stage, ownership._partitions, ownership._given),
            *(bool(producers._producers), producers._failure is None, self.store, self.acked),
            *self.loop.standing(),
        )


class Batch:
    """Records of a transaction; only how many there are matters here."""

    def __init__(self) -> None:
        self._records: list[bytes] = []

    def append(self, *, value: bytes, **_rest: Any) -> bool:
        self._records.append(value)
        return True

    def size(self) -> int:
        return 0

    def record_count(self) -> int:
        return len(self._records)

    @property
    def begin(self) -> int:
        return int(self._records[0])


class Sent(NamedTuple):
    offset: int


@dataclass
class Producer:
    """What `Producers` uses of aiokafka's transactional producer."""

    process: Process

    async def start(self) -> None:
        await self.process.ask("init")

    async def stop(self) -> None:
        await self.process.ask("stop")

    def create_batch(self) -> Batch:
        return Batch()

    async def begin_transaction(self) -> None:
        pass

    async def send_batch(self, batch: Batch, _topic: str, **_place: Any) -> Awaitable[Sent]:
        return self.process.loop.create_task(self._send(batch))

    async def _send(self, batch: Batch) -> Sent:
        await self.process.ask("send", batch.begin)
        return Sent(0)

    async def commit_transaction(self) -> None:
        await self.process.ask("commit")


class ModelProducers(Producers):
    """The product's producers, on the model's."""

    def __init__(self, process: Process) -> None:
        super().__init__(
            SETTINGS, changelog="changelog", max_batch_bytes=1, on_failure=process.fail
        )
        self._process = process

    def _producer(self, *_settings: Any) -> Any:
        return Producer(self._process)


@dataclass(frozen=True)
class Parts:
    """What a worker is made of, and how the broker is used; a broken variant has another part."""

    process: type[Process] = Process
    ownership: type[Ownership] = Ownership
    producers: type[ModelProducers] = ModelProducers
    is_id_shared: bool = True
    """Whether all owners of the partition use one transactional id."""
    reads_past_open: bool = True
    """Whether the end of the changelog is its last offset, and not the last stable one."""


@dataclass
class Places:
    """All places that a process can come to, found as they are needed."""

    parts: Parts
    _known: dict[Hashable, Place] = field(default_factory=dict)
    histories: dict[Place, list[tuple[Event, ...]]] = field(default_factory=dict)
    """How a place was come to, in a few ways, the first one first."""
    _after: dict[tuple[Place, Event], Place] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._known)

    def boot(self) -> Place:
        """Return where a process begins."""
        return self._known.get("boot") or self._known.setdefault("boot", self.run(()))

    def after(self, place: Place, event: Event) -> Place:
        """Return where a process stands after an event."""
        if (place, event) not in self._after:
            self._after[place, event] = self.run((*self.histories[place][0], event))
        return self._after[place, event]

    def known(self) -> Iterator[tuple[Place, Event, Place]]:
        """Iterate over what can come after what."""
        return ((place, event, after) for (place, event), after in self._after.items())

    def run(self, events: tuple[Event, ...]) -> Place:
        """Let a new process meet some events; return where it stands then."""
        process = self.parts.process(self.parts)
        for event in events:
            process.meet(event)
        seen, unseen = process.seen(), process.unseen()
        process.loop.close()
        place = self._known.get((seen, unseen))
        if place is None:
            place = self._known[seen, unseen] = Place(len(self._known), *seen)
        histories = self.histories.setdefault(place, [])
        if len(histories) < SOME:
            histories.append(events)
        return place
