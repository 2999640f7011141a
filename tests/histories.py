"""Random histories of a partition: what arrives, what the worker is given of it, what it says."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from authors import PROJECTS, START, Author
from memory_ports import Sent, Stage

from schemas import Event, Topic, project_key
from stream_app.audit.history import History
from stream_app.audit.replay import Log
from stream_app.topology import SOURCES


@dataclass(frozen=True)
class Arrival:
    """A record arrives, some milliseconds after the last one."""

    topic: Topic
    key: bytes | None
    value: bytes | None
    after: int = 0


@dataclass(frozen=True)
class Delivery:
    """The worker is given the next records of a topic, in one run."""

    topic: Topic
    number: int


@dataclass(frozen=True)
class Restart:
    """The worker starts again, from its table."""


Happening = Arrival | Delivery | Restart


@dataclass
class Partition:
    """One partition's topics, and the worker's core at work on them."""

    stage: Stage = field(default_factory=lambda: Stage(now=START))
    arrived: dict[Topic, list[Sent]] = field(
        default_factory=lambda: {topic: [] for topic in SOURCES}
    )

    async def live(self, happenings: Iterable[Happening]) -> None:
        """Let things happen; at last the worker is given all that has arrived."""
        for happening in happenings:
            match happening:
                case Arrival(topic, key, value, after):
                    self.stage.now += after
                    log = self.arrived[topic]
                    log.append(Sent(len(log), self.stage.now, key, value))
                case Delivery(topic, number):
                    await self._deliver(topic, number)
                case Restart():
                    self.stage.restart()
        for topic in SOURCES:
            await self._deliver(topic, len(self.arrived[topic]))

    async def _deliver(self, topic: Topic, number: int) -> None:
        begin = self.stage.ends[topic]
        records = self.arrived[topic][begin : begin + number]
        if records:
            await self.stage.step.take(self.stage.run(topic, records))

    def history(self, project: str) -> History:
        """Read what the topics hold of a project."""
        logs: dict[str, Log] = {topic: Log(project) for topic in Topic}
        for topic, log in self.arrived.items():
            for record in log:
                logs[topic].add(record)
        for topic, message in self.stage.memory.said:
            log = logs[topic]
            log.add(Sent(log.end, self.stage.now, message.key, message.value))
        return History(project, self.stage.settings.partitions, logs)


def arrival(topic: Topic, project: str, event: Event, after: int = 0) -> Arrival:
    return Arrival(topic, project_key(project), event.to_bytes(), after)


class Historian(Author):
    """Makes up a history."""

    def history(self, length: int) -> list[Happening]:
        """Return what happens to two projects; the worker is mostly behind what has arrived."""
        kinds = [self.arrival, self.delivery, self.nonsense, Restart]
        happenings: list[Happening] = [
            arrival(Topic.CONTROL, project, self.settings()) for project in PROJECTS
        ]
        happenings += [kind() for kind in self.rng.choices(kinds, (80, 15, 2, 3), k=length)]
        return happenings

    def arrival(self) -> Arrival:
        topic = self.rng.choice(SOURCES)
        after = self.rng.choice((0, 0, 0, 1, 5000))
        return arrival(topic, self.rng.choice(PROJECTS), self.event(topic), after)

    def delivery(self) -> Delivery:
        return Delivery(self.rng.choice(SOURCES), self.rng.randint(1, 8))

    def nonsense(self) -> Arrival:
        value = self.rng.choice((b"", b"{}", b"[", b'{"type": "close", "schema_version": 1}'))
        key = self.rng.choice((b"", b"birds", b"\xff"))
        return Arrival(self.rng.choice(SOURCES), key, value)


def smallest(history: list[Happening], fails: Callable[[list[Happening]], bool]) -> list[Happening]:
    """Leave out what a history that ``fails`` does not need for it."""
    for size in (32, 8, 1):
        at = 0
        while at < len(history):
            less = history[:at] + history[at + size :]
            if fails(less):
                history = less
            else:
                at += size
    return history
