"""What must never be, in any world."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_world import World


def broken(world: "World", budget: int) -> str | None:
    """Return which law does not hold; ``budget`` is how many faults there were to spend."""
    return next(_broken(world, budget), None)


def _broken(world: "World", budget: int) -> Iterator[str]:
    broker = world.broker
    if len(broker.holders) > 1:
        yield "transactions of two workers are accepted"
    for worker in world.workers:
        place = worker.place
        if place is None:
            continue
        if place.wrong is not None:
            yield place.wrong
        if place.is_failing and world.faults == budget:
            yield "a worker fails, though nothing has gone wrong"
        if not place.flowing:
            continue
        if place.is_failing:
            yield "a worker serves that has failed"
        if worker.proof != "recovered":
            yield "a worker serves that has not recovered up to an end read behind its fence"
        if worker.phase not in {"in", "revoking"} or place.serves != worker.generation:
            yield "a worker serves in a generation that it knows to be over"
        if place.run is None and worker.name in broker.holders and place.memory != broker.applied:
            yield "a worker serves and can commit that does not know what is committed"
