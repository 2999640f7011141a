"""Run every benchmark: ``python -m benchmarks [--quick]``; writes benchmarks.md and scaling.md.

Each in a process of its own, so that none sees another's memory. ``--quick`` writes nothing.
"""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.report import is_quick
from experiments.document import DOCS, table, write
from stream_app.broker.jars import KAFKA_VERSION
from stream_app.broker.java import find_java

DOCUMENT = DOCS / "benchmarks.md"
NAMES = ("batch", "window", "event", "stream", "repredict", "latency", "recovery", "scale")
PACKAGES = ("numpy", "faust-streaming", "aiokafka", "rocksdict", "orjson", "cleanlab")


def run(name: str, arguments: Sequence[str]) -> str:
    """Run a benchmark; return all that it says, which is shown at once, too."""
    program = [sys.executable, "-u", "-m", f"benchmarks.{name}", *arguments]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        lines = []
        for line in running.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if running.returncode:
        sys.exit(f"{name} ended with {running.returncode}")
    return "".join(lines).strip()


def machine() -> str:
    """Return on what all of it ran, and when."""
    processor = _first(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    kibibytes = int(_first(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text()))
    return table(
        ["what", "which"],
        ["date", datetime.now(UTC).date()],
        ["processor", f"{os.cpu_count()} x {processor}"],
        ["memory", f"{kibibytes / (1 << 20):.0f} GiB"],
        ["system", f"{platform.system()} {platform.release()}"],
        ["Python", platform.python_version()],
        *([name, version(name)] for name in PACKAGES),
        ["Kafka", KAFKA_VERSION],
        ["Java", java_version()],
    )


def java_version() -> str:
    """Return the version of the Java that runs Kafka."""
    asked = subprocess.run([find_java(), "-version"], capture_output=True, text=True, check=True)
    return _first(r'version "([^"]+)"', asked.stderr)


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, pattern
    return found[1]


def main() -> None:
    """Run them all; write the document unless they were quick."""
    said = {}
    for name in (*NAMES, "profile"):
        print(f"\n== {name}", flush=True)
        said[name] = run(name, sys.argv[1:])
    print("\n== scaling", flush=True)
    run("scaling", sys.argv[1:])  # writes a document of its own
    if not is_quick(__doc__, sys.argv[1:]):
        write(DOCUMENT, {"machine": machine(), **said})


if __name__ == "__main__":
    main()
