"""The experiment through Kafka selects what the library selects, in every round."""

import sys
from subprocess import run

import pytest

from activelab import Mode
from experiments.loop import Setting, play
from experiments.strategies import Rule
from experiments.stream import play_through_kafka
from stream_app.client import Client

TREES, LINEAR = "extra-trees", "logistic-regression"


@pytest.mark.parametrize(
    ("method", "models"),
    [
        ("activelab", (TREES,)),
        ("activelab_ensemble", (TREES, LINEAR)),
        ("random", (TREES,)),
        ("active_label_cleaning", (TREES, LINEAR)),
    ],
)
@pytest.mark.parametrize("mode", Mode)
async def test_four_rounds_are_the_librarys(
    client: Client, project: str, method: str, models: tuple[str, ...], mode: Mode
) -> None:
    setting = Setting("digits", models, Rule.ACTIVELAB, mode, rounds=4, batch=40, trees=10)
    through = play_through_kafka(client, project, setting, method, seed=1)
    streamed = [one async for one in through]
    assert streamed == list(play(setting, method, seed=1))
    assert [len(one.selected) for one in streamed] == [40] * 4


def test_the_command_brings_its_own_kafka_and_compares() -> None:
    command = ["-m", "experiments.stream", "--dataset", "digits", "--rounds", "2", "--trees", "5"]
    ran = run([sys.executable, *command], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count(" all ") == 2
