"""A few faults at named points: nothing is lost, nothing is said twice, windows are exact.

The short form of `make faults`, which does many of them, in an order of the seed's.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import run, settings_of, table, write
from scenarios import BROKER, SCENARIOS

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
    document = tmp_path / "document.md"
    document.write_text("before\n<!-- faults on one broker -->\nstale\n<!-- end -->\nbehind\n")
    write(document, 1, "make faults", outcome)
    written = document.read_text()
    assert all(row in written for row in table(outcome))
    assert "stale" not in written
    assert written.endswith("<!-- end -->\nbehind\n")
