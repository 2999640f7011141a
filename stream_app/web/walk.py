"""The ranking between two windows: which items would be selected now.

A million items can't be scored in one breath while the step waits. So they are walked: the facts of
some thousands of items are copied between two turns of the event loop, so that each copy is whole,
and scored in a thread. What is listed is scored once more at the end. Parameters are those of the
last fit; a walk is shown to all who ask, for some time that grows with what it cost.

One method looks at more than an item: ``disagreement`` judges single labels by all pairs of labels,
here by those of the same some thousands.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import ReferenceType, ref

import numpy as np
import numpy.typing as npt

from activelab import Columns, Epoch, ItemScores, score
from stream_app.project import Project
from stream_app.ranking import eligible, scored, select_best

CHUNK = 5_000
"""Items that are copied in one breath: some 5 ms."""
LISTED = 500
"""Items of a walk that can be listed."""
REST = 10.0
"""How much longer than it took a walk is shown, at least `REST_SECONDS`."""
REST_SECONDS = 1.0
REMEMBERED = 16
"""Projects of which a walk is kept."""

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk over a project has found."""

    project: ReferenceType[Project]
    """Weak: a project that is rebuilt, or another worker's, is not kept for it."""
    window: int
    """The window that would be next."""
    at: int
    """When it began, in microseconds."""
    seconds: float
    best: list[str]
    """Items in rank order, `LISTED` at most."""
    scores: Floats
    """Those of all eligible items, ascending, rounded as ranks are."""
    leased: int

    @property
    def eligible(self) -> int:
        """How many items could be selected."""
        return len(self.scores)

    def place(self, item: str, by_method: float) -> int:
        """Return an eligible item's place among all of them, from 1.

        Behind the listed ones it goes by the score alone: those of strata may stand elsewhere.
        """
        if item in self.best:
            return self.best.index(item) + 1
        return max(len(self.best), int(np.searchsorted(self.scores, round(by_method, 9)))) + 1

    def is_good(self, project: Project, now: int) -> bool:
        """Say whether it may still be shown."""
        rested = (now - self.at) / 1e6 < self.seconds + max(REST_SECONDS, REST * self.seconds)
        return rested and self.project() is project and self.window == project.ledger.next_window


class Walks:
    """The last walks, by project; one at a time of each."""

    def __init__(self) -> None:
        self._walking: dict[str, asyncio.Task[Walk]] = {}

    async def of(self, project: Project, now: int) -> Walk:
        """Return a walk that may be shown at ``now`` (microseconds), or walk."""
        task = self._walking.pop(project.id, None)
        if task is None or (task.done() and not self._is_good(task, project, now)):
            task = asyncio.create_task(walk(project, now))
        self._walking[project.id] = task  # the last one again
        for oldest in list(self._walking)[:-REMEMBERED]:
            del self._walking[oldest]
        return await asyncio.shield(task)

    def _is_good(self, task: asyncio.Task[Walk], project: Project, now: int) -> bool:
        failed = task.cancelled() or task.exception() is not None
        return not failed and task.result().is_good(project, now)


async def walk(project: Project, now: int) -> Walk:
    """Walk over all items of a project."""
    began, window = time.perf_counter(), project.ledger.next_window
    pool = project.pool
    standing, held = pool.standing(), leased_places(project, now)
    judged: list[tuple[Floats, Bools]] = []
    names: list[str] = []
    leased = 0
    for begin in range(0, len(standing), CHUNK):
        places = standing[begin : begin + CHUNK]
        names += pool.named(places)
        columns, epoch, on_lease = pool.columns(names[begin:]), pool.epoch, np.isin(places, held)
        leased += int(np.count_nonzero(on_lease))
        judged.append(await asyncio.to_thread(_judged, project, columns, epoch, on_lease))
    best, scores = await asyncio.to_thread(_ranked, project, judged, names, standing)
    seconds = time.perf_counter() - began
    return Walk(ref(project), window, now, seconds, best, scores, leased)


def _judged(
    project: Project, columns: Columns, epoch: Epoch, leased: Bools
) -> tuple[Floats, Bools]:
    scores = score(columns, epoch)
    return scored(project, columns, scores), eligible(project, scores, leased=leased)


def _ranked(
    project: Project,
    judged: Sequence[tuple[Floats, Bools]],
    names: Sequence[str],
    places: npt.NDArray[np.int64],
) -> tuple[list[str], Floats]:
    """Return the best items, and the scores of all that could be selected, ascending."""
    by_method = np.concatenate([np.empty(0), *(scores for scores, _ in judged)])
    could = np.concatenate([np.empty(0, np.bool_), *(open_ for _, open_ in judged)])
    best = select_best(project, by_method, names, could, places, LISTED)
    return [names[row] for row in best.tolist()], np.sort(np.round(by_method[could], 9))


@dataclass(frozen=True, slots=True)
class Listed:
    """Items that could be selected now, in rank order."""

    items: list[str]
    scores: ItemScores
    by_method: Floats
    strata: list[str | None]


def listed(project: Project, names: Sequence[str], limit: int, now: int) -> Listed:
    """Score some items again, now, and list those of them that could be selected."""
    pool = project.pool
    alive = pool.alive(names).tolist()
    items = [name for name, exists in zip(names, alive, strict=True) if exists]
    columns, places = pool.columns(items), pool.known(items)
    held = np.isin(places, leased_places(project, now))
    by_scores = score(columns, pool.epoch)
    by_method = scored(project, columns, by_scores)
    could = eligible(project, by_scores, leased=held)
    best = select_best(project, by_method, items, could, places, limit)
    chosen, strata = by_scores.take(best), project.shape.strata.of(places[best])
    return Listed(list(chosen.item_ids), chosen, by_method[best], strata)


def leased_places(project: Project, now: int) -> npt.NDArray[np.int64]:
    """Return the places of the items on lease at ``now`` (microseconds)."""
    leases = dict(project.leases)  # copied in one breath: a close adds to it in a thread
    return project.pool.known([item for item, until in leases.items() if until > now])


def now_micros() -> int:
    """Return the time of this machine."""
    return time.time_ns() // 1000
