"""One Kafka node in KRaft mode: formatted, started, ready, stopped."""

import asyncio
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream_app.broker.jars import kafka_jars
from stream_app.broker.java import find_java
from stream_app.broker.quorum import HOST, Seat, seats
from stream_app.broker.running import Running
from stream_app.errors import BrokerError

PLAINTEXT = "PLAINTEXT"
"""The listener that is always there: for the nodes themselves, and for whoever asks them."""
START_SECONDS = 60.0
"""It takes 2 s; a loaded machine is given time."""
STOP_SECONDS = 15.0
"""Between SIGTERM and SIGKILL."""
LOG_LINES = 20
"""Of Kafka's log, in an error."""

GUARDIAN = Path(__file__).with_name("guardian.py")
LOGGING = Path(__file__).with_name("log4j2.yaml")
# A small heap, and a compiler that starts fast: the broker shares two cores with its clients.
JAVA_OPTIONS = ("-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

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


class Broker(Running):
    """Run Kafka between ``start`` and ``stop``, or in a ``with`` block.

    With ``data_dir`` the records and the cluster's id outlive it; without, they are gone with it.
    It may be started again, at the same address. Ready means that it has answered a metadata
    request. It ends with the process that started it, however that ends. ``properties`` are added
    to those of server.properties that it is given here, and win over them.

    Beside PLAINTEXT it listens to ``listeners`` (protocols by their Kafka names; their keys and
    mechanisms are properties); ``users`` are SCRAM's, with their passwords. With a ``seat`` it is a
    node of a `Cluster`. ``heap`` is Java's, at most.

    ``start`` blocks and runs a loop of its own: from a coroutine, call it in a thread.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        port: int | None = None,
        properties: Mapping[str, str] = MappingProxyType({}),
        *,
        listeners: Sequence[str] = (),
        users: Mapping[str, str] = MappingProxyType({}),
        seat: Seat | None = None,
        heap: str = "512m",
    ) -> None:
        self.data_dir = data_dir
        self.properties = properties
        self.pid = 0
        self._ports = {PLAINTEXT: port or 0} | dict.fromkeys(listeners, 0)
        self._users = users
        self._seat = seat
        self._heap = heap
        self._running = ExitStack()
        self._guardian: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """Return the port of its plain listener; known once it runs."""
        return self._ports[PLAINTEXT]

    @property
    def bootstrap_servers(self) -> str:
        """Return its address as clients take it; known once it runs."""
        return self.address(PLAINTEXT)

    def address(self, protocol: str) -> str:
        """Return where it listens to a protocol; known once it runs."""
        return f"{HOST}:{self._ports[protocol]}"

    def start(self) -> None:
        """Start Kafka and wait until it answers, or leave nothing behind and raise."""
        java = [str(find_java()), *JAVA_OPTIONS, f"-Xmx{self._heap}"]
        java += [f"-Dlog4j2.configurationFile={LOGGING.as_uri()}", "-cp", f"{kafka_jars()}/*"]
        with ExitStack() as running:
            folder = self.data_dir or Path(running.enter_context(TemporaryDirectory()))
            folder.mkdir(parents=True, exist_ok=True)
            _refuse_in_use(folder)
            controller_port = self._seat.controller_port if self._seat else 0
            *ports, controller_port = free_ports(*self._ports.values(), controller_port)
            self._ports = dict(zip(self._ports, ports, strict=True))
            seat = self._seat or seats([controller_port])[0]
            (folder / CONFIG).write_text(_properties(self._ports, seat, self.properties))
            if not (folder / RECORDS).exists():
                _format(java, folder, [*seat.format_options(), *_scram(self._users)])
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

    def kill(self) -> None:
        """End Kafka where it runs as a power cut would (but for the disk), and wait."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
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


def free_ports(*wanted: int) -> list[int]:
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


def _properties(ports: Mapping[str, int], seat: Seat, more: Mapping[str, str]) -> str:
    """Return the text of server.properties; its folder is relative to the working directory."""
    listeners = [f"{protocol}://{HOST}:{port}" for protocol, port in ports.items()]
    placed = {
        "listeners": ",".join([*listeners, f"CONTROLLER://{HOST}:{seat.controller_port}"]),
        "advertised.listeners": ",".join(listeners),
        "listener.security.protocol.map": ",".join(
            ["CONTROLLER:PLAINTEXT", *(f"{protocol}:{protocol}" for protocol in ports)]
        ),
        "log.dirs": RECORDS,
    }
    said = PROPERTIES | seat.properties() | placed | dict(more)
    return "".join(f"{name}={value}\n" for name, value in said.items())


def _scram(users: Mapping[str, str]) -> list[str]:
    """Return the options that make users known to SCRAM from the first start on."""
    return [
        f"--add-scram={mechanism}=[name={name},password={password}]"
        for name, password in users.items()
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
    ]


def _format(java: list[str], folder: Path, options: Sequence[str]) -> None:
    """Give ``folder`` a cluster id and an empty log; it has both or neither."""
    with TemporaryDirectory(dir=folder) as scratch:
        shutil.copy(folder / CONFIG, scratch)
        done = subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", f"--config={CONFIG}", *options],
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
