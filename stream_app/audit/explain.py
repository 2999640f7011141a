"""Explain: why an item stands where it does, from what the topics hold of its project now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from activelab import Regime, posteriors
from activelab.posterior import Beliefs
from schemas import RETRACTION, Window, format_time
from stream_app.audit.batch import Batch
from stream_app.audit.history import History
from stream_app.audit.replay import EXCLUDED, Replay
from stream_app.errors import StreamAppError

Shares = dict[str, float]
"""Class to probability."""


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """What an annotator has answered, and how far that is trusted."""

    annotator: str
    label: str | None
    """None: an abstention."""
    time: str
    dormant: bool
    """Whether the project does not list the class."""
    annotator_agreement: float | None
    """None where no two labels can be compared."""
    annotator_weight: float


@dataclass(frozen=True, slots=True)
class GivenPrediction:
    """What a model has predicted, and how far that is trusted."""

    model: str
    version: int
    dormant: bool
    """Whether the project does not list the model, or none of its classes."""
    pred_probs: Shares
    calibrated: Shares | None
    model_weight: float | None


@dataclass(frozen=True, slots=True)
class Selected:
    """A window that has selected the item."""

    window: int
    now: str
    rank: int
    of: int
    reason: str
    score: float
    until: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an item stands, if a window were closed now."""

    consensus_label: str | None
    consensus_quality: float
    posterior: Shares
    activelab_score: float
    method_score: float
    """The score of the project's method; lower: sooner."""
    eligible: int
    """Items that could be selected."""
    place: int | None
    """The item's place among them, from 1; None: it could not be selected."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that decides about an item."""

    project: str
    item: str
    now: str
    method: str
    state: Literal["open", "on lease", "answered", "done", "excluded", "unknown"]
    stratum: str | None
    num_answers: int
    """Those that count."""
    max_answers: int
    leased_until: str | None
    standing: Standing | None
    """None where the item is excluded, or does not exist."""
    answers: Sequence[GivenAnswer]
    predictions: Sequence[GivenPrediction]
    selections: Sequence[Selected]


def explain(history: History, item: str) -> Explanation:
    """Explain an item by all that its project's topics hold.

    Raises StreamAppError where they hold nothing of it.
    """
    replay = history.replay()
    windows = [one for one, _ in history.walk(replay) if isinstance(one, Window)]
    replay.advance({topic: log.end for topic, log in history.logs.items()})
    settings = replay.settings
    if settings is None:
        message = f"Project {history.project!r} does not exist: `project set` creates it."
        raise StreamAppError(message)
    batch = Batch.of(replay, settings, windows[-1].window + 1 if windows else 1)
    row = batch.counted.items.index(item) if item in batch.counted.items else None
    until = replay.leases.get(item, 0)
    explanation = Explanation(
        project=history.project,
        item=item,
        now=format_time(replay.now * 1000),
        method=settings.method,
        state=_state(replay, batch, item, row),
        stratum=batch.strata.get(item),
        num_answers=len(batch.counted.answers.get(item, {})),
        max_answers=settings.max_answers,
        leased_until=format_time(until) if until > replay.now * 1000 else None,
        standing=None if row is None else _standing(batch, row),
        answers=_answers(replay, batch, item),
        predictions=_predictions(replay, batch, item, row),
        selections=_selections(history, windows, item),
    )
    if explanation.state == "unknown" and not (explanation.answers or explanation.predictions):
        message = f"Project {history.project!r} has nothing on an item {item!r}."
        raise StreamAppError(message)
    return explanation


def _state(
    replay: Replay, batch: Batch, item: str, row: int | None
) -> Literal["open", "on lease", "answered", "done", "excluded", "unknown"]:
    if row is not None:
        if batch.eligible[row]:
            return "open"
        if batch.leased[row]:
            return "on lease"
        most = batch.counted.settings.max_answers
        return "answered" if batch.scores.num_answers[row] >= most else "done"
    status = replay.statuses.get(item)
    return "excluded" if status and status.kind == EXCLUDED else "unknown"


def _standing(batch: Batch, row: int) -> Standing:
    scores, settings = batch.scores, batch.counted.settings
    label = int(scores.consensus_label[row])
    ranked = batch.ranked(len(batch.counted.items))
    return Standing(
        consensus_label=settings.classes[label] if label >= 0 else None,
        consensus_quality=float(scores.consensus_quality[row]),
        posterior=_shares(settings.classes, posteriors(batch.columns, batch.epoch)[row]),
        activelab_score=float(scores.activelab_score[row]),
        method_score=float(batch.by_method[row]),
        eligible=len(ranked),
        place=ranked.index(row) + 1 if row in ranked else None,
    )


def _answers(replay: Replay, batch: Batch, item: str) -> list[GivenAnswer]:
    said = sorted(
        (annotator, annotation)
        for (of, annotator), annotation in replay.annotations.items()
        if of == item and annotation.kind != RETRACTION
    )
    epoch = batch.epoch
    compared = epoch.regime is Regime.OVERLAPS
    places = epoch.places([annotator for annotator, _ in said]).tolist()
    return [
        GivenAnswer(
            annotator=annotator,
            label=annotation.label,
            time=format_time(annotation.time),
            dormant=annotator not in batch.counted.answers.get(item, {}),
            annotator_agreement=float(epoch.agreement[place]) if compared else None,
            annotator_weight=float(epoch.consensus_stage.annotator_weight[place]),
        )
        for (annotator, annotation), place in zip(said, places, strict=True)
    ]


def _predictions(replay: Replay, batch: Batch, item: str, row: int | None) -> list[GivenPrediction]:
    settings, epoch = batch.counted.settings, batch.epoch
    counts: dict[str, tuple[Shares, float]] = {}
    if row is not None:
        temperature = epoch.temperature if epoch.calibrated else None
        beliefs = Beliefs.of(batch.columns, slice(row, row + 1), temperature)
        weights = epoch.consensus_stage.model_weight.tolist()
        for model, probs, weight in zip(settings.models, beliefs.probs, weights, strict=True):
            counts[model] = _shares(settings.classes, probs[:, 0]), weight
    said = sorted(
        (model, prediction) for (of, model), prediction in replay.predictions.items() if of == item
    )
    given = []
    for model, prediction in said:
        dormant = item not in batch.counted.predictions.get(model, {})
        calibrated, weight = (None, None) if dormant else counts.get(model, (None, None))
        pred_probs = _shares(prediction.classes, prediction.pred_probs)
        given.append(
            GivenPrediction(model, prediction.version, dormant, pred_probs, calibrated, weight)
        )
    return given


def _shares(classes: Sequence[str], probs: npt.NDArray[np.floating]) -> Shares:
    return dict(zip(classes, probs.tolist(), strict=True))


def _selections(history: History, windows: Sequence[Window], item: str) -> list[Selected]:
    now = {window.window: window.now for window in windows}
    return [
        Selected(
            window=selection.window,
            now=format_time(now[selection.window]),
            rank=selection.rank,
            of=selection.of,
            reason=selection.reason,
            score=selection.score,
            until=format_time(selection.until),
        )
        for selections in history.selections.values()
        for selection in selections
        if selection.item == item and selection.window in now
    ]
