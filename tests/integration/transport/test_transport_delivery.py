"""From the fetch to the group's offsets: nothing is lost, held up, or said to be done too early."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import world
from aiokafka import AIOKafkaProducer
from counting import Counting
from in_process import crashing, running
from world import Kafka, eventually

from stream_app.ports import Run
from stream_app.settings import Settings
from stream_app.transport.errors import RunLost


class Held(Counting):
    """An application that is at its first run until it is let go."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.taken: list[Run] = []
        self.go_on = asyncio.Event()

    async def on_run(self, run: Run) -> None:
        self.taken.append(run)
        await self.go_on.wait()
        await super().on_run(run)


@asynccontextmanager
async def holding(settings: Settings) -> AsyncIterator[Held]:
    """Run an application that is let go at the end, if not before."""
    async with running(settings, Held) as counting:
        assert isinstance(counting, Held)
        try:
            yield counting
        finally:
            counting.go_on.set()


async def test_a_fetch_that_is_lost_ends_the_worker(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[Mapping[Any, Any]] = []
    is_asked = asyncio.Event()
    async with crashing(kafka.settings, Counting) as (counting, reasons):
        await eventually(lambda: counting.app.owned == {0, 1, 2}, "owned")
        thread = counting.app.consumer._thread
        fetch = thread.fetch

        async def lose_the_first(*args: Any, **options: Any) -> Mapping[Any, Any]:
            is_asked.set()
            fetched = await fetch(*args, **options)
            if fetched and not lost:
                lost.append(fetched)
                return {}
            return fetched

        monkeypatch.setattr(thread, "fetch", lose_the_first)
        await is_asked.wait()  # a fetch that began before would lose nothing
        await kafka.feed(300)
        await eventually(lambda: bool(lost), "lost")
    assert [type(reason) for reason in reasons] == [RunLost]


async def test_a_fetch_of_a_generation_that_is_over_takes_nothing(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(kafka.settings) as counting:
        await eventually(lambda: counting.app.owned == {0, 1, 2}, "owned")
        consumer = counting.app.consumer
        thread, fetch = consumer._thread, consumer._thread.fetch
        is_held, go_on = asyncio.Event(), asyncio.Event()

        async def hold(*args: Any, **options: Any) -> Mapping[Any, Any]:
            is_held.set()
            await go_on.wait()
            return await fetch(*args, **options)

        monkeypatch.setattr(thread, "fetch", hold)
        await is_held.wait()
        await kafka.feed(300)
        await eventually(lambda: bool(thread._consumer._fetcher._records), "something is fetched")

        over = consumer._generation - 1
        wanted = consumer._fetchable()
        assert await fetch(over, wanted, patience=0.0) == {}

        go_on.set()
        await kafka.all_counted()
    await kafka.assert_exact()


async def test_idle_partitions_do_not_hold_up_a_busy_one(kafka: Kafka) -> None:
    (source, _) = kafka.sources
    for _ in range(100):
        await kafka.producer.send(source, b"x" * 20_000, key=b"key")  # 2 fetches of 1 MiB, or 3
    await kafka.producer.flush()
    settings = kafka.settings.model_copy(update={"run_rows": 20, "run_bytes": 1 << 20})
    async with holding(settings) as counting:
        await eventually(lambda: len(counting.taken) == 1, "the first is in flight")
        fetcher = counting.app.consumer._thread._consumer._fetcher
        # What is fetched is more than the lane takes, so this request is for the others alone.
        await eventually(lambda: bool(fetcher._records and fetcher._in_flight), "a long poll")
        began = time.monotonic()
        counting.go_on.set()
        await eventually(lambda: sum(len(run.records) for run in counting.runs) == 100, "all")
        seconds = time.monotonic() - began
        assert seconds < 1.0, f"held up for {seconds} s"


async def test_what_waits_becomes_few_runs(kafka: Kafka) -> None:
    async with holding(kafka.settings) as counting:
        await kafka.feed(1, keys=1)
        await eventually(lambda: len(counting.taken) == 1, "the first is in flight")
        await kafka.feed(20, keys=1, first=1)
        await eventually(lambda: set(counting.app.lag().values()) >= {10, 11}, "all published")
        counting.go_on.set()
        await kafka.all_counted()
        assert len(counting.runs) < 10, f"{len(counting.runs)} runs of 21 records"
    await kafka.assert_exact()


async def test_a_lane_holds_a_run_and_no_more(kafka: Kafka) -> None:
    settings = kafka.settings.model_copy(update={"run_rows": 20})
    async with holding(settings) as counting:
        lanes = counting.app.consumer.lanes.values()
        await kafka.feed(1, keys=1)
        await eventually(lambda: len(counting.taken) == 1, "the first is in flight")
        await kafka.feed(30, keys=1, first=1)
        await eventually(lambda: sum(len(lane.records) for lane in lanes) == 30, "all wait")
        await kafka.feed(60, keys=1, first=31)
        await eventually(lambda: sum(counting.app.lag().values()) >= 91, "all published")
        counting.go_on.set()
        await kafka.all_counted()
        assert max(len(run.records) for run in counting.runs) == settings.run_rows
    await kafka.assert_exact()


async def test_nothing_behind_a_run_in_flight_is_taken_or_committed(kafka: Kafka) -> None:
    everything = frozenset(range(kafka.settings.partitions))
    async with holding(kafka.settings) as counting:
        await kafka.feed(1, keys=1)
        await eventually(lambda: len(counting.taken) == 1, "the first is in flight")
        await kafka.feed(100, keys=1, first=1)
        await eventually(lambda: set(counting.app.lag().values()) >= {50, 51}, "all published")
        await counting.app.consumer.commit()

        assert len(counting.taken) == 1, "taken behind a run in flight"
        assert set((await counting.app.committed_offsets(everything)).values()) == {None}
        counting.go_on.set()
        await kafka.all_counted()
    await kafka.assert_exact()


async def test_the_group_knows_what_is_durable_whatever_users_abort(kafka: Kafka) -> None:
    settings = kafka.settings
    (source, _) = kafka.sources
    user = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, transactional_id=f"{settings.app_id}-user"
    )
    await user.start()
    async with running(settings):
        for number in range(10):
            await user.begin_transaction()
            await user.send_and_wait(source, b"%d" % number, key=b"key", partition=0)
            await (user.abort_transaction() if number % 2 else user.commit_transaction())
        await user.begin_transaction()
        await user.send_and_wait(source, b"last", key=b"key", partition=0)
        await user.commit_transaction()
        await user.stop()
        deadline = time.monotonic() + world.patience
        while (said := len(await kafka.read(kafka.counts))) < 6 or (
            await kafka.committed() != await kafka.applied()
        ):
            assert time.monotonic() < deadline, f"{said} said, {await kafka.committed()} committed"
            await asyncio.sleep(0.05)


async def test_what_is_durable_is_committed_before_partitions_are_given_back(
    kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Looking(Counting):
        committed: Mapping[Any, int] | None = None

        async def on_revoked(self, partitions: frozenset[int]) -> None:
            self.committed = await kafka.committed()
            await super().on_revoked(partitions)

    async with running(kafka.settings, Looking) as counting:
        await eventually(lambda: counting.app.owned == {0, 1, 2}, "owned")
        commit = counting.app.consumer.commit

        async def at_a_rebalance(*args: Any, **options: Any) -> bool:
            return not counting.app.owned and await commit(*args, **options)

        monkeypatch.setattr(counting.app.consumer, "commit", at_a_rebalance)
        await kafka.feed(300)
        await kafka.all_counted()
        assert await kafka.committed() == {}
        other = kafka.settings.model_copy(update={"data_dir": tmp_path / "other"})
        async with running(other):
            await eventually(lambda: counting.committed is not None, "given back")
            assert counting.committed == await kafka.applied()
