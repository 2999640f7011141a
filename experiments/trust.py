"""How well trust ranks annotators, beside raw agreement and Dawid-Skene; and who is flagged how.

    python -m experiments.trust --seeds 20 --json FILE --document docs/trust.md

Every annotator has given so many labels: items come in random order, each with all the labels that
it was given by those who have not given as many yet. Then annotators are ranked, and the ranks are
compared with those of their true accuracy, over all of their labels (Spearman). Annotators count
whose accuracy rests on 20 labels or more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import orjson
import typer
from rich.progress import track

from activelab import Epoch, Flag, Mode, Pool, appraise, fit
from experiments import dawid_skene
from experiments.crowds import Crowd, crowd, names
from experiments.datasets import Floats, Ints
from experiments.document import table, write
from experiments.options import console, errors_in_a_sentence

CROWDS = ("bluebirds", "music_genre", "even", "ten classes", "poor annotators")
"""Those whose truth is known."""
NUMBERS = (2, 5, 20)
"""Labels of each annotator."""
ENOUGH = 20
"""Labels that a true accuracy rests on, at least."""


def agreement(known: Crowd) -> Floats:
    """Rank by s_j; who was compared with nobody has the mean of the others."""
    epoch = fit(known.columns())
    return _of_all(known, epoch, epoch.agreement)


def strict_weight(known: Crowd) -> Floats:
    """Rank by w_j as ActiveLab has it."""
    epoch = fit(known.columns())
    return _of_all(known, epoch, epoch.consensus_stage.annotator_weight)


def robust_weight(known: Crowd) -> Floats:
    """Rank by w_j in robust mode, which goes by how much there is to go by."""
    epoch = fit(known.columns(), mode=Mode.ROBUST)
    return _of_all(known, epoch, epoch.consensus_stage.annotator_weight)


def with_majority(known: Crowd) -> Floats:
    """Rank by raw agreement: the share of labels that no other class of the item outnumbers."""
    labels = known.columns().labels()
    support = labels.support()
    most = np.zeros(labels.num_items, dtype=np.int64)
    np.maximum.at(most, labels.item, support)
    places = _codes(known)
    agrees = support == most[labels.item]
    number = np.bincount(places[labels.voter])
    share = np.bincount(places[labels.voter], weights=agrees) / np.maximum(number, 1)
    return np.asarray(share)


def by_dawid_skene(known: Crowd) -> Floats:
    """Rank by the chance of a right label that Dawid-Skene estimates."""
    num_classes = known.pred_probs.shape[1]
    return dawid_skene.accuracies(known.item, known.annotator, known.label, num_classes)


def _codes(known: Crowd) -> Ints:
    """Return the codes of the annotators, in the order of their ids."""
    return np.unique(known.annotator)


def _of_all(known: Crowd, epoch: Epoch, values: Floats) -> Floats:
    everyone = np.arange(int(known.annotator.max()) + 1)
    return values[epoch.places(names(everyone))]


RANKINGS: Mapping[str, Callable[[Crowd], Floats]] = {
    "agreement": agreement,
    "weight, strict": strict_weight,
    "weight, robust": robust_weight,
    "raw agreement": with_majority,
    "Dawid-Skene": by_dawid_skene,
}
"""What annotators are ranked by: a value for each code, ``(M,)``; higher is better."""


def thinned(known: Crowd, number: int, seed: int) -> Crowd:
    """Keep the first labels of each annotator, so many, taking items in random order."""
    order = np.random.default_rng([seed, number]).permutation(known.num_items)
    rows = np.argsort(order[known.item], kind="stable")
    by_annotator = np.argsort(known.annotator[rows], kind="stable")
    sorted_annotator = known.annotator[rows][by_annotator]
    first = np.searchsorted(sorted_annotator, sorted_annotator)
    kept = by_annotator[np.arange(len(rows)) - first < number]
    return known.take(rows[np.sort(kept)])


def true_accuracy(known: Crowd) -> tuple[Floats, Ints]:
    """Return each annotator's share of right labels, and their number of labels: ``(M,)``."""
    assert known.truth is not None
    right = known.label == known.truth[known.item]
    number = np.bincount(known.annotator)
    return np.bincount(known.annotator, weights=right) / np.maximum(number, 1), number


def spearman(first: Floats, second: Floats) -> float:
    """Return the correlation of ranks, equal values sharing the mean of theirs; 0 if all are equal.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([10.0, 30.0, 20.0]))
    0.5
    """

    def ranks(values: Floats) -> Floats:
        _, which, number = np.unique(values, return_inverse=True, return_counts=True)
        return (number.cumsum() - (number - 1) / 2)[which]

    a, b = ranks(first.round(12)), ranks(second.round(12))
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1].round(12))


