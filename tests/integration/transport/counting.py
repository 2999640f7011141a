"""A tiny application on the transport: per key, how many records of which topic, and the last one.

Run as a script it is a worker process; the tests signal it by pid. Its environment can make it
freeze (SIGSTOP) or die (SIGKILL) at a given point, to have it there and not near it.
"""

import asyncio
import itertools
import json
import logging
import os
import signal

from aiokafka import AIOKafkaProducer

from stream_app.ports import Message, Run
from stream_app.settings import Settings
from stream_app.transport import Positions, RunApp, producers, run_worker

SOURCES = ("red", "blue")
COUNTS = "counts"
APPLIED = b"applied"


def sources(settings: Settings) -> tuple[str, ...]:
    return tuple(settings.topic(name) for name in SOURCES)


class Counting:
    """Counts by key in the store and says each new count, its positions in the same transaction."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.app = RunApp(
            settings=settings,
            sources=sources(settings),
            table="facts",
            on_assigned=self.on_assigned,
            on_run=self.on_run,
            on_revoked=self.on_revoked,
        )
        self.applied: dict[int, dict[str, int]] = {}
        self.runs: list[Run] = []

    async def on_assigned(self, partitions: frozenset[int]) -> Positions:
        for partition in partitions:
            (raw,) = self.app.store.get_many(partition, [APPLIED])
            self.applied[partition] = json.loads(raw) if raw else {}
        return {
            (topic, partition): self.applied[partition].get(topic, 0)
            for topic in self.app.sources
            for partition in partitions
        }

    async def on_revoked(self, partitions: frozenset[int]) -> None:
        for partition in partitions:
            self.applied.pop(partition, None)

    async def on_run(self, run: Run) -> None:
        assert self.applied[run.partition].get(run.topic, 0) == run.begin
        self.runs.append(run)
        keys = sorted({record.key or b"" for record in run.records})
        known = self.app.store.get_many(run.partition, keys)
        counts = {key: json.loads(raw) if raw else {} for key, raw in zip(keys, known, strict=True)}
        for record in run.records:
            count = counts[record.key or b""]
            count[run.topic] = count.get(run.topic, 0) + 1
            count["last"] = (record.value or b"").decode()
        self.applied[run.partition][run.topic] = run.end
        changes = [(key, json.dumps(count).encode()) for key, count in counts.items()]
        changes.append((APPLIED, json.dumps(self.applied[run.partition]).encode()))
        where = (("run", f"{run.topic}@{run.begin}".encode()),)
        said = [Message(key, value, where) for key, value in changes[:-1]]
        interrupt("AT_RUN", len(self.runs))
        if os.environ.get("RAISE_AT_RUN") == str(len(self.runs)):
            raise LookupError(run.topic)
        offset = await self.app.transaction.commit(
            run.partition, changes, {self.settings.topic(COUNTS): said}
        )
        interrupt("AT_COMMIT", len(self.runs))
        self.app.store.write(run.partition, changes, offset)
        await asyncio.sleep(float(os.environ.get("SLOW", "0")))


class InterruptedProducer(AIOKafkaProducer):
    """A producer that can be interrupted between what it has sent and its commit."""

    commits = itertools.count(1)

    async def commit_transaction(self) -> None:
        interrupt("AT_SENT", next(self.commits))
        await super().commit_transaction()


def interrupt(point: str, count: int) -> None:
    """Send ourselves SIGNAL at the point and count that the environment names."""
    if os.environ.get(point) == str(count):
        os.kill(os.getpid(), signal.Signals[os.environ["SIGNAL"]])


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel("WARNING")
    producers.AIOKafkaProducer = InterruptedProducer
    run_worker(Counting(Settings()).app)
