"""Check: recompute a window from the inputs and earlier selections, and compare.

What is recomputed is said in the models of the wire, as the window that the worker should have
published: so a difference is a field of a record. Rule 12 is of this module:

12. Every request has one answer, in the order of the log.

Earlier windows are taken as published: audit them all to know that they are right. Not compared
is ``epoch``, which counts the worker's fits and so depends on how runs were cut.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
import orjson

import activelab
import schemas
from schemas import (
    BoundaryCause,
    Cause,
    Close,
    ProjectSettings,
    RequestCause,
    Selection,
    Window,
)
from stream_app.audit.batch import Batch
from stream_app.audit.history import History, read_history
from stream_app.audit.ledger import SECOND, Ledger
from stream_app.audit.replay import Replay
from stream_app.errors import AuditRefused
from stream_app.settings import Settings
from stream_app.windows import RULE_VERSION

TOLERANCE = 1e-9
"""How far scores and parameters may be apart."""
NAMED_DORMANT = 20
"""Dormant names that a manifest has room for: the most frequent ones, then by name."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which a published window is not the recomputed one."""

    what: str
    published: Any
    recomputed: Any

    def __str__(self) -> str:
        return f"{self.what}: published {self.published}, recomputed {self.recomputed}"


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit of a window found."""

    window: Window
    selections: Sequence[Selection]
    differences: Sequence[Difference]

    @property
    def agrees(self) -> bool:
        """Say whether the window is what it should be."""
        return not self.differences


def audit_history(history: History, window: int | None = None) -> Iterator[AuditReport]:
    """Audit the windows of a project, or those with one id (right is one), in log order."""
    replay, ledger = history.replay(), Ledger()
    for answer, closes in history.walk(replay):
        if isinstance(answer, Window):
            selections = history.selections.get(answer.window, [])
            if window in (None, answer.window):
                differences = _differences(replay, ledger, closes, answer, selections)
                yield AuditReport(answer, selections, tuple(differences))
            ledger = ledger.entered(answer.cause, len(selections))


def _differences(
    replay: Replay,
    ledger: Ledger,
    closes: Sequence[Close],
    window: Window,
    selections: Sequence[Selection],
) -> Iterator[Difference]:
    """Compare a window with the one that its close should have had."""
    if window.rule_version != RULE_VERSION:
        message = (
            f"Window {window.window} is of rule version {window.rule_version}, not {RULE_VERSION}."
        )
        raise AuditRefused(message)
    if window.cut != replay.positions:
        yield Difference("cut", window.cut, dict(replay.positions))
    asked = [close.request_id for close in closes if close.request_id is not None]
    answered = [window.cause.request_id] if isinstance(window.cause, RequestCause) else []
    if asked != answered:
        yield Difference("requests", answered, asked)
    close = next((close for close in reversed(closes) if _causes(close, window.cause)), None)
    if close is None or replay.settings is None:
        cause = window.cause.model_dump(mode="json")
        yield Difference("cause", cause, "no such close, or no such project")
        return
    granted = ledger.grant(replay.settings, close, replay.now * 1000)
    if isinstance(granted, str):
        yield Difference("window", window.window, f"none: {granted}")
        return
    recomputed, ranked = _recompute(
        replay, replay.settings, ledger, close, window, selections, granted
    )
    yield from _compare("", window.model_dump(mode="json"), recomputed.model_dump(mode="json"))
    for rank, (said, right) in enumerate(zip_longest(selections, ranked), start=1):
        yield from _compare(
            f"rank {rank}",
            said and said.model_dump(mode="json"),
            right and right.model_dump(mode="json"),
        )


def _causes(close: Close, cause: Cause) -> bool:
    if isinstance(cause, RequestCause):
        return close.request_id == cause.request_id
    return close.boundary == cause.boundary


def _cause(close: Close) -> Cause:
    if close.boundary is not None:
        return BoundaryCause(boundary=close.boundary)
    return RequestCause(request_id=close.request_id, annotator=close.annotator)


def _recompute(
    replay: Replay,
    settings: ProjectSettings,
    ledger: Ledger,
    close: Close,
    window: Window,
    selections: Sequence[Selection],
    granted: int,
) -> tuple[Window, list[Selection]]:
    """Return the records that should have been published.

    ``window`` gives what is not judged, the selections the list of which the digest is one.
    """
    batch = Batch.of(replay, settings, ledger.next_window, annotator=close.annotator)
    now = replay.now * 1000
    best = batch.ranked(granted)
    ranked = [
        Selection(
            project=replay.project,
            window=ledger.next_window,
            rank=rank,
            of=len(best),
            item=batch.counted.items[row],
            score=float(batch.by_method[row]),
            reason=batch.reason(row),
            until=now + settings.lease_seconds * SECOND,
            answered_by=batch.answered_by(row),
            stratum=batch.stratum(row),
        )
        for rank, row in enumerate(best, start=1)
    ]
    ahead = activelab.outlook(
        batch.columns,
        batch.epoch,
        batch.scores,
        np.array(best, np.int64),
        target=settings.quality_target,
    )
    labels = batch.columns.labels()
    counts = schemas.Counts(
        items=len(batch.counted.items),
        labels=len(labels.label),
        annotators=len(np.unique(labels.voter)),
        dormant=dict(sorted(batch.counted.dormant.items(), key=_by_frequency)[:NAMED_DORMANT]),
        leased=int(batch.leased.sum()),
        eligible=int(batch.eligible.sum()),
        selected=len(ranked),
        budget_left=ledger.entered(window.cause, len(ranked)).left(settings),
    )
    right = Window(
        project=replay.project,
        window=ledger.next_window,
        cause=_cause(close),
        now=now,
        cut=window.cut,
        settings=settings,
        rule_version=RULE_VERSION,
        epoch=window.epoch,
        parameters=_parameters(batch.epoch),
        counts=counts,
        outlook=schemas.Outlook(**asdict(ahead)),
        digest=digest(selections),
    )
    return right, ranked


def _by_frequency(named: tuple[str, int]) -> tuple[int, str]:
    return -named[1], named[0]


def _parameters(epoch: activelab.Epoch) -> schemas.Parameters:
    stage = epoch.consensus_stage
    return schemas.Parameters(
        regime=epoch.regime,
        models={
            model: schemas.ModelParameters(
                temperature=float(epoch.temperature[at]), model_weight=float(stage.model_weight[at])
            )
            for at, model in enumerate(epoch.models)
        },
        consensus_likelihood=stage.consensus_likelihood,
        majority_class_error=stage.majority_class_error,
        mean_annotator_weight=stage.mean_annotator_weight,
    )


def digest(selections: Sequence[Selection]) -> str:
    """Return the SHA-256 of the JSON list of [item, score rounded to 1e-9, relabelled or not]."""
    scores = np.array([selection.score for selection in selections], np.float64).round(9)
    rows = [
        [selection.item, score, selection.reason == "relabel"]
        for selection, score in zip(selections, scores.tolist(), strict=True)
    ]
    return hashlib.sha256(orjson.dumps(rows)).hexdigest()


def _compare(what: str, published: Any, recomputed: Any) -> Iterator[Difference]:
    """Compare two JSON values; numbers may be `TOLERANCE` apart."""
    match published, recomputed:
        case dict(), dict():
            for name in published | recomputed:
                inner = f"{what} {name}".strip()
                yield from _compare(inner, published.get(name), recomputed.get(name))
        case (int() | float(), int() | float()):
            if abs(published - recomputed) > TOLERANCE:
                yield Difference(what, published, recomputed)
        case _:
            if published != recomputed:
                yield Difference(what, published, recomputed)


async def audit(settings: Settings, project: str, window: int | None = None) -> AuditReport:
    """Audit a window of a project on a deployment, by default the last one.

    Raises AuditRefused where it can't be recomputed.
    """
    history = await read_history(settings, project)
    windows = [answer.window for answer in history.answers if isinstance(answer, Window)]
    if not windows:
        message = f"Project {project!r} has no window yet."
        raise AuditRefused(message)
    reports = list(audit_history(history, windows[-1] if window is None else window))
    if not reports:
        message = f"Project {project!r} has no window {window}; the last one is {windows[-1]}."
        raise AuditRefused(message)
    return reports[-1]


async def audit_all(settings: Settings, project: str) -> list[AuditReport]:
    """Audit every window of a project on a deployment, in log order."""
    return list(audit_history(await read_history(settings, project)))
