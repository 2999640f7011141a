"""A deployment under load, with a supervisor: what every fault is done to.

Two workers share the partitions. One that ends is started again, as a service manager would; but
only an end that the fault explains is right: any other one is written down as wrong.
"""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from random import Random
from time import monotonic
from urllib.error import URLError
from urllib.request import urlopen

from interrupted_worker import order_of
from probes import Probes
from seeded_load import Load
from workers import WorkerProcess

from stream_app.broker import Broker
from stream_app.client import Client
from stream_app.settings import Settings
from stream_app.topics import ensure_topics

SCRIPT = (str(Path(__file__).with_name("interrupted_worker.py")),)
NAMES = ("one", "two")
PATIENCE = 150.0
"""Seconds that anything may take before it is wrong."""
KILLED, STOPPED, FAILED = -signal.SIGKILL, 0, 1
"""Exit codes. One that has failed and can't end politely, with no Kafka to leave: `EXIT_HUNG`."""


@dataclass
class World:
    """Workers under load, and what was wrong with them."""

    settings: Settings
    client: Client
    load: Load
    probes: Probes
    rng: Random
    brokers: Sequence[Broker]
    """Those that are ours to stop: none where the Kafka is somebody else's."""
    wrong: list[str] = field(default_factory=list)
    workers: dict[str, WorkerProcess] = field(default_factory=dict)
    hit_at: float = 0.0
    turn: Iterator[Broker] = field(init=False)
    """The brokers, one after the other."""
    _explained: dict[str, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.turn = cycle(self.brokers)

    # ---------------------------------------------------------------- workers

    def start(self, name: str) -> WorkerProcess:
        """Start the worker of a name, and so of a data folder."""
        own = self.settings.model_copy(update={"data_dir": self.settings.data_dir / name})
        self.workers[name] = WorkerProcess(own, SCRIPT)
        return self.workers[name]

    def draw(self) -> str:
        """Draw a worker."""
        return self.rng.choice(NAMES)

    def lose_folder(self, name: str) -> None:
        """Remove what an ended worker has on its disk."""
        shutil.rmtree(self.settings.data_dir / name)

    def explain(self, name: str, *codes: int) -> None:
        """Say with which exit codes a worker may end in this fault."""
        self._explained.setdefault(name, set()).update(codes)

    def hit(self) -> None:
        """Note that the fault has happened: from now on its cost counts."""
        self.hit_at = monotonic()

    async def moment(self, seconds: float = 1.5) -> None:
        """Let a random time pass."""
        await asyncio.sleep(self.rng.random() * seconds)

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something is so."""
        deadline = monotonic() + PATIENCE
        while not condition():
            if monotonic() > deadline:
                message = f"not within {PATIENCE:.0f} s: {what}"
                raise TimeoutError(message)
            await asyncio.sleep(0.02)

    def someone_ended(self) -> bool:
        """Say whether a worker has ended that nobody has started again."""
        return any(worker.process.poll() is not None for worker in self.workers.values())

    async def ended(self, name: str, *codes: int) -> None:
        """Wait until a worker has ended; with these codes that is right."""
        self.explain(name, *codes)
        process = self.workers[name].process
        await self.until(lambda: process.poll() is not None, f"{name} has ended")

    def order(self, name: str, point: str, number: signal.Signals) -> None:
        """Let a worker be interrupted when it comes to a point."""
        order = order_of(self.settings.data_dir / name)
        draft = order.with_suffix(".draft")
        draft.write_text(f"{point} {number.name}")
        draft.rename(order)

    async def interrupted(self, name: str, number: signal.Signals) -> None:
        """Wait until the order is carried out."""
        order = order_of(self.settings.data_dir / name)
        await self.until(lambda: not order.exists(), f"{name} is where it is to be interrupted")
        if number == signal.SIGKILL:
            await self.ended(name, KILLED)
        else:
            state = Path(f"/proc/{self.workers[name].process.pid}/stat")
            stopped = lambda: state.read_text().rpartition(")")[2].split()[0] == "T"  # noqa: E731
            await self.until(stopped, f"{name} stands still")
        self.hit()

    async def wake(self, name: str) -> None:
        """Wake a frozen worker, and wait until it has noticed what it has missed."""
        worker = self.workers[name]
        known = worker.text().count("event='assigned'")
        self.explain(name, FAILED)
        worker.signal(signal.SIGCONT)
        await self.until(
            lambda: (
                worker.process.poll() is not None or worker.text().count("event='assigned'") > known
            ),
            f"{name}, awake, ends or joins the group again",
        )

    async def served(self) -> None:
        """Wait until what is asked now is answered at every home."""
        await self._until_served(lambda: True)

    async def steady(self) -> None:
        """Wait until all workers serve, and with them every home; that ends a fault."""
        await self._until_served(self._all_ready)
        self._explained.clear()

    async def _until_served(self, ready: Callable[[], bool]) -> None:
        asked, deadline = monotonic(), monotonic() + PATIENCE
        while not (self.probes.answered(asked) and await asyncio.to_thread(ready)):
            if self._supervise():
                asked = monotonic()
            if monotonic() > deadline:
                logs = "\n".join(w.text()[-3000:] for w in self.workers.values())
                message = f"nobody serves within {PATIENCE:.0f} s:\n{logs}"
                raise TimeoutError(message)
            await asyncio.sleep(0.05)

    def _supervise(self) -> bool:
        """Start workers that have ended; judge how they have; say whether there were any."""
        ended = [name for name, one in self.workers.items() if one.process.poll() is not None]
        for name in ended:
            worker = self.workers[name]
            code = worker.process.returncode
            if code not in self._explained.get(name, ()):
                self.wrong.append(f"worker {name} ended with {code}:\n{worker.text()[-3000:]}")
            self.start(name)
        return bool(ended)

    def _all_ready(self) -> bool:
        return all(map(_is_ready, list(self.workers.values())))

    async def at_rest(self) -> None:
        """Let nobody say anything any more, and wait until all that was said is applied.

        A ticker may have a close in flight until its worker has ended, however long Kafka was away:
        so what is in the log at last is for workers that start after that.
        """
        await self.load.rest()
        await self._settle()
        await self.end()
        for name in self.workers:
            self.start(name)
        await self._settle()
        await self.end()

    async def _settle(self) -> None:
        await asyncio.gather(*(self.client.settle(project) for project in self.load.projects))

    async def end(self) -> None:
        """Stop all workers."""
        for name, worker in self.workers.items():
            worker.signal(signal.SIGTERM)
            await self.ended(name)
            if worker.process.returncode != STOPPED:
                self.wrong.append(f"worker {name} was stopped and ended with {worker.text()}")


def _is_ready(worker: WorkerProcess) -> bool:
    """Ask a worker whether it serves what it has been given."""
    if "event='web'" not in worker.text():
        return False
    try:
        with urlopen(worker.url("/readyz"), timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, TimeoutError, ConnectionError):
        return False


@asynccontextmanager
async def living_world(
    settings: Settings, seed: int, brokers: Sequence[Broker] = ()
) -> AsyncIterator[World]:
    """Make a deployment that serves under load; stop its workers at the end, whatever was."""
    await ensure_topics(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    async with Client(settings) as client:
        load, probes = Load(client, seed), Probes(client)
        world = World(settings, client, load, probes, Random(seed), brokers)
        try:
            for name in NAMES:
                world.start(name)
            async with load.flowing():
                async with probes.asking():
                    await world.steady()
                    yield world
                await world.at_rest()
        finally:
            for worker in world.workers.values():
                worker.kill()
