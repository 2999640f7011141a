"""Make the cluster agree with the map: create what is missing, refuse what differs."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from schemas import Topic
from stream_app.connection import connected, connection
from stream_app.errors import BrokerError, TopicError
from stream_app.settings import Settings
from stream_app.topology import TopicPlan, changelog, plans

CREATE_SECONDS = 30.0
GUARANTEES = ("cleanup.policy", "retention.ms", "retention.bytes", "message.timestamp.type")
"""Configs that decide whether a record is kept and whose time it has."""
REPLICAS_TO_LOSE_ONE = 3
"""From that many on, what is acknowledged is on two nodes at least, and one may be away."""


async def ensure_topics(settings: Settings) -> None:
    """Create the topics that are missing, and raise where one breaks what the app guarantees.

    Changes no topic that exists: calling it again, or from two workers at once, changes nothing.
    Once it returns the brokers know every topic.
    """
    planned = planned_topics(settings)
    missing = set(planned)
    async with _admin(settings) as admin:
        try:
            async with asyncio.timeout(CREATE_SECONDS):
                while missing := (
                    planned.keys() - await _agreeing(admin, planned, settings)
                    or await _refuse_other_configs(admin, planned)
                ):
                    await _create(admin, {name: planned[name] for name in missing}, settings)
                    # Brokers learn of a topic after its creation, one after the other.
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            message = f"Still missing after {CREATE_SECONDS:.0f} s: topics {sorted(missing)}."
            raise TopicError(message) from error


async def ensure_deployment(settings: Settings) -> None:
    """Create the topics where a deployment is new; where it is not, it knows its own partitions."""
    name = settings.topic(Topic.CONTROL)
    async with _admin(settings) as admin:
        is_new = name not in await _partition_counts(admin, [name])
    if is_new:
        await ensure_topics(settings)


async def partition_count(settings: Settings) -> int:
    """Return how many partitions the deployment has, as its control topic says."""
    name = settings.topic(Topic.CONTROL)
    async with _admin(settings) as admin:
        counts = await _partition_counts(admin, [name])
    if name not in counts:
        message = f"There is no topic {name}: create the topics of this deployment first."
        raise TopicError(message)
    return counts[name]


def planned_topics(settings: Settings) -> dict[str, TopicPlan]:
    """Return the plan of each topic by its full name; Faust names the changelog, unprefixed."""
    table = changelog(settings.app_id)
    return {
        plan.topic if plan.topic == table else settings.topic(plan.topic): plan
        for plan in plans(settings.app_id)
    }


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """Connect to the cluster for a few questions."""
    try:
        async with connected(AIOKafkaAdminClient(**connection(settings)), settings) as admin:
            yield admin
    except KafkaError as error:
        message = f"Kafka at {settings.bootstrap_servers} does not answer: {error}."
        raise BrokerError(message) from error


async def _agreeing(
    admin: AIOKafkaAdminClient, planned: Iterable[str], settings: Settings
) -> set[str]:
    """Return the topics that exist; raise if one of them has another number of partitions."""
    counts = await _partition_counts(admin, planned)
    for name, count in sorted(counts.items()):
        if count != settings.partitions:
            message = (
                f"Topic {name} has {count} partitions, not {settings.partitions}: "
                "the number is the same for all topics of a deployment, for life."
            )
            raise TopicError(message)
    return set(counts)


async def _partition_counts(admin: AIOKafkaAdminClient, topics: Iterable[str]) -> dict[str, int]:
    """Return the number of partitions of those ``topics`` that exist."""
    described = await admin.describe_topics(list(topics))
    for one in described:
        if one["error_code"] == TopicAuthorizationFailedError.errno:
            raise TopicError.forbidden(one["topic"])
    return {t["topic"]: len(t["partitions"]) for t in described if t["error_code"] == 0}


async def _create(
    admin: AIOKafkaAdminClient, missing: Mapping[str, TopicPlan], settings: Settings
) -> None:
    """Ask for the ``missing`` topics; that another worker was faster is fine."""
    replicas = settings.replication_factor
    in_sync = {"min.insync.replicas": "2"} if replicas >= REPLICAS_TO_LOSE_ONE else {}
    new = [
        NewTopic(name, settings.partitions, replicas, topic_configs=plan.config | in_sync)
        for name, plan in missing.items()
    ]
    for name, code, reason in (await admin.create_topics(new)).topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            message = f"Topic {name} could not be created: {_why(code, reason)}"
            raise TopicError(message)


async def _refuse_other_configs(
    admin: AIOKafkaAdminClient, planned: Mapping[str, TopicPlan]
) -> set[str]:
    """Raise if a topic keeps less than planned, or lets producers say what time it is.

    Returns the topics of which the broker that has answered has not heard yet.
    """
    unknown = set()
    # How long dead letters are kept is the operator's choice.
    kept = [name for name, plan in planned.items() if plan.cleanup != "days"]
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in kept]
    for answer in await admin.describe_configs(resources):
        for code, reason, _type, name, entries in answer.resources:
            if code == UnknownTopicOrPartitionError.errno:
                unknown.add(name)
                continue
            if code:
                message = f"How {name} keeps records can't be read: {_why(code, reason)}"
                raise TopicError(message)
            found = {config: value for config, value, *_ in entries}
            for config in GUARANTEES:
                wanted = planned[name].config.get(config)
                if wanted is not None and found.get(config) != wanted:
                    message = (
                        f"Topic {name} has {config}={found.get(config)}, "
                        f"but the app's guarantees need {wanted}."
                    )
                    raise TopicError(message)
    return unknown


def _why(code: int, reason: str | None) -> str:
    """Return what a broker says of its refusal."""
    return reason or for_code(code).__name__
