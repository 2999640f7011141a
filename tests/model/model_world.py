"""A world: what is true of one partition and its workers, and all that can happen next.

Faults spend a budget; everything else happens by itself, sooner or later. Whoever is not let move
for a while is frozen, so that a frozen worker needs no state of its own.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from model_broker import LATE, Broker, Entry
from model_laws import broken
from model_process import Call, Event, Place, Places


class Worker(NamedTuple):
    """What is true of one worker beside what it knows itself."""

    name: str
    phase: str = "off"
    """off, out (of the group), joining, told (its assignment is under way), in, revoking."""
    generation: int = -1
    place: Place | None = None
    proof: str = "none"
    """How far its take-over has come, as the broker saw it: none, fenced, bounded, recovered."""
    outcome: str = ""
    """How the transaction has ended whose commit it waits for."""

    def proves(self, before: str, now: str) -> "Worker":
        """Note a step of the take-over that counts only behind another one."""
        return self._replace(proof=now) if self.proof == before else self


class Answer(NamedTuple):
    """What a request has come to."""

    broker: Broker
    worker: Worker
    value: object = None
    refusal: str = ""
    wrong: str | None = None


class World(NamedTuple):
    """The state of everything."""

    broker: Broker
    workers: tuple[Worker, ...]
    faults: int
    """How much may still go wrong."""

    def key(self) -> Hashable:
        """Return what worlds have in common that differ by the names of their workers only."""
        broker = self.broker
        known = (
            (
                *(worker.phase, worker.generation, worker.proof, worker.outcome),
                worker.place.number if worker.place else -1,
                worker.name in broker.members,
                worker.name in broker.joined,
                worker.name in broker.holders,
                worker.name == broker.owner,
                tuple(at for at, entry in enumerate(broker.log) if entry.by == worker.name),
            )
            for worker in self.workers
        )
        log = tuple(entry[1:] for entry in broker.log)
        rest = broker.generation, broker.is_rebalancing, broker.offsets, broker.has_late
        return tuple(sorted(known)), log, LATE in broker.holders, *rest, self.faults

    def calls(self, name: str) -> bool:
        """Say whether anybody waits for the answer to a call of that name."""
        return any(
            call[0] == name
            for worker in self.workers
            if worker.place is not None
            for call in worker.place.calls
        )


class Move(NamedTuple):
    """Something that happens."""

    text: str
    is_fault: bool
    world: World
    wrong: str | None
    """Which law it breaks."""


@dataclass
class Rules:
    """What can happen."""

    places: Places
    records: int
    """How many records the input has."""
    faults: int
    """How much may go wrong."""

    def first(self, workers: int) -> World:
        """Return the world before anything has started."""
        return World(Broker(), tuple(map(Worker, "ABCDE"[:workers])), self.faults)

    def is_rest(self, world: World) -> bool:
        """Say whether everything is as it shall be in the end."""
        return world.broker.applied == self.records and all(
            worker.phase == "in"
            and worker.place is not None
            and worker.place.flowing == (worker.name == world.broker.owner)
            for worker in world.workers
        )

    def moves(self, world: World) -> Iterator[Move]:
        """Yield all that can happen next."""
        for worker in world.workers:
            if worker.place is None:
                yield self._of_nobody(world, worker)
            else:
                yield from self._of_member(world, worker, worker.place)
                yield from self._of_process(world, worker, worker.place)
                for call in worker.place.calls:
                    yield from self._answers(world, worker, call)
        yield from self._of_group(world)
        yield from self._of_log(world)

    # ------------------------------------------------------------------ workers

    def _of_nobody(self, world: World, worker: Worker) -> Move:
        broker, name = world.broker, worker.name
        if name in broker.members:
            return self._move(world, f"{name} is found dead", broker.without_member(name))
        return self._move(
            world, f"{name} starts", broker, Worker(name, "out", place=self.places.boot())
        )

    def _of_member(self, world: World, worker: Worker, place: Place) -> Iterator[Move]:
        """Join, be assigned, hear of a rebalance, give back, join again."""
        broker, name = world.broker, worker.name
        if name in broker.members and world.faults:
            yield self._fault(world, f"{name} is expelled", broker.without_member(name))
        if place.is_failing:
            return
        match worker.phase:
            case "out":
                joins = worker._replace(phase="joining")
                yield self._move(world, f"{name} joins", broker.with_member(name), joins)
            case "joining" if name not in broker.members:
                again = worker._replace(phase="out")
                yield self._move(world, f"{name} must join again", broker, again)
            case "told":
                is_ours = broker.owner == name and worker.generation == broker.generation
                text = f"{name} is assigned {'the partition' if is_ours else 'nothing'}"
                event = "assigned", worker.generation, is_ours
                yield self._met(world, text, worker._replace(phase="in"), event)
            case "in" if broker.is_rebalancing or not broker.is_current(name, worker.generation):
                hears = worker._replace(phase="revoking")
                yield self._met(world, f"{name} hears of a rebalance", hears, ("revoked",))
            case "revoking" if place.has_given_back:
                text = f"{name} has given back"
                yield self._move(world, text, broker, Worker(name, "out", place=place))

    def _of_process(self, world: World, worker: Worker, place: Place) -> Iterator[Move]:
        """Take a run, end, be killed."""
        name = worker.name
        if place.flowing and place.run is None and place.memory not in {None, self.records}:
            yield self._met(world, f"{name} takes {place.memory}", worker, ("run",))
        if place.is_failing:
            yield self._move(world, f"{name} ends", world.broker, Worker(name))
        if world.faults:
            yield self._fault(world, f"{name} is killed", world.broker, Worker(name))

    def _answers(self, world: World, worker: Worker, call: Call) -> Iterator[Move]:
        """Yield what a request can come to."""
        if call == ("commit",) and world.faults:
            text, lost = f"{worker.name} is not told of its commit", ("refusal", call, "lost")
            yield self._met(_spent(world), text, worker, lost, is_fault=True)
        answer = self._of_coordinator(world.broker, worker, call)
        if answer is not None:
            refusal = "refusal", call, answer.refusal
            event: Event = refusal if answer.refusal else ("answer", call, answer.value)
            text = f"{worker.name}: {' '.join(map(str, call))} -> {answer.refusal or answer.value}"
            changed = world._replace(broker=answer.broker)
            yield self._met(changed, text, answer.worker, event, wrong=answer.wrong)

    def _of_coordinator(self, broker: Broker, worker: Worker, call: Call) -> Answer | None:
        """Answer what concerns the group."""
        name = worker.name
        match call:
            case ("member", int(generation)):
                return Answer(broker, worker, broker.is_current(name, generation))
            case ("seek", int(generation)) if generation != worker.generation:
                return Answer(broker, worker, refusal="superseded")
            case ("committed",):
                return Answer(broker, worker, broker.offsets)
            case ("offsets", int(position)):
                if not position or not broker.is_current(name, worker.generation):
                    return Answer(broker, worker)
                wrong = "the group knows more than is durable, or less than before"
                is_right = broker.offsets <= position <= broker.applied
                told = broker._replace(offsets=position)
                return Answer(told, worker, wrong=None if is_right else wrong)
        return self._of_changelog(broker, worker, call)

    def _of_changelog(self, broker: Broker, worker: Worker, call: Call) -> Answer | None:
        """Answer what concerns transactions; None where there is no answer yet."""
        name, parts = worker.name, self.places.parts
        answer: Answer | None = Answer(broker, worker)
        match call:
            case ("init",):
                proof = "fenced" if broker.is_current(name, worker.generation) else "none"
                fenced = broker.initialised(name, is_id_shared=parts.is_id_shared)
                answer = Answer(fenced, worker._replace(proof=proof))
            case ("end",):
                end = len(broker.log) if parts.reads_past_open else broker.last_stable()
                answer = Answer(broker, worker.proves("fenced", "bounded"), end)
            case ("read", int(end)) if broker.last_stable() < end:
                answer = None
            case ("read", int(end)):
                read = broker._replace(log=broker.log[:end]).applied
                answer = Answer(broker, worker.proves("bounded", "recovered"), read)
            case ("send", int(begin)) if name in broker.holders:
                answer = Answer(broker.appended(Entry(name, begin)), worker)
            case ("send", _):
                answer = Answer(broker, worker, refusal="fenced")
            case ("commit",) if not worker.outcome:
                answer = None
            case ("commit",):
                refusal = "fenced" if worker.outcome == "aborted" else ""
                answer = Answer(broker, worker._replace(outcome=""), refusal=refusal)
        return answer

    # ------------------------------------------------------------------ the broker

    def _of_group(self, world: World) -> Iterator[Move]:
        """End a rebalance, whoever gets the partition then."""
        broker = world.broker
        if not broker.is_rebalancing or broker.joined != broker.members:
            return
        for owner in sorted(broker.members):
            dealt = broker.dealt(owner, (worker.generation for worker in world.workers))
            told = (
                worker._replace(phase="told", generation=dealt.generation)
                for worker in world.workers
                if worker.name in broker.members
            )
            yield self._move(world, f"{owner} is to own it", dealt, *told)

    def _of_log(self, world: World) -> Iterator[Move]:
        """End transactions; let a stranger begin one."""
        broker = world.broker
        for at, entry in enumerate(broker.log):
            aborted = broker.ended(at, "aborted")
            if entry.is_asked:
                text, committed = f"the commit of {entry.by} arrives", broker.ended(at, "committed")
                twice = "a record is applied twice, or passed over"
                wrong = None if entry.begin == broker.applied else twice
                yield self._move(world, text, committed, wrong=wrong)
            if entry.status == "foreign":
                yield self._move(world, "the stranger's transaction ends", aborted)
            if entry.status == "open":
                text = f"the transaction of {entry.by} is too old"
                if world.faults:
                    yield self._fault(world, text, aborted)
                elif not self._is_at_it(world, entry.by):
                    yield self._move(world, text, aborted)
        if world.faults:
            if broker.has_late:
                late = broker.initialised(LATE, is_id_shared=self.places.parts.is_id_shared)
                text = "a request of an abandoned take-over arrives"
                yield self._fault(world, text, late._replace(has_late=False))
            if not any(entry.status == "foreign" for entry in broker.log):
                opened = broker.appended(Entry("", -1, "foreign"))
                yield self._fault(world, "a stranger opens a transaction", opened)

    @staticmethod
    def _is_at_it(world: World, name: str) -> bool:
        """Say whether somebody still goes on with the transaction that it has open."""
        return any(
            worker.name == name and worker.place is not None and worker.place.run is not None
            for worker in world.workers
        )

    # ------------------------------------------------------------------ how a world follows another

    def _met(
        self,
        world: World,
        text: str,
        worker: Worker,
        event: Event,
        *,
        is_fault: bool = False,
        wrong: str | None = None,
    ) -> Move:
        """Let an event happen to a worker's process; what it sends is under way then."""
        assert worker.place is not None
        before, broker = worker.place, world.broker
        worker = worker._replace(place=self.places.after(before, event))
        assert worker.place is not None
        if ("init",) in worker.place.dropped:
            broker = broker._replace(has_late=True)
        if ("commit",) in worker.place.calls and ("commit",) not in before.calls:
            if broker.has_open(worker.name):
                broker = broker.asked(worker.name)
            else:
                worker = worker._replace(outcome="aborted")
        return self._move(world, text, broker, worker, is_fault=is_fault, wrong=wrong)

    def _fault(self, world: World, text: str, broker: Broker, *changed: Worker) -> Move:
        return self._move(_spent(world), text, broker, *changed, is_fault=True)

    def _move(
        self,
        world: World,
        text: str,
        broker: Broker,
        *changed: Worker,
        is_fault: bool = False,
        wrong: str | None = None,
    ) -> Move:
        names = {worker.name: worker for worker in changed}
        workers = (names.get(worker.name, worker) for worker in world.workers)
        told = tuple(_told(worker, broker) for worker in workers)
        moved = World(broker, told, world.faults)
        if not moved.calls("read"):
            moved = moved._replace(broker=broker.compact())
        return Move(text, is_fault, moved, wrong or broken(moved, self.faults))


def _spent(world: World) -> World:
    return world._replace(faults=world.faults - 1)


def _told(worker: Worker, broker: Broker) -> Worker:
    """Let a worker that waits for its commit know how the transaction has ended."""
    if (
        worker.outcome
        or worker.place is None
        or ("commit",) not in worker.place.calls
        or broker.has_open(worker.name)
    ):
        return worker
    mine = [entry.status for entry in broker.log if entry.by == worker.name]
    return worker._replace(outcome=mine[-1])
