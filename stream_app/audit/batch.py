"""Batch: a replayed project, scored and ranked by the batch functions of `activelab`.

8.  Eligible is an item with fewer answers than ``max_answers`` and no lease open at ``now``; under
    a quality target only one without a label, or with a quality, rounded to 1e-9, below it; in a
    close for an annotator none that they have answered.
9.  Of items the one goes first whose stratum has the larger priority (0 where the settings do not
    name it), then by score, rounded to 1e-9, then by id. Of n places those from floor(Q n + u) to
    floor((Q + q) n + u) are reserved for a stratum with the quota q: Q is what those whose names
    come before have together, u the fraction of window x 0x9E3779B9 / 2^32. The first eligible
    items of a stratum have its places, the first of all the others what then is left.

(Rules 1-7 are those of `stream_app.audit.replay` and `stream_app.audit.counted`.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from math import floor
from typing import Literal

import numpy as np
import numpy.typing as npt

import activelab
from schemas import ProjectSettings, Stratum
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
    window: int
    strata: dict[str, str]
    """Item to the stratum that it belongs to."""

    @classmethod
    def of(
        cls,
        replay: Replay,
        settings: ProjectSettings,
        window: int,
        *,
        annotator: str | None = None,
    ) -> "Batch":
        """Compute what window number ``window`` would know, if it were closed at the cut.

        ``annotator`` is whom it would be for.
        """
        counted = Counted.of(replay, settings)
        columns = counted.columns()
        epoch = activelab.fit(columns, mode=activelab.Mode(settings.mode))
        scores = activelab.score(columns, epoch)
        method = activelab.METHODS[settings.method]
        now = replay.now * 1000
        leased = np.array([replay.leases.get(item, now) > now for item in counted.items], np.bool_)
        answered = [annotator in counted.answers.get(item, ()) for item in counted.items]
        target = settings.quality_target
        return cls(
            counted=counted,
            columns=columns,
            epoch=epoch,
            scores=scores,
            by_method=method(columns, scores, seed=settings.seed, window=window),
            leased=leased,
            eligible=~leased
            & (scores.num_answers < settings.max_answers)
            & ~(activelab.done(scores, target=target) & (target is not None))
            & ~np.array(answered, np.bool_),
            window=window,
            strata={item: belonging.stratum for item, belonging in replay.strata.items()},
        )

    def ranked(self, number: int) -> list[int]:
        """Return the rows of the best eligible items, so many at most, in rank order."""
        settings = self.counted.settings.strata
        if not settings:
            best = activelab.top(self.by_method, self.counted.items, self.eligible, number)
            rows: list[int] = best.tolist()
            return rows
        order = self._order(settings)
        chosen: set[int] = set()
        share, turn = 0, Fraction(self.window * 0x9E3779B9 % 2**32, 2**32)
        for name, stratum in sorted(settings.items()):
            begin, share = share, share + stratum.quota
            places = [floor(Fraction(at * number, 100) + turn) for at in (begin, share)]
            own = (row for row in order if self.stratum(row) == name)
            chosen.update(islice(own, places[1] - places[0]))
        others = (row for row in order if row not in chosen)
        chosen.update(list(islice(others, number - len(chosen))))
        return [row for row in order if row in chosen]

    def _order(self, strata: Mapping[str, Stratum]) -> list[int]:
        """Return the rows of all eligible items, in order."""
        rounded = self.by_method.round(9).tolist()
        priority = {name: stratum.priority for name, stratum in strata.items()}

        def key(row: int) -> tuple[int, float, str]:
            name = self.stratum(row)
            first = 0 if name is None else priority.get(name, 0)
            return -first, rounded[row], self.counted.items[row]

        return sorted(np.flatnonzero(self.eligible).tolist(), key=key)

    def stratum(self, row: int) -> str | None:
        """Return what an item belongs to."""
        return self.strata.get(self.counted.items[row])

    def reason(self, row: int) -> Literal["first_label", "relabel"]:
        """Return why an item would be selected."""
        return "relabel" if self.scores.num_annotations[row] else "first_label"

    def answered_by(self, row: int) -> tuple[str, ...]:
        """Return who has answered an item, ascending."""
        return tuple(sorted(self.counted.answers.get(self.counted.items[row], ())))
