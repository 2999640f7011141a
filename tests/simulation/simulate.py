"""Simulate worlds: many seeds, one seed with its diary, or the broken variants.

make simulate SEEDS=100000      the last line: N seeds, M failures
make simulate SEED=17           the same world again, and what happened in it
make simulate VARIANTS=300      in how many of so many seeds each broken variant is found
"""

import argparse
import sys
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from unittest.mock import patch

from sim_loop import inline_threads
from sim_variants import VARIANTS, Variant
from sim_verdict import judge
from sim_world import World

SHOWN = 5
"""Failures of which the reasons are printed."""
PRODUCT = Variant("the product", within=0)


@dataclass(frozen=True)
class Outcome:
    """What became of a world."""

    seed: int
    wrong: list[str]
    diary: list[str]


def simulate(seed: int, variant: Variant = PRODUCT) -> Outcome:
    """Let the world of a seed live, and judge it; whatever the product raises is wrong, too."""
    with (
        variant.in_force(),
        inline_threads(),
        patch("stream_app.windows.CHUNK", 2),
        patch("stream_app.facts.CHUNK", 3),
        patch("stream_app.step.SHORT_CLOSE", 10),
    ):
        world = World(seed, variant.parts)
        try:
            world.run()
            wrong = list(judge(world))
        except Exception as error:  # noqa: BLE001 the finding of a simulation
            wrong = traceback.format_exception(error)
        finally:
            world.end()
    return Outcome(seed, wrong, world.diary)


def simulate_all(
    seeds: Sequence[int], variants: Sequence[Variant] = (PRODUCT,)
) -> Iterator[Outcome]:
    """Simulate many worlds of each variant, on all cores; yield them in order."""
    worlds = [(seed, variant) for variant in variants for seed in seeds]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        yield from pool.map(simulate, *zip(*worlds, strict=True), chunksize=10)


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="the first of many seeds")
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--seeds", type=int, help="how many seeds")
    chosen.add_argument("--seed", type=int, help="one seed, with its diary")
    chosen.add_argument("--variants", type=int, help="how many seeds for each broken variant")
    asked = parser.parse_args()
    if asked.seed is not None:
        return _one(asked.seed)
    if asked.variants is not None:
        return _variants(asked.variants)
    return _many(range(asked.first, asked.first + asked.seeds))


def _many(seeds: Sequence[int]) -> int:
    failures = 0
    for outcome in simulate_all(seeds):
        if outcome.wrong:
            failures += 1
            if failures <= SHOWN:
                _print(f"seed {outcome.seed}:", *outcome.wrong)
    _print(f"{len(seeds)} seeds, {failures} failures")
    return min(failures, 1)


def _one(seed: int) -> int:
    outcome = simulate(seed)
    _print(*outcome.diary, *outcome.wrong, f"1 seeds, {min(len(outcome.wrong), 1)} failures")
    return min(len(outcome.wrong), 1)


def _variants(number: int) -> int:
    """Print a table; fail where a variant is not found at all."""
    _print(f"| broken variant | found in, of {number} seeds | first seed |", "|---|---:|---:|")
    missed = 0
    outcomes = simulate_all(range(number), VARIANTS)
    for variant in VARIANTS:
        found = [one.seed for one in islice(outcomes, number) if one.wrong]
        missed += not found
        _print(f"| {variant.name} | {len(found)} | {found[0] if found else '-'} |")
    return min(missed, 1)


def _print(*lines: str) -> None:
    sys.stdout.writelines(line.rstrip("\n") + "\n" for line in lines)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
