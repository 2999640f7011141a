"""A close against cleanlab 2.9.0, per item: ``python -m benchmarks.window [--quick]``.

Ours: the worker's own close of a pool of 1 M items, 2.5 M labels, 10 classes, with all that it says
(refresh, ranking, the outlook, 10,000 selections, the manifest) in memory and encoded, when the
consensus of few items has changed since the last one. Theirs: scores of 50,000 items, the most that
its dense tables let it do in reasonable time.
"""

import argparse
import gc
import time
from collections.abc import Sequence

from benchmarks.batch import Case, measure
from benchmarks.pools import PROJECT, partition, resident_mib
from schemas import Close, Control, Topic
from stream_app.windows import close_window

FLOOR, TARGET = 100, 300
SECONDS_FLOOR, SECONDS_TARGET = 3.0, 1.0
CLOSES = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table and, as the last line, the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of the items")
    share = 20 if parser.parse_args(arguments).quick else 1
    items = 1_000_000 // share
    gc.collect()
    before = resident_mib()
    ours = partition(items)
    project = ours.projects[PROJECT]
    seconds = []
    for number in range(1 + CLOSES):
        close = Close(cause="request", request_id=f"{number}")
        control = Control(number, number + 1, PROJECT, close, number, 1_000 + 10**8 * number)
        began = time.perf_counter()
        closed = close_window(ours, str(Topic.CONTROL), control, close, answered=None)
        seconds.append(time.perf_counter() - began)
        said = sum(len(one.changes) for one in closed.outbound)
        print(f"close {number + 1}: {seconds[-1]:6.2f} s, {said:>9,} changes")
    gc.collect()
    memory = resident_mib() - before
    labels = project.pool.num_labels
    each_item = 2**20 * memory / items
    print(f"{items:,} items, {labels:,} labels: {memory:,.0f} MiB, {each_item:.0f} B an item")
    close_seconds = min(seconds[1:])
    case = Case(50_000 // share, 200, 10)
    theirs, _ = measure(case)
    each = close_seconds / items, theirs / case.items
    print(
        f"a close: {close_seconds:.2f} s (floor {SECONDS_FLOOR:g} s, target {SECONDS_TARGET:g} s)"
    )
    print(f"microseconds an item: ours {1e6 * each[0]:.2f}, cleanlab {1e6 * each[1]:.0f}")
    print(f"ratio: {each[1] / each[0]:.0f} (floor {FLOOR}, target {TARGET})")


if __name__ == "__main__":
    main()
