"""Redrive: put the records of dead letters where they belong, once each.

A transaction holds the records and, as the offsets of a consumer group, how far the dead letters
have been redriven: so neither a crash nor a second redrive at the same time sends one twice. The
group is the deployment's and the reason's. A record that dies again has a new dead letter: it is
for the next redrive, after the next fix, not for the one that sent it, which would never end.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas import DeadLetter, Reason, Topic, home, parse_dead_letter, project_key
from stream_app.connection import connected, connection
from stream_app.reading import reading
from stream_app.settings import Settings
from stream_app.topics import partition_count
from stream_app.topology import MAX_OUTPUT_BYTES

REDRIVEN_FROM = "redriven-from"
"""Header of a redriven record: topic/partition/offset of the record that it repeats."""
AT_ONCE = 500
"""Records in one transaction."""
POLL_MS = 200


@dataclass(slots=True)
class Redriven:
    """What has become of dead letters so far."""

    sent: Counter[str] = field(default_factory=Counter)
    """Records, by topic."""
    died_again: int = 0
    """Of those sent, for the same reason; they are left for the next redrive."""
    homeless: int = 0
    """Their key is too long for a project's id."""
    gone: int = 0
    """Too large for a dead letter to repeat, and no longer in the source topic."""


async def redrive(
    settings: Settings,
    *,
    reason: Reason = Reason.WRONG_PARTITION,
    orphans: str | None = None,
    follow: bool = False,
) -> AsyncGenerator[Redriven, None]:
    """Send the records that died for a reason to their homes; yield what has become of them.

    ``orphans`` is the project to which records without a project's id as their key belong: to be
    said for `Reason.WRONG_KEY`, and for nothing else. Ends at what is the end when it begins; with
    ``follow`` it does not.
    """
    if (reason is Reason.WRONG_KEY) is (orphans is None):
        message = f"orphans is for {Reason.WRONG_KEY}, which needs it; not {orphans} for {reason}"
        raise ValueError(message)
    partitions = await partition_count(settings)
    group = f"{settings.app_id}-redrive-{reason}"
    arguments = connection(settings)
    producing = AIOKafkaProducer(
        **arguments, transactional_id=group, max_request_size=MAX_OUTPUT_BYTES
    )
    consuming = AIOKafkaConsumer(
        **arguments,
        group_id=group,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    # The producer first: it fences a redrive before us, whose last word is then final.
    async with (
        connected(producing, settings) as producer,
        connected(consuming, settings) as consumer,
    ):
        name = settings.topic(Topic.DEAD_LETTERS)
        places = [TopicPartition(name, number) for number in range(partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        sender = _Sender(settings, partitions, producer, orphans)
        while follow or await _is_before(consumer, ends):
            found = await consumer.getmany(timeout_ms=POLL_MS, max_records=AT_ONCE)
            if found:
                records = [record for of_one in found.values() for record in of_one]
                letters = [parse_dead_letter(r.key, r.value, r.headers) for r in records]
                behind = {place: of_one[-1].offset + 1 for place, of_one in found.items()}
                async with producer.transaction():
                    await sender.send(one for one in letters if one.reason == reason)
                    await producer.send_offsets_to_transaction(behind, group)
            yield sender.redriven


@dataclass(slots=True)
class _Sender:
    """Sends records home, and remembers where they are now."""

    settings: Settings
    partitions: int
    producer: AIOKafkaProducer
    orphans: str | None
    redriven: Redriven = field(default_factory=Redriven)
    _places: set[tuple[str, int, int]] = field(default_factory=set)

    async def send(self, letters: Iterable[DeadLetter]) -> None:
        """Send the records of dead letters; the broker has them when this returns."""
        sending = []
        for letter in letters:
            topic = self.settings.topic(letter.topic)
            if (topic, letter.partition, letter.offset) in self._places:
                self.redriven.died_again += 1
            elif (record := await self._record(letter, topic)) is None:
                self.redriven.gone += 1
            elif (project := _project(record[0]) or self.orphans) is None:
                self.redriven.homeless += 1
            else:
                place = f"{letter.topic}/{letter.partition}/{letter.offset}"
                _, value = record
                future = await self.producer.send(
                    topic,
                    value,
                    key=project_key(project),
                    partition=home(project, self.partitions),
                    headers=[(REDRIVEN_FROM, place.encode())],
                )
                sending.append(future)
                self.redriven.sent[letter.topic] += 1
        for sent in await asyncio.gather(*sending):
            self._places.add((sent.topic, sent.partition, sent.offset))

    async def _record(
        self, letter: DeadLetter, topic: str
    ) -> tuple[bytes | None, bytes | None] | None:
        """Return key and value of a dead letter's record, from the source where it must be."""
        if letter.is_whole:
            return letter.key, letter.value
        async with reading(
            self.settings, topic, [letter.partition], start=letter.offset
        ) as records:
            async for record in records:
                return (record.key, record.value) if record.offset == letter.offset else None
        return None


def _project(key: bytes | None) -> str | None:
    """Return the project whose key this is."""
    try:
        project = (key or b"").decode()
        project_key(project)
    except ValueError:
        return None
    return project


async def _is_before(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    for place, end in ends.items():
        if await consumer.position(place) < end:
            return True
    return False
