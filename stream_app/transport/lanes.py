"""What is known of one source partition between the broker and the agent."""

import time
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
    """One source partition since its last seek; committed <= acked <= taken <= fetched.

    Fetches are merged until the agent takes what there is as one run, so runs are long when the
    agent is slow and short when it is fast. All positions are the consumer's own.
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
    idle_since: float = field(default_factory=time.monotonic)
    """Since when what is acked is committed, or the last commit."""
    waiting_since: float | None = None
    """Since when the oldest of ``records`` waits for the agent."""

    @classmethod
    def at(cls, topic: str, partition: int, position: int) -> "Lane":
        """Begin at a position that is durable: the application has said so."""
        return cls(topic, partition, position, position, position)

    def extend(self, fetch: Fetch) -> None:
        """Append a fetch to what waits; it must begin where the last one ended."""
        if fetch.begin != self.fetched:
            message = (
                f"{self.topic}[{self.partition}]: a fetch begins at {fetch.begin}, "
                f"but the last one ended at {self.fetched}"
            )
            raise RunLost(message)
        self.fetched = fetch.end
        if fetch.records:
            if self.waiting_since is None:
                self.waiting_since = time.monotonic()
            self.records.extend(fetch.records)
            self.size += sum(
                len(record.key or b"") + len(record.value or b"") for record in fetch.records
            )

    def take(self) -> Run:
        """Hand all that waits to the agent, as one run."""
        run = Run(self.topic, self.partition, self.taken, self.fetched, self.records)
        self.taken, self.records, self.size = self.fetched, [], 0
        self.announced, self.waiting_since = False, None
        return run

    def ack(self) -> None:
        """Note that the run which was taken is durable."""
        if self.acked <= self.committed:
            self.idle_since = time.monotonic()
        self.acked = self.taken

    def commit(self, position: int) -> None:
        """Note that the group knows ``position``."""
        self.committed, self.idle_since = position, time.monotonic()

    @property
    def position(self) -> int:
        """Return the position before which nothing is left to do."""
        return self.acked if self.records or self.acked < self.taken else self.fetched
