"""Read topics without a group: what is committed, in order, up to now or for ever."""

from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from stream_app.connection import connected, connection
from stream_app.errors import TopicError
from stream_app.settings import Settings

Records = AsyncIterator["ConsumerRecord[bytes | None, bytes | None]"]
Start = Literal["begin", "end"] | int
"""Where to start reading; a number as in a slice: a position, or below 0 so many before the end."""
_FETCH_BYTES = 4 << 20


@asynccontextmanager
async def reading(
    settings: Settings,
    topic: str,
    partitions: Iterable[int],
    *,
    start: Start = "begin",
    follow: bool = False,
) -> AsyncIterator[Records]:
    """Read a topic (named in full); the place to start from is fixed once this is entered.

    Ends at what is the end then, by position: so transaction markers and aborted records are
    passed. With ``follow`` it does not end.
    """
    async with _consumer(settings) as consumer:
        places = [TopicPartition(topic, number) for number in partitions]
        await refuse_forbidden(consumer, [topic])
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        begins = await consumer.beginning_offsets(places)
        for place in places:
            consumer.seek(place, _position(start, begins[place], ends[place]))
        yield _records(consumer, None if follow else ends)


def _position(start: Start, begin: int, end: int) -> int:
    """Return the position at which to start in a log of positions [begin, end)."""
    match start:
        case "begin":
            return begin
        case "end":
            return end
        case int():
            return max(begin, start if start >= 0 else end + start)


async def first_positions(
    settings: Settings, topics: Iterable[str], partition: int
) -> dict[str, int]:
    """Return where each topic (named in full) begins in a partition: 0 unless it lost records."""
    return await _positions(settings, topics, partition, AIOKafkaConsumer.beginning_offsets)


async def last_positions(
    settings: Settings, topics: Iterable[str], partition: int
) -> dict[str, int]:
    """Return where what can be read of each topic (named in full) ends now in a partition."""
    return await _positions(settings, topics, partition, AIOKafkaConsumer.end_offsets)


async def _positions(
    settings: Settings, topics: Iterable[str], partition: int, edge: Any
) -> dict[str, int]:
    """Return an edge of a partition of each topic, as the consumer's method tells it."""
    names = list(topics)
    async with _consumer(settings) as consumer:
        await refuse_forbidden(consumer, names)
        offsets = await edge(consumer, [TopicPartition(name, partition) for name in names])
    return {place.topic: offset for place, offset in offsets.items()}


async def refuse_forbidden(consumer: AIOKafkaConsumer, topics: Collection[str]) -> None:
    """Raise where a topic is not for us: asked for its offsets, aiokafka would try for 40 s."""
    await consumer._client.set_topics(topics)
    forbidden = consumer._client.cluster.unauthorized_topics
    if forbidden:
        raise TopicError.forbidden(min(forbidden))


def _consumer(settings: Settings) -> AbstractAsyncContextManager[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        **connection(settings),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    return connected(consumer, settings)


async def _records(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int] | None) -> Records:
    while True:
        if ends is not None:
            for place in list(ends):
                if await consumer.position(place) >= ends[place]:
                    consumer.pause(place)
                    del ends[place]
            if not ends:
                return
        for place, records in (await consumer.getmany(timeout_ms=100)).items():
            for record in records:
                if ends is None or (place in ends and record.offset < ends[place]):
                    yield record
