"""Ranking: which items a window selects, and in which order. Pure: `now` is given.

Eligible is an item with fewer answers than ``max_answers`` and no lease open; where the project has
a quality target, one that is not done; in a close for an annotator, one that they have not
answered. Of these the method's best are selected, under the priorities and quotas of strata.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import orjson

from activelab import METHODS, Columns, ItemScores, done, select, top
from stream_app.project import Project


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a window selects, in rank order (n,), out of how many that it could have."""

    rows: npt.NDArray[np.int64]
    """Where they stand among the items that were ranked."""
    items: list[str]
    score: npt.NDArray[np.float64]
    relabel: npt.NDArray[np.bool_]
    eligible: int
    leased: int

    def digest(self) -> str:
        """Return the SHA-256 of the ordered list, scores rounded as the ranking sees them."""
        rows = zip(self.items, self.score.round(9).tolist(), self.relabel.tolist(), strict=True)
        return hashlib.sha256(orjson.dumps(list(rows))).hexdigest()


def rank(
    project: Project,
    columns: Columns,
    scores: ItemScores,
    *,
    now: int,
    budget: int,
    annotator: str | None,
) -> Ranking:
    """Rank the best eligible items, ``budget`` at most."""
    project.leases = {item: until for item, until in project.leases.items() if until > now}
    standing = project.pool.standing()
    leased = np.isin(standing, project.pool.places(list(project.leases)))
    could = eligible(project, scores, leased=leased)
    if annotator is not None:
        could[columns.answered_by(annotator)] = False
    by_method = scored(project, columns, scores)
    best = select_best(project, by_method, scores.item_ids, could, standing, budget)
    return Ranking(
        rows=best,
        items=[scores.item_ids[row] for row in best.tolist()],
        score=by_method[best],
        relabel=scores.num_annotations[best] > 0,
        eligible=int(could.sum()),
        leased=int(np.count_nonzero(leased)),
    )


def eligible(
    project: Project, scores: ItemScores, *, leased: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Tell which items a window for nobody in particular could select: ``(n,)``."""
    settings = project.settings
    could = scores.num_answers < settings.max_answers
    could &= ~leased
    if settings.quality_target is not None:
        could &= ~done(scores, target=settings.quality_target)
    return could


def scored(project: Project, columns: Columns, scores: ItemScores) -> npt.NDArray[np.float64]:
    """Return the scores by the project's method in its next window; lower: sooner: ``(n,)``."""
    settings = project.settings
    return METHODS[settings.method](
        columns, scores, seed=settings.seed, window=project.ledger.next_window
    )


def select_best(
    project: Project,
    by_method: npt.NDArray[np.float64],
    item_ids: Sequence[str],
    could: npt.NDArray[np.bool_],
    places: npt.NDArray[np.int64],
    number: int,
) -> npt.NDArray[np.int64]:
    """Return the rows of the best items in rank order, under priorities and quotas."""
    settings = project.settings
    if not settings.strata:
        return top(by_method, item_ids, could, number)
    listed = sorted(settings.strata)
    return select(
        by_method,
        item_ids,
        could,
        number,
        stratum=project.shape.strata.among(listed, places),
        quotas=[settings.strata[name].quota for name in listed],
        priorities=[settings.strata[name].priority for name in listed],
        window=project.ledger.next_window,
    )
