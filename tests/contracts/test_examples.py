"""The examples of docs/contracts.md do what they say, on a real Kafka with a worker.

They are run as they are written, in their order, by what a reader would run them with.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from workers import eventually, worker

from schemas import Topic, home
from schemas.export import record_schemas
from schemas.outputs import OUTPUTS
from stream_app.broker import Broker
from stream_app.broker.jars import kafka_jars
from stream_app.broker.java import find_java
from stream_app.reading import reading
from stream_app.settings import Settings

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "contracts.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
SHELL = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)
SCHEMAS = record_schemas()
TOOLS = {
    "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
}


class Reader:
    """Somebody who reads the document: a shell with Kafka's tools and ours, and a Python."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        for name, main in TOOLS.items():
            tool = folder / name
            tool.write_text(f'#!/bin/sh\nexec {find_java()} -cp "{kafka_jars()}/*" {main} "$@"\n')
            tool.chmod(0o755)
        here = f"{folder}:{Path(sys.executable).parent}"
        self.environment = {
            **os.environ,
            **settings.environment(),
            "PATH": f"{here}:{os.environ['PATH']}",
        }

    def bash(self, block: str) -> str:
        return self._run(["bash", "-euc", block])

    def python(self, block: str) -> str:
        return self._run([sys.executable, "-c", block])

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    async def score(self, item: str) -> dict[str, Any]:
        """Return what the service says of an item."""
        scores = [said async for said in self.said(Topic.ITEM_SCORES) if said["item"] == item]
        return scores[-1] if scores else {}

    async def said(self, topic: Topic) -> AsyncIterator[dict[str, Any]]:
        """Yield what is said on an output topic."""
        async with reading(self.settings, self.settings.topic(topic), range(8)) as records:
            async for record in records:
                yield json.loads(record.value or b"{}")


@pytest.fixture(scope="module")
def reader(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("reader")
    settings = Settings(
        bootstrap_servers=broker.bootstrap_servers,
        app_id="reader",
        data_dir=folder / "worker",
        web_port=0,
    )
    with worker(settings):
        yield Reader(settings, folder)


async def test_the_examples_do_what_they_say(reader: Reader) -> None:
    project, redrive, console = SHELL
    aiokafka, librdkafka = PYTHON
    right = home("animals", 8)
    assert "animals" in reader.bash(project)

    ranked = reader.python(aiokafka).splitlines()
    assert [line.split()[:3] for line in ranked] == [
        ["1", "img-1", "relabel"],
        ["2", "img-2", "relabel"],
    ]

    assert f"annotations.v1 {right}" in reader.python(librdkafka)

    # The trap: the same client without the setting, and what the document says against it.
    careless = re.sub(r".*murmur2_random.*\n", "", librdkafka).replace("img-3", "img-5")
    assert f"annotations.v1 {right}" not in reader.python(careless)
    eventually(
        lambda: "wrong_partition" in reader.bash("activelab-stream dead-letters list"),
        lambda: "no dead letter",
    )
    said = reader.bash(redrive)
    assert re.search(rf"wrong_partition +{right} ", said)
    assert "Redriven: 1" in said
    assert "Redriven: 0" in reader.bash(redrive)

    shown = reader.bash(console).splitlines()
    windows = [json.loads(line.removeprefix("animals\t")) for line in shown if "\t" in line]
    assert windows[-1]["counts"]["labels"] == 5, "img-1 to img-5 have one each"
    assert windows[-1]["counts"]["annotators"] == 3
    for item in ("img-3", "img-4", "img-5"):
        assert (await reader.score(item))["num_annotations"] == 1
    assert (await reader.score("img-4"))["num_answers"] == 2

    seen = set[str]()
    for topic in OUTPUTS:
        async for one in reader.said(Topic(topic)):
            Draft202012Validator(SCHEMAS[one["type"]]).validate(one)
            seen.add(one["type"])
    assert seen == {"selection", "window", "item_score", "annotator_trust"}
