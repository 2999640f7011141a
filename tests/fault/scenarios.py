"""The faults. Each one says by `World.hit` when it has happened: from then on its cost counts."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from aiokafka import AIOKafkaProducer
from fault_world import FAILED, KILLED, STOPPED, World

from schemas import Topic, project_key
from stream_app.broker import Broker
from stream_app.topology import changelog
from stream_app.transport.ending import EXIT_HUNG

GUEST = "guest"
HELD_SECONDS = 2.0
"""How long a foreign transaction stays open."""
FORGET_SECONDS = 8
"""After how much idleness the broker of a campaign forgets a transactional id."""
BROKER = {
    "transactional.id.expiration.ms": str(1000 * FORGET_SECONDS),
    "transaction.remove.expired.transaction.cleanup.interval.ms": "500",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
}
"""Properties of the broker that faults are done to."""


@dataclass(frozen=True)
class Scenario:
    """A fault, and what it costs by design: nothing is lost in any of them."""

    name: str
    replayed: str
    happen: Callable[[World], Awaitable[None]]


# ---------------------------------------------------------------- workers

IN_RECOVERY = ("unfenced", "fenced", "restoring", "loaded")
IN_A_CLOSE = ("closing", "close")


async def _arrive(world: World, points: tuple[str, ...], number: signal.Signals) -> str:
    """Bring a worker to one of the points, and there let it get a signal."""
    name, point = world.draw(), world.rng.choice(points)
    if points == IN_RECOVERY:
        world.workers[name].signal(signal.SIGTERM)
        await world.ended(name, STOPPED)
        world.lose_folder(name)
        world.order(name, point, number)
        world.start(name)
    else:
        world.order(name, point, number)
    await world.interrupted(name, number)
    return name


async def _killed_at(world: World, points: tuple[str, ...]) -> None:
    world.start(await _arrive(world, points, signal.SIGKILL))


async def _frozen_at(world: World, points: tuple[str, ...]) -> None:
    """Freeze a worker; when it wakes up, others have its partitions."""
    name = await _arrive(world, points, signal.SIGSTOP)
    await _overtaken(world, name)


async def _overtaken(world: World, name: str) -> None:
    await world.served()
    for other in world.workers:
        # The frozen one may have been about to fence: then its successor ends, not it.
        world.explain(other, FAILED)
    await world.wake(name)


async def _ended(world: World, number: signal.Signals, code: int) -> None:
    """End a worker by a signal at a random moment, and start it again."""
    name = world.draw()
    await world.moment()
    world.workers[name].signal(number)
    world.hit()
    await world.ended(name, code)
    world.start(name)


async def _frozen(world: World) -> None:
    name = world.draw()
    await world.moment()
    world.workers[name].signal(signal.SIGSTOP)
    world.hit()
    await _overtaken(world, name)


async def _folder_lost(world: World) -> None:
    name = world.draw()
    world.workers[name].signal(signal.SIGKILL)
    world.hit()
    await world.ended(name, KILLED)
    world.lose_folder(name)
    world.start(name)


async def _guest(world: World) -> None:
    """Let a third worker join and leave."""
    world.hit()
    world.start(GUEST)
    await world.steady()
    world.workers[GUEST].signal(signal.SIGTERM)
    await world.ended(GUEST, STOPPED)
    del world.workers[GUEST]


# ---------------------------------------------------------------- other producers


@asynccontextmanager
async def _foreign(world: World) -> AsyncIterator[AIOKafkaProducer]:
    """Give a producer of somebody else's, in a transaction that is open."""
    producer = AIOKafkaProducer(
        bootstrap_servers=world.settings.bootstrap_servers,
        transactional_id=f"foreign-{world.rng.getrandbits(64):x}",
        transaction_timeout_ms=int(1000 * HELD_SECONDS),
    )
    await producer.start()
    try:
        await producer.begin_transaction()
        yield producer
    finally:
        await producer.stop()


