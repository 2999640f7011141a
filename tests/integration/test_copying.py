"""A deployment whose inputs were copied says what the old one says, with other partitions."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from command_line import CommandLine, labels, predictions, written
from workers import worker

from schemas import Close, Topic
from stream_app.broker import Broker
from stream_app.copying import as_arrived
from stream_app.settings import Settings

PROJECT = "animals"
DOCUMENT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()


class Arrived:
    """A record as it is read."""

    key, timestamp = b"animals", 1_795_608_000_000

    def __init__(self, value: bytes | None) -> None:
        self.value = value


def selected(commands: CommandLine) -> list[tuple[str, float]]:
    """Close the window of a deployment; return what it selects, in order, and by which score."""
    closed = commands.read("window", "close", PROJECT, "--budget", "5")
    return [(one["item"], one["score"]) for one in closed["selections"]]


def documented(old: Settings, new: Settings) -> str:
    """Run the document's commands for two deployments; return what they say."""
    (block,) = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)
    for written_there, here in (
        ("TOPIC_PREFIX=more.", f"TOPIC_PREFIX={new.topic_prefix}"),
        ("APP_ID=more-activelab", f"APP_ID={new.app_id}"),
        ("PARTITIONS=32", f"PARTITIONS={new.partitions}"),
        ("--from-topic-prefix ''", f"--from-topic-prefix {old.topic_prefix}"),
    ):
        assert written_there in block
        block = block.replace(written_there, here)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", block],
        env={**os.environ, **old.environment(), "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_copied_inputs_make_the_same_window_with_other_partitions(
    settings: Settings, tmp_path: Path
) -> None:
    old = CommandLine(settings)
    old.create(PROJECT, "--budget", "5")
    old.say("publish", "predictions", PROJECT, predictions(tmp_path, 30))
    header = ("item", "annotator", "label")
    # No times: of two answers of one annotator the one that came later counts.
    for label in ("cat", "dog"):
        rows = [(f"item {n}", f"ann {n % 3}", label) for n in range(0, 30, 2)]
        rows += [(f"item {n}", "bob", "cat") for n in range(0, 30, 3)]
        old.say("publish", "annotations", PROJECT, written(tmp_path / "l.csv", header, rows))
    with worker(settings):
        before = selected(old)
    assert len(before) == 5

    new_settings = settings.model_copy(
        update={
            "topic_prefix": f"more.{settings.topic_prefix}",
            "app_id": f"more-{settings.app_id}",
            "partitions": 5,
            "data_dir": tmp_path / "new",
        }
    )
    new = CommandLine(new_settings)
    copying = ("topics", "copy", "--from-topic-prefix", settings.topic_prefix)
    assert "create the topics of this deployment first" in new.say(*copying, code=1)
    said = [documented(settings, new_settings) for _ in range(2)]
    assert said[0] == said[1]
    assert re.search(rf"^{new_settings.topic('annotations.v1')}: \d+$", said[0], re.MULTILINE)
    with worker(new_settings):
        assert selected(new) == before
        assert "agrees" in new.say("audit", PROJECT)


def test_inputs_are_copied_from_another_kafka(settings: Settings, tmp_path: Path) -> None:
    lost = CommandLine(settings)
    lost.create(PROJECT)
    rows = [("item 1", "ann", "cat"), ("item 1", "bob", "dog"), ("item 2", "ann", "dog")]
    lost.say("publish", "annotations", PROJECT, labels(tmp_path, rows))
    lost.say("publish", "predictions", PROJECT, predictions(tmp_path, 3))
    with Broker(tmp_path / "kafka") as other:
        elsewhere = {"bootstrap_servers": other.bootstrap_servers, "topic_prefix": ""}
        found = CommandLine(settings.model_copy(update=elsewhere))
        found.say("topics", "create", "--partitions", "2")
        source = ("--from-bootstrap-servers", settings.bootstrap_servers)
        found.say("topics", "copy", *source, "--from-topic-prefix", settings.topic_prefix)
        for item in ("item 1", "item 2"):
            shown = [one.read("item", "show", PROJECT, item) for one in (lost, found)]
            assert shown[0]["answers"]
            # The broker's time is that of the last record, a copy's included.
            assert shown[0] | {"now": None} == shown[1] | {"now": None}


def test_topics_are_not_copied_to_themselves(settings: Settings) -> None:
    said = CommandLine(settings).say(
        "topics", "copy", "--from-topic-prefix", settings.topic_prefix, code=1
    )
    assert "can't be copied to themselves" in said


@pytest.mark.parametrize(
    ("topic", "body", "missing"),
    [
        (Topic.ANNOTATIONS, {"type": "annotation", "item": "i"}, {"time": "2026-11-25T12:00:00Z"}),
        (Topic.ANNOTATIONS, {"type": "annotations", "rows": []}, {"time": "2026-11-25T12:00:00Z"}),
        (Topic.ANNOTATIONS, {"type": "annotation", "time": "2026-01-01T00:00:00Z"}, {}),
        (Topic.PREDICTIONS, {"type": "prediction"}, {"version": Arrived.timestamp}),
        (Topic.PREDICTIONS, {"type": "predictions", "version": 0}, {}),
        (Topic.CONTROL, {"type": "project", "budget": 3}, {}),
        (Topic.CONTROL, {"type": "annotation"}, {}),
        (Topic.CONTROL, {"item": "of no type"}, {}),
        (Topic.CONTROL, ["no", "record"], {}),
    ],
)
def test_what_has_no_time_gets_that_of_its_arrival(
    topic: Topic, body: object, missing: dict[str, object]
) -> None:
    said = as_arrived(topic, Arrived(orjson.dumps(body)))
    assert said is not None
    if missing:
        assert isinstance(body, dict)
        assert json.loads(said) == body | missing
    else:
        assert said == orjson.dumps(body)


def test_a_close_stays_behind_and_what_is_no_json_comes_as_it_is() -> None:
    close = Close(cause="request", request_id="r").to_bytes()
    assert [as_arrived(topic, Arrived(close)) for topic in Topic][:3] == [None] * 3
    assert as_arrived(Topic.CONTROL, Arrived(b"{")) == b"{"
