"""Dead letters on the command line: seen, and redriven once."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import pytest
from aiokafka import AIOKafkaProducer
from command_line import CommandLine
from workers import PATIENCE, eventually, worker

from schemas import Annotation, Annotations, Answer, Reason, Topic, home, project_key
from stream_app.reading import reading
from stream_app.redrive import REDRIVEN_FROM, redrive
from stream_app.settings import Settings

PROJECT = "animals"
LABEL = Annotation(item="a", annotator="ann", label="cat", time=0).to_bytes()


@pytest.fixture
def cli(settings: Settings) -> Iterator[CommandLine]:
    cli = CommandLine(settings)
    cli.create(PROJECT)
    with worker(settings):
        yield cli


async def send(settings: Settings, *values: bytes, key: bytes | None, away: int = 0) -> None:
    """Send values to the annotations, so many partitions away from home."""
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers) as producer:
        for value in values:
            await producer.send_and_wait(
                settings.topic(Topic.ANNOTATIONS),
                value,
                key=key,
                partition=(home(PROJECT, settings.partitions) + away) % settings.partitions,
            )


def misplace(settings: Settings, *values: bytes) -> None:
    asyncio.run(send(settings, *values, key=project_key(PROJECT), away=1))


def junk(settings: Settings, *values: bytes, key: bytes | None = project_key(PROJECT)) -> None:
    asyncio.run(send(settings, *values, key=key))


def labels(cli: CommandLine) -> int:
    """Return how many labels count, once all that was published does."""
    closed = cli.read("window", "close", PROJECT, "--budget", "0")
    count: int = closed["window"]["counts"]["labels"]
    return count


def listed(cli: CommandLine, count: int, *options: str) -> list[dict[str, object]]:
    """Return the dead letters, once there are so many."""
    letters: list[dict[str, object]] = []

    def there() -> bool:
        letters[:] = cli.read("dead-letters", "list", *options)
        return len(letters) >= count

    eventually(there, lambda: f"{count} dead letters, not {letters}")
    assert len(letters) == count
    return letters


def test_a_record_at_a_wrong_partition_is_put_home_and_counts_once(
    settings: Settings, cli: CommandLine
) -> None:
    misplace(settings, LABEL)
    (letter,) = listed(cli, 1)
    right = home(PROJECT, settings.partitions)
    assert letter == {
        "topic": "annotations.v1",
        "partition": (right + 1) % settings.partitions,
        "offset": 0,
        "key": PROJECT,
        "reason": "wrong_partition",
        "rows": [],
        "home": right,
        "is_whole": True,
        "value": LABEL.decode(),
    }
    assert labels(cli) == 0
    assert "Redriven: 1 (annotations.v1: 1)" in cli.say("dead-letters", "redrive")
    assert labels(cli) == 1
    assert "Redriven: 0" in cli.say("dead-letters", "redrive")

    async def headers() -> list[tuple[str, bytes]]:
        topic = settings.topic(Topic.ANNOTATIONS)
        async with reading(settings, topic, [right]) as records:
            return [header async for record in records for header in record.headers]

    origin = f"annotations.v1/{(right + 1) % settings.partitions}/0"
    assert asyncio.run(headers()) == [(REDRIVEN_FROM, origin.encode())]


def test_a_record_that_its_dead_letter_does_not_repeat_comes_from_its_topic(
    settings: Settings, cli: CommandLine
) -> None:
    rows = tuple(
        Answer(item=f"{n:0>900}", annotator="ann", label="cat", time=0) for n in range(400)
    )
    misplace(settings, Annotations(rows=rows).to_bytes())
    (letter,) = listed(cli, 1)
    assert not letter["is_whole"]
    assert "Redriven: 1" in cli.say("dead-letters", "redrive")
    assert labels(cli) == 400


def test_records_that_died_for_another_reason_are_sent_again_on_request(
    settings: Settings, cli: CommandLine
) -> None:
    junk(settings, b"{nope")
    junk(settings, LABEL, key=b"k" * 1025)
    listed(cli, 2)
    assert "Redriven: 0" in cli.say("dead-letters", "redrive")
    assert "Redriven: 1 (annotations.v1: 1)" in cli.say(
        "dead-letters", "redrive", "--reason", "not_json"
    )
    said = cli.say("dead-letters", "redrive", "--reason", "too_large")
    assert "1 left: their key is too long" in said
    # What has died again has a new dead letter; the first one is done with.
    listed(cli, 3)
    assert "Redriven: 1" in cli.say("dead-letters", "redrive", "--reason", "not_json")


def test_records_without_a_key_go_to_the_project_that_is_named(
    settings: Settings, cli: CommandLine
) -> None:
    junk(settings, LABEL, key=None)
    junk(settings, LABEL.replace(b'"a"', b'"b"'), key=b"\xff")
    listed(cli, 2)
    assert labels(cli) == 0
    redriving = ("dead-letters", "redrive", "--reason", "wrong_key")
    said = cli.say(*redriving, "--orphans", PROJECT)
    assert "Redriven: 2 (annotations.v1: 2)" in said
    assert labels(cli) == 2
    assert "goes with --reason wrong_key" in cli.say(*redriving, code=2)
    assert "has 1 to 1024" in cli.say(*redriving, "--orphans", "", code=2)
    assert "goes with" in cli.say("dead-letters", "redrive", "--orphans", PROJECT, code=2)


def test_following_it_does_not_send_what_it_has_sent(settings: Settings, cli: CommandLine) -> None:
    junk(settings, b"{nope", b"{neither")

    async def follow() -> None:
        pieces = redrive(settings, reason=Reason.NOT_JSON, follow=True)
        async with aclosing(pieces), asyncio.timeout(PATIENCE):
            async for redriven in pieces:
                if redriven.died_again == 2:
                    assert redriven.sent.total() == 2
                    return

    asyncio.run(follow())
    assert len(cli.read("dead-letters", "list")) == 4


def test_the_list_is_by_project_and_holds_the_last(settings: Settings, cli: CommandLine) -> None:
    assert "No dead letters" in cli.say("dead-letters", "list")
    junk(settings, b"{first")
    junk(settings, b"{second \x1b[31m")
    junk(settings, b"{of nobody", key=None)
    listed(cli, 3)
    assert [one["value"] for one in listed(cli, 1, "--project", PROJECT, "--limit", "1")] == [
        "{second \x1b[31m"
    ]
    rows = Annotations(rows=(Answer(item="a", annotator="ann", label="cat"),)).to_bytes()
    junk(settings, rows.replace(b'"a"', b'""'))
    listed(cli, 4)
    said = cli.say("dead-letters", "list")
    assert r"{second \x1b[31m" in said
    assert "0 empty_id" in said
