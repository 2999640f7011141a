"""Commands that run until they are stopped, and deployments of their own: new ones, empty ones."""

import json
import signal
import socket
from pathlib import Path

import pytest
from command_line import CommandLine
from workers import PATIENCE, Deployment, worker

from stream_app.settings import Settings


@pytest.fixture
def cli(settings: Settings) -> CommandLine:
    return CommandLine(settings)


def test_the_first_project_makes_the_topics_and_a_look_does_not(cli: CommandLine) -> None:
    assert "create the topics of this deployment first" in cli.say("project", "list", code=1)
    cli.create("animals")
    assert "animals" in cli.say("project", "list")
    assert "9 topics with 3 partitions" in cli.say("topics", "create")
    refused = cli.say("topics", "create", "--partitions", "4", code=1)
    assert "has 3 partitions, not 4" in refused


def test_without_a_worker_it_is_said_that_there_is_none(cli: CommandLine) -> None:
    cli.create("animals")
    none = "is running; records waiting: 1."
    assert none in cli.say("window", "show", "animals", code=1)
    assert none in cli.say("project", "show", "animals")
    closed = cli.say("window", "close", "animals", "--within", "0.5", code=1)
    assert "within 0.5 s. No worker of" in closed


def test_tail_shows_each_window_as_it_is_closed_and_ends_by_ctrl_c(
    deployment: Deployment, project: str
) -> None:
    cli = CommandLine(deployment.settings)
    cli.create(project)
    with cli.start("window", "tail", project, "--json") as tail:
        assert tail.stderr is not None
        assert tail.stdout is not None
        assert "from now on. Workers of" in tail.stderr.readline()
        closed = cli.read("window", "close", project)
        causes = [json.loads(tail.stdout.readline()) for _ in range(3)]  # two of budget 0 first
        assert causes[-1] == closed
        tail.send_signal(signal.SIGINT)
        assert tail.wait(PATIENCE) == 0


def test_a_worker_that_refuses_says_so_in_a_sentence(settings: Settings, cli: CommandLine) -> None:
    cli.create("animals")
    with worker(settings) as process:
        cli.read("window", "close", "animals")
        assert process.stop() == 0
    cli.environment["STREAM_APP_DATA_DIR"] = str(settings.data_dir.with_name("another"))
    with cli.start("worker", "--app-id", f"{settings.app_id}-2", "--web-port", "0") as refused:
        _, said = refused.communicate(timeout=PATIENCE)
    assert refused.returncode == 1
    assert "the state was lost" in said.splitlines()[-1]
    assert "Traceback" not in said


def test_the_broker_keeps_its_records_and_ends_as_asked(settings: Settings, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    address = f"127.0.0.1:{port}"
    cli = CommandLine(settings.model_copy(update={"bootstrap_servers": address}))
    start = ("broker", "--port", port, "--data-dir", str(tmp_path / "kafka"))
    with cli.start(*start) as broker:
        assert broker.stdout is not None
        assert f"Kafka answers at {address}" in broker.stdout.readline()
        cli.create("animals")
        refused = cli.say("broker", "--port", port, "--data-dir", str(tmp_path / "other"), code=1)
        assert f"can't listen on {address}" in refused
        broker.send_signal(signal.SIGINT)
        assert broker.wait(PATIENCE) == 0
    with cli.start(*start) as broker:
        assert broker.stdout is not None
        assert broker.stdout.readline()
        assert [one["project"] for one in cli.read("project", "list")] == ["animals"]
        broker.send_signal(signal.SIGTERM)
        assert broker.wait(PATIENCE) == 0
