"""The paper's loop: agree on labels, train, score everything, ask for the best; and again.

    round 0                                round 1
    consensus ─> train ─> score ─> ask ──> consensus ─> ...

Predictions are rounded to the float32 of the wire, so that a run through Kafka can select the very
same items.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from activelab import Columns, Mode, columns, top
from experiments.datasets import DATASETS, Dataset, Ints, Rows
from experiments.strategies import Rule, strategy
from experiments.trained import Examined, examined
from schemas import ProjectSettings
from schemas.probabilities import canonical
from stream_app.folds import out_of_fold

USUAL_MODE = Mode(ProjectSettings.model_fields["mode"].default)
"""A project's, unless it says otherwise."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all methods of an experiment have in common; the defaults are the paper's."""

    dataset: str
    models: tuple[str, ...] = ("extra-trees",)
    rule: Rule = Rule.PAPER
    mode: Mode = USUAL_MODE
    rounds: int = 20
    batch: int = 100
    """Labels that a round asks for."""
    trees: int = 100


@dataclass(frozen=True, slots=True)
class Round:
    """How good labels and models are before a round's answers, and what it asks for."""

    number: int
    num_labels: int
    num_labelled: int
    consensus_accuracy: float
    """Of the labelled items."""
    test_accuracy: float
    """Mean of the fold models' (and of the models')."""
    selected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """A round, with all that was known in it, and the rows of the items that it asks for."""

    round: Round
    known: Columns
    chosen: Ints


def play(setting: Setting, method: str, *, seed: int) -> Iterator[Round]:
    """Play the rounds of one run; what a round yields is asked before the next begins."""
    return (turn.round for turn in turns(setting, method, seed=seed))


def turns(setting: Setting, method: str, *, seed: int) -> Iterator[Turn]:
    """Play the rounds of one run, and keep what was known."""
    dataset = DATASETS[setting.dataset]()
    decide = strategy(method, setting.rule, setting.mode)
    everyone = np.ones(len(dataset.items), dtype=np.bool_)
    labels = dataset.first_labels
    predictions: dict[str, tuple[Sequence[str], npt.NDArray[np.float32]]] = {}
    num_classes = len(dataset.classes)
    for number in range(setting.rounds):
        consensus = decide.consensus(columns(num_classes, dataset.items, labels, predictions))
        if setting.rule is Rule.TRUTH and predictions:
            consensus = np.where(consensus >= 0, dataset.truth, consensus)
        chance = training_seed(seed, number)
        models = examined(setting.models, dataset, seed=chance, trees=setting.trees)
        for name, model in models.items():
            said = out_of_fold(
                model, dataset.features, consensus, num_classes=num_classes, seed=chance
            )
            predictions[name] = dataset.items, canonical(dataset.classes, said)[1]
        known = columns(num_classes, dataset.items, labels, predictions)
        chosen = top(
            decide.scores(known, str(seed), window_of(number)),
            dataset.items,
            everyone,
            setting.batch,
        )
        selected = [dataset.items[row] for row in chosen]
        one = measured(dataset, number, len(labels[0]), consensus, models, selected)
        yield Turn(one, known, chosen)
        labels = _joined(labels, dataset.ask(seed=seed, number=number, asked=chosen))


def measured(
    dataset: Dataset,
    number: int,
    num_labels: int,
    consensus: Ints,
    models: Mapping[str, Examined],
    selected: Sequence[str],
) -> Round:
    """Judge a round by what only the dataset knows: the truth."""
    labelled = consensus >= 0
    return Round(
        number,
        num_labels,
        int(labelled.sum()),
        float(np.mean(consensus[labelled] == dataset.truth[labelled])),
        float(np.mean([model.accuracy() for model in models.values()])),
        tuple(selected),
    )


def training_seed(seed: int, number: int) -> int:
    """Return the seed of a round's folds and models: every round deals and trains anew."""
    return 1000 * seed + number


def window_of(number: int) -> int:
    """Return the window in which a round selects when it goes through Kafka: it keys chance.

    The first window settles the project; then each round has one that settles its labels, and the
    one that selects.
    """
    return 2 * number + 3


def _joined(labels: Rows, more: Rows) -> Rows:
    items, annotators, codes = labels
    return [*items, *more[0]], [*annotators, *more[1]], [*codes, *more[2]]
