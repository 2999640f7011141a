"""A few faults at named points: nothing is lost, nothing is said twice, windows are exact.

The short form of `make faults`, which does many of them, in an order of the seed's.
"""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from faults import costs_table, run, section, settings_of
from scenarios import BROKER, SCENARIOS
from seeded_load import Nonsense, Truth

from experiments.document import write
from schemas import Event
from stream_app.broker import Broker

NAMES = (
    "kill -9 between sends and commit",
    "kill -9 between commit and RocksDB",
    "kill -9 in recovery",
    "kill -9 in a close",
    "SIGSTOP between sends and commit",
    "SIGSTOP in a close",
    "a foreign transaction is open on the changelog, and a data folder is lost",
    "the broker forgets an idle transactional id",
    "the broker stops and starts",
)
FEW = [scenario for scenario in SCENARIOS if scenario.name in NAMES]


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Run a Kafka that is ours to stop, and that forgets soon."""
    with Broker(tmp_path_factory.mktemp("kafka"), properties=BROKER) as broker:
        yield broker


@pytest.mark.timeout(400)
async def test_nothing_is_lost_or_doubled(kafka: Broker, tmp_path: Path) -> None:
    settings = settings_of(kafka.bootstrap_servers, tmp_path, nodes=1)
    outcome = await run(settings, [kafka], FEW, seed=0)
    assert outcome.failures == 0
    assert outcome.costs.keys() == {*NAMES}
    assert outcome.facts > 100
    ((name, said),) = section(1, "make faults", outcome).items()
    document = tmp_path / "document.md"
    document.write_text(f"before\n<!-- {name} -->\nstale\n<!-- end -->\nbehind\n")
    write(document, {name: said})
    assert costs_table(outcome) in document.read_text()
    assert "stale" not in document.read_text()


async def test_a_campaign_finds_a_fact_that_is_missing(
    kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the load forgets to have said is, seen from here, what the state has made up."""
    learn, events = Truth.learn, count()

    def forgetful(truth: Truth, event: Event | Nonsense) -> None:
        if next(events) % 20:
            learn(truth, event)

    monkeypatch.setattr(Truth, "learn", forgetful)
    settings = settings_of(kafka.bootstrap_servers, tmp_path, nodes=1).model_copy(
        update={"app_id": "missing", "topic_prefix": "missing."}
    )
    scenarios = [one for one in SCENARIOS if "joins and leaves" in one.name]
    outcome = await run(settings, [kafka], scenarios, seed=0)
    assert outcome.failures > 0
