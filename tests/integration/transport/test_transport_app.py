"""What an application sees of the transport, in one process."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from counting import Counting
from in_process import crash, crashing, running
from world import Kafka, eventually

from stream_app.ports import Run
from stream_app.transport import Positions
from stream_app.transport.errors import RunLost, UnevenAssignment
from stream_app.transport.recovery import RunTables


async def test_positions_pass_what_users_abort_and_the_lag_ends_at_zero(kafka: Kafka) -> None:
    settings = kafka.settings
    (source, _) = kafka.sources
    user = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, transactional_id=f"{settings.app_id}-user"
    )
    await user.start()
    for number in range(30):
        await user.begin_transaction()
        await user.send_and_wait(source, b"%d" % number, key=b"key", partition=0)
        await (user.abort_transaction() if number % 3 else user.commit_transaction())
    await user.stop()

    async with running(settings) as counting:
        await eventually(lambda: sum(len(run.records) for run in counting.runs) == 10, "10 counted")
        await eventually(lambda: set(counting.app.lag().values()) == {0}, "no lag")

        assert counting.app.owned == {0, 1, 2}
        assert [run.begin for run in counting.runs][1:] == [run.end for run in counting.runs][:-1]
        assert counting.app.recovered is not None
        assert counting.app.recovered.records == 0
    await kafka.assert_exact()


async def test_committed_offsets_appear_with_the_first_run_and_not_before(kafka: Kafka) -> None:
    everything = frozenset(range(kafka.settings.partitions))
    async with running(kafka.settings) as counting:
        committed = await counting.app.committed_offsets(everything)
        assert set(committed) == {
            (tp.topic, tp.partition) for topic in kafka.sources for tp in kafka.tps(topic)
        }
        assert set(committed.values()) == {None}
        await kafka.feed(100)
        await kafka.all_counted()
    async with running(kafka.settings) as counting:
        committed = await counting.app.committed_offsets(everything)
        assert {place: offset for place, offset in committed.items() if offset} == {
            (tp.topic, tp.partition): end for tp, end in (await kafka.ends()).items()
        }


async def test_a_worker_reads_on_from_the_applications_positions_not_from_committed_offsets(
    kafka: Kafka,
) -> None:
    await kafka.feed(300)
    async with running(kafka.settings):
        await kafka.all_counted()
    await kafka.rewind_group()
    await kafka.feed(300, first=300)

    async with running(kafka.settings) as counting:
        await kafka.all_counted()
        assert sum(len(run.records) for run in counting.runs) == 300
    await kafka.assert_exact()


async def test_nothing_flows_before_the_seek_and_changelogs_never(kafka: Kafka) -> None:
    await kafka.feed(300)
    seen = []

    class Looking(Counting):
        async def on_assigned(self, partitions: frozenset[int]) -> Positions:
            consumer = self.app.consumer
            seen.append(
                (consumer.flow_active, consumer._thread._consumer.paused() == consumer.assignment())
            )
            return await super().on_assigned(partitions)

    async with running(kafka.settings, Looking) as counting:
        await kafka.all_counted()
        changelogs = set(kafka.tps(kafka.changelog))
        assert seen == [(False, True)]
        assert counting.app.consumer._thread._consumer.paused() == changelogs


async def test_a_rebalance_in_the_middle_of_a_take_over_abandons_it(
    kafka: Kafka, tmp_path: Path
) -> None:
    calls: list[str] = []

    class Hanging(Counting):
        """Hangs when it is given partitions for the first time."""

        async def on_assigned(self, partitions: frozenset[int]) -> Positions:
            calls.append("assigned")
            if len(calls) == 1:
                await asyncio.get_running_loop().create_future()
            return await super().on_assigned(partitions)

        async def on_revoked(self, partitions: frozenset[int]) -> None:
            calls.append("revoked")
            await super().on_revoked(partitions)

    await kafka.feed(300)
    counting = Hanging(kafka.settings)
    starts = asyncio.create_task(counting.app.start())
    await eventually(lambda: calls == ["assigned"], "hangs")
    async with running(kafka.settings.model_copy(update={"data_dir": tmp_path / "other"})) as other:
        await starts
        assert calls == ["assigned", "revoked", "assigned"]
        await kafka.all_counted()
        assert counting.app.owned | other.app.owned == {0, 1, 2}
        assert not counting.app.owned & other.app.owned
        await counting.app.stop()
    await kafka.assert_exact()


async def test_whatever_the_application_raises_ends_the_worker(kafka: Kafka) -> None:
    await kafka.feed(10)

    class BadRun(Counting):
        async def on_run(self, run: Run) -> None:
            raise KeyError(run.topic)

    class BadAssigned(Counting):
        async def on_assigned(self, partitions: frozenset[int]) -> Positions:
            raise LookupError(partitions)

    assert await crash(kafka.settings, BadRun) is KeyError
    assert await crash(kafka.settings, BadAssigned) is LookupError


async def test_what_is_raised_at_a_revocation_ends_the_worker(kafka: Kafka, tmp_path: Path) -> None:
    class BadRevoked(Counting):
        async def on_revoked(self, partitions: frozenset[int]) -> None:
            raise LookupError(partitions)

    other = kafka.settings.model_copy(update={"data_dir": tmp_path / "other"})
    async with crashing(kafka.settings, BadRevoked) as (_, reasons), running(other):
        pass
    assert [type(reason) for reason in reasons] == [LookupError]


@pytest.mark.parametrize(("position", "reason"), [(None, UnevenAssignment), (1_000_000, RunLost)])
async def test_a_position_that_can_not_be_read_from_ends_the_worker(
    kafka: Kafka, position: int | None, reason: type[Exception]
) -> None:
    class Misplaced(Counting):
        async def on_assigned(self, partitions: frozenset[int]) -> Positions:
            positions = dict(await super().on_assigned(partitions))
            place = positions.popitem()[0]
            return positions if position is None else positions | {place: position}

    assert await crash(kafka.settings, Misplaced) is reason


async def test_a_source_with_another_number_of_partitions_is_refused(kafka: Kafka) -> None:
    (source, _) = kafka.sources
    await kafka.add_partition(source)

    assert await crash(kafka.settings, Counting) is UnevenAssignment


async def test_what_waits_while_the_agent_works_is_one_run_up_to_a_number_of_records(
    kafka: Kafka,
) -> None:
    first, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Counting):
        async def on_run(self, run: Run) -> None:
            first.set()
            await go_on.wait()
            await super().on_run(run)

    settings = kafka.settings.model_copy(update={"run_rows": 100})
    async with running(settings, Slow) as counting:
        await kafka.feed(1, keys=1)
        await first.wait()
        await kafka.feed(1_000, keys=1, first=1)
        await eventually(lambda: set(counting.app.lag().values()) >= {500, 501}, "all published")
        go_on.set()
        await kafka.all_counted()
        lengths = [len(run.records) for run in counting.runs]
        assert lengths[0] == 1
        assert set(lengths[1:-2]) <= set(range(100, 200))
    await kafka.assert_exact()


async def test_a_worker_that_only_looks_alive_is_ended(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(_offsets: object) -> bool:
        return False

    await kafka.feed(10)
    async with crashing(kafka.settings, Counting) as (counting, reasons):
        consumer = counting.app.consumer
        monkeypatch.setattr(consumer, "_commit", refuse)
        await kafka.all_counted()
        await consumer.verify_all_partitions_active()
        assert counting.app.crash_reason is None
        monkeypatch.setattr("stream_app.transport.consumer.STUCK_SECONDS", 0)
        await consumer.verify_all_partitions_active()
    assert "the group knows 0" in str(reasons[0])


async def test_a_rebalance_leaves_the_run_alone_that_is_finished_at_the_end(kafka: Kafka) -> None:
    taken, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Counting):
        async def on_run(self, run: Run) -> None:
            taken.set()
            await go_on.wait()
            await super().on_run(run)

    await kafka.feed(10, keys=1)
    async with running(kafka.settings, Slow) as counting:
        app = counting.app
        await taken.wait()
        stops = asyncio.create_task(app.stop())
        await eventually(lambda: app.should_stop, "about to stop")
        await app.consumer._on_partitions_assigned(app.consumer.assignment(), 2)
        go_on.set()
        await stops
    assert await kafka.members() == 0, "the group waits for who has ended"
    assert await kafka.committed() == await kafka.applied() != {}


async def test_tables_start_without_waiting(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def note(_tables: RunTables, seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(RunTables, "sleep", note)
    async with running(kafka.settings) as counting:
        await eventually(lambda: counting.app.owned == {0, 1, 2}, "owned")
    assert waits == []
