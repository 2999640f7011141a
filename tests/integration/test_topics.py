import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas import Topic
from stream_app.errors import BrokerError, TopicError
from stream_app.settings import Settings
from stream_app.topics import ensure_topics, partition_count, planned_topics


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def create(
    settings: Settings, topic: str, partitions: int, config: Mapping[str, str]
) -> None:
    async with admin_client(settings) as admin:
        new = NewTopic(settings.topic(topic), partitions, 1, topic_configs=dict(config))
        answer = await admin.create_topics([new])
    assert [code for _, code, _ in answer.topic_errors] == [0]
    async with asyncio.timeout(10):
        while settings.topic(topic) not in await topics_of(settings):
            pass  # each look is a request, and takes its time


async def topics_of(settings: Settings) -> dict[str, tuple[int, dict[str, str]]]:
    """Return partition count and configs of each of the deployment's topics on the broker."""
    async with admin_client(settings) as admin:
        described = await admin.describe_topics()
        counts = {
            topic["topic"]: len(topic["partitions"])
            for topic in described
            if topic["topic"].startswith(settings.app_id)
        }
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in counts]
        answers = await admin.describe_configs(resources) if resources else []
    return {
        name: (counts[name], {config: value for config, value, *_ in entries})
        for answer in answers
        for _, _, _, name, entries in answer.resources
    }


async def test_a_broker_that_has_not_heard_of_a_new_topic_is_asked_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several nodes, one may answer that does not know yet what another has made."""
    describe, asked = AIOKafkaAdminClient.describe_configs, 0

    async def once_of_others(
        self: AIOKafkaAdminClient, resources: list[ConfigResource]
    ) -> list[object]:
        nonlocal asked
        asked += 1
        if asked > 1:
            return await describe(self, resources)
        others = [ConfigResource(one.resource_type, f"{one.name}-unheard") for one in resources]
        answers = await describe(self, others)
        for answer in answers:
            answer.resources = [
                (code, why, kind, name.removesuffix("-unheard"), entries)
                for code, why, kind, name, entries in answer.resources
            ]
        return answers

    monkeypatch.setattr(AIOKafkaAdminClient, "describe_configs", once_of_others)
    await ensure_topics(settings)
    assert asked == 2


async def test_every_topic_of_the_map_is_created_as_planned(settings: Settings) -> None:
    await ensure_topics(settings)

    found = await topics_of(settings)
    assert found.keys() == planned_topics(settings).keys()
    for name, plan in planned_topics(settings).items():
        count, config = found[name]
        assert count == settings.partitions
        assert plan.config.items() <= config.items()


async def test_topics_carry_the_prefix_and_the_changelog_the_name_that_faust_gives_it(
    settings: Settings,
) -> None:
    names = planned_topics(settings).keys()
    assert settings.topic_prefix + "windows.v1" in names
    assert f"{settings.app_id}-facts-changelog" in names


async def test_a_second_call_changes_nothing(settings: Settings) -> None:
    await ensure_topics(settings)
    before = await topics_of(settings)
    await ensure_topics(settings)
    assert await topics_of(settings) == before


async def test_workers_that_start_at_once_agree(settings: Settings) -> None:
    await asyncio.gather(*(ensure_topics(settings) for _ in range(4)))
    assert (await topics_of(settings)).keys() == planned_topics(settings).keys()


async def test_another_partition_count_is_refused_by_name_and_nothing_is_created(
    settings: Settings,
) -> None:
    await create(settings, Topic.WINDOWS, settings.partitions + 1, {})

    refusal = f"{settings.topic(Topic.WINDOWS)} has {settings.partitions + 1} partitions, not "
    with pytest.raises(TopicError, match=refusal):
        await ensure_topics(settings)
    assert (await topics_of(settings)).keys() == {settings.topic(Topic.WINDOWS)}


@pytest.mark.parametrize(
    ("topic", "config", "value"),
    [
        (Topic.ANNOTATIONS, "message.timestamp.type", "CreateTime"),
        (Topic.CONTROL, "retention.ms", "604800000"),
        (Topic.WINDOWS, "retention.bytes", "1000000"),
        (Topic.ITEM_SCORES, "cleanup.policy", "delete"),
    ],
)
async def test_a_topic_that_breaks_a_guarantee_is_refused(
    settings: Settings, topic: Topic, config: str, value: str
) -> None:
    planned = planned_topics(settings)[settings.topic(topic)].config
    await create(settings, topic, settings.partitions, planned | {config: value})

    with pytest.raises(TopicError, match=f"{settings.topic(topic)} has {config}={value}"):
        await ensure_topics(settings)


async def test_how_long_dead_letters_are_kept_is_the_operators_choice(settings: Settings) -> None:
    await create(settings, Topic.DEAD_LETTERS, settings.partitions, {"retention.ms": "1000000"})
    await ensure_topics(settings)


async def test_a_topic_that_the_broker_refuses_is_named_with_the_reason(settings: Settings) -> None:
    too_many_replicas = settings.model_copy(update={"replication_factor": 2})
    with pytest.raises(TopicError, match=r"could not be created: .*replication factor of 2"):
        await ensure_topics(too_many_replicas)


async def test_a_client_learns_the_partition_count_from_the_broker(settings: Settings) -> None:
    await ensure_topics(settings)
    other_default = settings.model_copy(update={"partitions": settings.partitions + 5})
    assert await partition_count(other_default) == settings.partitions


async def test_a_client_of_a_deployment_without_topics_is_told_to_create_them(
    settings: Settings,
) -> None:
    with pytest.raises(TopicError, match=r"no topic .*control\.v1: create the topics"):
        await partition_count(settings)


async def test_no_kafka_at_the_address_is_an_error_that_names_it() -> None:
    with pytest.raises(BrokerError, match=r"Kafka at 127\.0\.0\.1:1 does not answer: "):
        await ensure_topics(Settings(bootstrap_servers="127.0.0.1:1"))
