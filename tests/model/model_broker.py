"""What Kafka knows of one partition: the group, the transactional id, the changelog. A value.

Names stand for what would count up: the epoch is the name of the worker that holds it, a generation
the smallest number that nobody remembers. So the same situation is the same value, however often
it has come.
"""

from collections.abc import Iterable
from itertools import count
from typing import NamedTuple, Self

LATE = "a late request"
"""Who holds the epoch when a request to initialise it arrives whose sender waits no more."""


class Entry(NamedTuple):
    """A transaction in the changelog: it says that a record of the input is applied."""

    by: str
    begin: int
    status: str = "open"
    """open, committed, aborted, or foreign: opened by a stranger, under another id."""
    is_asked: bool = False
    """Whether a request to commit it is under way."""


class Broker(NamedTuple):
    """The truth about the partition."""

    generation: int = 0
    members: frozenset[str] = frozenset()
    joined: frozenset[str] = frozenset()
    """Who has asked to be in the next generation."""
    is_rebalancing: bool = False
    owner: str | None = None
    """To whom the current generation gives the partition."""
    holders: frozenset[str] = frozenset()
    """Whose transactions are accepted."""
    log: tuple[Entry, ...] = ()
    offsets: int = 0
    """The group's committed position."""
    has_late: bool = False
    """Whether a request to initialise the id is under way whose sender waits no more."""

    # ------------------------------------------------------------------ the group

    def is_current(self, name: str, generation: int) -> bool:
        """Say whether somebody is a member in a generation that is not over."""
        return name in self.members and generation == self.generation

    def with_member(self, name: str) -> Self:
        """Let somebody ask to be in the next generation."""
        members, joined = self.members | {name}, self.joined | {name}
        return self._replace(members=members, joined=joined, is_rebalancing=True)

    def without_member(self, name: str) -> Self:
        """Expel somebody; the others rebalance."""
        members, joined = self.members - {name}, self.joined - {name}
        return self._replace(members=members, joined=joined, is_rebalancing=bool(members))

    def dealt(self, owner: str, remembered: Iterable[int]) -> Self:
        """End a rebalance: a new generation, in which the partition is one member's."""
        known = {self.generation, *remembered}
        return self._replace(
            generation=next(number for number in count() if number not in known),
            joined=frozenset(),
            is_rebalancing=False,
            owner=owner,
        )

    # ------------------------------------------------------------------ transactions

    @property
    def applied(self) -> int:
        """Return the position up to which the committed changelog covers the input."""
        return max((one.begin + 1 for one in self.log if one.status == "committed"), default=0)

    def initialised(self, name: str, *, is_id_shared: bool) -> Self:
        """Give the epoch to somebody: what its former holder has open is aborted."""
        others = frozenset[str]() if is_id_shared else self.holders - {name}
        fenced = self.log
        for at, entry in enumerate(fenced):
            if entry.status == "open" and entry.by not in others:
                fenced = _with(fenced, at, entry._replace(status="aborted", is_asked=False))
        return self._replace(log=fenced, holders=others | {name})

    def appended(self, entry: Entry) -> Self:
        """Append what somebody says."""
        return self._replace(log=(*self.log, entry))

    def asked(self, name: str) -> Self:
        """Let somebody send a request to commit what it has open."""
        log = self.log
        for at, entry in enumerate(log):
            if entry.by == name and entry.status == "open":
                log = _with(log, at, entry._replace(is_asked=True))
        return self._replace(log=log)

    def has_open(self, name: str) -> bool:
        """Say whether somebody has a transaction open."""
        return any(entry.by == name and entry.status == "open" for entry in self.log)

    def ended(self, at: int, status: str) -> Self:
        """End a transaction; one that is aborted because it is too old fences who has opened it."""
        entry = self.log[at]
        holders = self.holders - {entry.by} if status == "aborted" else self.holders
        log = _with(self.log, at, entry._replace(status=status, is_asked=False))
        return self._replace(log=log, holders=holders)

    def last_stable(self) -> int:
        """Return the place of the first transaction that is open, whoever's it is."""
        places = (at for at, one in enumerate(self.log) if one.status in {"open", "foreign"})
        return next(places, len(self.log))

    def compact(self) -> Self:
        """Forget what says nothing any more."""
        committed = [entry for entry in self.log if entry.status == "committed"]
        log = tuple(
            entry._replace(by="") if entry.status == "committed" else entry
            for entry in self.log
            if entry.status in {"open", "foreign"} or entry in committed[-1:]
        )
        return self._replace(log=log)


def _with(log: tuple[Entry, ...], at: int, entry: Entry) -> tuple[Entry, ...]:
    return (*log[:at], entry, *log[at + 1 :])
