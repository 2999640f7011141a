"""An item's page: all that decides about it, from memory and from its facts in the table.

What `audit.explain` finds in the topics, of one item and at once; in the same words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from activelab import Columns, Epoch, ItemScores, Regime, posteriors, score
from activelab.columns import sorted_answers
from activelab.posterior import Beliefs
from schemas import RETRACTION, format_time
from stream_app import facts
from stream_app.audit.explain import GivenAnswer, GivenPrediction, Shares, Standing
from stream_app.ports import Store
from stream_app.project import Project
from stream_app.ranking import eligible, scored
from stream_app.web.walk import Walk, leased_places
from stream_app.web.wire import ItemState, Outcome

State = Literal["open", "on lease", "answered", "done", "excluded", "unknown"]

OUTCOMES = 12
"""Classes of which is said what a label would change: the likeliest."""
SOMEONE = ""
"""An annotator of whom nothing is known: no id is empty."""


@dataclass(slots=True)
class Known:
    """The facts of an item, dormant ones included."""

    answers: list[GivenAnswer] = field(default_factory=list)
    predictions: list[GivenPrediction] = field(default_factory=list)
    status: int | None = None
    stratum: str | None = None


def item_state(project: Project, known: Known, item: str, walk: Walk, now: int) -> ItemState:
    """Say all that decides about an item of which something is known."""
    pool = project.pool
    until = project.leases.get(item, 0)
    places = pool.known([item])
    standing, one_more = None, list[Outcome]()
    state: State = "excluded" if known.status == facts.EXCLUDED else "unknown"
    if pool.alive([item])[0]:
        columns = pool.columns([item])
        scores = score(columns, pool.epoch)
        held = np.isin(places, leased_places(project, now))
        could = bool(eligible(project, scores, leased=held)[0])
        full = int(scores.num_answers[0]) >= project.settings.max_answers
        state = "open" if could else "on lease" if held[0] else "answered" if full else "done"
        standing = _standing(project, columns, scores, walk if could else None, walk.eligible)
        one_more = _one_more(project, columns, standing.posterior)
        _weigh_predictions(known, columns, pool.epoch, project.settings.classes)
    return ItemState(
        project=project.id,
        item=item,
        now=now,
        method=project.settings.method,
        state=state,
        stratum=known.stratum,
        num_answers=sum(not answer.dormant for answer in known.answers),
        max_answers=project.settings.max_answers,
        leased_until=until if until > now else None,
        standing=standing,
        answers=known.answers,
        predictions=known.predictions,
        one_more=one_more,
    )


def known_facts(project: Project, store: Store, partition: int, item: str) -> Known:
    """Read an item's facts from the table."""
    known, epoch = Known(), project.pool.epoch
    prefix = facts.fact_key(facts.fact_prefix(project.id), item, b"", "")
    for _, keys, values in facts.by_project(store.scan(partition, prefix)):
        split = facts.split_keys(keys)
        for kind, who, fact in zip(split.kind, split.who, values, strict=True):
            when, rank = facts.order(fact)
            match kind:
                case facts.ANNOTATION if rank != RETRACTION:
                    known.answers.append(_answer(project, epoch, who, when, fact))
                case facts.PREDICTION:
                    known.predictions.append(_prediction(project, who, when, fact))
                case facts.STATUS:
                    known.status = rank
                case facts.STRATUM:
                    known.stratum = facts.stratum_name(fact)
    return known


def _answer(project: Project, epoch: Epoch, annotator: str, time: int, fact: bytes) -> GivenAnswer:
    (place,) = epoch.places([annotator])
    _, label = facts.split_answer(facts.answer(fact))
    compared = epoch.regime is Regime.OVERLAPS
    return GivenAnswer(
        annotator=annotator,
        label=label,
        time=format_time(time),
        dormant=label is not None and label not in project.codes,
        annotator_agreement=float(epoch.agreement[place]) if compared else None,
        annotator_weight=float(epoch.consensus_stage.annotator_weight[place]),
    )


def _prediction(project: Project, model: str, version: int, fact: bytes) -> GivenPrediction:
    classes, raw = facts.split_prediction(fact)
    named = facts.decode_classes(classes)
    pred_probs = _shares(named, np.frombuffer(raw, "<f4"))
    listed = model in project.settings.models and any(
        share and name in project.codes for name, share in pred_probs.items()
    )
    return GivenPrediction(model, version, not listed, pred_probs, None, None)


def _weigh_predictions(
    known: Known, columns: Columns, epoch: Epoch, classes: Sequence[str]
) -> None:
    """Add to the predictions that count what they come to, and how far they are trusted."""
    temperature = epoch.temperature if epoch.calibrated else None
    beliefs = Beliefs.of(columns, slice(0, 1), temperature)
    models = list(columns.models)
    weights = epoch.consensus_stage.model_weight.tolist()
    for at, prediction in enumerate(known.predictions):
        if not prediction.dormant:
            which = models.index(prediction.model)
            probs = _shares(classes, beliefs.probs[which][:, 0])
            known.predictions[at] = replace(
                prediction, calibrated=probs, model_weight=weights[which]
            )


def _standing(
    project: Project, columns: Columns, scores: ItemScores, walk: Walk | None, eligible: int
) -> Standing:
    by_method = float(scored(project, columns, scores)[0])
    (label,) = project.names(scores.consensus_label)
    return Standing(
        consensus_label=label,
        consensus_quality=float(scores.consensus_quality[0]),
        posterior=_shares(project.settings.classes, posteriors(columns, project.pool.epoch)[0]),
        activelab_score=float(scores.activelab_score[0]),
        method_score=by_method,
        eligible=eligible,
        place=None if walk is None else walk.place(columns.items[0], by_method),
    )


def _one_more(project: Project, columns: Columns, posterior: Shares) -> list[Outcome]:
    """Score the item once a class, each time with one more label by an average annotator."""
    classes, epoch = project.settings.classes, project.pool.epoch
    likely = sorted(range(len(classes)), key=lambda code: -posterior[classes[code]])[:OUTCOMES]
    number, answers = len(likely), columns.answers
    row, times = np.arange(number), len(answers.item)
    someone = len(columns.annotators)
    supposed = Columns(
        columns.num_classes,
        columns.models,
        [*columns.items] * number,
        np.repeat(columns.item_hashes, number),
        [*columns.annotators, SOMEONE],
        sorted_answers(
            number,
            columns.num_classes,
            np.concatenate([np.repeat(row, times), row]),
            np.concatenate([np.tile(answers.voter, number), np.full(number, someone)]),
            np.concatenate([np.tile(answers.label, number), np.array(likely)]),
        ),
        tuple(np.repeat(pred_probs, number, axis=0) for pred_probs in columns.pred_probs),
        np.repeat(columns.has_prediction, number, axis=1),
    )
    scores = score(supposed, epoch)
    return [
        Outcome(
            label=classes[code],
            probability=posterior[classes[code]],
            consensus_label=classes[consensus],
            consensus_quality=quality,
            activelab_score=activelab_score,
        )
        for code, consensus, quality, activelab_score in zip(
            likely,
            scores.consensus_label.tolist(),
            scores.consensus_quality.tolist(),
            scores.activelab_score.tolist(),
            strict=True,
        )
    ]


def _shares(classes: Sequence[str], probs: npt.NDArray[np.floating]) -> Shares:
    return dict(zip(classes, probs.tolist(), strict=True))
