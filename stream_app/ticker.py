"""When a clock close is due: pure, so that the service around it only sleeps and sends.

A boundary is a multiple of a project's window length since the Unix epoch. The ticker asks for
the latest one that has passed, again and again until the log has it applied: a close that was
early by the broker's clock is a no-op there, and so is a second one. After a pause, one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from stream_app.project import Project

FIRST_WAIT = 1.0
"""Seconds until a close that has not taken effect is sent again; doubled each time."""
LONGEST_WAIT = 60.0
MICROSECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Tick:
    """A close to be sent: the boundary in microseconds since the Unix epoch."""

    project: str
    boundary: int


@dataclass(slots=True)
class _Sent:
    boundary: int
    again: float
    wait: float


@dataclass(slots=True)
class Ticker:
    """Which closes to send now; it remembers only what it has sent itself."""

    _sent: dict[str, _Sent] = field(default_factory=dict)

    def due(self, projects: Iterable[Project], now: float) -> Iterator[Tick]:
        """Yield the closes to send at ``now`` (seconds since the Unix epoch)."""
        for project in projects:
            length = project.settings.window_seconds
            if length is None or project.settings.state != "active":
                self._sent.pop(project.id, None)
                continue
            boundary = int(now // length) * length * MICROSECOND
            if boundary <= project.ledger.last_boundary:
                continue
            sent = self._sent.get(project.id)
            if sent is None or sent.boundary != boundary:
                sent = self._sent[project.id] = _Sent(boundary, now, FIRST_WAIT)
            if now >= sent.again:
                sent.again, sent.wait = now + sent.wait, min(2 * sent.wait, LONGEST_WAIT)
                yield Tick(project.id, boundary)
