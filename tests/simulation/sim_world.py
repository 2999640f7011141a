"""A world in which everything may go wrong between any two steps, and which comes to rest.

One seed decides all of it: what clients say and how often, which worker moves, crashes or freezes,
when the group changes its mind, what the clock does. Each seed has its own mixture of misfortunes.
"""

from collections.abc import Callable
from operator import methodcaller
from random import Random

from authors import START
from sim_broker import CHANGELOG, Broker, Fenced
from sim_clients import Clients
from sim_ports import Luck
from sim_worker import Parts, Worker

from stream_app.settings import Settings
from stream_app.transport.errors import TransactionLost

REST_STEPS = 20_000
"""After so many steps without misfortunes, a world that is not at rest never will be."""


class Restless(Exception):
    """Workers do not get done, though nothing goes wrong any more."""


class World:
    """Clients, a broker and workers; `run` lets them live, and then brings them to rest."""

    def __init__(self, seed: int, parts: Parts) -> None:
        self.rng = rng = Random(seed)
        self.diary: list[str] = []
        """What has happened, in order."""
        self.wrong: list[str] = []
        """What must not have happened, and is not to be seen at rest any more."""
        self.steps = 0
        self.partitions = rng.randint(1, 3)
        self.settings = Settings(partitions=self.partitions, run_rows=rng.choice((1, 3, 8)))
        self.broker = Broker(self.partitions, START, self.write)
        self.luck = Luck(rng, rng.choice((0, 0, 0.01, 0.03)))
        self.workers = [
            parts.worker(
                f"w{number}",
                broker=self.broker,
                settings=self.settings,
                rng=rng,
                luck=self.luck,
                parts=parts,
            )
            for number in range(rng.randint(1, 3))
        ]
        self.clients = Clients(rng, self.broker)

    # ------------------------------------------------------------------ life

    def run(self) -> None:
        """Live, come to rest, close a last window of every project, and rest again."""
        happenings = self._happenings()
        names, weights = list(happenings), [weight for weight, _ in happenings.values()]
        while self.clients.outbox:
            (name,) = self.rng.choices(names, weights)
            self.steps += 1
            happenings[name][1]()
        self.luck.share = 0
        self._rest()
        self.clients.close_all("the last")
        self._rest()

    def end(self) -> None:
        """Let nobody go on."""
        for worker in self.workers:
            if worker.is_up:
                worker.die()

    def _happenings(self) -> dict[str, tuple[float, Callable[[], None]]]:
        """Return what may happen, and how likely it is in this world."""
        misfortune = [self.rng.choice((0, 0.3, 1, 1, 3)) for _ in range(9)]
        return {
            "go on": (60, self._go_on),
            "fetch": (12, lambda: self._any_awake(methodcaller("fetch"))),
            "heartbeat": (8, lambda: self._any_awake(methodcaller("heartbeat"))),
            "commit offsets": (2, lambda: self._any_awake(self._commit_offsets)),
            "boot": (6, self._boot),
            "wake": (4, self._wake),
            "client": (8, self.clients.say),
            "clock": (3, self._clock),
            "ticker": (2, lambda: self._any_awake(methodcaller("tick"))),
            "rebalance": (1 * misfortune[0], self._rebalance),
            "crash": (1.2 * misfortune[1], self._crash),
            "freeze": (1.2 * misfortune[2], self._freeze),
            "late request": (2 * misfortune[3], self._arrive),
            "expire": (0.3 * misfortune[4], self._expire),
            "compact": (0.5 * misfortune[5], self._compact),
            "lose a disk": (1 * misfortune[6], self._lose_disk),
            "client's transaction": (1.5 * misfortune[7], self.clients.say_in_transaction),
            "jump": (0.4 * misfortune[8], self._jump),
        }

    def write(self, line: str) -> None:
        """Note what has happened."""
        self.diary.append(f"{self.steps:5} {line}")

    def _awake(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.is_up and not worker.is_frozen]

    def _any_awake(self, do: Callable[[Worker], None]) -> None:
        if awake := self._awake():
            do(self.rng.choice(awake))

    def _go_on(self) -> None:
        if awake := self._awake():
            worker = self.rng.choice(awake)
            for _ in range(self.rng.choice((1, 1, 2, 4, 8))):
                if worker.is_up:
                    self._advance(worker)

    def _advance(self, worker: Worker) -> None:
        """Let a worker run up to its next pause; it may end on purpose."""
        before = worker.at
        try:
            worker.go_on()
        except (Fenced, TransactionLost) as error:
            self.write(f"{worker.name} {before}: ends, {error}")
            worker.die()
        else:
            if (before, worker.at) != ("a run", "a run"):
                self.write(f"{worker.name} {before}: done; next is {worker.at}")

    def _commit_offsets(self, worker: Worker) -> None:
        """Let a worker tell the group how far it is: never further than what is durable."""
        worker.commit_offsets()
        for (topic, partition), position in self.broker.group.committed.items():
            if position > (applied := self.broker.applied(partition).get(topic, 0)):
                self.wrong.append(
                    f"{self.steps:5} {worker.name} commits {topic} {partition} up to {position}, "
                    f"applied is {applied}"
                )

    # ------------------------------------------------------------------ the clock

    def _clock(self) -> None:
        self.broker.now += self.rng.choice((0, 1, 1, 400, 5_000, -3))

    def _jump(self) -> None:
        self.broker.now += self.rng.choice((10_000, 60_000, 4_000_000))
        self.write(f"the clock jumps to {self.broker.now}")

    # ------------------------------------------------------------------ misfortunes

    def _rebalance(self) -> None:
        members = [worker.name for worker in self._awake()]
        if members:
            order = list(range(self.partitions))
            self.rng.shuffle(order)
            self.broker.rebalance(members, order)
            dealt = {name: sorted(own) for name, own in self.broker.group.members.items()}
            self.write(f"the group: generation {self.broker.group.generation}, {dealt}")

    def _boot(self) -> None:
        for worker in self.workers:
            if not worker.is_up:
                worker.boot()
                self.write(f"{worker.name} boots")
                self._rebalance()
                return
        if any(worker.name not in self.broker.group.members for worker in self._awake()):
            self._rebalance()

    def _crash(self) -> None:
        """Kill a process, frozen or not; a machine that loses power forgets writes, too."""
        if up := [worker for worker in self.workers if worker.is_up]:
            worker = self.rng.choice(up)
            self.write(f"{worker.name} crashes; next was {worker.at}")
            worker.die()
            if self.rng.random() < 0.5:
                self._lose_power(worker)

    def _lose_power(self, worker: Worker) -> None:
        for number, table in sorted(worker.disk.tables.items()):
            table.forget(kept=self.rng.randint(0, len(table.journal)))
            self.write(f"{worker.name} has changelog {number} up to {table.offset} on disk")

    def _lose_disk(self) -> None:
        for worker in self.workers:
            if not worker.is_up and worker.disk.tables:
                worker.disk.tables.clear()
                self.write(f"{worker.name} loses its disk")

    def _freeze(self) -> None:
        if awake := self._awake():
            worker = self.rng.choice(awake)
            worker.is_frozen = True
            self.write(f"{worker.name} freezes; next is {worker.at}")
            if self.rng.random() < 0.8:
                self._rebalance()

    def _wake(self) -> None:
        frozen = [worker for worker in self.workers if worker.is_frozen]
        if frozen:
            worker = self.rng.choice(frozen)
            worker.is_frozen = False
            self.write(f"{worker.name} wakes; next is {worker.at}")

    def _arrive(self) -> None:
        if self.broker.asked:
            transaction = self.rng.choice(self.broker.asked)
            self.broker.arrive(transaction)
            kept = "commits" if transaction.committed else "is fenced"
            self.write(f"the commit of {transaction.id} arrives: it {kept}")

    def _expire(self) -> None:
        self.write("the broker aborts what is open for too long")
        self.broker.expire()

    def _compact(self) -> None:
        for (topic, _), log in self.broker.logs.items():
            if topic == CHANGELOG:
                log.compact()

    # ------------------------------------------------------------------ rest

    def _rest(self) -> None:
        """Let nothing go wrong any more, until all that was said is done."""
        self.write("nothing goes wrong any more")
        self.clients.end_transaction(is_kept=True)
        for worker in self.workers:
            worker.is_frozen = False
        self.broker.expire()
        for _ in range(REST_STEPS):
            self.steps += 1
            for worker in self.workers:
                if not worker.is_up:
                    worker.boot()
                    self.write(f"{worker.name} boots")
            if self.broker.group.members.keys() != {worker.name for worker in self.workers}:
                self._rebalance()
            if self._is_at_rest():
                for worker in self.workers:
                    self._commit_offsets(worker)
                return
            for worker in self.workers:
                worker.heartbeat()
                worker.fetch()
                self._advance(worker)
        message = f"still at work after {REST_STEPS} steps"
        raise Restless(message)

    def _is_at_rest(self) -> bool:
        return all(worker.is_idle for worker in self.workers) and all(
            lane.position == self.broker.logs[place].end
            for worker in self.workers
            for place, lane in worker.lanes.items()
        )
