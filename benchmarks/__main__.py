"""Run every benchmark: ``python -m benchmarks [--quick]``."""

import sys

from benchmarks import batch, event, stream, window

BENCHMARKS = {
    "batch": batch.main,
    "window": window.main,
    "event": event.main,
    "stream": stream.main,
}

for name, main in BENCHMARKS.items():
    print(f"== {name}")
    main(sys.argv[1:])
