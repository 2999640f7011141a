"""The life of a worker's partitions: the one order in which they come and go.

    NOTHING ─begin─> FENCING ─> CHECKING ─> RECOVERING ─> REBUILDING ─> SEEKING ─> SERVING
       ^                └──────────┴──────────────┴─────────────┴──────────┘          │
       └── RELEASING <── FINISHING <───────────────────────────── give_back ──────────┘

The end of the changelog is read behind the fence, so no former owner can move it any more; runs
flow only when memory is built and the consumer has sought. What Faust, aiokafka and RocksDB do is
behind ports: tests/model drives this very code through every order of events.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from time import perf_counter
from typing import Protocol

from aiokafka.errors import IllegalStateError
from mode import get_logger

log = get_logger(__name__)

Place = tuple[str, int]
"""A source topic's full name, and a partition."""
Positions = Mapping[Place, int]


class Stage(Enum):
    """How far a worker is with the partitions of its generation."""

    NOTHING = auto()
    FENCING = auto()
    CHECKING = auto()
    RECOVERING = auto()
    REBUILDING = auto()
    SEEKING = auto()
    SERVING = auto()
    FINISHING = auto()
    RELEASING = auto()


class Superseded(Exception):
    """The group has a newer generation: the rebalance that made it will call us again."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """What the last take-over cost."""

    partitions: int
    records: int
    seconds: float


class Ports(Protocol):
    """What the steps of a take-over and of its end are made of."""

    async def hold(self) -> None:
        """Let nothing flow to the application."""

    async def fence(self, partitions: frozenset[int]) -> None:
        """Become the only one who can say anything for ``partitions``."""

    async def is_member(self, generation: int) -> bool:
        """Ask the broker whether we still are in that generation of the group."""
        ...

    async def restore(self, partitions: frozenset[int]) -> int:
        """Bring the local state to the end of the changelog; return how many records it lacked."""
        ...

    async def give(self, partitions: frozenset[int]) -> Positions:
        """Give recovered partitions to the application; it says where it goes on."""
        ...

    async def begin_at(self, generation: int, positions: Positions) -> None:
        """Seek; raises Superseded when the consumer knows a newer generation."""

    async def flow(self, recovered: Recovered) -> None:
        """Let runs flow to the application."""

    async def finish(self) -> None:
        """Stop the flow, and wait until what is in flight is acknowledged and committed."""

    async def release(self) -> None:
        """Give up the right to say anything."""

    async def take_back(self, partitions: frozenset[int]) -> None:
        """Let the application forget what it was given."""

    async def fail(self, error: BaseException) -> None:
        """End the worker."""


class Ownership:
    """What of this worker's partitions is ours, and what is done before and after."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self.stage = Stage.NOTHING
        self._partitions: frozenset[int] = frozenset()
        self._given: frozenset[int] | None = None
        self._take_over: asyncio.Task[None] | None = None

    @property
    def owned(self) -> frozenset[int]:
        """Return the partitions whose runs come to this worker now."""
        return self._partitions if self.stage is Stage.SERVING else frozenset()

    def begin(self, generation: int, partitions: frozenset[int]) -> None:
        """Begin to take ``partitions`` over; the next `give_back` abandons what is not done."""
        self._take_over = asyncio.create_task(self._guarded(generation, partitions))

    async def give_back(self) -> None:
        """Give everything back: end a take-over, finish what is in flight, let go."""
        await self.abandon()
        self.stage = Stage.FINISHING
        await self._ports.finish()
        self.stage = Stage.RELEASING
        await self._ports.release()
        if self._given is not None:
            given, self._given = self._given, None
            await self._ports.take_back(given)
        self.stage = Stage.NOTHING

    async def abandon(self) -> None:
        """End a take-over that is not done, and wait until it has ended."""
        if self._take_over is not None and not self._take_over.done():
            self._take_over.cancel()
            await asyncio.wait({self._take_over})

    async def end(self) -> None:
        """Own nothing more, because the process ends: it finishes what is in flight, and leaves."""
        await self.abandon()
        self.stage = Stage.FINISHING

    async def _guarded(self, generation: int, partitions: frozenset[int]) -> None:
        try:
            await self._take(generation, partitions)
        except (Superseded, IllegalStateError):
            log.warning("The group has moved on from generation %s", generation)
        except Exception as error:  # noqa: BLE001 nobody awaits this task
            await self._ports.fail(error)

    async def _take(self, generation: int, partitions: frozenset[int]) -> None:
        began = perf_counter()
        self._partitions = partitions
        # 1. Nothing flows; upstream may have let it.
        self.stage = Stage.FENCING
        await self._ports.hold()
        # 2. Fence the former owners: from here on the changelogs' ends stand.
        await self._ports.fence(partitions)
        # 3. We were perhaps frozen on the way, and have fenced the rightful owner; the epoch goes
        #    to whoever initialises last. Then it ends, and we give up here; nothing is lost.
        self.stage = Stage.CHECKING
        if not await self._ports.is_member(generation):
            raise Superseded
        try:
            # 4. The local state.
            self.stage = Stage.RECOVERING
            records = await self._ports.restore(partitions)
            # 5. The application's memory; it knows where to go on.
            self.stage = Stage.REBUILDING
            self._given = partitions
            positions = await self._ports.give(partitions)
        except Exception as error:
            # What does not fit may be what a successor has said since, while we were frozen.
            if not await self._ports.is_member(generation):
                raise Superseded from error
            raise
        # 6. Seek, and only now let it flow.
        self.stage = Stage.SEEKING
        await self._ports.begin_at(generation, positions)
        self.stage = Stage.SERVING
        seconds = perf_counter() - began
        await self._ports.flow(Recovered(len(partitions), records, seconds))
        log.info(
            "Took over partitions %s in %.3f s, %s records recovered",
            sorted(partitions),
            seconds,
            records,
        )
