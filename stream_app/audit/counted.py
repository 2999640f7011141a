"""Counted: which of the facts that are true count under a project's settings. The audit's own.

5.  A label whose class the settings do not list, a model that they do not list, a prediction
    without mass on their classes: these are dormant. They count for nothing: a dormant label is no
    answer. But it has ended a lease, as every label does. An alias says what its class says.
6.  A listed class that a prediction lacks has p = 0; mass on other classes is dropped and the rest
    divided by its sum in float64, then cast to float32. What names one class by several names says
    their sum, in float32, in the order of the names.
7.  An item exists while it is registered, or has an answer or a prediction that counts. Excluded
    items leave everything.

(Rules 1-4 are those of `stream_app.audit.replay`.)
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

import activelab
from schemas import ABSTENTION, LABEL, ProjectSettings
from stream_app.audit.replay import EXCLUDED, REGISTERED, Prediction, Probs, Replay


@dataclass(frozen=True, slots=True)
class Counted:
    """The facts that count under the settings in force, and the dormant ones by name."""

    settings: ProjectSettings
    items: list[str]
    """Those that exist and are not excluded, ascending."""
    answers: dict[str, dict[str, int]]
    """Item to annotator to the place of a class, or `activelab.ABSTENTION`; of any item."""
    predictions: dict[str, dict[str, Probs]]
    """Model to item to (K,), in the project's order of models and classes; of any item."""
    dormant: Counter[str]

    @classmethod
    def of(cls, replay: Replay, settings: ProjectSettings) -> "Counted":
        """Tell which of the facts that are true count under settings."""
        dormant: Counter[str] = Counter()
        answers = _answers(replay, settings, dormant)
        predictions = _predictions(replay, settings, dormant)
        registered, excluded = (
            [item for item, status in replay.statuses.items() if status.kind == kind]
            for kind in (REGISTERED, EXCLUDED)
        )
        exist = set(registered).union(answers, *predictions.values())
        items = sorted(exist.difference(excluded))
        return cls(settings, items, answers, predictions, dormant)

    def columns(self) -> activelab.Columns:
        """Return the columns that the batch functions take."""
        rows = [
            (item, annotator, label)
            for item in self.items
            for annotator, label in self.answers.get(item, {}).items()
        ]
        predictions = {}
        for model, probs in self.predictions.items():
            predicted = [item for item in self.items if item in probs]
            stacked = [probs[item] for item in predicted]
            shape = len(predicted), len(self.settings.classes)
            predictions[model] = predicted, np.array(stacked, np.float32).reshape(shape)
        by_column = [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
        return activelab.columns(len(self.settings.classes), self.items, by_column, predictions)


def _answers(
    replay: Replay, settings: ProjectSettings, dormant: Counter[str]
) -> dict[str, dict[str, int]]:
    codes = _codes(settings)
    answers: dict[str, dict[str, int]] = {}
    for (item, annotator), (_, kind, label) in replay.annotations.items():
        if kind == ABSTENTION:
            answers.setdefault(item, {})[annotator] = activelab.ABSTENTION
        elif label in codes:
            answers.setdefault(item, {})[annotator] = codes[label]
        elif kind == LABEL:
            dormant[f"labels:{label}"] += 1
    return answers


def _predictions(
    replay: Replay, settings: ProjectSettings, dormant: Counter[str]
) -> dict[str, dict[str, Probs]]:
    predictions: dict[str, dict[str, Probs]] = {model: {} for model in settings.models}
    for (item, model), prediction in replay.predictions.items():
        if model not in predictions:
            dormant[f"models:{model}"] += 1
        elif (pred_probs := over(settings, prediction)) is None:
            dormant[f"classes of models:{model}"] += 1
        else:
            predictions[model][item] = pred_probs
    return predictions


def over(settings: ProjectSettings, prediction: Prediction) -> Probs | None:
    """Return a prediction over a project's classes (K,), or None where it has no mass there."""
    source, target = _places(prediction.classes, tuple(_codes(settings).items()))
    kept = prediction.pred_probs[source]
    if len(source) < len(prediction.classes):
        mass = kept.sum(dtype=np.float64)
        if not mass:
            return None
        kept = (kept / mass).astype(np.float32)
    pred_probs = np.zeros(len(settings.classes), np.float32)
    np.add.at(pred_probs, target, kept)
    return pred_probs


def _codes(settings: ProjectSettings) -> dict[str, int]:
    """Return the place of the class that a name means: a class's own, or that of an alias."""
    code = {name: place for place, name in enumerate(settings.classes)}
    return code | {alias: code[name] for alias, name in settings.aliases.items()}


@lru_cache(maxsize=1024)
def _places(
    named: tuple[str, ...], meant: tuple[tuple[str, int], ...]
) -> tuple[list[int], list[int]]:
    """Return where the names that mean a class stand among ``named``, and the classes' places."""
    code = dict(meant)
    both = [(place, code[name]) for place, name in enumerate(named) if name in code]
    return [source for source, _ in both], [target for _, target in both]
