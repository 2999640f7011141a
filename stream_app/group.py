"""Who works on a deployment, and what waits for them, as Kafka's consumer group says."""

from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from stream_app.connection import connected, connection
from stream_app.reading import refuse_forbidden
from stream_app.settings import Settings
from stream_app.topology import SOURCES


@dataclass(frozen=True, slots=True)
class Attendance:
    """How many workers there are, and how many records wait for them."""

    app_id: str
    workers: int
    waiting: int

    def __str__(self) -> str:
        """Say it in a sentence."""
        if not self.workers:
            return f"No worker of {self.app_id!r} is running; records waiting: {self.waiting:,}."
        return f"Workers of {self.app_id!r}: {self.workers}; records waiting: {self.waiting:,}."


async def attendance(settings: Settings, partitions: Iterable[int]) -> Attendance:
    """Ask who is at work now, and what waits in these partitions."""
    places = [
        TopicPartition(settings.topic(topic), number) for topic in SOURCES for number in partitions
    ]
    arguments = connection(settings)
    async with (
        connected(AIOKafkaAdminClient(**arguments), settings) as admin,
        connected(AIOKafkaConsumer(**arguments), settings) as consumer,
    ):
        await refuse_forbidden(consumer, {place.topic for place in places})
        ends = await consumer.end_offsets(places)
        try:
            described = await admin.describe_consumer_groups([settings.app_id])
            committed = await admin.list_consumer_group_offsets(settings.app_id, partitions=places)
        except GroupCoordinatorNotAvailableError:
            described, committed = [], {}  # a Kafka that has never had any group
    groups = [group for answer in described for group in answer.to_object()["groups"]]
    done = {place: max(0, committed[place].offset) for place in committed}
    return Attendance(
        settings.app_id,
        workers=sum(len(group["members"]) for group in groups),
        waiting=sum(max(0, end - done.get(place, 0)) for place, end in ends.items()),
    )
