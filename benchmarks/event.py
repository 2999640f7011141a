"""One event in a warm pool of 10,000 and of 1 M items: ``python -m benchmarks.event [--quick]``.

An event is a label or a prediction that is put into the pool, and its item rescored. Single events
are timed one by one (median), those of a run together, as a worker takes them (the best of some
runs, by event). Labels correct those that are there, so that no pool grows; a run's items are all
distinct: in the small pool it would else rescore less of them. ``--quick`` has 100,000 items
instead of 1 M.
"""

import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np

from activelab import Pool
from benchmarks.pools import CLASSES, pool, predictions
from benchmarks.report import is_quick, verdict
from experiments.document import table

FLOOR, TARGET = 1 / 1.5, 1 / 1.2
AMORTISED_TARGET = 20.0
"""Microseconds."""
FEW, MANY = 10_000, 1_000_000
SINGLES, RUNS, RUN = 1_000, 15, 10_000


class Events:
    """Events of both kinds on items of a pool that are drawn at random."""

    def __init__(self, warm: Pool) -> None:
        self._pool = warm
        self._names = warm.items()
        self._rng = np.random.default_rng(1)

    def labels(self, number: int) -> Callable[[], None]:
        """Draw corrected labels of distinct items; return what takes and rescores them."""
        items = self._items(number)
        annotators = [answered[0] for answered in self._pool.answers(items)]
        labels = self._rng.integers(len(CLASSES), size=number)

        def take() -> None:
            self._pool.set_labels(items, annotators, labels)
            self._pool.score(items)

        return take

    def predictions(self, number: int) -> Callable[[], None]:
        """Draw predictions of distinct items; return what takes and rescores them."""
        items = self._items(number)
        pred_probs = predictions(self._rng, self._rng.integers(len(CLASSES), size=number))

        def take() -> None:
            self._pool.set_predictions(items, "m", pred_probs)
            self._pool.score(items)

        return take

    def _items(self, number: int) -> list[str]:
        places = self._rng.choice(len(self._names), number, replace=False)
        return [self._names[place] for place in places.tolist()]


def microseconds(call: Callable[[], None]) -> float:
    """Time a call."""
    began = time.perf_counter()
    call()
    return 1e6 * (time.perf_counter() - began)


def costs(pools: Sequence[Pool]) -> dict[str, list[float]]:
    """Return the microseconds of an event in each pool, by its kind and company.

    The pools take turns, so that what else the machine does falls on all of them.
    """
    all_events = [Events(warm) for warm in pools]
    found = {}
    for kind in ("label", "prediction"):
        draw = [events.labels if kind == "label" else events.predictions for events in all_events]
        singles = [[microseconds(one(1)) for one in draw] for _ in range(SINGLES)]
        runs = [[microseconds(one(RUN)) / RUN for one in draw] for _ in range(RUNS)]
        found[f"a single {kind}"] = [median(of_pool) for of_pool in zip(*singles, strict=True)]
        found[f"a {kind} of a run"] = [min(of_pool) for of_pool in zip(*runs, strict=True)]
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table and, as the last line, the ratio."""
    many = MANY // 10 if is_quick(__doc__, arguments) else MANY
    found = costs([pool(FEW), pool(many)])
    rows = [
        [event, f"{small:.1f}", f"{large:.1f}", f"{large / small:.2f}"]
        for event, (small, large) in found.items()
    ]
    print(table(["µs", f"{FEW:,} items", f"{many:,} items", "times"], *rows))
    singles = [both for event, both in found.items() if "single" in event]
    amortised = [both for event, both in found.items() if "single" not in event]
    print(
        f"\namortised over a run: {max(large for _, large in amortised):.1f} µs "
        f"(target {AMORTISED_TARGET:g} µs), {max(large / small for small, large in amortised):.1f} "
        "times as much as in the small pool, which the processor's caches hold"
    )
    flat = min(small / large for small, large in singles)
    verdict("a single event's cost in the small pool over that in the large", flat, FLOOR, TARGET)


if __name__ == "__main__":
    main()
