"""The local state reaches the end of the changelog, and only what was committed gets in."""

from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer
from world import Kafka

from stream_app.transport.changelog import Changelog
from stream_app.transport.errors import RecoveryStalled, StateAhead
from stream_app.transport.store import RocksStore


async def write(producer: AIOKafkaProducer, kafka: Kafka, *values: bytes) -> None:
    for number, value in enumerate(values):
        await producer.send(kafka.changelog, value, key=b"%d" % number, partition=0)
    await producer.flush()


async def test_recovery_ends_behind_a_marker_and_leaves_an_aborted_tail_out(
    kafka: Kafka, store: RocksStore, changelog: Changelog, writer: AIOKafkaProducer
) -> None:
    async with writer.transaction():
        await write(writer, kafka, b"one", b"two")
    await writer.begin_transaction()
    await write(writer, kafka, b"aborted")
    await writer.abort_transaction()

    assert await changelog.restore(store, [0, 1]) == 2

    assert list(store.scan(0, b"")) == [(b"0", b"one"), (b"1", b"two")]
    assert store.offset(0) == 4  # two records, a marker, an aborted record, a marker
    assert store.offset(1) is None


async def test_recovery_goes_on_where_the_local_state_ends(
    kafka: Kafka, store: RocksStore, changelog: Changelog, writer: AIOKafkaProducer
) -> None:
    async with writer.transaction():
        await write(writer, kafka, b"one", b"two")
    store.write(0, [(b"0", b"local")], 0)

    assert await changelog.restore(store, [0]) == 1
    assert await changelog.restore(store, [0]) == 0

    assert store.get_many(0, [b"0", b"1", b"2"]) == [b"local", b"two", None]


async def test_a_local_state_ahead_of_the_changelog_is_refused(
    kafka: Kafka, store: RocksStore, changelog: Changelog
) -> None:
    store.write(0, [(b"key", b"value")], 0)

    with pytest.raises(StateAhead, match=r"ends at 0.*offset 0"):
        await changelog.restore(store, [0])


async def test_recovery_waits_for_an_open_transaction_and_says_so_when_it_gives_up(
    kafka: Kafka, store: RocksStore, changelog: Changelog, writer: AIOKafkaProducer
) -> None:
    async with writer.transaction():
        await write(writer, kafka, b"one", b"two")
    await writer.begin_transaction()
    await write(writer, kafka, b"three")

    with pytest.raises(RecoveryStalled, match=r"stands at 3 of 4.*transaction is open from 3"):
        await replace(changelog, patience=0.5).restore(store, [0])
    await writer.abort_transaction()

    await changelog.restore(store, [0])
    assert store.get_many(0, [b"0"]) == [b"one"]
