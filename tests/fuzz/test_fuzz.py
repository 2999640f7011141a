"""Whatever arrives: nothing crashes, nothing stalls, and every record has exactly one outcome."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fuzzing import survive
from histories import Arrival, Happening
from hostility import lives
from hypothesis import given, settings
from wire_builders import PROJECT

import schemas
from schemas import Rejection, Topic
from schemas.dead_letters import Headers
from stream_app.outbound import Outbound


@settings(max_examples=150)
@given(lives(records=20))
def test_whatever_arrives_has_one_outcome(happenings: list[Happening]) -> None:
    survive(happenings)


def test_the_command_counts_inputs_and_failures() -> None:
    """A few of both kinds, as `make fuzz` has them."""
    command = [sys.executable, str(FUZZ), "--inputs", "1200"]
    paths = os.pathsep.join(map(str, (FUZZ.parent, FUZZ.parents[1])))
    done = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert done.stdout.endswith("1200 inputs, 0 failures\n"), done.stdout + done.stderr
    assert done.returncode == 0


FUZZ = Path(__file__).with_name("fuzz.py")
say = Outbound.say_rejection
encode = schemas.encode_dead_letter


def not_at_all(self: Outbound, rejection: Rejection, topic: str, partition: int) -> None:
    """Say nothing of a bad record."""


def twice(self: Outbound, rejection: Rejection, topic: str, partition: int) -> None:
    """Say a dead letter twice."""
    say(self, rejection, topic, partition)
    say(self, rejection, topic, partition)


def without_its_bytes(
    rejection: Rejection, *, topic: str, partition: int
) -> tuple[bytes | None, bytes | None, Headers]:
    """Leave the record's own bytes out of its dead letter."""
    key, _, headers = encode(rejection, topic=topic, partition=partition)
    return key, b"", headers


@pytest.mark.parametrize(
    ("owner", "name", "wrong"),
    [
        (Outbound, "say_rejection", not_at_all),
        (Outbound, "say_rejection", twice),
        (schemas, "encode_dead_letter", without_its_bytes),
    ],
)
def test_the_fuzzer_finds_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, owner: object, name: str, wrong: Callable[..., object]
) -> None:
    bad = [Arrival(Topic.ANNOTATIONS, PROJECT.encode(), b"{")]
    survive(bad)
    monkeypatch.setattr(owner, name, wrong)
    with pytest.raises(AssertionError):
        survive(bad)
