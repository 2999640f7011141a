"""Each fault once, at every named point: nothing is lost, nothing is said twice, windows are exact.

The short form of `make faults`, which does many of them, in an order of the seed's.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import run, settings_of, table, write
from scenarios import BROKER, SCENARIOS, Scenario

from stream_app.broker import Broker

SHARES = 2
"""Tests among which the scenarios are dealt: each has 180 seconds."""


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Run a Kafka that is ours to stop, and that forgets soon."""
    with Broker(tmp_path_factory.mktemp("kafka"), properties=BROKER) as broker:
        yield broker


def dealt(share: int) -> list[Scenario]:
    return list(SCENARIOS[share::SHARES])


@pytest.mark.parametrize("share", range(SHARES))
async def test_nothing_is_lost_or_doubled(kafka: Broker, tmp_path: Path, share: int) -> None:
    name = f"faults-{share}"
    settings = settings_of(kafka.bootstrap_servers, tmp_path, nodes=1).model_copy(
        update={"app_id": name, "topic_prefix": f"{name}."}
    )
    outcome = await run(settings, [kafka], dealt(share), seed=share)
    assert outcome.failures == 0
    assert outcome.costs.keys() == {scenario.name for scenario in dealt(share)}
    assert outcome.facts > 100
    document = tmp_path / "document.md"
    document.write_text("before\n<!-- faults on one broker -->\nold\n<!-- end -->\nbehind\n")
    write(document, 1, "make faults", outcome)
    written = document.read_text()
    assert all(row in written for row in table(outcome))
    assert "old" not in written
    assert written.endswith("<!-- end -->\nbehind\n")
