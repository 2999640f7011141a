"""The local state: a Faust table's RocksDB, one database a partition, read and written raw.

Bytes in, bytes out. Each write carries the changelog offset that covers it in the same batch, so
what is on disk always is one state of the changelog.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any

from faust.stores.rocksdb import Store as FaustStore
from rocksdict import WriteBatch

from stream_app.ports import Change

OPTIONS = {
    # Faust's default is 2 GiB a table and partition.
    "block_cache_size": 32 << 20,
    "write_buffer_size": 16 << 20,
    "bloom_filter_size": 10,
}

_AHEAD = 256
"""Pairs that a scan reads together. Only where they end does it look whether they still are what
is asked for: a bound of RocksDB's own would do, but rocksdict frees it while it is in use."""


class RocksStore:
    """The Store port on the RocksDB of a Faust table."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def _db(self, partition: int) -> Any:
        return self._table.data._db_for_partition(partition)

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """Look up ``keys``, in order."""
        values: list[bytes | None] = self._db(partition).get(list(keys)) if keys else []
        return values

    def scan(self, partition: int, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over keys that start with ``prefix``, in key order, as of now.

        Exhaust or drop it before the partition is revoked: it holds the database open.
        """
        pairs: Iterator[tuple[bytes, bytes]] = self._db(partition).items(from_key=prefix or None)
        while some := list(islice(pairs, _AHEAD)):
            is_last = not some[-1][0].startswith(prefix)
            if is_last or FaustStore.offset_key.startswith(prefix):
                some = [one for one in some if _is_ours(one[0], prefix)]
            yield from some
            if is_last:
                return

    def write(self, partition: int, changes: Sequence[Change], offset: int) -> None:
        """Write ``changes`` and the changelog ``offset`` that covers them, atomically."""
        self.restore(partition, changes, offset)

    def restore(
        self, partition: int, records: Iterable[tuple[bytes, bytes | None]], offset: int
    ) -> None:
        """Write records of the changelog up to ``offset``; a tombstone deletes its key.

        In the order of their keys, of which RocksDB then finds the place in half the time. The
        last record of a key still is the last.
        """
        batch = WriteBatch(raw_mode=True)
        for key, value in sorted(records, key=itemgetter(0)):
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(FaustStore.offset_key, str(offset).encode())
        self._db(partition).write(batch)

    def offset(self, partition: int) -> int | None:
        """Return the changelog offset that the local state has reached."""
        offset = self._db(partition).get(FaustStore.offset_key)
        return None if offset is None else int(offset)


def _is_ours(key: bytes, prefix: bytes) -> bool:
    return key.startswith(prefix) and key != FaustStore.offset_key
