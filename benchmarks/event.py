"""One event in a warm pool of 10,000 and of 1 M items: ``python -m benchmarks.event [--quick]``.

An event is a label or a prediction that is put into the pool, and its item rescored. Single events
are timed one by one (median), those of a run together, as a worker takes them (the best of some
runs, by event). A run's items are all distinct: in the small pool it would else rescore less of
them. ``--quick`` has 100,000 items instead of 1 M.
"""

import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np

from activelab import Pool
from benchmarks.pools import ANNOTATORS, CLASSES, pool, predictions
from benchmarks.report import is_quick, verdict
from experiments.document import table

FLOOR, TARGET = 1 / 1.5, 1 / 1.2
AMORTISED_TARGET = 20.0
"""Microseconds."""
FEW, MANY = 10_000, 1_000_000
SINGLES, RUNS, RUN = 1_000, 7, 10_000


class Events:
    """Events of both kinds on items of a pool that are drawn at random."""

    def __init__(self, warm: Pool) -> None:
        self._pool = warm
        self._names = warm.items()
        self._rng = np.random.default_rng(1)

    def labels(self, number: int) -> Callable[[], None]:
        """Draw labels of distinct items; return what takes and rescores them."""
        items = self._items(number)
        annotators = [f"annotator-{one}" for one in self._rng.integers(ANNOTATORS, size=number)]
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


def costs(warm: Pool) -> dict[str, float]:
    """Return the microseconds of an event, by its kind and company."""
    events = Events(warm)
    found = {}
    for kind, draw in (("label", events.labels), ("prediction", events.predictions)):
        singles = [microseconds(draw(1)) for _ in range(SINGLES)]
        runs = [microseconds(draw(RUN)) / RUN for _ in range(RUNS)]
        found[f"a single {kind}"] = median(singles)
        found[f"a {kind} of a run"] = min(runs)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table and, as the last line, the ratio."""
    many = MANY // 10 if is_quick(__doc__, arguments) else MANY
    few_costs, many_costs = costs(pool(FEW)), costs(pool(many))
    rows = [
        [event, f"{few:.1f}", f"{many_costs[event]:.1f}", f"{many_costs[event] / few:.2f}"]
        for event, few in few_costs.items()
    ]
    print(table(["µs", f"{FEW:,} items", f"{many:,} items", "times"], *rows))
    amortised = max(many_costs[event] for event in many_costs if "run" in event)
    print(f"\namortised: {amortised:.1f} µs (target {AMORTISED_TARGET:g} µs)")
    flat = min(few / many_costs[event] for event, few in few_costs.items())
    verdict("an event's cost in the small pool over that in the large one", flat, FLOOR, TARGET)


if __name__ == "__main__":
    main()
