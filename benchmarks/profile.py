"""Where a worker's own time goes: ``python -m benchmarks.profile [--quick]``.

A clock around the parts of a close of 200,000 items, and of runs of single labels and of
predictions in columns that a step takes with a table in memory: so without Kafka, RocksDB and the
network. A part's time is without that of the parts within it. ``--quick`` has a tenth.
"""

import asyncio
import gc
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import wraps
from pkgutil import resolve_name
from types import GeneratorType
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

from benchmarks.crowd import SETTINGS, item_names, labelled, predicted, single_labels
from benchmarks.pools import PROJECT, partition
from benchmarks.report import is_quick
from experiments.document import table
from schemas import Close, Control, Topic, project_key
from stream_app.ports import Change, Messages, Run
from stream_app.settings import Settings
from stream_app.step import Step
from stream_app.telemetry import Telemetry
from stream_app.transport.worker import COLLECT_AFTER
from stream_app.windows import close_window

CLOSE = {
    "activelab.fit.best_temperature": "temperatures",
    "activelab.stopping.best_temperature": "temperatures",
    "activelab.pool.fitted": "the rest of the fit",
    "activelab.pool.score": "scores",
    "stream_app.windows.outlook": "the rest of the outlook",
    "stream_app.windows.rank": "the ranking",
    "stream_app.windows._say_selections": "10,000 selections and leases, encoded",
}
RUN = {
    "stream_app.step.decode": "decoding",
    "stream_app.step.keyed": "keys and facts, encoded",
    "stream_app.step.fold": "who wins",
    "stream_app.projects.Projects.take": "the pools",
    "activelab.pool.Pool.fit": "fits, where labels have grown by a tenth",
    "activelab.pools.Pools.scored": "scores, computed",
    "stream_app.outbound.Outbound.say_scores": "scores, encoded",
    "stream_app.outbound.Outbound.say_trust": "trust",
}
ALL_ELSE = "all else"


class Clock:
    """Times parts that call each other: always the innermost one runs."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._running = [ALL_ELSE]
        self._since = time.perf_counter()

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same, on the clock."""

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self._turn()
            self._running.append(part)
            try:
                result = function(*args, **kwargs)
                return iter(list(result)) if isinstance(result, GeneratorType) else result
            finally:
                self._turn()
                self._running.pop()

        return timed

    def _turn(self) -> None:
        now = time.perf_counter()
        self.spent[self._running[-1]] += now - self._since
        self._since = now


class Record(NamedTuple):
    """A record as it is delivered."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes


@dataclass(slots=True)
class Memory:
    """A table in memory, and nobody who listens."""

    rows: dict[bytes, bytes] = field(default_factory=dict)

    async def commit(self, _partition: int, _changes: Sequence[Change], _said: Messages) -> int:
        """Commit nothing."""
        return 0

    def get_many(self, _partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """Look up keys."""
        return [self.rows.get(key) for key in keys]

    def scan(self, _partition: int, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Iterate over keys that start with a prefix."""
        return iter(sorted(one for one in self.rows.items() if one[0].startswith(prefix)))

    def write(self, _partition: int, changes: Sequence[Change], _offset: int) -> None:
        """Write changes."""
        self.rows.update(changes)


@dataclass(slots=True)
class Feed:
    """A step, and how far each topic has come."""

    step: Step
    at: dict[Topic, int] = field(default_factory=dict)

    def take(self, topic: Topic, values: Sequence[bytes], records: int) -> None:
        """Let the step take records, so many a run."""
        for begin in range(0, len(values), records):
            some, at = values[begin : begin + records], self.at.get(topic, 0)
            self.at[topic] = at + len(some)
            key = project_key(PROJECT)
            delivered = [Record(at + row, 10**12 + at, key, one) for row, one in enumerate(some)]
            asyncio.run(self.step.take(Run(topic, 0, at, at + len(some), delivered)))


def seconds(call: Callable[[], object], parts: Mapping[str, str]) -> dict[str, float]:
    """Return what the parts of a call take; what a part does later, in a generator, is its own."""
    with ExitStack() as on_the_clock:
        clock = Clock()
        for name, part in parts.items():
            timed = clock.timed(part, resolve_name(name))
            on_the_clock.enter_context(patch(name, timed))
        clock.timed(ALL_ELSE, call)()
    return {part: clock.spent[part] for part in (*dict.fromkeys(parts.values()), ALL_ELSE)}


def of_close(items: int) -> dict[str, float]:
    """Time a close."""
    pool = partition(items)

    def close(number: int) -> None:
        request = Close(cause="request", request_id=f"{number}")
        control = Control(number, number + 1, PROJECT, request, number, 1_000 + 10**8 * number)
        closed = close_window(pool, str(Topic.CONTROL), control, request, answered=None)
        assert [*closed.outbound]  # made in turn

    close(0)
    return seconds(lambda: close(1), CLOSE)


def of_runs(items: int) -> tuple[dict[str, float], dict[str, float]]:
    """Time runs of as many labels, and predictions, as items."""
    memory = Memory()
    step = Step(Settings(partitions=1), memory, memory, Telemetry())
    step.partitions = step.load(frozenset({0}))
    feed, names, rng = Feed(step), item_names(items), np.random.default_rng(0)
    feed.take(Topic.CONTROL, [SETTINGS.to_bytes()], 1)
    feed.take(Topic.PREDICTIONS, predicted(names, version=1), 80)
    feed.take(Topic.ANNOTATIONS, labelled(names, rng), 20)
    labels, again = single_labels(names, items, rng), predicted(names, version=2)
    return (
        seconds(lambda: feed.take(Topic.ANNOTATIONS, labels, 20_000), RUN),
        seconds(lambda: feed.take(Topic.PREDICTIONS, again, 80), RUN),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what takes how long."""
    items = 20_000 if is_quick(__doc__, arguments) else 200_000
    gc.set_threshold(*COLLECT_AFTER)  # as a worker does
    print(_shared(f"a close of {items:,} items", of_close(items)))
    labels, predictions = of_runs(items)
    print()
    print(_shared("a single label, µs", labels, items))
    print()
    print(_shared("a prediction in columns, µs", predictions, items))


def _shared(what: str, spent: dict[str, float], events: int | None = None) -> str:
    """Return a table: ms, or microseconds an event, and shares."""
    unit = 1e3 if events is None else 1e6 / events
    total = sum(spent.values())
    rows = [[part, f"{unit * one:.2f}", f"{100 * one / total:.0f}"] for part, one in spent.items()]
    heads = [what if events else f"{what}, ms", f"{unit * total:.1f}", "%"]
    return table(heads, *rows)


if __name__ == "__main__":
    main()
