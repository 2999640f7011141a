"""The paper's experiment: every method, many seeds, in parallel.

python -m experiments.paper --dataset wall_robot --methods activelab,random --json FILE
"""

import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from threadpoolctl import threadpool_limits

from experiments.datasets import DATASETS
from experiments.document import published
from experiments.loop import USUAL_MODE, Round, Setting, play
from experiments.options import (
    Batch,
    DatasetName,
    ModelNames,
    ModeName,
    Rounds,
    Trees,
    console,
    errors_in_a_sentence,
    one_of,
    some_of,
)
from experiments.plots import save_plot
from experiments.results import Result, Results, save_csv, save_json
from experiments.strategies import MODES, STRATEGIES, Rule, suitable
from stream_app.folds import ESTIMATORS


def main(  # noqa: PLR0913  a command's options are its signature
    *,
    dataset: DatasetName,
    methods: Annotated[
        str,
        typer.Option(
            help=f"Of {', '.join(STRATEGIES)}; separated by commas.",
            show_default="all that suit the models, each once",
        ),
    ] = "",
    models: ModelNames = "extra-trees",
    consensus: Annotated[
        Rule,
        typer.Option(
            help="What models learn: as in the paper (the majority vote; ActiveLab its own), with "
            "the older cleanlab's ties if need be; ActiveLab's consensus for every method, as in "
            "the service; or the truth, as a bound."
        ),
    ] = Rule.PAPER,
    mode: ModeName = USUAL_MODE,
    seeds: Annotated[int, typer.Option(help="Runs of each method.", min=1)] = 5,
    rounds: Rounds = 20,
    batch: Batch = 100,
    trees: Trees = 100,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    json: Annotated[Path | None, typer.Option(help="File for all results.")] = None,
    csv: Annotated[Path | None, typer.Option(help="File for a row a round.")] = None,
    plot: Annotated[Path | None, typer.Option(help="PNG file for the curves.")] = None,
) -> None:
    """Run the ActiveLab paper's experiment: label, train, score, ask; test and consensus accuracy.

    Published curves are drawn beside ours where the paper has them.
    """
    with errors_in_a_sentence():
        learners = some_of(ESTIMATORS, models)
        names = suitable(len(learners))
        once = [name for name in names if MODES.get(name) is not mode]
        chosen = some_of(names, methods) if methods else once
        # A missing file is said before any process starts.
        DATASETS[one_of(DATASETS, dataset)]()
    setting = Setting(dataset, learners, consensus, mode, rounds, batch, trees)
    # SIGTERM ends it as Ctrl-C does: its processes with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = run(setting, chosen, range(seeds), workers=workers)
    for file, save in ((json, save_json), (csv, save_csv), (plot, save_plot)):
        if file is not None:
            save(results, file)
            console.print(f"{file} is written.")
    console.print(summary(results))
    console.print(published(results), soft_wrap=True, markup=False)


def run(setting: Setting, methods: Sequence[str], seeds: Sequence[int], *, workers: int) -> Results:
    """Play every method with every seed, each run in a process, with a bar for each method."""
    date = datetime.now(UTC).date().isoformat()
    runs: dict[str, dict[int, list[Round]]] = {method: {} for method in methods}
    columns = (
        TextColumn("{task.description:>23}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    jobs = [(setting, method, seed) for seed, method in product(seeds, methods)]
    with (
        Progress(*columns, console=console) as progress,
        # One thread each, because they share the cores; none outlives this.
        get_context("spawn").Pool(workers, threadpool_limits, (1,)) as pool,
    ):
        bars = {method: progress.add_task(method, total=len(seeds)) for method in methods}
        for method, seed, rounds in pool.imap_unordered(_play, jobs):
            runs[method][seed] = rounds
            progress.advance(bars[method])
    return {
        method: Result.of(setting, date, {seed: runs[method][seed] for seed in seeds})
        for method in methods
    }


def _play(job: tuple[Setting, str, int]) -> tuple[str, int, list[Round]]:
    """Play one run in a process."""
    setting, method, seed = job
    return method, seed, list(play(setting, method, seed=seed))


def summary(results: Results) -> Table:
    """Return both measures at the first, middle and last round, and their means."""
    table = Table("method", box=None)
    length = len(next(iter(results.values())).mean("test_accuracy"))
    shown = sorted({0, length // 4, length // 2, length - 1})
    for column in (*(f"round {number}" for number in shown), "mean", "consensus mean"):
        table.add_column(column, justify="right")
    for method, result in results.items():
        test, consensus = result.mean("test_accuracy"), result.mean("consensus_accuracy")
        values = [*test[shown], test.mean(), consensus.mean()]
        table.add_row(method, *(f"{value:.4f}" for value in values))
    return table


if __name__ == "__main__":
    typer.run(main)
