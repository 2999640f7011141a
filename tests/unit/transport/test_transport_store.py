"""The local state: what a scan finds, and where it ends."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from faust.stores.rocksdb import Store as FaustStore
from rocksdict import Options, Rdict

from stream_app.transport import store as module
from stream_app.transport.store import RocksStore


@pytest.mark.parametrize("number", [0, 1, module._AHEAD - 1, module._AHEAD, module._AHEAD + 1])
@pytest.mark.parametrize("behind", [(), (b"g",), (b"g", b"h")])
def test_a_scan_ends_where_another_prefix_begins(
    number: int, behind: tuple[bytes, ...], tmp_path: Path
) -> None:
    ours = [(b"f%05d" % one, b"") for one in range(number)]
    database = Rdict(str(tmp_path), Options(raw_mode=True))
    for key in (b"e", *(key for key, _ in ours), *behind, FaustStore.offset_key):
        database[key] = b""
    data = SimpleNamespace(_db_for_partition=lambda _partition: database)
    store = RocksStore(SimpleNamespace(data=data))
    assert list(store.scan(0, b"f")) == ours
    others = [(key, b"") for key in (b"e", *behind)]
    assert list(store.scan(0, b"")) == sorted(ours + others)
    assert list(store.scan(0, b"i")) == []


def test_of_several_values_of_a_key_the_last_stays(tmp_path: Path) -> None:
    database = Rdict(str(tmp_path), Options(raw_mode=True))
    data = SimpleNamespace(_db_for_partition=lambda _partition: database)
    store = RocksStore(SimpleNamespace(data=data))
    records = [(b"b", b"9"), (b"c", b"1"), (b"a", b"8"), (b"b", b"1"), (b"c", None), (b"a", b"2")]
    store.restore(0, records, 6)
    assert store.get_many(0, [b"a", b"b", b"c"]) == [b"2", b"1", None]
    assert store.offset(0) == 6
