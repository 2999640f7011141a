"""Kafka, as far as exactness depends on it: logs, transactions, fencing, a group.

- A log's offsets are never reused: a transaction leaves a marker where it ends, and aborted
  records stay. A read-committed reader stops before the first open transaction and passes both.
- A transactional id has an epoch. Whoever acquires it ends what its former holder has open, and
  nothing that holder still says is accepted.
- The end of a transaction is asked for by a request, which may arrive when its sender is no more.
- The group's generation says who owns what; a worker knows it late, or not at all.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import orjson
from records_verdict import CHANGELOG

from schemas import Topic
from stream_app.facts import APPLIED
from stream_app.ports import Headers, Message
from stream_app.topology import SOURCES

Place = tuple[str, int]
"""A topic, and a partition of it."""


class Fenced(Exception):
    """The epoch of a transactional id is another one by now."""


@dataclass(eq=False, slots=True)
class Transaction:
    """Records that become visible together, or never."""

    id: str
    epoch: int
    open: bool = True
    committed: bool = False
    ended: int = 0
    """How many transactions had ended when this one had."""
    logs: list["Log"] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    """A place in a log: a record, or the marker that ends a transaction."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    transaction: Transaction | None = None
    is_marker: bool = False
    is_compacted: bool = False
    """Whether a later record of its key has replaced it: nobody can read it any more."""

    @property
    def is_committed(self) -> bool:
        """Say whether it is a record that counts."""
        if self.is_marker:
            return False
        return self.transaction is None or self.transaction.committed

    @property
    def visible_since(self) -> int:
        """Return how many transactions had ended when it was to be read."""
        return self.transaction.ended if self.transaction else 0


@dataclass(slots=True)
class Log:
    """One partition of a topic."""

    entries: list[Entry] = field(default_factory=list)
    open: dict[Transaction, int] = field(default_factory=dict)
    """Where each open transaction begins."""

    @property
    def end(self) -> int:
        """Return the next offset."""
        return len(self.entries)

    @property
    def stable(self) -> int:
        """Return the offset before which all transactions have ended."""
        return min(self.open.values(), default=self.end)

    def committed(self) -> Iterator[Entry]:
        """Iterate over the records that were ever committed, compacted ones included."""
        return (entry for entry in self.entries if entry.is_committed)

    def read(self, position: int, limit: int) -> tuple[list[Entry], int]:
        """Return committed records from ``position`` on, and the position behind them."""
        records: list[Entry] = []
        stable = self.stable
        while position < stable and len(records) < limit:
            entry = self.entries[position]
            position += 1
            if entry.is_committed and not entry.is_compacted:
                records.append(entry)
        return records, position

    def compact(self) -> None:
        """Let only the last record of each key be read, among those that are stable."""
        seen: set[bytes | None] = set()
        for entry in reversed(self.entries[: self.stable]):
            if entry.is_committed:
                entry.is_compacted |= entry.key in seen
                seen.add(entry.key)


@dataclass(slots=True)
class Group:
    """The consumer group: who owns which partitions in the current generation."""

    generation: int = 0
    members: dict[str, frozenset[int]] = field(default_factory=dict)
    committed: dict[Place, int] = field(default_factory=dict)
    """Positions, by source topic and partition."""


