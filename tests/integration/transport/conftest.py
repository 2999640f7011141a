"""Topics of a counting application, and worker processes by name."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import world
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from counting import Counting
from world import Kafka, Owner, Start, Worker

from stream_app.settings import Settings
from stream_app.transport.changelog import Changelog
from stream_app.transport.store import RocksStore


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Shorten what waits for a dead worker, as far as Kafka lets us."""
    return settings.model_copy(update={"session_timeout": 6.0, "commit_timeout": 15.0})


@pytest.fixture
async def kafka(settings: Settings) -> AsyncIterator[Kafka]:
    """Create the topics of a counting application."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, linger_ms=5, max_batch_size=1 << 18
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await admin.start()
    await producer.start()
    kafka = Kafka(settings, admin, producer)
    await kafka.create_topics()
    yield kafka
    await producer.stop()
    await admin.close()


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Iterator[Start]:
    """Start worker processes by name; a name stands for a data folder."""
    workers: list[Worker] = []

    def start(name: str = "one", **environment: str) -> Worker:
        own = settings.model_copy(update={"data_dir": tmp_path / name})
        worker = Worker(own, tmp_path / f"{len(workers)}-{name}.log", **environment)
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        worker.close()


@pytest.fixture
async def owner(kafka: Kafka) -> AsyncIterator[Owner]:
    owner = Owner(kafka)
    await owner.producers.acquire([0])
    yield owner
    await owner.producers.release()


@pytest.fixture
def store(kafka: Kafka) -> RocksStore:
    return Counting(kafka.settings).app.store


@pytest.fixture
def changelog(kafka: Kafka) -> Changelog:
    return Changelog(kafka.settings, kafka.changelog, patience=world.patience)


@pytest.fixture
async def writer(kafka: Kafka) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.settings.bootstrap_servers,
        transactional_id=f"{kafka.settings.app_id}-writer",
    )
    await producer.start()
    yield producer
    await producer.stop()
