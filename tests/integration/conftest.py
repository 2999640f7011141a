"""One deployment for all tests of the flow: two workers, four partitions, projects by test."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest
from workers import Deployment, WorkerProcess

from stream_app.broker import Broker
from stream_app.client import Client
from stream_app.settings import Settings


@pytest.fixture(scope="session")
def deployment(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    with ExitStack() as running:
        taken = running.enter_context(socket.create_server(("127.0.0.1", 0)))
        settings = Settings(
            bootstrap_servers=broker.bootstrap_servers,
            app_id="flow",
            topic_prefix="flow.",
            partitions=4,
            web_port=taken.getsockname()[1],
        )
        workers = []
        for name in ("one", "two"):
            own = settings.model_copy(update={"data_dir": folder / name})
            workers.append(WorkerProcess(own))
            running.callback(workers[-1].stop)
        for process in workers:
            process.wait_for("event='assigned'")
        yield Deployment(settings, tuple(workers), settings.web_port)
        for process in workers:
            assert process.process.poll() is None, process.text()[-4000:]


@pytest.fixture
async def client(deployment: Deployment) -> AsyncIterator[Client]:
    async with Client(deployment.settings) as client:
        yield client


@pytest.fixture
def project(request: pytest.FixtureRequest) -> str:
    """Name a project after its test."""
    name: str = request.node.name
    return name
