"""A window: what a close in the log does to a project. Pure: it reads no clock, `now` is given.

    close ──> verdict: a no-op, a refusal, or a grant of so many selections
    grant ──> refresh (the batch function on the pool) ──> rank what is eligible ──> lease it

Said in bounded transactions {items that have changed}, then in one {the rest of them, applied,
selections with their leases, manifest, trust, project}: so a window is visible whole or not at all.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

import schemas
from activelab import Epoch, ItemScores, Outlook, outlook
from activelab.rows import Ints
from schemas import Close, Control, RefusalReason, Topic, Window
from stream_app import facts
from stream_app.outbound import Outbound
from stream_app.partition import Partition
from stream_app.ports import Message
from stream_app.project import Project
from stream_app.projects import Projects
from stream_app.ranking import Ranking, rank
from stream_app.said import codes

RULE_VERSION = "4"
"""Changes when the same input would give another window; an audit refuses other versions."""
MICROSECOND = 1_000_000
NAMED = 20
"""Dormant names that a manifest has room for."""
CHUNK = 10_000
"""Items of which one transaction speaks, besides those that the last one selects."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to select at most ``budget`` items now."""

    budget: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A close that is answered without a window; ``window`` answers a repeated request."""

    reason: RefusalReason
    window: int | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """What became of a close."""

    verdict: Grant | Refused | None
    outbound: Iterator[Outbound]
    """To be said in this order, a transaction each; the last one moves ``applied``.

    Each is made when it is its turn: all records of a close of millions at once would leave the
    memory full of holes.
    """
    ranking: Ranking | None = None


def close_window(
    partition: Partition, topic: str, control: Control, close: Close, *, answered: int | None
) -> Closed:
    """Carry out a close; ``answered`` is the window that its request has had before, if any."""
    project = partition.projects.get(control.project)
    last = Outbound()
    last.changes.append(partition.advance(topic, control.begin, control.end, control.now))
    now = partition.now * 1000
    decided = verdict(project, close, now=now, answered=answered)
    if isinstance(decided, Refused):
        _say_refusal(last, partition, control.project, close, decided)
    if project is None or not isinstance(decided, Grant):
        return Closed(decided, iter([last]))

    ledger = project.ledger
    if close.cause == "boundary":
        ledger.last_boundary, ledger.spent = close.boundary or 0, 0
    _, scores, columns = project.refresh()
    changed, gone = _changes(project, scores)
    ranking = rank(
        project, columns, scores, now=now, budget=decided.budget, annotator=close.annotator
    )
    target = project.settings.quality_target
    ahead = outlook(columns, project.pool.epoch, scores, ranking.rows, target=target)
    window = ledger.next_window
    ledger.next_window += 1
    ledger.closed_at = now
    ledger.spent += len(ranking.items)
    ledger.note(scores, ranking.relabel, asdict(ahead))
    _say_selections(last, project, ranking, window=window, now=now)
    _say_manifest(last, partition, project, close, window, ranking, ahead)
    last.say_trust(Projects([project]), project.pool.labellers())
    if close.request_id is not None:
        key = facts.request_key(project.id, close.request_id)
        last.changes.append((key, facts.encode_number(window)))
    last.save(project)
    return Closed(decided, _in_turn(last, project, scores, changed, gone), ranking)


def verdict(
    project: Project | None, close: Close, *, now: int, answered: int | None
) -> Grant | Refused | None:
    """Judge a close at ``now`` (microseconds); None is a no-op."""
    if project is None:
        return Refused(RefusalReason.NO_PROJECT)
    if project.settings.state == "closed":
        return Refused(RefusalReason.CLOSED)
    if close.cause == "boundary":
        return _at_boundary(project, close.boundary or 0, now)
    if answered is not None:
        return Refused(RefusalReason.REPEATED_REQUEST, answered)
    left = budget_left(project)
    return Grant(left if close.budget is None else min(left, close.budget))


def _at_boundary(project: Project, boundary: int, now: int) -> Grant | Refused | None:
    """Judge a clock close: each boundary counts once, and not before its time."""
    settings = project.settings
    if settings.state == "paused" or not project.ledger.last_boundary < boundary <= now:
        return None
    length = settings.window_seconds
    if length is None or boundary % (length * MICROSECOND):
        return Refused(RefusalReason.NO_SUCH_BOUNDARY)
    return Grant(0 if settings.on_request_only else settings.budget)


def budget_left(project: Project) -> int:
    """Return how many selections are left; without a clock every request has the whole budget."""
    settings = project.settings
    spent = 0 if settings.window_seconds is None else project.ledger.spent
    return max(0, settings.budget - spent)


def _changes(project: Project, scores: ItemScores) -> tuple[Ints, Ints]:
    """Return the items of ``scores`` whose consensus or progress has changed, and who is gone."""
    said, standing = project.shape.said, project.pool.standing()
    alone = Projects([project])
    progress = alone.progress(alone.of_items(standing), scores)
    changed = np.flatnonzero(said.at(standing) != codes(scores, progress))
    spoken_of = said.spoken_of(project.pool.own())
    return changed, np.setdiff1d(spoken_of, standing, assume_unique=True)


def _in_turn(
    last: Outbound, project: Project, scores: ItemScores, changed: Ints, gone: Ints
) -> Iterator[Outbound]:
    """Say in bounded transactions what has changed and what is gone.

    What is left for one of them is said in the ``last``, with the window.
    """
    alone, standing = Projects([project]), project.pool.standing()
    for at in range(0, len(changed) + len(gone), CHUNK):
        rows, end = changed[at : at + CHUNK], at + CHUNK - len(changed)
        outbound = Outbound() if end < len(gone) else last
        if len(rows):
            outbound.say_scores(alone, standing[rows], scores.take(rows), provisional=False)
        outbound.say_gone(alone, gone[max(0, end - CHUNK) : max(0, end)])
        if outbound is not last:
            yield outbound
    yield last


def _say_selections(
    outbound: Outbound, project: Project, ranking: Ranking, *, window: int, now: int
) -> None:
    """Say what a window selects, and lease it."""
    until = now + project.settings.lease_seconds * MICROSECOND
    encoded = schemas.encode_selections(
        project.id,
        window=window,
        until=until,
        items=ranking.items,
        score=ranking.score,
        answered_by=project.pool.answers(ranking.items),
        relabel=ranking.relabel,
        stratum=project.shape.strata.of(project.pool.places(ranking.items)),
    )
    key = schemas.project_key(project.id)
    outbound.messages[Topic.SELECTIONS].extend(Message(key, value) for value in encoded)
    outbound.lease(project, ranking.items, until)


def _say_manifest(
    outbound: Outbound,
    partition: Partition,
    project: Project,
    close: Close,
    window: int,
    ranking: Ranking,
    ahead: Outlook,
) -> None:
    """Say what a window knew, what it selected, and what is to be expected."""
    pool = project.pool
    manifest = Window(
        project=project.id,
        window=window,
        cause=cause(close),
        now=partition.now * 1000,
        cut=partition.cut(),
        settings=project.settings,
        rule_version=RULE_VERSION,
        epoch=project.ledger.epoch,
        parameters=parameters(pool.epoch),
        counts=schemas.Counts(
            items=pool.num_items,
            labels=pool.num_labels,
            annotators=len(pool.annotators()),
            dormant=project.most_dormant(NAMED),
            leased=ranking.leased,
            eligible=ranking.eligible,
            selected=len(ranking.items),
            budget_left=budget_left(project),
        ),
        outlook=schemas.Outlook(**asdict(ahead)),
        digest=ranking.digest(),
    )
    outbound.messages[Topic.WINDOWS].append(
        Message(schemas.project_key(project.id), manifest.to_bytes())
    )


def _say_refusal(
    outbound: Outbound, partition: Partition, project_id: str, close: Close, refused: Refused
) -> None:
    """Answer a close that makes no window."""
    refusal = schemas.Refusal(
        project=project_id,
        cause=cause(close),
        reason=refused.reason,
        window=refused.window,
        now=partition.now * 1000,
        cut=partition.cut(),
    )
    outbound.messages[Topic.WINDOWS].append(
        Message(schemas.project_key(project_id), refusal.to_bytes())
    )


def cause(close: Close) -> schemas.Cause:
    """Return what caused a close, as its answer names it."""
    if close.cause == "boundary":
        return schemas.BoundaryCause(boundary=close.boundary)
    return schemas.RequestCause(request_id=close.request_id, annotator=close.annotator)


def parameters(epoch: Epoch) -> schemas.Parameters:
    """Return the parameters of an epoch, as a manifest names them; null where nothing is known."""
    stage = epoch.consensus_stage
    return schemas.Parameters(
        regime=epoch.regime,
        models={
            model: schemas.ModelParameters(temperature=temperature, model_weight=weight)
            for model, temperature, weight in zip(
                epoch.models,
                epoch.temperature.tolist(),
                stage.model_weight.tolist(),
                strict=True,
            )
        },
        consensus_likelihood=stage.consensus_likelihood,
        majority_class_error=stage.majority_class_error,
        mean_annotator_weight=stage.mean_annotator_weight,
    )
