"""A worker of the product that can be interrupted at a named point: run as a script.

It is built as the command line builds it; then its ports are wrapped, so that each passage of a
point looks for an order, a file beside the data folder: ``POINT SIGNAL``. The first worker to pass
the point takes the order away and sends itself the signal: it dies or freezes there, not near it.
The points, in the order of a worker's life:

    unfenced    a take-over is about to acquire its producers
    fenced      it has them, and has not read the changelog
    restoring   it has written a part of the changelog to RocksDB
    loaded      its memory is built, and nothing has been sought
    sent        a transaction has its batches, and is about to be committed
    committed   it is committed, and RocksDB does not know
    closing     a window is computed, and nothing of it is said
    close       some transactions of a close are committed, and the next one is not
"""

import asyncio
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from stream_app import logs, step, windows
from stream_app.app import Worker, create_worker
from stream_app.settings import Settings
from stream_app.topics import ensure_topics
from stream_app.transport import producers, run_worker

CHUNK = 3
"""Items of which a transaction of a close speaks: few, so that a close has many."""


def order_of(data_dir: Path) -> Path:
    """Return the file that orders a worker to be interrupted."""
    return data_dir.with_suffix(".order")


def interrupt(worker: Worker) -> None:
    """Put the points into a worker's ports."""
    order = order_of(worker.settings.data_dir)

    def passes(point: str) -> None:
        if order.exists():
            wanted, number = order.read_text().split()
            if wanted == point:
                order.unlink()
                os.kill(os.getpid(), signal.Signals[number])

    _interrupt_take_over(worker, passes)
    _interrupt_runs(worker, passes)
    _interrupt_closes(worker, passes)


def _interrupt_take_over(worker: Worker, passes: Any) -> None:
    app: Any = worker.app
    acquire, restore, given = app.producers.acquire, app.store.restore, app._on_assigned

    async def acquire_interrupted(partitions: Any) -> None:
        passes("unfenced")
        await acquire(partitions)
        passes("fenced")

    def restore_interrupted(*args: Any) -> None:
        restore(*args)
        passes("restoring")

    async def given_interrupted(partitions: Any) -> Any:
        positions = await given(partitions)
        passes("loaded")
        return positions

    def write_interrupted(*args: Any) -> None:
        passes("committed")
        restore(*args)

    app.producers.acquire, app.store.restore = acquire_interrupted, restore_interrupted
    app._on_assigned, app.store.write = given_interrupted, write_interrupted


def _interrupt_runs(worker: Worker, passes: Any) -> None:
    class InterruptedProducer(AIOKafkaProducer):
        async def commit_transaction(self) -> None:
            passes("sent")
            await super().commit_transaction()

    producers.AIOKafkaProducer = InterruptedProducer


def _interrupt_closes(worker: Worker, passes: Any) -> None:
    """Tell a close's transactions from others: as many as it has said, from its return on."""
    transaction, close_window = worker.step.transaction, step.close_window
    left = 0

    def close_interrupted(*args: Any, **options: Any) -> Any:
        nonlocal left
        closed = close_window(*args, **options)
        passes("closing")
        said = [*closed.outbound]
        left = len(said)
        return replace(closed, outbound=iter(said))

    class InterruptedTransaction:
        async def commit(self, *args: Any) -> int:
            nonlocal left
            offset = await transaction.commit(*args)
            if left:
                left -= 1
                if left:
                    passes("close")
            return offset

    windows.CHUNK = CHUNK
    step.close_window = close_interrupted
    worker.step.transaction = InterruptedTransaction()


if __name__ == "__main__":
    settings = Settings()
    logs.configure(settings.log_level)
    asyncio.run(ensure_topics(settings))
    worker = create_worker(settings)
    interrupt(worker)
    run_worker(worker.app)
