"""What the step needs from the outside world: three ports, and what passes through them.

The transport implements them on Faust, aiokafka and RocksDB; the simulation implements them with
fakes that crash on purpose. Nothing here knows Kafka's client or Faust.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from schemas import SourceRecord

Headers = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Run:
    """What was delivered of one source partition: positions [begin, end) and the records in it.

    Positions are the consumer's, so they pass transaction markers and aborted records; a run
    begins where the last one of its partition ended, or the transport stops the worker.
    """

    topic: str
    partition: int
    begin: int
    end: int
    records: Sequence[SourceRecord]


class Message(NamedTuple):
    """A record to be produced; ``value`` None is a tombstone."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()


Record = tuple[bytes | None, bytes | None, Headers]
"""A `Message`, or one as plain as a run makes them by the ten thousand."""
Messages = Mapping[str, Sequence[Record]]
"""Records to be produced, by topic."""

Change = tuple[bytes, bytes]
"""A key of the facts table and its new value."""


class Transaction(Protocol):
    """Say things for one partition, all or nothing."""

    async def commit(self, partition: int, changes: Sequence[Change], messages: Messages) -> int:
        """Append ``changes`` to the changelog and ``messages`` (by topic) in one transaction.

        Returns the changelog offset of the last change. Keeps the order within a topic. Any
        failure, and any outcome that is not known, ends the worker: this never returns then.
        """
        ...


class Store(Protocol):
    """The facts table of the partitions that this worker owns."""

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """Look up ``keys``, in order."""
        ...

    def scan(self, partition: int, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over keys that start with ``prefix``, in key order."""
        ...

    def write(self, partition: int, changes: Sequence[Change], offset: int) -> None:
        """Write ``changes`` and the changelog ``offset`` that covers them, atomically."""
        ...
