"""Three nodes as one: what is acknowledged is on two of them, and any one may be lost."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas import Topic
from stream_app.broker import Broker, Cluster
from stream_app.reading import reading
from stream_app.settings import Settings
from stream_app.topics import ensure_topics, planned_topics

QUICK = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}
"""A node that is gone is noticed after three seconds, not nine."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster(properties=QUICK) as cluster:
        yield cluster


async def in_sync(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, str]:
    """Return how many replicas of each topic must have a record before it is acknowledged."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
    return {
        name: value
        for answer in await admin.describe_configs(resources)
        for _code, _reason, _type, name, entries in answer.resources
        for config, value, *_ in entries
        if config == "min.insync.replicas"
    }


async def leader(cluster: Cluster, topic: str) -> Broker:
    """Return the node that leads partition 0 of a topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap_servers)
    await admin.start()
    try:
        ((described,),) = [one["partitions"] for one in await admin.describe_topics([topic])]
    finally:
        await admin.close()
    return cluster.brokers[described["leader"] - 1]


async def test_transactions_go_on_when_the_leader_is_killed_and_all_is_read_when_one_is_stopped(
    cluster: Cluster, tmp_path: Path
) -> None:
    settings = Settings(
        bootstrap_servers=cluster.bootstrap_servers,
        replication_factor=3,
        partitions=1,
        data_dir=tmp_path,
    )
    await ensure_topics(settings)
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, transactional_id="one"
    )
    said = [b"before", b"while it is killed", b"without it", b"after its return"]
    async with producer:

        async def say(value: bytes) -> None:
            await producer.send_and_wait(Topic.WINDOWS, value, partition=0)

        async with producer.transaction():
            await say(said[0])
        lost = await leader(cluster, Topic.WINDOWS)
        async with producer.transaction():
            await say(said[1])
            await asyncio.to_thread(lost.kill)
        async with producer.transaction():
            await say(said[2])
        assert await leader(cluster, Topic.WINDOWS) is not lost
        await asyncio.to_thread(lost.start)
        async with producer.transaction():
            await say(said[3])
    last = await leader(cluster, Topic.WINDOWS)
    await asyncio.to_thread(last.stop)
    async with reading(settings, Topic.WINDOWS, [0]) as records:
        assert [record.value async for record in records] == said
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await admin.start()
    try:
        topics = [*planned_topics(settings), "__transaction_state"]
        assert await in_sync(admin, topics) == dict.fromkeys(topics, "2")
    finally:
        await admin.close()
