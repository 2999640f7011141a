"""Ledger: what a project's windows have spent, and so what a close may select. The audit's own.

10. A close on request has what is left of the budget, or what it asks for if that is less; left is
    the budget less all that has been selected since the last boundary, or the whole budget where
    there is no clock. A clock close has the whole budget, or nothing on a project that selects on
    request only, at a multiple of the window's length, later than the last one, up to ``now``.
11. A request has one window; a window's id is the next number.

(Rules 1-9 are those of `replay`, `counted` and `batch` beside this module.)
"""

from dataclasses import dataclass, replace

from schemas import Cause, Close, ProjectSettings, RequestCause

SECOND = 1_000_000
"""In microseconds."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What earlier windows have spent and answered."""

    next_window: int = 1
    last_boundary: int = 0
    spent: int = 0
    """Selections since that boundary."""
    requests: frozenset[str] = frozenset()

    def entered(self, cause: Cause, selected: int) -> "Ledger":
        """Return what it is behind one more window."""
        after = replace(self, next_window=self.next_window + 1, spent=self.spent + selected)
        if isinstance(cause, RequestCause):
            return replace(after, requests=self.requests | {cause.request_id})
        return replace(after, last_boundary=cause.boundary, spent=selected)

    def left(self, settings: ProjectSettings) -> int:
        """Return how much of the budget is left."""
        spent = 0 if settings.window_seconds is None else self.spent
        return max(0, settings.budget - spent)

    def grant(self, settings: ProjectSettings, close: Close, now: int) -> int | str:
        """Return how many selections a close may make, or why it makes no window at all."""
        if settings.state == "closed":
            return "the project is closed"
        if close.boundary is not None:
            return self._grant_at(close.boundary, settings, now)
        if close.request_id in self.requests:
            return "the request has had its window"
        left = self.left(settings)
        return left if close.budget is None else min(left, close.budget)

    def _grant_at(self, boundary: int, settings: ProjectSettings, now: int) -> int | str:
        length = settings.window_seconds
        if settings.state == "paused":
            return "the project is paused"
        if length is None or boundary % (length * SECOND):
            return "the project has no such boundary"
        if not self.last_boundary < boundary <= now:
            return "the boundary was passed before, or lies ahead"
        return 0 if settings.on_request_only else settings.budget
