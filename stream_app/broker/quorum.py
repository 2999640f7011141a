"""The quorum that decides about a cluster's metadata, as each of its nodes is told."""

import base64
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Seat:
    """A node's place in the quorum of its cluster; what the nodes are told differs in ``node``."""

    node: int
    cluster_id: str
    controllers: tuple[tuple[int, str], ...]
    """Of the nodes 1, 2, ...: the controller's port and the id of its log's folder."""

    @property
    def controller_port(self) -> int:
        """Return where this node's controller listens."""
        return self.controllers[self.node - 1][0]

    def properties(self) -> dict[str, str]:
        """Return what a node is told at each start."""
        servers = [f"{HOST}:{port}" for port, _ in self.controllers]
        return {
            "node.id": str(self.node),
            "controller.quorum.bootstrap.servers": ",".join(servers),
        }

    def format_options(self) -> list[str]:
        """Return what a node is told once, when its folder is formatted."""
        voters = [
            f"{number}@{HOST}:{port}:{directory}"
            for number, (port, directory) in enumerate(self.controllers, 1)
        ]
        # Written with "=", as an id may begin with a dash.
        return [f"--cluster-id={self.cluster_id}", f"--initial-controllers={','.join(voters)}"]


def seats(controller_ports: Iterable[int]) -> tuple[Seat, ...]:
    """Return the seats of a new cluster with a controller at each port."""
    cluster_id = _new_id()
    controllers = tuple((port, _new_id()) for port in controller_ports)
    return tuple(Seat(node, cluster_id, controllers) for node in range(1, len(controllers) + 1))


def _new_id() -> str:
    """Return a random id as Kafka writes them."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
