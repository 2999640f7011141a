"""When to stop: what the outlook expects in every round of the paper's loop, and the truth.

    python -m experiments.stopping --seeds 5 --json FILE --plot FILE --document docs/trust.md

Expected are wrong consensus labels of items with and without labels, and how many of them a label
of a selected item puts right. The truth of the latter is what the round's labels put right by
themselves, before any model has learned from them. Beside it stands what would be expected if a
consensus quality q were a probability: the sum of 1 - q over the items with labels.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import numpy as np
import orjson
import typer
from matplotlib.figure import Figure
from rich.progress import track
from threadpoolctl import threadpool_limits

from activelab import PROGRESS, fit, outlook, progress, score
from experiments.datasets import DATASETS, Floats
from experiments.document import table, write
from experiments.loop import USUAL_MODE, Setting, turns
from experiments.options import (
    Batch,
    ModeName,
    Rounds,
    Trees,
    console,
    errors_in_a_sentence,
    some_of,
)
from experiments.plots import COLORS
from experiments.strategies import STRATEGIES, Rule

MEASURES = ("wrong_labelled", "wrong_unlabelled", "gain_per_label")
SHOWN = (0, 1, 2, 5, 10, 18)
"""Rounds in tables."""
ROWS = {
    "wrong_labelled": "wrong labelled",
    "by_quality": "the same by 1 - q",
    "wrong_unlabelled": "wrong unlabelled",
    "gain_per_label": "gain per label",
}
"""Measures in tables."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One round: measures as expected and as they are, and items by progress: (all, wrong)."""

    expected: dict[str, float]
    true: dict[str, float]
    by_progress: dict[str, tuple[int, int]]


def check(setting: Setting, method: str, seed: int) -> list[Checked]:
    """Play a run, and look ahead in every round but the last."""
    truth = DATASETS[setting.dataset]().truth
    checked = []
    for now, later in pairwise(turns(setting, method, seed=seed)):
        known = now.known
        epoch = fit(known, mode=setting.mode)
        scores = score(known, epoch)
        ahead = outlook(known, epoch, scores, now.chosen)
        # What the labels of this round alone do: the models still say what they said.
        labelled = replace(known, annotators=later.known.annotators, answers=later.known.answers)
        after = score(labelled, fit(labelled, mode=setting.mode))
        wrong, has_label = scores.consensus_label != truth, scores.num_annotations > 0
        right = int(wrong.sum()) - int((after.consensus_label != truth).sum())
        so_far = progress(scores)
        checked.append(
            Checked(
                {name: getattr(ahead, name) or 0.0 for name in MEASURES}
                | {"by_quality": float((1 - scores.consensus_quality[has_label]).sum())},
                {
                    "wrong_labelled": float(wrong[has_label].sum()),
                    "by_quality": float(wrong[has_label].sum()),
                    "wrong_unlabelled": float(wrong[~has_label].sum()),
                    "gain_per_label": right / len(now.chosen),
                },
                {
                    value.value: (int((so_far == place).sum()), int(wrong[so_far == place].sum()))
                    for place, value in enumerate(PROGRESS)
                },
            )
        )
    return checked


@dataclass(frozen=True, slots=True)
class Run:
    """What was checked in the rounds of one run."""

    dataset: str
    method: str
    seed: int
    rounds: list[Checked]


Runs = Mapping[tuple[str, str], Sequence[Run]]
"""By dataset and method."""


def run(setting: Setting, method: str, seed: int) -> Run:
    """Check one run in a process of its own."""
    with threadpool_limits(1):
        return Run(setting.dataset, method, seed, check(setting, method, seed))


def play(settings: Sequence[Setting], methods: Sequence[str], seeds: int, workers: int) -> Runs:
    """Check every method in every setting with every seed, in parallel."""
    runs: dict[tuple[str, str], list[Run]] = {
        (setting.dataset, method): [] for setting in settings for method in methods
    }
    with ProcessPoolExecutor(workers, get_context("spawn")) as executor:
        jobs = [
            executor.submit(run, setting, method, seed)
            for setting in settings
            for method in methods
            for seed in range(seeds)
        ]
        for job in track(jobs, "Playing", console=console):
            done = job.result()
            runs[done.dataset, done.method].append(done)
    return runs


def curves(runs: Sequence[Run], measure: str) -> tuple[Floats, Floats]:
    """Return a measure as expected and as it is, by seed and round: ``(seeds, rounds)`` each."""
    expected = [[one.expected[measure] for one in run.rounds] for run in runs]
    true = [[one.true[measure] for one in run.rounds] for run in runs]
    return np.array(expected), np.array(true)