@dataclass(frozen=True, slots=True)
class Ranked:
    """Spearman's correlation with true accuracy, by ranking: one a seed."""

    crowd: str
    labels: int
    annotators: list[int]
    """How many are ranked, by seed."""
    by_ranking: dict[str, list[float]]


def ranked(name: str, number: int, seeds: range) -> Ranked:
    """Rank a crowd's annotators by so many labels of each."""
    found: dict[str, list[float]] = {ranking: [] for ranking in RANKINGS}
    annotators = []
    for seed in seeds:
        known = crowd(name, seed)
        accuracy, labels = true_accuracy(known)
        judged = labels >= ENOUGH
        annotators.append(int(judged.sum()))
        few = thinned(known, number, seed)
        for ranking, rank in RANKINGS.items():
            found[ranking].append(spearman(rank(few)[judged], accuracy[judged]))
    return Ranked(name, number, annotators, found)


@dataclass(frozen=True, slots=True)
class Flagged:
    """The annotators of a crowd with one flag, by all of their labels: how often they are right."""

    crowd: str
    flag: str
    accuracy: list[float]


def flagged(name: str, mode: Mode) -> list[Flagged]:
    """Flag a crowd's annotators by all of their labels; the model is a drawn one."""
    known = crowd(name, 0)
    columns = known.columns()
    pool = Pool(num_classes=columns.num_classes, models=columns.models, mode=mode)
    item = [columns.items[row] for row in known.item]
    pool.set_labels(item, names(known.annotator), known.label)
    pool.set_predictions(columns.items, columns.models[0], known.pred_probs)
    pool.fit()
    everyone = _codes(known)
    flag = appraise(pool.trust(names(everyone)), pool.epoch).flag
    accuracy = true_accuracy(known)[0][everyone]
    return [Flagged(name, value, np.sort(accuracy[flag == value]).tolist()) for value in Flag]


def rank_table(results: list[Ranked]) -> str:
    """Tabulate the mean correlations over seeds."""
    rows = [
        [
            one.crowd,
            f"{np.mean(one.annotators):.0f}",
            one.labels,
            *(f"{np.mean(v):.2f} ± {np.std(v):.2f}" for v in one.by_ranking.values()),
        ]
        for one in results
    ]
    return table(["crowd", "annotators", "labels each", *RANKINGS], *rows)


def flag_table(results: list[Flagged]) -> str:
    """Tabulate how many annotators have which flag, and how often these are right."""
    rows = []
    for name in dict.fromkeys(one.crowd for one in results):
        cells = {one.flag: one.accuracy for one in results if one.crowd == name}
        rows.append([name, *(_accuracies(cells[flag]) for flag in Flag)])
    return table(["crowd", *Flag], *rows)


def _accuracies(accuracy: list[float]) -> str:
    if not accuracy:
        return "-"
    return f"{len(accuracy)} ({accuracy[0]:.2f} to {accuracy[-1]:.2f})"


def main(
    *,
    crowds: Annotated[
        str, typer.Option(help=f"Of {', '.join(CROWDS)}; separated by commas.")
    ] = ",".join(CROWDS),
    seeds: Annotated[int, typer.Option(help="Repetitions.", min=1)] = 20,
    mode: Annotated[Mode, typer.Option(help="Of the fit that flags go by.")] = Mode.ROBUST,
    json: Annotated[Path | None, typer.Option(help="File for all results.")] = None,
    document: Annotated[
        Path | None, typer.Option(help="Document whose tables are written anew.")
    ] = None,
) -> None:
    """Rank annotators by few labels, and compare with how often they are right."""
    chosen = crowds.split(",")
    with errors_in_a_sentence():
        cases = [(name, number) for name in chosen for number in NUMBERS]
        results = [
            ranked(name, number, range(seeds))
            for name, number in track(cases, "Ranking", console=console)
        ]
        flags = [one for name in chosen for one in flagged(name, mode)]
    date = datetime.now(UTC).date().isoformat()
    if json is not None:
        said = {"date": date, "seeds": seeds, "mode": mode, "ranked": results, "flagged": flags}
        json.write_bytes(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE))
    ran = (
        f'`python -m experiments.trust --crowds "{crowds}" --seeds {seeds} --mode {mode}` on '
        f"{date}: seeds 0 to {seeds - 1}."
    )
    texts = {"ranks": f"{ran}\n\n{rank_table(results)}", "flags": f"{ran}\n\n{flag_table(flags)}"}
    if document is not None:
        write(document, texts)
    for text in texts.values():
        console.print(text, soft_wrap=True, markup=False)


if __name__ == "__main__":
    typer.run(main)
