"""The three ports in memory, and builders of runs: the step without Kafka, Faust or RocksDB."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from schemas import Event, Topic, home, project_key
from stream_app.ports import Change, Message, Messages, Run
from stream_app.settings import Settings
from stream_app.step import Step
from stream_app.telemetry import Telemetry


@dataclass(frozen=True)
class Sent:
    """A record as it is delivered."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass
class Memory:
    """A transaction port that keeps what was said, and a store that is a dict."""

    said: list[tuple[str, Message]] = field(default_factory=list)
    transactions: int = 0
    table: dict[bytes, bytes] = field(default_factory=dict)
    offset: int = -1

    async def commit(self, partition: int, changes: Sequence[Change], messages: Messages) -> int:
        self.transactions += 1
        self.said += [(topic, Message(*one)) for topic, some in messages.items() for one in some]
        return self.offset + len(changes)

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.table.get(key) for key in keys]

    def scan(self, partition: int, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted((k, v) for k, v in self.table.items() if k.startswith(prefix)))

    def write(self, partition: int, changes: Sequence[Change], offset: int) -> None:
        self.table.update(changes)
        self.offset = offset


class Stage:
    """One partition driven by hand: publish events, then look at what was said."""

    def __init__(
        self, *, now: int = 1_800_000_000_000, number: int = 0, partitions: int = 1
    ) -> None:
        self.memory = Memory()
        self.settings = Settings(partitions=partitions)
        self.number = number
        self.now = now
        self.ends = dict.fromkeys(Topic, 0)
        self.restart()

    def restart(self) -> None:
        """Forget all memory and build it again from the table."""
        self.step = Step(self.settings, self.memory, self.memory, Telemetry())
        self.step.partitions = self.step.load(frozenset({self.number}))

    def run(self, topic: Topic, records: Iterable[Sent]) -> Run:
        """Make a run of records; positions go on where the topic's last run ended."""
        records = list(records)
        begin = self.ends[topic]
        self.ends[topic] = begin + len(records)
        return Run(topic, self.number, begin, self.ends[topic], records)

    async def publish(
        self, topic: Topic, project: str, *events: Event
    ) -> list[tuple[str, Message]]:
        """Let events arrive now, in one run; return what is said because of them."""
        return await self.publish_all(topic, [(project, event) for event in events])

    async def publish_all(
        self, topic: Topic, events: Sequence[tuple[str, Event]]
    ) -> list[tuple[str, Message]]:
        """Let events of projects arrive now, in one run; return what is said because of them."""
        for project, _ in events:
            assert home(project, self.settings.partitions) == self.number
        before, begin = len(self.memory.said), self.ends[topic]
        run = self.run(
            topic,
            [
                Sent(begin + at, self.now, project_key(project), event.to_bytes())
                for at, (project, event) in enumerate(events)
            ],
        )
        await self.step.take(run)
        return self.memory.said[before:]
