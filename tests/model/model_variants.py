"""What must be found: the product with one thing done wrong in the life of a partition."""

from dataclasses import dataclass

from model_process import Parts, Process

from stream_app.transport.errors import TransactionLost
from stream_app.transport.ownership import Ownership, Positions, Stage


@dataclass(frozen=True)
class Variant:
    """One thing done wrong."""

    name: str
    parts: Parts


class FenceLate(Process):
    async def fence(self, partitions: frozenset[int]) -> None:
        pass

    async def restore(self, partitions: frozenset[int]) -> int:
        records = await super().restore(partitions)
        await self.producers.acquire(partitions)
        return records


class BelieveMemory(Process):
    async def is_member(self, generation: int) -> bool:
        return True


class ServeEarly(Process):
    async def restore(self, partitions: frozenset[int]) -> int:
        if partitions:
            self.memory, self.flowing = self.store, True
        return await super().restore(partitions)


class SeekCommitted(Process):
    async def give(self, partitions: frozenset[int]) -> Positions:
        self.store = await self.ask("committed")
        return await super().give(partitions)


class AckFirst(Process):
    async def apply(self, begin: int) -> None:
        self.acknowledge(begin + 1)
        self.run = begin
        await super().apply(begin)


class GoOn(Process):
    async def apply(self, begin: int) -> None:
        try:
            await super().apply(begin)
        except TransactionLost:
            self.producers._failure = None
            self.is_failing = False

    def failed(self) -> None:
        pass


class SayAgain(Process):
    async def apply(self, begin: int) -> None:
        try:
            await super().apply(begin)
        except TransactionLost:
            self.producers._failure = None
            await super().apply(begin)

    def failed(self) -> None:
        pass


class LiveOn(Process):
    def failed(self) -> None:
        self.flowing = False
        self._wake()


class LeaveInFlight(Process):
    async def finish(self) -> None:
        self.flowing = False
        await self.ask("offsets", self.acked)
        self.acked = 0


class ReleaseAside(Process):
    async def release(self) -> None:
        self.loop.create_task(self.producers.release())


class KeepProducers(Process):
    async def release(self) -> None:
        pass


class NeverAbandon(Ownership):
    async def abandon(self) -> None:
        pass


class AbandonAside(Ownership):
    async def abandon(self) -> None:
        if self._take_over is not None:
            self._take_over.cancel()


class ForgetCancelled(Ownership):
    async def abandon(self) -> None:
        await super().abandon()
        if self.stage is not Stage.SERVING:
            self._given = None


class ReleaseFirst(Ownership):
    async def give_back(self) -> None:
        await self.abandon()
        await self._ports.release()
        await super().give_back()


VARIANTS = (
    Variant("the fence comes after the end is read", Parts(FenceLate)),
    Variant("a transactional id a worker", Parts(is_id_shared=False)),
    Variant("the end is the last stable offset", Parts(reads_past_open=False)),
    Variant("runs flow while the state is recovered", Parts(ServeEarly)),
    Variant("reading goes on at the committed offsets", Parts(SeekCommitted)),
    Variant("the group is not asked after the fence", Parts(BelieveMemory)),
    Variant("a newer rebalance does not abandon a take-over", Parts(ownership=NeverAbandon)),
    Variant("a take-over is abandoned, but its end not awaited", Parts(ownership=AbandonAside)),
    Variant("an abandoned take-over is not taken back", Parts(ownership=ForgetCancelled)),
    Variant("what is in flight is not awaited at a revocation", Parts(LeaveInFlight)),
    Variant("producers are released before that", Parts(ownership=ReleaseFirst)),
    Variant("the release is not awaited", Parts(ReleaseAside)),
    Variant("producers are kept at a revocation", Parts(KeepProducers)),
    Variant("a run is acknowledged before its commit", Parts(AckFirst)),
    Variant("a commit without an answer counts as done", Parts(GoOn)),
    Variant("a commit without an answer is said again", Parts(SayAgain)),
    Variant("a worker that has failed lives on", Parts(LiveOn)),
)
