"""Everything of a transaction or nothing, and only from who owns the partition."""

import pytest
from aiokafka.producer.sender import AddPartitionsToTxnHandler
from world import Kafka, Owner

from stream_app.ports import Message
from stream_app.topology import MAX_OUTPUT_BYTES
from stream_app.transport.errors import TransactionLost


async def test_a_transaction_says_all_in_order_with_headers_and_returns_the_last_offset(
    kafka: Kafka, owner: Owner
) -> None:
    changes = [(b"%d" % number, b"x" * 1_000) for number in range(5_000)]
    letter = Message(b"key", b"\xff", (("reason", b"not_json"), ("offset", b"7")))

    first = await owner.producers.commit(0, changes[:1], {})
    last = await owner.producers.commit(0, changes, {kafka.counts: [letter, Message(b"k", None)]})

    logged = await kafka.read(kafka.changelog)
    assert [(record.key, record.value) for record in logged] == changes[:1] + changes
    assert [first, last] == [0, logged[-1].offset]
    said = await kafka.read(kafka.counts)
    assert [(record.key, record.value, record.headers) for record in said] == [
        (b"key", b"\xff", letter.headers),
        (b"k", None, ()),
    ]
    assert len(owner.seconds) == 2


async def test_a_record_of_almost_two_mebibytes_passes(kafka: Kafka, owner: Owner) -> None:
    value = b"x" * (MAX_OUTPUT_BYTES - 1_000)

    await owner.producers.commit(0, [(b"key", b"1")], {kafka.counts: [Message(b"key", value)] * 2})

    assert [record.value for record in await kafka.read(kafka.counts)] == [value, value]


async def test_a_record_that_is_too_large_fails_before_anything_is_said(
    kafka: Kafka, owner: Owner
) -> None:
    too_large = Message(b"key", b"x" * MAX_OUTPUT_BYTES)

    with pytest.raises(TransactionLost, match=r"2097\d+ bytes exceeds 2097152") as raised:
        await owner.producers.commit(0, [(b"key", b"1")], {kafka.counts: [too_large]})

    assert owner.failures == [raised.value]
    assert await kafka.read(kafka.changelog) == []


async def test_one_refused_batch_takes_the_whole_transaction_with_it(
    kafka: Kafka, owner: Owner
) -> None:
    (source, _) = kafka.sources  # takes 1 MiB, the broker's own default
    refused = Message(b"key", b"x" * (MAX_OUTPUT_BYTES - 1_000))

    with pytest.raises(TransactionLost):
        await owner.producers.commit(0, [(b"key", b"1")], {source: [refused]})
    await owner.producers.acquire([0])

    assert await kafka.read(kafka.changelog) == []


async def test_who_lost_the_partition_can_say_nothing_more(kafka: Kafka, owner: Owner) -> None:
    await owner.producers.commit(0, [(b"key", b"before")], {})
    successor = Owner(kafka)
    await successor.producers.acquire([0])
    await successor.producers.commit(0, [(b"key", b"after")], {})

    with pytest.raises(TransactionLost):
        await owner.producers.commit(0, [(b"key", b"stale")], {})
    await successor.producers.release()

    values = [record.value for record in await kafka.read(kafka.changelog)]
    assert values == [b"before", b"after"]
    assert len(owner.failures) == 1


async def test_nothing_is_committed_after_a_failure(kafka: Kafka, owner: Owner) -> None:
    with pytest.raises(TransactionLost):
        await owner.producers.commit(1, [(b"key", b"of a partition that is not ours")], {})
    with pytest.raises(TransactionLost):
        await owner.producers.commit(0, [(b"key", b"1")], {})

    assert await kafka.read(kafka.changelog) == []


async def test_transactions_in_a_row_wait_two_milliseconds_for_markers(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    answered = AddPartitionsToTxnHandler.handle_response

    def noting(self: AddPartitionsToTxnHandler, response: object) -> float | None:
        wait: float | None = answered(self, response)
        if wait is not None:
            waits.append(wait)
        return wait

    monkeypatch.setattr(AddPartitionsToTxnHandler, "handle_response", noting)
    while not waits:
        await owner.producers.commit(0, [(b"key", b"1")], {})

    assert waits == [0.002] * len(waits)
