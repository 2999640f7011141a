"""Ranking: which items a window selects, and in which order. Pure: `now` is given.

Eligible is an item with fewer answers than ``max_answers`` and no lease open; where the project has
a quality target, one that is not done; in a close for an annotator, one that they have not
answered. Of these the method's best are selected, under the priorities and quotas of strata.
"""

import hashlib
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
    settings, window = project.settings, project.ledger.next_window
    project.leases = {item: until for item, until in project.leases.items() if until > now}
    standing = project.pool.standing()
    leased = np.isin(standing, project.pool.places(list(project.leases)))
    eligible = scores.num_answers < settings.max_answers
    eligible[leased] = False
    if settings.quality_target is not None:
        eligible &= ~done(scores, target=settings.quality_target)
    if annotator is not None:
        eligible[columns.answered_by(annotator)] = False
    by_method = METHODS[settings.method](columns, scores, seed=settings.seed, window=window)
    if settings.strata:
        listed = sorted(settings.strata)
        best = select(
            by_method,
            scores.item_ids,
            eligible,
            budget,
            stratum=project.strata.among(listed, standing),
            quotas=[settings.strata[name].quota for name in listed],
            priorities=[settings.strata[name].priority for name in listed],
            window=window,
        )
    else:
        best = top(by_method, scores.item_ids, eligible, budget)
    return Ranking(
        rows=best,
        items=[scores.item_ids[row] for row in best.tolist()],
        score=by_method[best],
        relabel=scores.num_annotations[best] > 0,
        eligible=int(eligible.sum()),
        leased=int(np.count_nonzero(leased)),
    )
