"""Batch: a replayed project, scored and ranked by the batch functions of `activelab`.

8.  Eligible is an item with fewer answers than ``max_answers`` and no lease open at ``now``.

(Rules 1-7 are those of `stream_app.audit.replay` and `stream_app.audit.counted`.)
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

import activelab
from schemas import ProjectSettings
from stream_app.audit.counted import Counted
from stream_app.audit.replay import Replay

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Batch:
    """All items of a project at a cut, in parallel columns (N,)."""

    counted: Counted
    columns: activelab.Columns
    epoch: activelab.Epoch
    scores: activelab.ItemScores
    by_method: Floats
    """The score of the project's method; lower: sooner."""
    leased: Flags
    eligible: Flags

    @classmethod
    def of(cls, replay: Replay, settings: ProjectSettings, window: int) -> "Batch":
        """Compute what window number ``window`` would know, if it were closed at the cut."""
        counted = Counted.of(replay, settings)
        columns = counted.columns()
        epoch = activelab.fit(columns, mode=activelab.Mode(settings.mode))
        scores = activelab.score(columns, epoch)
        method = activelab.METHODS[settings.method]
        now = replay.now * 1000
        leased = np.array([replay.leases.get(item, now) > now for item in counted.items], np.bool_)
        return cls(
            counted=counted,
            columns=columns,
            epoch=epoch,
            scores=scores,
            by_method=method(columns, scores, seed=settings.seed, window=window),
            leased=leased,
            eligible=~leased & (scores.num_answers < settings.max_answers),
        )

    def ranked(self, number: int) -> list[int]:
        """Return the rows of the best eligible items, so many at most, in rank order."""
        best = activelab.top(self.by_method, self.counted.items, self.eligible, number)
        rows: list[int] = best.tolist()
        return rows

    def reason(self, row: int) -> Literal["first_label", "relabel"]:
        """Return why an item would be selected."""
        return "relabel" if self.scores.num_annotations[row] else "first_label"

    def answered_by(self, row: int) -> tuple[str, ...]:
        """Return who has answered an item, ascending."""
        return tuple(sorted(self.counted.answers.get(self.counted.items[row], ())))
