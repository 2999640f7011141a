"""The step's ports: a disk that forgets its last writes, producers that are fenced or refused."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from sim_broker import CHANGELOG, Entry, Fenced, Transaction
from sim_loop import pause

from stream_app.ports import Change, Message, Messages
from stream_app.transport.errors import TransactionLost

if TYPE_CHECKING:
    from sim_worker import Worker

UNSYNCED = 4
"""Writes that a machine may forget when it loses power."""

Write = tuple[Sequence[Change], int]


@dataclass
class Table:
    """One partition's RocksDB: its rows, the changelog offset that covers them, the last writes."""

    rows: dict[bytes, bytes] = field(default_factory=dict)
    offset: int | None = None
    base: tuple[dict[bytes, bytes], int | None] = field(default_factory=lambda: ({}, None))
    journal: list[Write] = field(default_factory=list)

    def write(self, changes: Sequence[Change], offset: int) -> None:
        """Write changes with their offset, atomically."""
        self.rows.update(changes)
        self.offset = offset
        self.journal.append((changes, offset))
        if len(self.journal) > UNSYNCED:
            self._settle(self.journal.pop(0))

    def forget(self, kept: int) -> None:
        """Lose power: only some of the last writes are there afterwards."""
        journal, self.journal = self.journal[:kept], []
        for write in journal:
            self._settle(write)
        self.rows, self.offset = dict(self.base[0]), self.base[1]

    def _settle(self, write: Write) -> None:
        rows, _ = self.base
        rows.update(write[0])
        self.base = rows, write[1]


@dataclass
class Disk:
    """The Store port: a worker's data folder, which outlives its process."""

    tables: dict[int, Table] = field(default_factory=dict)

    def table(self, partition: int) -> Table:
        """Return a partition's table, empty where it has never been here."""
        return self.tables.setdefault(partition, Table())

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """Look up ``keys``, in order."""
        rows = self.table(partition).rows
        return [rows.get(key) for key in keys]

    def scan(self, partition: int, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over keys that start with ``prefix``, in key order."""
        rows = self.table(partition).rows
        return iter(sorted((key, raw) for key, raw in rows.items() if key.startswith(prefix)))

    def write(self, partition: int, changes: Sequence[Change], offset: int) -> None:
        """Write ``changes`` and the changelog ``offset`` that covers them, atomically."""
        self.table(partition).write(list(changes), offset)

    def restore(self, partition: int, entries: Iterable[Entry], offset: int) -> None:
        """Write records of the changelog up to ``offset``."""
        changes = [(entry.key or b"", entry.value or b"") for entry in entries]
        self.table(partition).write(changes, offset)


@dataclass
class Luck:
    """How often the broker refuses a batch, and how often its answer to a commit gets lost."""

    rng: Random
    share: float

    def is_bad(self) -> bool:
        """Say whether this goes wrong."""
        return self.share > 0 and self.rng.random() < self.share


class Producers:
    """The Transaction port: one transactional producer an owned partition."""

    def __init__(self, worker: "Worker") -> None:
        self.worker, self.broker, self._luck = worker, worker.broker, worker.luck
        self.epochs: dict[int, int] = {}
        self._failure: Exception | None = None

    async def acquire(self, partitions: Iterable[int]) -> None:
        """Fence the former owners."""
        self.epochs = {}
        for partition in sorted(partitions):
            await pause(f"acquire producer {partition}")
            self.epochs[partition] = self.broker.acquire(self.worker.transactional_id(partition))

    async def commit(self, partition: int, changes: Sequence[Change], messages: Messages) -> int:
        """Say ``changes`` and ``messages`` in one transaction, or end the worker."""
        if self._failure is not None:
            raise self._failure
        try:
            return await self._commit(partition, changes, messages)
        except (Fenced, TransactionLost) as error:
            self._failure = error
            raise

    async def _commit(self, partition: int, changes: Sequence[Change], messages: Messages) -> int:
        if partition not in self.epochs:
            message = f"partition {partition} is not ours"
            raise TransactionLost(message)
        if not changes:
            message = f"partition {partition}: a transaction without a change has no offset"
            raise ValueError(message)
        transaction = self.broker.begin(
            self.worker.transactional_id(partition), self.epochs[partition]
        )
        said = [Message(key, value) for key, value in changes]
        offset = await self._send(transaction, CHANGELOG, partition, said)
        for topic, some in messages.items():
            await self._send(transaction, topic, partition, [Message(*one) for one in some])
        self.broker.ask(transaction)
        await pause("the commit arrives")
        self.broker.arrive(transaction)
        await pause("the commit's outcome")
        if not transaction.committed:
            message = f"{transaction.id} was fenced or aborted"
            raise Fenced(message)
        if self._luck.is_bad():
            message = "the outcome of a transaction is not known"
            raise TransactionLost(message)
        return offset

    async def _send(
        self, transaction: Transaction, topic: str, partition: int, messages: Sequence[Message]
    ) -> int:
        await pause(f"send {len(messages)} to {topic}")
        if self._luck.is_bad():
            return self.refused(topic)
        return self.append(transaction, topic, partition, messages)

    def append(
        self, transaction: Transaction, topic: str, partition: int, messages: Sequence[Message]
    ) -> int:
        """Append to a log, in the transaction; return the last offset."""
        offset = -1
        for message in messages:
            offset = self.broker.append(topic, partition, message, transaction)
        return offset

    def refused(self, topic: str) -> int:
        """Take a batch that the broker has refused for the end."""
        message = f"{topic}: a batch was refused"
        raise TransactionLost(message)
