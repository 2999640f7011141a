"""Several Kafka nodes that replicate each other, one JVM each."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from stream_app.broker.quorum import seats
from stream_app.broker.running import Running
from stream_app.broker.server import Broker, free_ports

HEAP = "256m"
"""Of a node: three of them fit where one is usual."""


class Cluster(Running):
    """Run Kafka nodes between ``start`` and ``stop``, or in a ``with`` block.

    What is written is replicated to all of them (three at most), and acknowledged once all but one
    have it: so any one may be stopped (``stop``, ``kill``) and started again, at its address, with
    its records. When the cluster stops they are gone.

    ``start`` blocks and runs loops of its own: from a coroutine, call it in a thread.
    """

    def __init__(
        self, nodes: int = 3, properties: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.nodes = nodes
        self.properties = properties
        self.brokers: tuple[Broker, ...] = ()
        """Its nodes, in the order of their ids, which begin at 1; known once it runs."""
        self._running = ExitStack()

    @property
    def bootstrap_servers(self) -> str:
        """Return the addresses of all nodes, whether they run or not."""
        return ",".join(broker.bootstrap_servers for broker in self.brokers)

    def start(self) -> None:
        """Start all nodes and wait until each answers, or leave nothing behind and raise."""
        with ExitStack() as running:
            folder = Path(running.enter_context(TemporaryDirectory()))
            ports = free_ports(*[0] * (2 * self.nodes))
            self.brokers = tuple(
                Broker(
                    folder / str(seat.node),
                    port,
                    replication(self.nodes) | dict(self.properties),
                    seat=seat,
                    heap=HEAP,
                )
                for port, seat in zip(ports[self.nodes :], seats(ports[: self.nodes]), strict=True)
            )
            running.callback(_at_once, (broker.kill for broker in self.brokers))
            # None is ready before most are there.
            _at_once(broker.start for broker in self.brokers)
            self._running = running.pop_all()

    def stop(self) -> None:
        """End all nodes; nobody needs their records any more."""
        self._running.close()


def replication(nodes: int) -> dict[str, str]:
    """Return the properties by which a cluster bears the loss of a node."""
    replicas, in_sync = str(min(nodes, 3)), str(max(1, min(nodes, 3) - 1))
    return {
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
    }


def _at_once(steps: Iterable[Callable[[], None]]) -> None:
    """Take all steps beside each other, to their ends; raise what the first of them raises."""
    with ThreadPoolExecutor() as threads:
        taken = [threads.submit(step) for step in steps]
    for one in taken:
        one.result()
