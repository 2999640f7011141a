"""What the transport's tests act on: the topics of a counting application, and its workers."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import counting
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic

from stream_app.settings import Settings
from stream_app.topology import MAX_OUTPUT_BYTES, changelog
from stream_app.transport.producers import Producers

Counts = dict[bytes, dict[str, int | str]]
patience = 30.0
"""How many seconds things may take."""


async def eventually(
    condition: Callable[[], bool], what: str, seconds: float | None = None
) -> None:
    """Poll until ``condition`` holds; the only place where these tests let time pass."""
    seconds = patience if seconds is None else seconds
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.05)


class Kafka:
    """The topics of one counting application, seen from outside."""

    def __init__(
        self, settings: Settings, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer
    ) -> None:
        self.settings, self.admin, self.producer = settings, admin, producer
        self.sources = counting.sources(settings)
        self.counts = settings.topic(counting.COUNTS)
        self.changelog = changelog(settings.app_id)

    async def create_topics(self) -> None:
        output = {"max.message.bytes": str(MAX_OUTPUT_BYTES)}
        compact = output | {"cleanup.policy": "compact"}
        count = self.settings.partitions
        await self.admin.create_topics(
            [NewTopic(name, count, 1) for name in self.sources]
            + [NewTopic(self.counts, count, 1, topic_configs=output)]
            + [NewTopic(self.changelog, count, 1, topic_configs=compact)]
        )

    async def feed(self, number: int, *, keys: int = 500, first: int = 0) -> None:
        """Publish numbered records to the sources in turn."""
        for value in range(first, first + number):
            topic = self.sources[value % len(self.sources)]
            await self.producer.send(topic, b"%d" % value, key=b"key-%d" % (value * 7 % keys))
        await self.producer.flush()

    def tps(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in range(self.settings.partitions)]

    async def read(self, topic: str) -> list[ConsumerRecord]:
        """Read what is committed in ``topic``, in the order of its partitions."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.settings.bootstrap_servers,
            isolation_level="read_committed",
            auto_offset_reset="none",
            max_partition_fetch_bytes=4 << 20,
        )
        await consumer.start()
        try:
            tps = self.tps(topic)
            ends = await consumer.end_offsets(tps)
            begins = await consumer.beginning_offsets(tps)
            consumer.assign(tps)
            for tp in tps:
                consumer.seek(tp, begins[tp])
            records: list[ConsumerRecord] = []
            while any([await consumer.position(tp) < ends[tp] for tp in tps]):
                fetched = await consumer.getmany(*tps, timeout_ms=200)
                records += [record for batch in fetched.values() for record in batch]
        finally:
            await consumer.stop()
        return sorted(records, key=lambda record: (record.partition, record.offset))

    async def truth(self) -> Counts:
        """Count what the sources hold."""
        counts: Counts = defaultdict(dict)
        for topic in self.sources:
            for record in await self.read(topic):
                count = counts[record.key]
                count[topic] = int(count.get(topic, 0)) + 1
        return dict(counts)

    async def counted(self) -> Counts:
        """Return what the changelog says: the last record of each key."""
        counts: Counts = {}
        for record in await self.read(self.changelog):
            if record.key != counting.APPLIED:
                counts[record.key] = json.loads(record.value)
                del counts[record.key]["last"]
        return counts

    async def applied(self) -> dict[TopicPartition, int]:
        """Return up to where the changelog covers each source partition."""
        applied = {}
        for record in await self.read(self.changelog):
            if record.key == counting.APPLIED:
                for topic, position in json.loads(record.value).items():
                    applied[TopicPartition(topic, record.partition)] = position
        return applied

    async def ends(self) -> dict[TopicPartition, int]:
        """Return the ends of the source partitions that have records."""
        tps = [tp for topic in self.sources for tp in self.tps(topic)]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.bootstrap_servers)
        await consumer.start()
        try:
            ends: dict[TopicPartition, int] = await consumer.end_offsets(tps)
        finally:
            await consumer.stop()
        return {tp: end for tp, end in ends.items() if end}

    async def all_counted(self, *workers: "Worker") -> None:
        """Wait until the changelog covers all that the sources hold; ``workers`` must live."""
        deadline = time.monotonic() + patience
        while (applied := await self.applied()) != (ends := await self.ends()):
            assert time.monotonic() < deadline, f"not counted: {applied} of {ends}"
            for worker in workers:
                assert worker.exit_code is None, worker.log()
            await asyncio.sleep(0.1)

    async def some_counted(self) -> None:
        """Wait until something has been counted."""
        deadline = time.monotonic() + 30
        while not await self.applied():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    async def committed(self) -> dict[TopicPartition, int]:
        """Return the group's committed offsets."""
        group = self.settings.app_id
        offsets = await self.admin.list_consumer_group_offsets(group)
        return {tp: offset.offset for tp, offset in offsets.items()}

    async def members(self) -> int:
        """Return how many the group has."""
        (described,) = await self.admin.describe_consumer_groups([self.settings.app_id])
        ((_, _, _, _, _, members, *_),) = described.groups
        return len(members)

    async def rewind_group(self) -> None:
        """Commit 0 for every source partition in the name of the (empty) group."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.settings.bootstrap_servers,
            group_id=self.settings.app_id,
            enable_auto_commit=False,
        )
        await consumer.start()
        tps = [tp for topic in self.sources for tp in self.tps(topic)]
        consumer.assign(tps)
        await consumer.commit(dict.fromkeys(tps, 0))
        await consumer.stop()

    async def add_partition(self, topic: str) -> None:
        """Let ``topic`` have one partition more than the others."""
        count = self.settings.partitions + 1
        await self.admin.create_partitions({topic: NewPartitions(count)})
        deadline = time.monotonic() + 10
        while len((await self.admin.describe_topics([topic]))[0]["partitions"]) != count:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    async def assert_exact(self) -> None:
        """Compare changelog and output with the truth; nothing may be missing, or said twice."""
        truth = await self.truth()
        assert await self.counted() == truth
        said: Counts = {}
        runs: dict[int, list[bytes]] = defaultdict(list)
        for record in await self.read(self.counts):
            said[record.key] = json.loads(record.value)
            del said[record.key]["last"]
            ((name, run),) = record.headers
            assert name == "run"
            if not runs[record.partition] or runs[record.partition][-1] != run:
                runs[record.partition].append(run)
        assert said == truth
        for partition, names in runs.items():
            assert len(set(names)) == len(names), f"a run of partition {partition} was said twice"


class Owner:
    """One who owns partition 0."""

    def __init__(self, kafka: Kafka) -> None:
        self.failures: list[BaseException] = []
        self.seconds: list[float] = []
        self.producers = Producers(
            kafka.settings,
            changelog=kafka.changelog,
            max_batch_bytes=MAX_OUTPUT_BYTES,
            on_failure=self.fail,
        )
        self.producers.observe = self.seconds.append

    async def fail(self, error: BaseException) -> None:
        self.failures.append(error)


class Worker:
    """A worker process, signalled by pid."""

    def __init__(self, settings: Settings, log: Path, **environment: str) -> None:
        self._log = log
        script = Path(__file__).with_name("counting.py")
        fields = {
            f"STREAM_APP_{name.upper()}": str(value)
            for name, value in settings.model_dump().items()
            if value is not None
        }
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, str(script)],
                env=os.environ | fields | environment,
                stdout=out,
                stderr=out,
            )

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    async def stands_still(self) -> None:
        """Wait until the process is stopped (SIGSTOP)."""
        status = Path(f"/proc/{self._process.pid}/stat")
        await eventually(
            lambda: status.read_text().rpartition(")")[2].split()[0] == "T", "stopped", 20
        )

    async def says(self, text: str, *, times: int = 1, seconds: float = 30) -> None:
        """Wait for a line in the log."""

        def said() -> bool:
            assert self.exit_code is None or self.log().count(text) >= times, self.log()
            return self.log().count(text) >= times

        await eventually(said, f"{text!r} in {self._log}", seconds)

    async def ended(self, seconds: float = 20) -> int:
        """Wait for the end of the process; return its exit code."""
        await eventually(lambda: self.exit_code is not None, "the worker has ended", seconds)
        assert self.exit_code is not None
        return self.exit_code

    def close(self) -> None:
        """End the process, whatever its state."""
        self._process.kill()
        self._process.wait()


Start = Callable[..., Worker]
