"""The tables and plots of docs/label-efficiency.md, from the results in docs/results.

    python -m experiments.document

Each table stands between two comments that name its results; what is written around them is left
alone. Results are made by ``python -m experiments.paper``; ``make paper`` does it all.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np

from experiments.plots import save_plot
from experiments.published import curves
from experiments.results import Price, Results, load_json

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENT = DOCS / "label-efficiency.md"
ROUNDS = (0, 1, 2, 5, 10, 19)
"""Those that tables show."""
GOALS = (0.95, 0.97)
"""Of test accuracy."""
RIVALS = ("random", "uncertainty")

_TABLE = re.compile(r"(<!-- (\w+) of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(document: str, results: Mapping[str, Results]) -> str:
    """Fill every table of a document anew."""

    def fill(found: re.Match[str]) -> str:
        begin, table, name, end = found.groups()
        lines = TABLES[table](results[name])
        return begin + "".join(f"{line}\n" for line in lines) + end

    return _TABLE.sub(fill, document)


def provenance(results: Results) -> Iterator[str]:
    """Say which command makes these results, when it ran and with which seeds."""
    one = next(iter(results.values()))
    setting, seeds = one.setting, one.seeds
    yield (
        f"`python -m experiments.paper --dataset {setting.dataset} --consensus {setting.rule} "
        f"--mode {setting.mode} --models {','.join(setting.models)} --seeds {len(seeds)} "
        f"--rounds {setting.rounds} --batch {setting.batch} --trees {setting.trees}`, "
        f"{one.date}, seeds {seeds[0]} to {seeds[-1]}."
    )


def test_accuracy(results: Results) -> Iterator[str]:
    """Tabulate test accuracy by round."""
    return _by_round(results, "test_accuracy")


def consensus_accuracy(results: Results) -> Iterator[str]:
    """Tabulate the accuracy of the labelled items' consensus by round."""
    return _by_round(results, "consensus_accuracy")


def _by_round(results: Results, measure: str) -> Iterator[str]:
    yield _row("method", *(f"round {number}" for number in ROUNDS), "mean of all rounds")
    yield _row(*["---"] * (len(ROUNDS) + 2))
    for method, result in results.items():
        mean, std = result.mean(measure), result.std(measure)
        cells = [f"{mean[number]:.3f} ± {std[number]:.3f}" for number in ROUNDS]
        yield _row(f"`{method}`", *cells, f"**{mean.mean():.4f}**")


def published(results: Results) -> Iterator[str]:
    """Tabulate the distance of each mean curve of test accuracy from the paper's."""
    yield _row("method", "mean of all rounds", "the paper's", "rounds within 2 std", "farthest")
    yield _row(*["---"] * 5)
    for method, result in results.items():
        theirs = curves(result.setting.dataset, "test_accuracy").get(method)
        if theirs is not None:
            mean = result.mean("test_accuracy")
            apart = mean - theirs.mean
            within = np.abs(apart) <= 2 * theirs.std
            farthest = int(np.argmax(np.abs(apart)))
            yield _row(
                f"`{method}`",
                f"{mean.mean():.4f}",
                f"{theirs.mean.mean():.4f}",
                f"{within.sum()} of {len(mean)}",
                f"{apart[farthest]:+.3f} at round {farthest}",
            )


def labels(results: Results) -> Iterator[str]:
    """Tabulate how many labels were bought until the mean test accuracy was at a goal."""
    shares = [f"share of `{rival}`" for rival in RIVALS]
    heads = [head for goal in GOALS for head in (f"labels until {goal}", *shares)]
    yield _row("method", *heads)
    yield _row(*["---"] * (1 + len(heads)))
    for method, result in results.items():
        cells = []
        for goal in GOALS:
            price = Price.of(result, goal)
            cells += [str(price), *(_share(price, Price.of(results[r], goal)) for r in RIVALS)]
        yield _row(f"`{method}`", *cells)


def _share(price: Price, rival: Price) -> str:
    if not price.reached:
        return ""
    return f"{'' if rival.reached else '< '}{price.labels / rival.labels:.2f}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


TABLES: Mapping[str, Callable[[Results], Iterable[str]]] = {
    "provenance": provenance,
    "test_accuracy": test_accuracy,
    "consensus_accuracy": consensus_accuracy,
    "published": published,
    "labels": labels,
}
"""What a comment of the document may name."""


def main() -> None:
    """Write the tables into the document, and the plots beside it."""
    results = {file.stem: load_json(file) for file in sorted((DOCS / "results").glob("*.json"))}
    DOCUMENT.write_text(filled(DOCUMENT.read_text(), results))
    for name, one in results.items():
        save_plot(one, DOCS / "images" / f"{name}.png")


if __name__ == "__main__":
    main()
