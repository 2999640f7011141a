"""Explore every world that can come to be, and judge each; then see that all end well.

make model                        what docs/guarantees.md says of ownership (two minutes)
make model WORKERS=2 FAULTS=3     other bounds
"""

import argparse
import sys
from collections import deque
from dataclasses import dataclass
from time import perf_counter

from model_process import Parts, Places
from model_variants import VARIANTS
from model_world import Rules

BOUNDS = [(2, 1, 2), (2, 2, 1), (2, 2, 2), (3, 1, 1)]
"""Workers, faults, and records of the input."""
SMALL = {"workers": 2, "faults": 1, "records": 2}
"""Bounds within which each broken variant is found."""


@dataclass(frozen=True)
class Explored:
    """What an exploration has seen."""

    states: int
    moves: int
    depth: int
    places: int
    seconds: float
    wrong: str | None = None
    story: tuple[str, ...] = ()


def explore(places: Places, *, workers: int, faults: int, records: int) -> Explored:
    """Visit every world, the nearest first; stop at the first that must not be."""
    began = perf_counter()
    rules = Rules(places, records, faults)
    first = rules.first(workers)
    numbers = {first.key(): 0}
    came: list[tuple[int, str, int]] = [(-1, "", 0)]
    """From which world each one came, by what, and in how many moves."""
    calm: list[list[int]] = []
    """Where each world can go when nothing goes wrong."""
    waiting = deque([first])
    moves = 0

    def ended(wrong: str | None = None, number: int = 0, *last: str) -> Explored:
        story = list(last)
        while number:
            number, text, _ = came[number]
            story.append(text)
        return Explored(
            states=len(came),
            moves=moves,
            depth=came[-1][2],
            places=len(places),
            seconds=perf_counter() - began,
            wrong=wrong,
            story=tuple(reversed(story)),
        )

    while waiting:
        world, here = waiting.popleft(), len(calm)
        calm.append([])
        for move in rules.moves(world):
            moves += 1
            key = move.world.key()
            number = numbers.setdefault(key, len(came))
            if not move.is_fault:
                calm[here].append(number)
            if number == len(came):
                came.append((here, move.text, came[here][2] + 1))
                waiting.append(move.world)
            if move.wrong is not None:
                return ended(move.wrong, here, move.text)
        if not calm[here] and not rules.is_rest(world):
            return ended("nothing can happen any more, and it is not as it shall be", here)
    around = _cycle(calm)
    if around is not None:
        return ended("this can go on for ever, though nothing goes wrong any more", around)
    return ended()


def _cycle(calm: list[list[int]]) -> int | None:
    """Return a world that comes again and again by itself, if there is one."""
    ways = [0] * len(calm)
    for nexts in calm:
        for number in nexts:
            ways[number] += 1
    free = [number for number, into in enumerate(ways) if into == 0]
    while free:
        for number in calm[free.pop()]:
            ways[number] -= 1
            if ways[number] == 0:
                free.append(number)
    return next((number for number, into in enumerate(ways) if into), None)


def main() -> int:
    """Explore what is asked for, and show that broken variants are found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--faults", type=int, default=1)
    parser.add_argument("--records", type=int, default=1)
    asked = parser.parse_args()
    bounds = [(asked.workers, asked.faults, asked.records)] if asked.workers else BOUNDS
    print("| workers | faults | records | states | moves | depth | places of the code | seconds |")
    print("|" + "---:|" * 8)
    for workers, faults, records in bounds:
        found = explore(Places(Parts()), workers=workers, faults=faults, records=records)
        print(
            f"| {workers} | {faults} | {records} | {found.states:,} | {found.moves:,} "
            f"| {found.depth} | {found.places} | {found.seconds:.0f} |",
            flush=True,
        )
        if found.wrong is not None:
            print(*found.story, found.wrong, sep="\n")
            return 1
    if asked.workers:
        return 0
    print("\n| broken variant | found, because | after moves |", "|---|---|---:|", sep="\n")
    outcomes = [(one.name, explore(Places(one.parts), **SMALL)) for one in VARIANTS]
    for name, found in outcomes:
        print(f"| {name} | {found.wrong or '**not found**'} | {len(found.story)} |")
    return int(any(found.wrong is None for _, found in outcomes))


if __name__ == "__main__":
    sys.exit(main())