async def _foreign_input(world: World) -> None:
    """Keep a transaction open on an input; it ends well, badly, or by the broker's patience."""
    project = world.rng.choice(world.load.projects)
    event = world.load.annotation()
    async with _foreign(world) as producer:
        await producer.send_and_wait(
            world.settings.topic(Topic.ANNOTATIONS),
            event.to_bytes(),
            key=project_key(project),
            partition=world.client.home(project),
        )
        world.hit()
        match world.rng.choice(("commit", "abort", "time out")):
            case "commit":
                await asyncio.sleep(HELD_SECONDS / 2)
                await producer.commit_transaction()
                world.load.truth[project].learn(event)
            case "abort":
                await asyncio.sleep(HELD_SECONDS / 2)
                await producer.abort_transaction()
            case _:
                await world.served()


async def _foreign_changelog(world: World) -> None:
    """Keep a transaction open on the changelog while a worker has to read it."""
    async with _foreign(world) as producer:
        for number in range(world.client.partitions):
            await producer.send_and_wait(
                changelog(world.settings.app_id), b"nonsense", key=b"foreign", partition=number
            )
        await _folder_lost(world)
        await world.served()


# ---------------------------------------------------------------- the broker


async def _broker_restarts(world: World, *, end: Callable[[Broker], None]) -> None:
    """End a broker, politely or not, and start it; what workers make of that is theirs."""
    broker = next(world.turn)
    for name in world.workers:
        world.explain(name, FAILED, EXIT_HUNG)
    await world.moment()
    world.hit()
    await asyncio.to_thread(end, broker)
    await world.moment()
    await asyncio.to_thread(broker.start)


async def _forgotten(world: World) -> None:
    """Say nothing for so long that the broker forgets who spoke; who speaks again must end."""
    await world.load.rest()
    async with world.probes.silent():
        await asyncio.sleep(FORGET_SECONDS + 2)
        for name in world.workers:
            world.explain(name, FAILED)
        world.hit()
    await world.load.go_on()
    await world.until(world.someone_ended, "the broker has forgotten, and a worker ends of it")


# ---------------------------------------------------------------- all of them

RUN = "the run or close in flight, from its input"
FREEZE = f"{RUN}; what the frozen worker says when it wakes up is refused"


def _at(name: str, points: tuple[str, ...], killed: str, frozen: str) -> tuple[Scenario, Scenario]:
    return (
        Scenario(f"kill -9 {name}", killed, partial(_killed_at, points=points)),
        Scenario(f"SIGSTOP {name}", frozen, partial(_frozen_at, points=points)),
    )


SCENARIOS = (
    Scenario(
        "kill -9 at a random moment", RUN, partial(_ended, number=signal.SIGKILL, code=KILLED)
    ),
    *_at("between sends and commit", ("sent",), "the run, which is aborted", FREEZE),
    *_at(
        "between commit and RocksDB",
        ("committed",),
        "nothing: RocksDB has it from the changelog",
        "nothing; the frozen worker's next run is refused",
    ),
    *_at("in recovery", IN_RECOVERY, "the rest of the changelog", "the take-over, by the other"),
    *_at("in a close", IN_A_CLOSE, "what the close has not said", FREEZE),
    Scenario("SIGSTOP at a random moment", FREEZE, _frozen),
    Scenario("kill -9, and its data folder is lost", "the changelog", _folder_lost),
    Scenario(
        "SIGTERM, and a new start",
        "nothing",
        partial(_ended, number=signal.SIGTERM, code=STOPPED),
    ),
    Scenario("a worker more joins and leaves", "nothing", _guest),
    Scenario("a foreign transaction is open on an input", "nothing", _foreign_input),
    Scenario(
        "a foreign transaction is open on the changelog, and a data folder is lost",
        "the changelog, once the transaction has ended",
        _foreign_changelog,
    ),
    Scenario("the broker forgets an idle transactional id", RUN, _forgotten),
    Scenario(
        "the broker stops and starts",
        RUN,
        partial(_broker_restarts, end=Broker.stop),
    ),
    Scenario(
        "the broker is killed (-9) and starts",
        RUN,
        partial(_broker_restarts, end=Broker.kill),
    ),
)


async def suffer(world: World, scenario: Scenario) -> float:
    """Let a fault happen; return for how long nobody was served. Raises where it does not end."""
    await scenario.happen(world)
    await world.steady()
    return world.probes.longest(world.hit_at)
