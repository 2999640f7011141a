"""One Kafka node in KRaft mode: formatted, started, ready, stopped."""

import asyncio
import base64
import fcntl
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType, TracebackType
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream_app.broker.jars import kafka_jars
from stream_app.broker.java import find_java
from stream_app.errors import BrokerError

HOST = "127.0.0.1"
START_SECONDS = 60.0
"""It takes 2 s; a loaded machine is given time."""
STOP_SECONDS = 15.0
"""Between SIGTERM and SIGKILL."""
LOG_LINES = 20
"""Of Kafka's log, in an error."""

GUARDIAN = Path(__file__).with_name("guardian.py")
LOGGING = Path(__file__).with_name("log4j2.yaml")
# A small heap, and a compiler that starts fast: the broker shares two cores with its clients.
JAVA_OPTIONS = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

CONFIG, LOG, PID, RECORDS = "server.properties", "kafka.log", "kafka.pid", "records"
"""What is in the folder of a node, which is Kafka's working directory."""

PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    # Only the app creates topics.
    "auto.create.topics.enable": "false",
}
"""What the embedded node and the one of docker-compose.yml have in common."""


class Broker:
    """Run Kafka between ``start`` and ``stop``, or in a ``with`` block.

    With ``data_dir`` the records and the cluster's id outlive it; without, they are gone with it.
    It may be started again, at the same address. Ready means that it has answered a metadata
    request. It ends with the process that started it, however that ends. ``properties`` are added
    to those of server.properties that it is given here, and win over them.

    ``start`` blocks and runs a loop of its own: from a coroutine, call it in a thread.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        port: int | None = None,
        properties: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.data_dir = data_dir
        self.port = port or 0
        self.properties = properties
        self.pid = 0
        self._running = ExitStack()
        self._guardian: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Return its address as clients take it; known once it runs."""
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        """Start Kafka and wait until it answers, or leave nothing behind and raise."""
        java = [str(find_java()), *JAVA_OPTIONS, f"-Dlog4j2.configurationFile={LOGGING.as_uri()}"]
        java += ["-cp", f"{kafka_jars()}/*"]
        with ExitStack() as running:
            folder = self.data_dir or Path(running.enter_context(TemporaryDirectory()))
            folder.mkdir(parents=True, exist_ok=True)
            _refuse_in_use(folder)
            self.port, controller_port = _free_ports(self.port, 0)
            (folder / CONFIG).write_text(_properties(self.port, controller_port, self.properties))
            if not (folder / RECORDS).exists():
                _format(java, folder)
            guardian = running.enter_context(_guarded([*java, "kafka.Kafka", CONFIG], folder))
            _await_ready(guardian, folder, self.port)
            self.pid = int((folder / PID).read_text())
            self._guardian = guardian
            self._running = running.pop_all()

    def wait(self) -> None:
        """Wait until Kafka ends by itself; where it does not run, it has."""
        if self._guardian is not None:
            self._guardian.wait()

    def is_running(self) -> bool:
        """Say whether it has been started and has not ended since."""
        return self._guardian is not None and self._guardian.poll() is None

    def stop(self) -> None:
        """Stop Kafka where it runs, and wait until it is gone."""
        self._running.close()
        self._guardian = None
        self.pid = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _refuse_in_use(folder: Path) -> None:
    """Raise where another Kafka holds the lock of its records, before anything is written there."""
    lock = folder / RECORDS / ".lock"
    if lock.exists():
        with lock.open("r+b") as locked:
            try:
                fcntl.lockf(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                message = f"{folder} is in use by another Kafka, pid {(folder / PID).read_text()}."
                raise BrokerError(message) from error


def _free_ports(*wanted: int) -> list[int]:
    """Return ports that nothing listens on, all different; 0 asks for any.

    Kafka binds them a second later: if another program is faster, Kafka's log says so.
    """
    with ExitStack() as listening:
        ports = []
        for port in wanted:
            try:
                taken = listening.enter_context(socket.create_server((HOST, port)))
            except OSError as error:
                message = f"Kafka can't listen on {HOST}:{port}: {error.strerror}."
                raise BrokerError(message) from error
            ports.append(taken.getsockname()[1])
        return ports


def _properties(port: int, controller_port: int, more: Mapping[str, str]) -> str:
    """Return the text of server.properties; its folder is relative to the working directory."""
    listener, controller = f"PLAINTEXT://{HOST}:{port}", f"CONTROLLER://{HOST}:{controller_port}"
    placed = {
        "listeners": f"{listener},{controller}",
        "advertised.listeners": listener,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.bootstrap.servers": f"{HOST}:{controller_port}",
        "log.dirs": RECORDS,
    }
    return "".join(
        f"{name}={value}\n" for name, value in (PROPERTIES | placed | dict(more)).items()
    )


def _format(java: list[str], folder: Path) -> None:
    """Give ``folder`` a cluster id and an empty log; it has both or neither."""
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    # Written with "=", as an id may begin with a dash.
    options = ["--standalone", f"--cluster-id={cluster_id}", f"--config={CONFIG}"]
    with TemporaryDirectory(dir=folder) as scratch:
        shutil.copy(folder / CONFIG, scratch)
        done = subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", *options],
            cwd=scratch,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            message = f"Kafka could not format {folder}:\n{done.stdout}{done.stderr}"
            raise BrokerError(message)
        (Path(scratch) / RECORDS).rename(folder / RECORDS)


@contextmanager
def _guarded(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` in ``folder`` under a guardian, which ends it with this block or process."""
    guardian = [sys.executable, "-I", "-S", str(GUARDIAN), str(STOP_SECONDS)]
    with (folder / LOG).open("ab") as log, (folder / PID).open("wb") as pid:
        running = subprocess.Popen(
            [*guardian, *command],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=pid,
            stderr=log,
            # Ctrl-C is for the caller, who stops Kafka when it is done with it.
            start_new_session=True,
        )
    try:
        yield running
    finally:
        running.communicate()


def _await_ready(guardian: subprocess.Popen[bytes], folder: Path, port: int) -> None:
    """Return once the Kafka of ``folder``, and no other, answers at ``port``."""
    meta = (folder / RECORDS / "meta.properties").read_text().split()
    deadline = time.monotonic() + START_SECONDS
    while f"cluster.id={asyncio.run(_cluster_at(port))}" not in meta:
        ended = guardian.poll() is not None
        if ended or time.monotonic() > deadline:
            outcome = "ended" if ended else f"did not answer for {START_SECONDS:.0f} s"
            log = (folder / LOG).read_text(errors="replace").splitlines()[-LOG_LINES:]
            message = "\n".join([f"Kafka {outcome} in {folder}; the end of its log:", *log])
            raise BrokerError(message)
        time.sleep(0.05)


async def _cluster_at(port: int) -> str | None:
    """Return the id of the cluster that answers a metadata request at ``port``."""
    client = AIOKafkaAdminClient(bootstrap_servers=f"{HOST}:{port}", request_timeout_ms=5_000)
    try:
        # First a bare connection: the client logs each refused one as an error.
        _, writer = await asyncio.open_connection(HOST, port)
        writer.close()
        await client.start()
        cluster: dict[str, str | None] = await client.describe_cluster()
    except (OSError, KafkaError):
        return None
    finally:
        await client.close()
    return cluster["cluster_id"]
