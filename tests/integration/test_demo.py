"""The demo from its command line: it ends well, it ends badly, and never leaves anything behind."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from command_line import CommandLine
from workers import Deployment, eventually

from schemas import Topic, home, project_key
from stream_app.settings import Settings


class Demo:
    """A demo as a process; all its processes are known by the folder for temporary files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "temporary"
        self.folder.mkdir()
        self.said = folder / "said"
        self.figures = folder / "figures.json"
        self.picture = folder / "curves.png"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, **environment: str) -> None:
        files = ["--json", str(self.figures), "--plot", str(self.picture)]
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stream_app.cli", "demo", *files, *options],
                stdout=said,
                stderr=said,
                env={**os.environ, **environment, "TMPDIR": str(self.folder)},
            )

    def text(self) -> str:
        return self.said.read_text()

    def processes(self) -> dict[int, str]:
        """Return the command line of each process that was started for this demo."""
        found = {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                ours = f"TMPDIR={self.folder}".encode() in (place / "environ").read_bytes()
                command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if ours and command:
                found[int(place.name)] = command
        return found

    def pids(self, command: str) -> list[int]:
        """Return the processes whose own command this is, guardians apart."""
        found = self.processes().items()
        return [pid for pid, line in found if command in line and "guardian" not in line]

    def ended(self) -> int:
        """Wait until it has ended and nothing of it is left; return its exit code."""
        code = self.process.wait(timeout=60)
        eventually(lambda: not self.processes(), lambda: f"left: {self.processes()}")
        return code


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path)
    yield demo
    if demo.process is not None:
        demo.process.kill()
        demo.ended()


def await_trainers(demo: Demo) -> None:
    """Wait until the demo is in the middle of its rounds."""
    eventually(lambda: demo.pids("cli trainer"), demo.text)


def test_it_plays_compares_audits_and_stays_for_a_look(demo: Demo) -> None:
    demo.start("--rounds", "2", "--methods", "activelab,activelab_ensemble", "--keep")
    eventually(lambda: "until Ctrl-C" in demo.text() or demo.process.poll(), demo.text)
    text = demo.text()
    assert demo.process.poll() is None, text
    for told in ("Round by round", "asks for next", "relabel", "true skill", "Where to look next"):
        assert told in text
    assert demo.picture.read_bytes().startswith(b"\x89PNG")

    figures = json.loads(demo.figures.read_bytes())["methods"]
    assert set(figures) == {"activelab", "activelab_ensemble"}
    for method in figures.values():
        assert [one["labels"] for one in method["rounds"]] == [500, 600, 700]
        assert method["audit"]["agrees"]
        assert len(method["ranking"]) == 100
        for one in method["rounds"]:
            assert 0.6 < one["consensus_accuracy"] < 1
            assert 0.85 < one["test_accuracy"] < 1
        assert method["rounds"][2]["consensus_accuracy"] > method["rounds"][0]["consensus_accuracy"]
        spammers = {a["annotator"] for a in method["annotators"] if a["skill"] == 0.1}
        # After two rounds one of the three may still pass, by luck: robust mode judges slowly.
        assert len(spammers & {a["annotator"] for a in method["annotators"][-6:]}) >= 2

    # what it says about looking around is true, and the trainers are gone
    address, app = (
        re.search(rf"STREAM_APP_{n}=(\S+)", text)[1] for n in ("BOOTSTRAP_SERVERS", "APP_ID")
    )
    cli = CommandLine(Settings(bootstrap_servers=address, app_id=app))
    assert "activelab" in cli.say("project", "show", "digits-activelab")
    assert not demo.pids("cli trainer")
    assert len(demo.pids("cli worker")) == 1

    demo.process.send_signal(signal.SIGINT)
    assert demo.ended() == 0, demo.text()
    assert list(demo.folder.iterdir()) == []


async def spoil(settings: Settings, project: str) -> None:
    """Write records that nobody can read where the project's models speak."""
    where = home(project, settings.partitions)
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers) as producer:
        for key in (project_key(project), project_key("another"), b"?"):
            for value in (b'"\\ud800"', b"{", b"[]", None):
                topic = settings.topic(Topic.PREDICTIONS)
                await producer.send_and_wait(topic, value, key=key, partition=where)


def test_it_plays_once_on_a_deployment_that_is_there(demo: Demo, deployment: Deployment) -> None:
    there = deployment.settings.environment()
    asyncio.run(spoil(deployment.settings, "digits-activelab"))
    demo.start("--here", "--rounds", "1", "--methods", "activelab", **there)
    eventually(lambda: "Audit" in demo.text() or demo.process.poll(), demo.text)
    assert not demo.pids("cli worker") + demo.pids("kafka.Kafka")
    assert demo.ended() == 0, demo.text()
    assert json.loads(demo.figures.read_bytes())["methods"]["activelab"]["audit"]["agrees"]
    assert "activelab" in CommandLine(deployment.settings).say(
        "project", "show", "digits-activelab"
    )

    demo.start("--here", "--methods", "activelab", **there)
    assert demo.ended() == 1
    assert "There is a project digits-activelab already" in demo.text()


def test_kill_9_leaves_no_process_behind(demo: Demo) -> None:
    demo.start()
    await_trainers(demo)
    demo.process.kill()
    assert demo.ended() == -signal.SIGKILL


def test_ctrl_c_leaves_neither_process_nor_file_behind(demo: Demo) -> None:
    demo.start()
    await_trainers(demo)
    demo.process.send_signal(signal.SIGINT)
    assert demo.ended() != 0
    assert "Traceback" not in demo.text()
    assert list(demo.folder.iterdir()) == []


@pytest.mark.parametrize(("command", "name"), [("cli worker", "worker"), ("kafka.Kafka", "Kafka")])
def test_a_process_that_ends_by_itself_ends_it_all_and_is_named(
    demo: Demo, command: str, name: str
) -> None:
    demo.start()
    await_trainers(demo)
    os.kill(demo.pids(command)[0], signal.SIGKILL)
    assert demo.ended() == 1
    assert f"{name} has ended by itself; the end of its log:" in demo.text()
    assert "Traceback" not in demo.text()


def test_a_method_that_there_is_not_is_refused_before_anything_starts(demo: Demo) -> None:
    demo.start("--methods", "activelab,magic")
    assert demo.ended() == 2
    assert "magic" in demo.text()
