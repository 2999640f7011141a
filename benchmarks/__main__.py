"""Run every benchmark: ``python -m benchmarks [--quick]``."""

import sys

from benchmarks import batch

BENCHMARKS = {"batch": batch.main}

for name, main in BENCHMARKS.items():
    print(f"== {name}")
    main(sys.argv[1:])
