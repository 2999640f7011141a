"""Copy the inputs of a deployment to another one: another number of partitions, another Kafka.

Facts and settings are copied, and mean there what they mean here: an event without a time of its
own is given that of its arrival here, a prediction without a version likewise. Closes are not:
windows, and the leases and budgets that they took, are the past of the old deployment. Facts
commute and repeat without effect, so copying again only adds what is new.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer, ConsumerRecord

from schemas import MAX_RECORD_BYTES, Close, Topic, format_time, home
from schemas.export import RECORDS
from stream_app.connection import connected, connection
from stream_app.errors import TopicError
from stream_app.reading import reading
from stream_app.settings import Settings
from stream_app.topics import partition_count
from stream_app.topology import MAX_OUTPUT_BYTES

ORDER = (Topic.CONTROL, Topic.ANNOTATIONS, Topic.PREDICTIONS)
"""Settings first: what they know needs not be dormant."""
AT_ONCE = 1_000
"""Records under way."""


async def copy_inputs(old: Settings, new: Settings) -> AsyncGenerator[Counter[str], None]:
    """Send the inputs of ``old`` to their homes in ``new``; yield how many, by topic, so far.

    Ends at what is the end of each topic when its turn comes.
    """
    if (old.bootstrap_servers, old.topic_prefix) == (new.bootstrap_servers, new.topic_prefix):
        message = f"The topics {new.topic('...')} can't be copied to themselves."
        raise TopicError(message)
    before, now = await partition_count(old), await partition_count(new)
    copied: Counter[str] = Counter()
    producing = AIOKafkaProducer(
        **connection(new), enable_idempotence=True, linger_ms=5, max_request_size=MAX_OUTPUT_BYTES
    )
    async with connected(producing, new) as producer:
        for topic in ORDER:
            sending = []
            async with reading(old, old.topic(topic), range(before)) as records:
                async for record in records:
                    value = as_arrived(topic, record)
                    if value is not None:
                        partition = _home(record, now)
                        sending.append(
                            await producer.send(
                                new.topic(topic),
                                value,
                                key=record.key,
                                partition=partition,
                                headers=[*record.headers],  # a list, aiokafka insists
                            )
                        )
                        copied[topic] += 1
                    if len(sending) == AT_ONCE:
                        await asyncio.gather(*sending)
                        sending.clear()
                        yield copied
            await asyncio.gather(*sending)
            yield copied


def as_arrived(topic: Topic, record: "ConsumerRecord[bytes | None, bytes | None]") -> bytes | None:
    """Return what a record says, whenever it is read: None where it is a close or says nothing."""
    value: bytes | None = record.value
    try:
        body: Any = orjson.loads(value or b"")
        model = RECORDS[topic].get(body["type"])
    except (ValueError, TypeError, KeyError):  # no record of ours: it dies there as here
        return value
    if model is None:
        return value
    if issubclass(model, Close):
        return None
    arrival = {"time": format_time(record.timestamp * 1000), "version": record.timestamp}
    missing = {
        name: said
        for name, said in arrival.items()
        if name in model.model_fields and body.get(name) is None
    }
    said = orjson.dumps(body | missing) if missing else b""
    return said if missing and len(said) <= MAX_RECORD_BYTES else value


def _home(record: "ConsumerRecord[bytes | None, bytes | None]", partitions: int) -> int:
    """Return where a record belongs; one without a project's id is no better anywhere."""
    try:
        return home((record.key or b"").decode(), partitions)
    except UnicodeDecodeError:
        return 0
