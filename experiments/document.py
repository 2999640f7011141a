"""Documents: sections that commands write anew; and all of those in docs/label-efficiency.md.

    python -m experiments.document

A section stands between the comments ``<!-- name -->`` and ``<!-- end -->``; what is around it is
left alone. The other commands write theirs when they have run. Tables and plots of label efficiency
come from docs/results, which ``python -m experiments.paper`` makes; ``make paper`` does it all.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from experiments.plots import save_plot
from experiments.published import curves
from experiments.results import Price, Results, load_json
from stream_app.errors import StreamAppError

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENT = DOCS / "label-efficiency.md"
ROUNDS = (0, 1, 2, 5, 10, 19)
"""Those that tables show."""
GOALS = (0.95, 0.97)
"""Of test accuracy."""
RIVALS = ("random", "uncertainty")

_SECTION = re.compile(r"<!-- ([^>]+) -->\n.*?<!-- end -->", re.DOTALL)


def table(*rows: Iterable[object]) -> str:
    r"""Return a table; the first row has the headings.

    >>> table(["a", "b"], [1, 2])
    '| a | b |\n| --- | --- |\n| 1 | 2 |'
    """
    head, *lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    rule = "|" + " --- |" * (head.count("|") - 1)
    return "\n".join([head, rule, *lines])


def filled(document: str, sections: Mapping[str, str]) -> str:
    r"""Return a document with some of its sections anew; all of them must have a place in it.

    >>> filled("a <!-- b -->\nold\n<!-- end --> c", {"b": "new"})
    'a <!-- b -->\nnew\n<!-- end --> c'
    """
    places = {found[1] for found in _SECTION.finditer(document)}
    if missing := sections.keys() - places:
        message = f"The document has no place for {', '.join(sorted(missing))}."
        raise StreamAppError(message)

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        if name not in sections:
            return found[0]
        return f"<!-- {name} -->\n{sections[name]}\n<!-- end -->"

    return _SECTION.sub(fill, document)


def write(document: Path, sections: Mapping[str, str]) -> None:
    """Write some sections of a document anew."""
    document.write_text(filled(document.read_text(), sections))


def sections(results: Mapping[str, Results]) -> dict[str, str]:
    """Return all that there is to say of the results of several datasets."""
    return {
        f"{name} of {dataset}": said
        for dataset, one in results.items()
        for name, say in SAID.items()
        if (said := say(one))
    }


def provenance(results: Results) -> str:
    """Say which command makes these results, when it ran and with which seeds."""
    one = next(iter(results.values()))
    setting, seeds = one.setting, one.seeds
    return (
        f"`python -m experiments.paper --dataset {setting.dataset} --consensus {setting.rule} "
        f"--mode {setting.mode} --models {','.join(setting.models)} --seeds {len(seeds)} "
        f"--rounds {setting.rounds} --batch {setting.batch} --trees {setting.trees}`, "
        f"{one.date}, seeds {seeds[0]} to {seeds[-1]}."
    )


def test_accuracy(results: Results) -> str:
    """Tabulate test accuracy by round."""
    return _by_round(results, "test_accuracy")


def consensus_accuracy(results: Results) -> str:
    """Tabulate the accuracy of the labelled items' consensus by round."""
    return _by_round(results, "consensus_accuracy")


def _by_round(results: Results, measure: str) -> str:
    rows = []
    for method, result in results.items():
        mean, std = result.mean(measure), result.std(measure)
        cells = [f"{mean[number]:.3f} ± {std[number]:.3f}" for number in ROUNDS]
        rows.append([f"`{method}`", *cells, f"{mean[1:].mean():.4f}", f"**{mean.mean():.4f}**"])
    heads = [f"round {number}" for number in ROUNDS]
    return table(["method", *heads, "mean after round 0", "mean of all rounds"], *rows)


def published(results: Results) -> str:
    """Tabulate the distance of each mean curve of test accuracy from the paper's, if it has any."""
    rows = []
    for method, result in results.items():
        theirs = curves(result.setting.dataset, "test_accuracy").get(method)
        if theirs is not None:
            mean = result.mean("test_accuracy")[: len(theirs.mean)]
            rounds = slice(len(mean))
            apart = mean - theirs.mean[rounds]
            within = np.abs(apart) <= 2 * theirs.std[rounds]
            farthest = int(np.argmax(np.abs(apart)))
            rows.append(
                [
                    f"`{method}`",
                    f"{mean.mean():.4f}",
                    f"{theirs.mean[rounds].mean():.4f}",
                    f"{within.sum()} of {len(mean)}",
                    f"{apart[farthest]:+.3f} at round {farthest}",
                ]
            )
    heads = ["method", "mean of all rounds", "the paper's", "rounds within 2 std", "farthest"]
    return table(heads, *rows) if rows else ""


def labels(results: Results) -> str:
    """Tabulate how many labels were bought until the mean test accuracy was at a goal."""
    rows = []
    for method, result in results.items():
        cells = []
        for goal in GOALS:
            price = Price.of(result, goal)
            cells += [str(price), *(_share(price, Price.of(results[r], goal)) for r in RIVALS)]
        rows.append([f"`{method}`", *cells])
    shares = [f"share of `{rival}`" for rival in RIVALS]
    heads = [head for goal in GOALS for head in (f"labels until {goal}", *shares)]
    return table(["method", *heads], *rows)


def _share(price: Price, rival: Price) -> str:
    if not price.reached:
        return ""
    return f"{'' if rival.reached else '< '}{price.labels / rival.labels:.2f}"


SAID: Mapping[str, Callable[[Results], str]] = {
    "provenance": provenance,
    "test_accuracy": test_accuracy,
    "consensus_accuracy": consensus_accuracy,
    "published": published,
    "labels": labels,
}
"""The sections of one dataset."""


def main() -> None:
    """Write the sections into the document, and the plots beside it."""
    results = {file.stem: load_json(file) for file in sorted((DOCS / "results").glob("*.json"))}
    write(DOCUMENT, sections(results))
    for name, one in results.items():
        save_plot(one, DOCS / "images" / f"{name}.png")


if __name__ == "__main__":
    main()
