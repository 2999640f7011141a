"""The fault campaign: real workers on a real Kafka, under load, and everything goes wrong.

make faults KILLS=50 SEED=7       the last line: N faults, M failures
make faults KILLS=20 BROKERS=3    on three nodes, of which one after the other is killed
"""

import argparse
import asyncio
import sys
import traceback
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

from fault_verdict import judge, judge_disks
from fault_world import World, living_world
from scenarios import BROKER, SCENARIOS, Scenario, suffer

from experiments.document import table, write
from stream_app.broker import Broker, Cluster
from stream_app.settings import Settings

PARTITIONS = 4
ROWS = 200
"""Of facts in a transaction: few, so that there are many."""


def drawn(number: int, seed: int, scenarios: Sequence[Scenario] = SCENARIOS) -> list[Scenario]:
    """Draw faults: every scenario as often as any other, in an order of the seed's."""
    rng = Random(seed)
    drawn: list[Scenario] = []
    while len(drawn) < number:
        drawn += rng.sample(scenarios, len(scenarios))
    return drawn[:number]


@dataclass(frozen=True)
class Outcome:
    """What a campaign has found."""

    costs: dict[str, list[float]]
    """Seconds for which somebody waited in vain, by scenario."""
    failures: int
    facts: int
    """That are true at the end."""


async def campaign(
    world: World, scenarios: Sequence[Scenario]
) -> tuple[dict[str, list[float]], int]:
    """Let faults happen one after the other; return what each has cost, and how many failed."""
    costs: dict[str, list[float]] = defaultdict(list)
    failures = 0
    for number, scenario in enumerate(scenarios, start=1):
        before = len(world.wrong)
        try:
            seconds = await suffer(world, scenario)
        except Exception as error:  # noqa: BLE001  a finding, with the workers' logs in it
            say(*traceback.format_exception(error))
            return costs, failures + 1
        costs[scenario.name].append(seconds)
        failures += len(world.wrong) > before
        say(f"{number:4} {seconds:6.1f} s  {scenario.name}", *world.wrong[before:])
    return costs, failures


async def run(
    settings: Settings, brokers: Sequence[Broker], scenarios: Sequence[Scenario], seed: int
) -> Outcome:
    """Run a campaign; judge the topics and the workers' disks at its end."""
    async with living_world(settings, seed, brokers) as world:
        costs, failures = await campaign(world, scenarios)
        before = len(world.wrong)
    wrong = [*world.wrong[before:], *await judge(world), *await judge_disks(world)]
    say(*wrong)
    return Outcome(costs, failures + len(wrong), sum(map(len, world.load.truth.values())))


def settings_of(bootstrap_servers: str, folder: Path, nodes: int) -> Settings:
    """Return the settings of a deployment whose transactions are small, and whose dead are missed.

    A silent worker loses its partitions as soon as Kafka allows.
    """
    return Settings(
        bootstrap_servers=bootstrap_servers,
        app_id="faults",
        topic_prefix="faults.",
        partitions=PARTITIONS,
        replication_factor=min(nodes, 3),
        data_dir=folder / "workers",
        web_port=0,
        session_timeout=6.0,
        run_rows=ROWS,
    )


def costs_table(outcome: Outcome) -> str:
    """Return a table with a row a scenario, in the order in which they are declared."""
    rows = [
        [
            scenario.name,
            "nothing",
            scenario.replayed,
            f"{median(seconds):.1f}, {max(seconds):.1f}",
            len(seconds),
        ]
        for scenario in SCENARIOS
        if (seconds := outcome.costs.get(scenario.name))
    ]
    seconds_until = "seconds until all is served: median, most"
    return table(["scenario", "lost", "replayed", seconds_until, "faults"], *rows)


def section(nodes: int, command: str, outcome: Outcome) -> dict[str, str]:
    """Return the section of docs/guarantees.md that tells of a campaign."""
    date = datetime.now(UTC).date().isoformat()
    number = sum(map(len, outcome.costs.values()))
    said = f"{date}, `{command}`, two workers, {PARTITIONS} partitions: "
    said += f"{number} faults, {outcome.failures} failures."
    name = "faults on one broker" if nodes == 1 else f"faults on {nodes} brokers"
    return {name: f"{said}\n\n{costs_table(outcome)}"}


def say(*lines: str) -> None:
    sys.stdout.writelines(line.rstrip("\n") + "\n" for line in lines)
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="how many faults")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--brokers", type=int, default=1, help="nodes of Kafka")
    parser.add_argument("--document", type=Path, help="put the table into this one")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder, ExitStack() as running:
        brokers: Sequence[Broker]
        if asked.brokers == 1:
            broker = running.enter_context(Broker(Path(folder) / "kafka", properties=BROKER))
            brokers, servers = [broker], broker.bootstrap_servers
        else:
            cluster = running.enter_context(Cluster(asked.brokers, BROKER))
            brokers, servers = cluster.brokers, cluster.bootstrap_servers
        settings = settings_of(servers, Path(folder), asked.brokers)
        scenarios = drawn(asked.kills, asked.seed)
        outcome = asyncio.run(run(settings, brokers, scenarios, asked.seed))
    say("", costs_table(outcome), "")
    nodes = f" BROKERS={asked.brokers}" if asked.brokers > 1 else ""
    if asked.document:
        command = f"make faults KILLS={asked.kills} SEED={asked.seed}{nodes}"
        write(asked.document, section(asked.brokers, command, outcome))
    say(f"{sum(map(len, outcome.costs.values()))} faults, {outcome.failures} failures")
    return int(outcome.failures > 0)


if __name__ == "__main__":
    sys.exit(main())
