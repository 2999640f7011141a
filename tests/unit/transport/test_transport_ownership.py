"""A take-over that fails: whose fault it is depends on whether the partitions are ours still."""

from dataclasses import dataclass, field

import pytest

from stream_app.errors import StateError
from stream_app.transport.ownership import Ownership, Positions, Recovered

PARTITIONS = frozenset({0})


@dataclass
class LosesItsState:
    """Ports on which the application finds its state lost; then it is a member, or no more."""

    is_member_then: bool
    asked: int = 0
    failures: list[BaseException] = field(default_factory=list)
    taken_back: list[frozenset[int]] = field(default_factory=list)

    async def hold(self) -> None: ...

    async def fence(self, partitions: frozenset[int]) -> None: ...

    async def is_member(self, generation: int) -> bool:
        self.asked += 1
        return self.asked == 1 or self.is_member_then

    async def restore(self, partitions: frozenset[int]) -> int:
        return 0

    async def give(self, partitions: frozenset[int]) -> Positions:
        raise StateError.lost(sorted(partitions), "app")

    async def begin_at(self, generation: int, positions: Positions) -> None:
        raise AssertionError

    async def flow(self, recovered: Recovered) -> None:
        raise AssertionError

    async def finish(self) -> None: ...

    async def release(self) -> None: ...

    async def take_back(self, partitions: frozenset[int]) -> None:
        self.taken_back.append(partitions)

    async def fail(self, error: BaseException) -> None:
        self.failures.append(error)


@pytest.mark.parametrize("is_member", [True, False])
async def test_only_an_owner_may_say_that_the_state_is_lost(is_member: bool) -> None:
    """A worker that was frozen has read a changelog's end, and then its successor's windows."""
    ports = LosesItsState(is_member)
    ownership = Ownership(ports)

    ownership.begin(1, PARTITIONS)
    task = ownership._take_over
    assert task is not None
    await task

    assert [type(one) for one in ports.failures] == ([StateError] if is_member else [])
    assert ownership.owned == frozenset()
    await ownership.give_back()
    assert ports.taken_back == [PARTITIONS]
