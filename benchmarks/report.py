"""What every benchmark has in common: one option, and a last line that says where it stands.

A ratio is always one of which more is better; what it is of stands in the line above it.
"""

import argparse
from collections.abc import Sequence


def is_quick(doc: str | None, arguments: Sequence[str] | None) -> bool:
    """Read the command line: is it a smaller run, of less than 50 s?"""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less of everything, under 50 s")
    return bool(parser.parse_args(arguments).quick)


def verdict(of: str, ratio: float, floor: float, target: float) -> None:
    """Print what the ratio is of, and the last line."""
    print(f"\nThe ratio is {of}; more is better.\n")
    print(f"ratio: {_short(ratio)} (floor {_short(floor)}, target {_short(target)})")


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"
