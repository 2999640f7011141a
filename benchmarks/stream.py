"""Events a second end to end through Kafka: ``python -m benchmarks.stream [--quick]``.

One event a record, one partition, all of it waiting when the worker starts. Ours: from the moment
that the partition is taken over until a budget-0 close behind the last event is answered, so all
of it is decoded, folded, scored and durable (facts, scores, trust, positions in transactions).
Beside it, in the same run on the same broker, Faust apps as its documentation writes them: one
that keeps the same labels in a table, one that does nothing at all.
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
import time
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from schemas import Annotation, Close, ProjectSettings, Topic, Window, project_key
from stream_app.broker import Broker
from stream_app.client import Client
from stream_app.settings import Settings
from stream_app.topics import ensure_topics

PROJECT = "animals"
CLASSES = tuple("abcde")


def labels(number: int) -> list[bytes]:
    """Draw labels of 37 annotators on 20,000 items."""
    rng = random.Random(0)
    return [
        Annotation(
            item=f"item-{rng.randrange(20_000)}",
            annotator=f"annotator-{rng.randrange(37)}",
            label=rng.choice(CLASSES),
        ).to_bytes()
        for _ in range(number)
    ]


async def feed(servers: str, topic: str, values: list[bytes]) -> None:
    """Write records as fast as the broker takes them."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, linger_ms=20, max_batch_size=1 << 18)
    await producer.start()
    for value in values:
        await producer.send(topic, value, key=project_key(PROJECT), partition=0)
    await producer.stop()


async def ours(servers: str, folder: Path, values: list[bytes]) -> float:
    """Return the seconds that a worker takes for all of it."""
    name = f"ours-{uuid.uuid4().hex[:8]}"
    settings = Settings(
        bootstrap_servers=servers,
        app_id=name,
        topic_prefix=f"{name}.",
        partitions=1,
        data_dir=folder / name,
        web_port=0,
    )
    await ensure_topics(settings)
    async with Client(settings) as client:
        project = ProjectSettings(classes=CLASSES, models=("m",), budget=0)
        await client.publish(Topic.CONTROL, PROJECT, [project])
        await feed(servers, settings.topic(Topic.ANNOTATIONS), values)
        async with client.listen(Topic.WINDOWS, PROJECT, start="end", follow=True) as windows:
            close = Close(cause="request", request_id="end", budget=0)
            await client.publish(Topic.ANNOTATIONS, PROJECT, [close])
            worker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "stream_app.cli", "worker"),
                env={**os.environ, **settings.environment()},
                stderr=asyncio.subprocess.PIPE,
            )
            assert worker.stderr is not None
            try:
                while b"event='assigned'" not in (line := await worker.stderr.readline()):
                    assert line, "the worker has ended"
                began = time.perf_counter()
                async for spoken in windows:
                    if isinstance(spoken.said, Window):
                        return time.perf_counter() - began
            finally:
                worker.terminate()
                await worker.communicate()
    raise AssertionError


async def plain(kind: str, servers: str, folder: Path, values: list[bytes]) -> float:
    """Return the seconds that a Faust app of ``benchmarks.plain_faust`` takes for all of it."""
    topic = f"plain-{kind}-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    await feed(servers, topic, values)
    command = [sys.executable, "-m", "benchmarks.plain_faust", kind, servers, topic]
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, str(len(values)), str(folder / topic)],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("SECONDS")]
    return float(line.split()[1])


async def rates_of(servers: str, folder: Path, number: int, fewer: int) -> dict[str, float]:
    """Measure all three, ours with ``number`` events and the baselines with ``fewer``."""
    values = labels(number)
    return {
        "ours": number / await ours(servers, folder, values),
        "faust table": fewer / await plain("table", servers, folder, values[:fewer]),
        "faust nothing": fewer / await plain("nothing", servers, folder, values[:fewer]),
    }


def measure(number: int, fewer: int) -> None:
    """Print the rates and the ratios."""
    with TemporaryDirectory() as folder, Broker() as broker:
        rates = asyncio.run(rates_of(broker.bootstrap_servers, Path(folder), number, fewer))
    for name, rate in rates.items():
        print(f"{name:<15}{rate:>12,.0f} events/s")
    ratios = [rates["ours"] / rates[name] for name in ("faust table", "faust nothing")]
    print(f"against a Faust app that does nothing: {ratios[1]:.1f} (floor 3, target 6)")
    print(f"ratio: {ratios[0]:.1f} (floor 12, target 30)")


def main(arguments: list[str] | None = None) -> None:
    """Measure, with fewer events for ``--quick``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer events, under 50 s")
    quick = parser.parse_args(arguments).quick
    measure(*((50_000, 5_000) if quick else (300_000, 30_000)))


if __name__ == "__main__":
    main()
