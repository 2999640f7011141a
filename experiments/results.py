"""Results: the rounds of a method over several seeds, what they come to, and how they are kept.

A JSON file maps each method to its result: settings, and lists by seed and round (round 0 is before
any extra label). A CSV file has a row a round.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from pydantic import TypeAdapter

from experiments.datasets import Floats
from experiments.loop import Round, Setting

MEASURES = ("test_accuracy", "consensus_accuracy")
COUNTS = ("num_labels", "num_labelled")
DECIMALS = 6
"""Enough for shares of thousands, averaged over folds and models."""


@dataclass(frozen=True, slots=True)
class Result:
    """A method's rounds, in lists by seed and round: ``(seeds, rounds)``."""

    setting: Setting
    date: str
    seeds: tuple[int, ...]
    test_accuracy: list[list[float]]
    consensus_accuracy: list[list[float]]
    num_labels: list[list[int]]
    num_labelled: list[list[int]]

    @classmethod
    def of(cls, setting: Setting, date: str, runs: Mapping[int, Sequence[Round]]) -> "Result":
        """Gather the rounds of each seed."""
        lists: dict[str, Any] = {
            name: [[round(getattr(one, name), DECIMALS) for one in runs[seed]] for seed in runs]
            for name in MEASURES + COUNTS
        }
        return cls(setting, date, tuple(runs), **lists)

    def mean(self, measure: str) -> Floats:
        """Return the mean over seeds by round."""
        return np.asarray(np.mean(getattr(self, measure), axis=0))

    def std(self, measure: str) -> Floats:
        """Return the standard deviation over seeds by round; of the runs, as in the paper."""
        return np.asarray(np.std(getattr(self, measure), axis=0))


Results = Mapping[str, Result]
"""By method."""
_RESULTS = TypeAdapter(dict[str, Result])


@dataclass(frozen=True, slots=True)
class Price:
    """How many labels were bought until a goal was reached, or without reaching it."""

    labels: float
    reached: bool

    @classmethod
    def of(cls, result: Result, goal: float) -> "Price":
        """Find where the mean test accuracy first reaches the goal, on a line between rounds."""
        accuracy, labels = result.mean("test_accuracy"), result.mean("num_labels")
        bought = labels - labels[0]
        at = int(np.argmax(accuracy >= goal))
        if accuracy[at] < goal:
            return cls(float(bought[-1]), reached=False)
        before = max(at - 1, 0)
        needed = np.interp(goal, accuracy[[before, at]], bought[[before, at]])
        return cls(float(needed), reached=True)

    def __str__(self) -> str:
        return f"{'' if self.reached else '> '}{self.labels:,.0f}"


def save_json(results: Results, file: Path) -> None:
    """Write results, to be read by `load_json`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(orjson.dumps(results, option=orjson.OPT_APPEND_NEWLINE))


def load_json(file: Path) -> dict[str, Result]:
    """Read results."""
    return _RESULTS.validate_json(file.read_bytes())


def save_csv(results: Results, file: Path) -> None:
    """Write a row a method, seed and round."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["dataset", "method", "seed", "round", *COUNTS, *MEASURES])
        for method, result in results.items():
            lists = [getattr(result, name) for name in COUNTS + MEASURES]
            for seed, *by_round in zip(result.seeds, *lists, strict=True):
                for number, *values in zip(count(), *by_round, strict=False):
                    writer.writerow([result.setting.dataset, method, seed, number, *values])
