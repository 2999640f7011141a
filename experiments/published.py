"""The ActiveLab paper's own curves: mean and standard deviation of five runs, by round."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from experiments.datasets import SHARED, Floats

NAMES: Mapping[str, str] = {
    "activelab": "ActiveLab",
    "activelab_strict": "ActiveLab",
    "random": "Random",
    "good_random": "Good Random",
    "entropy": "Entropy",
    "uncertainty": "Uncertainty",
    "active_label_cleaning": "Active Label Cleaning",
}
"""Our methods' names there."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A published curve by round: ``(rounds,)``."""

    mean: Floats
    std: Floats


def curves(dataset: str, measure: str, model: str = "ExtraTrees") -> dict[str, Curve]:
    """Return the curve of each of our methods that the paper has; none where it knows no dataset.

    Empty, too, where there is no ../shared/data: a plot or a table then shows ours alone.
    """
    path = SHARED / "paper_curves.csv"
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["experiment"], row["model"], row["metric"]) == (dataset, model, measure)
        ]
    found = {}
    for ours, theirs in NAMES.items():
        points = sorted(
            (int(row["round"]), float(row["mean"]), float(row["std"]))
            for row in rows
            if row["method"] == theirs
        )
        if points:
            _, mean, std = np.array(points).T
            found[ours] = Curve(mean, std)
    return found
