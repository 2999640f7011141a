"""The site: what endpoints are made of, and whether this worker may answer for a project.

A worker that was frozen wakes up with memory of partitions that another one has taken over, and
does not know it. So before it looks into its memory, and again before it answers, it asks the
group, unless the group has said yes within `FRESH_SECONDS`. A yes is good for a session, in which
nobody else can be given what is ours; so one that took longer is none.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from activelab import UnknownId
from schemas import home
from stream_app.partition import Partition
from stream_app.ports import Store
from stream_app.project import Project
from stream_app.settings import Settings
from stream_app.web.neighbours import Neighbours
from stream_app.web.problems import Declined, Elsewhere, not_now
from stream_app.web.recent import Recent
from stream_app.web.topics import Topics
from stream_app.web.walk import Walk, Walks, now_micros

LOST = "This worker may have lost the project's partition."
REBUILT = "The project has been rebuilt meanwhile."
FRESH_SECONDS = 1.0
"""How long an answer of the group is good for what is asked next."""


@dataclass(slots=True)
class Seat:
    """What this worker is in the group, as it looks from inside."""

    partitions: Callable[[], Mapping[int, Partition]]
    """Those whose runs come to this worker now."""
    confirmed: Callable[[], Awaitable[bool]]
    """Asks the group whether they still do."""
    addresses: Callable[[], Mapping[int, str]]
    """Where the web of each partition's owner is."""
    waiting: Callable[[int], int]
    """How many records of a partition are not applied yet."""


class Tenure:
    """When the group has last said that what we own is ours."""

    def __init__(self, seat: Seat, session_seconds: float) -> None:
        self._seat = seat
        self._session_seconds = session_seconds
        self._asked = -session_seconds
        """When we have asked for the last answer that was yes."""
        self._asking = asyncio.Lock()

    async def holds(self) -> bool:
        """Ask, unless it was asked just now."""
        async with self._asking:
            asked = monotonic()
            if asked - self._asked > FRESH_SECONDS:
                if not await self._seat.confirmed():
                    return False
                self._asked = asked
            return monotonic() - self._asked < self._session_seconds


@dataclass(slots=True)
class Site:
    """All that endpoints need."""

    settings: Settings
    seat: Seat
    store: Store
    topics: Topics
    neighbours: Neighbours
    now: Callable[[], int] = now_micros
    """The time, in microseconds."""
    recent: Recent = field(init=False, default_factory=Recent)
    tenure: Tenure = field(init=False)
    walks: Walks = field(init=False, default_factory=Walks)
    steering: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    """One change of settings at a time: each is made of what the one before left."""
    followers: int = field(init=False, default=0)
    """Streams that are open."""
    closing: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    """Set when the worker ends: streams end, too."""

    def __post_init__(self) -> None:
        self.tenure = Tenure(self.seat, self.settings.session_timeout)

    async def aclose(self) -> None:
        """Close what was opened to others."""
        await self.neighbours.aclose()
        await self.topics.aclose()

    async def home(self, project: str) -> Partition:
        """Return the memory of a project's partition; raise where it is not ours to tell."""
        number = home(project, self.settings.partitions)
        if number not in self.seat.partitions():
            raise Elsewhere(self.seat.addresses().get(number))
        if await self.tenure.holds():
            partition = self.seat.partitions().get(number)
            if partition is not None:
                return partition
        raise not_now(LOST)

    async def project(self, project: str) -> Project:
        """Return a project in memory."""
        partition = await self.home(project)
        if project not in partition.projects:
            raise Declined(404, f"There is no project {project!r} (yet).")
        return partition.projects[project]

    async def walked(self, project: str) -> tuple[Project, Walk]:
        """Return a project in memory and a walk over it."""
        try:
            walk = await self.walks.of(await self.project(project), self.now())
        except UnknownId:  # it was rebuilt under the walk, and has forgotten its items
            raise not_now(REBUILT) from None
        found = await self.project(project)
        if walk.project() is not found:
            raise not_now(REBUILT)
        return found, walk
