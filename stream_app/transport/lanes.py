"""What is known of one source partition between the broker and the agent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas import SourceRecord
from stream_app.ports import Run
from stream_app.transport.errors import RunLost


class Fetch(NamedTuple):
    """What one fetch took from a partition: positions [begin, end), and the records in it.

    ``records`` may be empty: transaction markers and aborted records move the position, too.
    """

    begin: int
    end: int
    records: Sequence[SourceRecord]


@dataclass(slots=True)
class Lane:
    """One source partition since its last seek: acked <= taken <= fetched, committed <= acked.

    Fetches are merged until the agent takes what there is as one run, so runs are long when the
    agent is slow and short when it is fast. All positions are the consumer's own; ``now`` is a
    monotonic clock's, in seconds.
    """

    topic: str
    partition: int
    fetched: int
    """Where the next fetch must begin."""
    taken: int
    """Where the next run begins: the agent has all that precedes it."""
    acked: int
    """All that precedes it is durable."""
    committed: int = 0
    """What the group knows; only lag monitors read it."""
    records: list[SourceRecord] = field(default_factory=list)
    size: int = 0
    """Bytes of keys and values in ``records``."""
    announced: bool = False
    """A message in the agent's queue says that there is something to take."""
    waiting_since: float = 0.0
    """Since when the oldest of ``records`` waits for the agent."""
    behind_since: float = 0.0
    """Since when the group has been told nothing, though there was something to tell."""

    @classmethod
    def at(cls, topic: str, partition: int, position: int, *, now: float) -> "Lane":
        """Begin at a position that is durable: the application has said so."""
        return cls(topic, partition, position, position, position, behind_since=now)

    @property
    def name(self) -> str:
        """Return how people write it."""
        return f"{self.topic}[{self.partition}]"

    def extend(self, fetch: Fetch, *, now: float) -> None:
        """Append a fetch to what waits; it must begin where the last one ended."""
        if fetch.begin != self.fetched:
            message = (
                f"{self.name}: a fetch begins at {fetch.begin}, "
                f"but the last one ended at {self.fetched}"
            )
            raise RunLost(message)
        self.fetched = fetch.end
        if not self.records:
            self.waiting_since = now
        self.records.extend(fetch.records)
        self.size += sum(
            len(record.key or b"") + len(record.value or b"") for record in fetch.records
        )

    def take(self) -> Run:
        """Hand all that waits to the agent, as one run."""
        run = Run(self.topic, self.partition, self.taken, self.fetched, self.records)
        self.taken, self.records, self.size, self.announced = self.fetched, [], 0, False
        return run

    def ack(self, *, now: float) -> None:
        """Note that the run which was taken is durable."""
        if self.acked <= self.committed:
            self.behind_since = now
        self.acked = self.taken

    def commit(self, position: int, *, now: float) -> None:
        """Note that the group knows ``position``."""
        self.committed, self.behind_since = position, now

    @property
    def position(self) -> int:
        """Return the position before which nothing is left to do."""
        return self.acked if self.records or self.acked < self.taken else self.fetched

    def stuck(self, seconds: float, *, now: float, idle_since: float | None) -> str | None:
        """Say what has stood still here for more than ``seconds``.

        ``idle_since`` is since when the agent has had no run, None while it has one.
        """
        if self.acked > self.committed and now - self.behind_since > seconds:
            return f"{self.name}: {self.acked} is durable, but the group knows {self.committed}"
        if self.records and idle_since is not None:
            since = max(self.waiting_since, idle_since)
            if now - since > seconds:
                return f"{self.name}: {len(self.records)} records wait, and nobody takes them"
        return None
