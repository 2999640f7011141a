"""Robust mode beside strict ActiveLab, and beside strict ActiveLab without calibration.

    python -m experiments.robust --json FILE --document docs/robust.md

    overlap     share of the best 100 items that the first second label of any item replaces
    strangers   share of guessers of one label who outweigh the median of the others
    consensus   mean accuracy of the consensus, while a crowd's labels are asked for one by one
    model       mean test accuracy in the paper's loop

The constants of `activelab.robust` were chosen where CHOSEN_ON says; a * marks the others. The
margin is that over the better of the others, with its standard error.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
import typer
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_limits

from activelab import score, top
from experiments.crowds import RECORDED, SHAPES, Crowd, crowd, names
from experiments.datasets import DATASETS
from experiments.document import table, write
from experiments.loop import Setting
from experiments.options import console, errors_in_a_sentence
from experiments.paper import run
from experiments.strategies import FITS, Fit

RIVALS, ROBUST = ("activelab_strict", "activelab_uncalibrated"), "activelab_robust"
BEST = 100
"""Items whose replacement is counted; of a smaller crowd a fifth of its items."""
SECOND_LABELS = 5
"""First overlaps that are tried, one by one, in each crowd."""
GUESSERS = 200
ROUNDS = 20
"""Of a crowd whose labels are asked for; each asks for a twentieth of the items."""
LOOPS: Mapping[str, Setting] = {
    "digits": Setting("digits", rounds=10, trees=20),
    "digits, certain trees": Setting("digits", rounds=10, trees=3),
    "digits, regression": Setting("digits", ("logistic-regression",), rounds=10),
    "wall_robot": Setting("wall_robot", rounds=10, trees=20),
    "wall_robot, certain trees": Setting("wall_robot", rounds=10, trees=3),
    "wall_robot, regression": Setting("wall_robot", ("logistic-regression",), rounds=10),
    "wall_robot_complete": Setting("wall_robot_complete", rounds=10, trees=20),
}
"""Settings of the paper's loop; few trees say 0 and 1 of much of which they know little."""
CHOSEN_ON = ("even", "two classes", "guessers", "music_genre", *(n for n in LOOPS if "digits" in n))


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure, by fit and seed."""

    claim: str
    subject: str
    by_fit: dict[str, list[float]]

    def mean(self, name: str) -> float:
        """Return the mean over seeds."""
        return float(np.mean(self.by_fit[name]))

    def margin(self) -> tuple[float, float]:
        """Return how far robust is above the better of the others, and the standard error."""
        rival = max(RIVALS, key=self.mean)
        apart = np.subtract(self.by_fit[ROBUST], self.by_fit[rival])
        return float(apart.mean()), float(apart.std() / np.sqrt(max(1, len(apart) - 1)))


def overlap(known: Crowd, fitted: Fit, seed: int) -> float:
    """Give half of the items one label, and then one of them a second: what is replaced?"""
    rng = np.random.default_rng([seed, 1])
    number = min(BEST, known.num_items // 5)
    first = known.first_labels()
    half = np.isin(known.item[first], rng.permutation(known.num_items)[: known.num_items // 2])
    single = known.take(first[half])
    before = best(single, fitted, number)
    later = np.setdiff1d(np.flatnonzero(np.isin(known.item, single.item)), first)
    kept = []
    for row in rng.choice(later, SECOND_LABELS, replace=False):
        second = known.take(np.array([row]))
        more = single.with_labels(second.item, second.annotator, second.label)
        kept.append(len(before & best(more, fitted, number)) / number)
    return float(1 - np.mean(kept))


def best(known: Crowd, fitted: Fit, number: int) -> set[int]:
    """Return the items that come first."""
    facts = known.columns()
    scores = score(facts, fitted(facts))
    everyone = np.ones(known.num_items, dtype=np.bool_)
    return set(top(scores.activelab_score, facts.items, everyone, number).tolist())


def strangers(known: Crowd, fitted: Fit, seed: int) -> float:
    """Return how many guessers of one label weigh more than the median of who gave more."""
    rng = np.random.default_rng([seed, 2])
    num_classes = known.pred_probs.shape[1]
    annotators, number = np.unique(known.annotator, return_counts=True)
    others = annotators[number > 1]
    guessers = annotators[-1] + 1 + np.arange(GUESSERS)
    item = rng.choice(np.unique(known.item), GUESSERS)
    label = rng.integers(num_classes, size=GUESSERS)
    epoch = fitted(known.with_labels(item, guessers, label).columns())
    weight = epoch.consensus_stage.annotator_weight
    median = np.median(weight[epoch.places(names(others))])
    return float(np.mean(weight[epoch.places(names(guessers))] > median))


def consensus(known: Crowd, fitted: Fit, seed: int) -> float:
    """Ask for labels, an item's next one each time, and judge the consensus of all items."""
    rng = np.random.default_rng([seed, 3])
    waiting = dict(by_item(known))
    started = rng.permutation(list(waiting))[: known.num_items // 2].tolist()
    shown = [waiting[item].pop(0) for item in started]
    accuracy = []
    for _ in range(ROUNDS):
        facts = known.take(np.array(shown)).columns()
        scores = score(facts, fitted(facts))
        accuracy.append(np.mean(scores.consensus_label == known.truth))
        left = np.array([bool(waiting.get(item)) for item in range(known.num_items)])
        asked = top(scores.activelab_score, facts.items, left, known.num_items // ROUNDS)
        shown += [waiting[item].pop(0) for item in asked.tolist()]
    return float(np.mean(accuracy))


def by_item(known: Crowd) -> Iterator[tuple[int, list[int]]]:
    """Yield the rows of each labelled item's labels, in their order."""
    rows = np.argsort(known.item, kind="stable")
    items, begin = np.unique(known.item[rows], return_index=True)
    for item, of_item in zip(items.tolist(), np.split(rows, begin[1:]), strict=True):
        yield item, of_item.tolist()


CLAIMS: Mapping[str, Callable[[Crowd, Fit, int], float]] = {
    "overlap": overlap,
    "strangers": strangers,
    "consensus": consensus,
}
"""What is measured on crowds."""


def on_crowds(name: str, seeds: Sequence[int]) -> list[Finding]:
    """Measure a crowd of each seed; the consensus only of one with many labels, and a truth."""
    threadpool_limits(1)
    crowds = [crowd(name, seed) for seed in seeds]
    claims = dict(CLAIMS)
    if name in DATASETS or crowds[0].truth is None:
        del claims["consensus"]
    return [
        Finding(
            claim,
            name,
            {
                fitted: [measure(one, fit, seed) for one, seed in zip(crowds, seeds, strict=True)]
                for fitted, fit in FITS.items()
            },
        )
        for claim, measure in claims.items()
    ]


def in_loop(name: str, setting: Setting, seeds: Sequence[int], workers: int) -> Finding:
    """Play the paper's loop with every fit."""
    results = run(setting, list(FITS), seeds, workers=workers)
    accuracy = {
        fitted: np.mean(result.test_accuracy, axis=1).tolist() for fitted, result in results.items()
    }
    return Finding("model", name, accuracy)


def main(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Little of everything, on nothing but the clone.")
    ] = False,
    seeds: Annotated[int, typer.Option(help="Crowds of each kind.", min=2)] = 10,
    loop_seeds: Annotated[int, typer.Option(help="Runs of each loop.", min=2)] = 5,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    json: Annotated[Path | None, typer.Option(help="File for all figures.")] = None,
    document: Annotated[
        Path | None, typer.Option(help="Markdown file whose table is written anew.")
    ] = None,
) -> None:
    """Measure what robust mode changes, on recorded and generated crowds and in a loop."""
    subjects = [*SHAPES, *RECORDED, *DATASETS]
    loops = LOOPS
    if quick:
        subjects, seeds, loop_seeds = ["few annotators", "digits"], 2, 2
        loops = {"digits, certain trees": Setting("digits", rounds=3, trees=3)}
    findings: list[Finding] = []
    with (
        errors_in_a_sentence(),
        ProcessPoolExecutor(workers, get_context("spawn")) as executor,
    ):
        measured = executor.map(on_crowds, subjects, [range(seeds)] * len(subjects))
        for several in track(measured, "crowds", len(subjects), console=console):
            findings += several
    for name, setting in loops.items():
        findings.append(in_loop(name, setting, range(loop_seeds), workers))
    date = datetime.now(UTC).date().isoformat()
    if json is not None:
        said = {"date": date, "chosen_on": CHOSEN_ON, "findings": list(map(asdict, findings))}
        json.parent.mkdir(parents=True, exist_ok=True)
        json.write_bytes(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE))
    heading, *rows = summary(findings)
    if document is not None:
        ran = f"{date}; crowds: seeds 0 to {seeds - 1}, the loop: 0 to {loop_seeds - 1}."
        write(document, {"findings": f"{ran}\n\n{table(heading, *rows)}"})
    shown = Table(*heading, box=None)
    for row in rows:
        shown.add_row(*row)
    console.print(shown)


def summary(findings: Sequence[Finding]) -> Iterator[list[str]]:
    """Yield the headings, and a row a finding; the margin with its standard error."""
    yield ["claim", "subject", *(name.removeprefix("activelab_") for name in FITS), "margin"]
    for finding in findings:
        margin = ""
        if finding.claim in ("consensus", "model"):
            margin = "{:+.4f} ± {:.4f}".format(*finding.margin())
        subject = finding.subject + ("" if finding.subject in CHOSEN_ON else " *")
        yield [finding.claim, subject, *(f"{finding.mean(name):.4f}" for name in FITS), margin]


if __name__ == "__main__":
    typer.run(main)
