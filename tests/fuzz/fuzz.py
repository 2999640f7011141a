"""The fuzzer's command: so many hostile records, and how many things failed.

python tests/fuzz/fuzz.py --inputs 100000 --seed 0

Three of four are made by grammar: events of every type with hostile values, damaged bytes, all
mixed in runs, with restarts amid them (hypothesis, which also makes what fails small). The others
are bytes led by the branches of ``schemas`` that they reach (libFuzzer, where atheris is there).
"""

import argparse
import subprocess
import sys
import traceback
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from fuzzing import survive
from histories import Arrival, Happening
from hostility import lives
from hypothesis import HealthCheck, Phase, given, seed, settings

RECORDS = 20
"""Of a life."""
GUIDED = Path(__file__).with_name("coverage_guided.py")


def by_grammar(inputs: int, number: int) -> int:
    """Let so many records arrive; return how many different failures there were."""
    seen = 0

    @seed(number)
    @settings(
        max_examples=-(-inputs // RECORDS),
        deadline=None,
        database=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(lives(records=RECORDS))
    def live(happenings: list[Happening]) -> None:
        nonlocal seen
        seen += sum(isinstance(one, Arrival) for one in happenings)
        survive(happenings)

    try:
        live()
    except BaseExceptionGroup as group:
        traceback.print_exception(group)
        return len(group.exceptions)
    except Exception:  # noqa: BLE001  whatever it is, it is what was looked for
        traceback.print_exc()
        return 1
    finally:
        print(f"{seen} inputs by grammar")
    return 0


def by_coverage(inputs: int, number: int) -> int:
    """Let any bytes arrive in a process of their own; return whether one of them failed."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, str(GUIDED), str(inputs), str(number), folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        failed = sorted(Path(folder).glob("failed-*"))
        if done.returncode or failed:
            print(done.stdout[-4_000:], done.stderr[-4_000:], sep="\n")
            for file in failed:
                print(f"{file.name}: {file.read_bytes()!r}")
            return 1
    print(f"{inputs} inputs by coverage")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    guided = options.inputs // 4
    if find_spec("atheris") is None:
        print("No atheris here (it is made for Linux on x86-64): all inputs are by grammar.")
        guided = 0
    failures = by_grammar(options.inputs - guided, options.seed)
    if guided:
        failures += by_coverage(guided, options.seed)
    print(f"{options.inputs} inputs, {failures} failures")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
