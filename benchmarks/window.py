"""A close against cleanlab 2.9.0, per item: ``python -m benchmarks.window [--quick]``.

Ours: the worker's own close of a pool of 1 M items, 2.5 M labels, 10 classes, with all that it says
(refresh, ranking, the outlook, 10,000 selections, the manifest) in memory and encoded, when the
consensus of few items has changed since the last one. Theirs: scores of 50,000 items, the most that
its dense tables let it do in reasonable time.
"""

import gc
import time
from collections.abc import Sequence

from benchmarks.batch import Case, measure
from benchmarks.pools import PROJECT, partition, resident_mib
from benchmarks.report import is_quick, verdict
from experiments.document import table
from schemas import Close, Control, Topic
from stream_app.windows import close_window

FLOOR, TARGET = 100, 300
SECONDS_FLOOR, SECONDS_TARGET = 3.0, 1.0
MEMORY_FLOOR = 400
CLOSES = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table and, as the last line, the ratio."""
    share = 20 if is_quick(__doc__, arguments) else 1
    items = 1_000_000 // share
    gc.collect()
    before = resident_mib()
    ours = partition(items)
    labels = ours.projects[PROJECT].pool.num_labels
    seconds, rows = [], []
    for number in range(1 + CLOSES):
        close = Close(cause="request", request_id=f"{number}")
        control = Control(number, number + 1, PROJECT, close, number, 1_000 + 10**8 * number)
        began = time.perf_counter()
        closed = close_window(ours, str(Topic.CONTROL), control, close, answered=None)
        said = sum(len(one.changes) for one in closed.outbound)
        seconds.append(time.perf_counter() - began)
        rows.append([number + 1, f"{seconds[-1]:.2f}", f"{said:,}"])
    print(table([f"close of {items:,} items, {labels:,} labels", "seconds", "changes"], *rows))
    del closed
    gc.collect()
    memory = resident_mib() - before
    print(f"\nmemory: {memory:,.0f} MiB, {2**20 * memory / items:.0f} bytes an item, ", end="")
    print(f"{2**20 * memory / labels:.0f} a label (floor {MEMORY_FLOOR} MiB for 1 M items)")
    close_seconds = min(seconds[1:])
    print(f"\na close: {close_seconds:.2f} s (floor {SECONDS_FLOOR:g} s, ", end="")
    print(f"target {SECONDS_TARGET:g} s for 1 M items)")
    case = Case(50_000 // share, 200, 10)
    theirs, _ = measure(case)
    each = close_seconds / items, theirs / case.items
    print(f"\nmicroseconds an item: ours {1e6 * each[0]:.2f}, cleanlab {1e6 * each[1]:.0f}")
    verdict("cleanlab's time an item over ours", each[1] / each[0], FLOOR, TARGET)


if __name__ == "__main__":
    main()