class Broker:
    """All logs, the epochs of transactional ids, the clock, and the group."""

    def __init__(self, partitions: int, now: int, write: Callable[[str], None]) -> None:
        self.partitions = partitions
        self.now = now
        self._write = write
        self.group = Group()
        topics = (*Topic, CHANGELOG)
        self.logs = {(topic, at): Log() for topic in topics for at in range(partitions)}
        self.asked: list[Transaction] = []
        """Requests to commit that have been sent and have not arrived."""
        self._epochs: dict[str, int] = {}
        self._open: dict[str, Transaction] = {}
        self._ended = 0

    def append(
        self, topic: str, partition: int, message: Message, transaction: Transaction | None = None
    ) -> int:
        """Append a record, in an open transaction or alone; return its offset."""
        log = self.logs[topic, partition]
        if transaction is not None:
            self._check(transaction)
            if transaction not in log.open:
                log.open[transaction] = log.end
                transaction.logs.append(log)
        log.entries.append(
            Entry(log.end, self.now, message.key, message.value, message.headers, transaction)
        )
        return log.end - 1

    def publish(
        self, who: str, place: Place, message: Message, transaction: Transaction | None = None
    ) -> None:
        """Append what ``who`` says to a source topic, and write it in the diary."""
        topic, partition = place
        offset = self.append(topic, partition, message, transaction)
        within = " in a transaction" if transaction else ""
        said = f"{message.key!r} {message.value!r}"
        self._write(f"{who}{within}: {topic} {partition} @{offset} {said}")

    def acquire(self, transactional_id: str) -> int:
        """Make the caller the only one who can speak under an id; return the epoch."""
        if transactional_id in self._open:
            self._end(self._open[transactional_id], committed=False)
        self._epochs[transactional_id] = self._epochs.get(transactional_id, 0) + 1
        return self._epochs[transactional_id]

    def begin(self, transactional_id: str, epoch: int) -> Transaction:
        """Begin a transaction; whether it is fenced shows when something is said in it."""
        return Transaction(transactional_id, epoch)

    def ask(self, transaction: Transaction) -> None:
        """Send the request that a transaction be committed; it arrives by `arrive`."""
        self.asked.append(transaction)

    def arrive(self, transaction: Transaction) -> None:
        """Let a request to commit arrive, if it has not before."""
        if transaction in self.asked:
            self.asked.remove(transaction)
            if transaction.open and self._epochs[transaction.id] == transaction.epoch:
                self._end(transaction, committed=True)

    def abort(self, transaction: Transaction) -> None:
        """End a transaction of the caller's without its records."""
        self._check(transaction)
        self._end(transaction, committed=False)

    def expire(self) -> None:
        """Abort all that is open for too long: its holder is fenced."""
        for transaction in list(self._open.values()):
            self.acquire(transaction.id)

    def rebalance(self, members: Iterable[str], order: list[int]) -> None:
        """Deal the partitions out anew, in an ``order``, to whoever is a member now."""
        names = list(members)
        self.group.generation += 1
        self.group.members = {
            name: frozenset(order[at :: len(names)]) for at, name in enumerate(names)
        }

    def commit(self, generation: int, positions: dict[Place, int]) -> None:
        """Note positions for lag monitors, of members of the current generation only."""
        if generation == self.group.generation:
            self.group.committed |= positions

    def applied(self, partition: int) -> dict[str, int]:
        """Return the position of each source topic before which all is durable."""
        for entry in reversed(self.logs[CHANGELOG, partition].entries):
            if entry.is_committed and entry.key == APPLIED:
                positions: dict[str, int] = orjson.loads(entry.value or b"")[2]
                return positions
        return {}

    def ends(self, partition: int) -> dict[str, int]:
        """Return the ends of the source topics in a partition."""
        return {topic: self.logs[topic, partition].end for topic in SOURCES}

    def _check(self, transaction: Transaction) -> None:
        if not transaction.open or self._epochs[transaction.id] != transaction.epoch:
            message = f"{transaction.id} is at epoch {self._epochs[transaction.id]}"
            raise Fenced(message)
        self._open[transaction.id] = transaction

    def _end(self, transaction: Transaction, *, committed: bool) -> None:
        self._ended += 1
        transaction.open, transaction.committed, transaction.ended = False, committed, self._ended
        self._open.pop(transaction.id, None)
        for log in transaction.logs:
            del log.open[transaction]
            log.entries.append(
                Entry(log.end, self.now, None, None, transaction=transaction, is_marker=True)
            )