def save_plot(runs: Runs, file: Path) -> None:
    """Draw what was expected, and the truth dashed beside it: a row a dataset, a column a measure.

    Means over seeds; bands are a standard deviation of what was expected.
    """
    datasets = list(dict.fromkeys(dataset for dataset, _ in runs))
    figure = Figure(figsize=(13, 4 * len(datasets)), layout="constrained")
    grid = figure.subplots(len(datasets), len(MEASURES), squeeze=False)
    for row, dataset in zip(grid, datasets, strict=True):
        for axes, measure in zip(row, MEASURES, strict=True):
            for (name, method), of_method in runs.items():
                if name == dataset:
                    expected, true = curves(of_method, measure)
                    mean, std = expected.mean(axis=0), expected.std(axis=0)
                    rounds, color = range(len(mean)), COLORS[method]
                    axes.plot(rounds, mean, color=color, label=f"{method}, expected")
                    axes.fill_between(rounds, mean - std, mean + std, color=color, alpha=0.2)
                    label = f"{method}, in truth"
                    axes.plot(rounds, true.mean(axis=0), "--", color=color, label=label)
            axes.set(title=f"{dataset}: {measure.replace('_', ' ')}", xlabel="round")
            axes.locator_params(axis="x", integer=True)
            axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    file.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"savefig.dpi": 100}):
        figure.savefig(file, format="png", metadata={"Software": None})


def measure_table(runs: Runs) -> str:
    """Tabulate what was expected / the truth: means over seeds."""

    def rows() -> Iterator[list[str]]:
        for (dataset, method), of_method in runs.items():
            for measure, name in ROWS.items():
                digits = 3 if measure == "gain_per_label" else 1
                means = [values.mean(axis=0) for values in curves(of_method, measure)]
                cells = [f"{e:.{digits}f} / {t:.{digits}f}" for e, t in zip(*means, strict=True)]
                yield [dataset, f"`{method}`", name, *(cells[at] for at in shown(cells))]

    longest = max(runs.values(), key=lambda one: len(one[0].rounds))[0].rounds
    headings = [f"round {number}" for number in shown(longest)]
    return table(["dataset", "method", "expected / in truth", *headings], *rows())


def shown(rounds: Sequence[object]) -> list[int]:
    """Return the rounds that a table shows."""
    return [number for number in SHOWN if number < len(rounds)]


def progress_table(runs: Runs) -> str:
    """Tabulate the items of all rounds by their progress: how many, and how many of them wrong."""
    rows = []
    for (dataset, method), of_method in runs.items():
        cells = []
        for value in PROGRESS:
            counts = [one.by_progress[value] for run in of_method for one in run.rounds]
            number, wrong = np.sum(counts, axis=0)
            mean = number / len(counts)
            cells.append(f"{mean:.0f} a round, {wrong / max(number, 1):.1%} wrong")
        rows.append([dataset, f"`{method}`", *cells])
    return table(["dataset", "method", *PROGRESS], *rows)


def main(  # noqa: PLR0913  a command's options are its signature
    *,
    datasets: Annotated[
        str, typer.Option(help=f"Of {', '.join(DATASETS)}; separated by commas.")
    ] = "wall_robot,digits",
    methods: Annotated[
        str, typer.Option(help=f"Of {', '.join(STRATEGIES)}; separated by commas.")
    ] = "activelab,random",
    mode: ModeName = USUAL_MODE,
    seeds: Annotated[int, typer.Option(help="Runs of each method.", min=1)] = 5,
    rounds: Rounds = 20,
    batch: Batch = 100,
    trees: Trees = 100,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    json: Annotated[Path | None, typer.Option(help="File for all results.")] = None,
    plot: Annotated[Path | None, typer.Option(help="PNG file for the curves.")] = None,
    document: Annotated[
        Path | None, typer.Option(help="Document whose tables are written anew.")
    ] = None,
) -> None:
    """Look ahead in every round of the paper's loop, and compare with the truth."""
    with errors_in_a_sentence():
        names, chosen = some_of(DATASETS, datasets), some_of(STRATEGIES, methods)
        for name in names:  # a missing file is said before any process starts
            DATASETS[name]()
    settings = [
        Setting(name, rule=Rule.ACTIVELAB, mode=mode, rounds=rounds, batch=batch, trees=trees)
        for name in names
    ]
    runs = play(settings, chosen, seeds, workers)
    date = datetime.now(UTC).date().isoformat()
    ran = (
        f"`python -m experiments.stopping --datasets {datasets} --methods {methods} --mode {mode} "
        f"--seeds {seeds} --rounds {rounds}` on {date}: seeds 0 to {seeds - 1}, {batch} labels a "
        f"round, {trees} trees."
    )
    if json is not None:
        said = {"command": ran, "runs": [one for of_method in runs.values() for one in of_method]}
        json.parent.mkdir(parents=True, exist_ok=True)
        json.write_bytes(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE))
    if plot is not None:
        save_plot(runs, plot)
    texts = {
        "outlook": f"{ran}\n\n{measure_table(runs)}",
        "progress": f"{ran}\n\n{progress_table(runs)}",
    }
    if document is not None:
        write(document, texts)
    for text in texts.values():
        console.print(text, soft_wrap=True, markup=False)


if __name__ == "__main__":
    typer.run(main)
