"""Batch scores against cleanlab 2.9.0: ``python -m benchmarks.batch [--quick]``.

Both get the same dense table of labels and float64 probabilities, and return scores of all items.
The ratio that counts is that of 50,000 items x 200 annotators x 10 classes with 2.5 labels an item;
``--quick`` measures a tenth of the items. Ours is the best of several runs, the reference's of
fewer, because it takes so long.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO

import numpy as np
import numpy.typing as npt
from cleanlab import multiannotator as cleanlab

from activelab import dropin
from benchmarks.report import is_quick, verdict
from experiments.document import table

FLOOR, TARGET = 100, 300
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """The size of a problem; the headline is the first one."""

    items: int
    annotators: int
    classes: int
    models: int = 1
    labels_per_item: float = 2.5

    def data(self) -> tuple[Floats, Floats]:
        """Draw labels ``(N, M)`` and probabilities ``(models, N, K)``."""
        rng = np.random.default_rng(0)
        truth = rng.integers(self.classes, size=self.items)
        number = 1 + rng.poisson(self.labels_per_item - 1, size=self.items)
        item = np.repeat(np.arange(self.items), number)
        annotator = rng.integers(self.annotators, size=len(item))
        right = rng.random(len(item)) < rng.uniform(0.4, 0.95, self.annotators)[annotator]
        labels = np.full((self.items, self.annotators), np.nan)
        labels[item, annotator] = np.where(
            right, truth[item], rng.integers(self.classes, size=len(item))
        )
        logits = 2 * rng.normal(size=(self.models, self.items, self.classes))
        logits[:, np.arange(self.items), truth] += 3
        probs = np.exp(logits)
        return labels, probs / probs.sum(axis=2, keepdims=True)


def seconds(call: Callable[[], object], runs: int) -> float:
    """Return the shortest time of some runs."""
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return min(times)


def measure(case: Case) -> tuple[float, float]:
    """Return the seconds of cleanlab and of ours for one call."""
    labels, probs = case.data()
    if case.models == 1:
        theirs, ours = cleanlab.get_active_learning_scores, dropin.get_active_learning_scores
        given = probs[0]
    else:
        theirs = cleanlab.get_active_learning_scores_ensemble
        ours = dropin.get_active_learning_scores_ensemble
        given = probs
    ours(labels, given)
    with warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        reference = seconds(lambda: theirs(labels, given.copy()), runs=1)
    return reference, seconds(lambda: ours(labels, given), runs=5)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table and, as the last line, the ratio."""
    share = 10 if is_quick(__doc__, arguments) else 1
    cases = [
        Case(50_000 // share, 200, 10),
        Case(5_000 // share, 50, 5),
        Case(5_000 // share, 50, 5, models=3),
    ]
    rows, ratios = [], []
    for case in cases:
        reference, ours = measure(case)
        ratios.append(reference / ours)
        sizes = (case.items, case.annotators, case.classes, case.models)
        times = (f"{reference:.3f}", f"{ours:.4f}", f"{ratios[-1]:.0f}")
        rows.append([*(f"{size:,}" for size in sizes), *times])
    heads = ["items", "annotators", "classes", "models", "cleanlab s", "ours s", "ratio"]
    print(table(heads, *rows))
    verdict("cleanlab's time over ours, of the first line", ratios[0], FLOOR, TARGET)


if __name__ == "__main__":
    main()
