"""Each override of Faust is needed: with it off, a test of ours fails, and for that reason.

README.md beside the transport names these tests, row by row, and says what is not switched off
here; the table and this list are kept the same.
"""

import asyncio
import inspect
import re
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import faust
import pytest
import test_transport_app as apps
import test_transport_delivery as delivery
import test_transport_recovery as recovery
import test_transport_transactions as transactions
import world
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.producer import sender
from aiokafka.structs import RecordMetadata
from faust.tables.manager import TableManager
from faust.transport.consumer import Consumer, ConsumerThread
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP
from world import Kafka, Owner

from stream_app.ports import Change, Messages, Run
from stream_app.transport import RunApp, changelog, fetch, producers
from stream_app.transport.changelog import Changelog
from stream_app.transport.consumer import RunConsumer
from stream_app.transport.fetch import RunThread
from stream_app.transport.lanes import Fetch, Lane
from stream_app.transport.ownership import Positions, Recovered
from stream_app.transport.producers import Producers
from stream_app.transport.recovery import FaustPorts, RunTables
from stream_app.transport.store import RocksStore

Off = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Override:
    """One thing that we do otherwise, how it is switched off, and which test fails then."""

    name: str
    off: Off
    test: Callable[..., Awaitable[None]]
    why: str
    """What the failure says."""


def replaced(owner: object, **attributes: object) -> Off:
    """Switch off by putting something else, mostly upstream's, in the place of attributes."""

    def off(patch: pytest.MonkeyPatch) -> None:
        for name, value in attributes.items():
            patch.setattr(owner, name, value)

    return off


# ---------------------------------------------------------------- delivery


def a_message_a_record(patch: pytest.MonkeyPatch) -> None:
    """Let upstream drain; a run is made of the one record that the agent gets."""

    def take(_consumer: RunConsumer, message: Any) -> Run:
        begin = message.offset
        return Run(message.topic, message.partition, begin, begin + 1, [message])

    flow = FaustPorts.flow

    async def flow_as_upstream(ports: FaustPorts, recovered: Recovered) -> None:
        consumer = ports._app.consumer
        consumer.resume_partitions(set(consumer.lanes))
        await flow(ports, recovered)

    replaced(RunConsumer, take=take, ack=Consumer.ack, _drain_messages=Consumer._drain_messages)(
        patch
    )
    patch.setattr(FaustPorts, "flow", flow_as_upstream)


def begin_wherever(patch: pytest.MonkeyPatch) -> None:
    extend = Lane.extend

    def extend_anyway(lane: Lane, fetched: Fetch, *, now: float) -> None:
        lane.fetched = fetched.begin
        extend(lane, fetched, now=now)

    patch.setattr(Lane, "extend", extend_anyway)


def drain_whenever(patch: pytest.MonkeyPatch) -> None:
    drain = RunThread._drain

    async def drain_now(thread: RunThread, _generation: int, *rest: Any) -> Mapping[TP, Fetch]:
        return await drain(thread, thread._ensure_consumer()._coordinator.generation, *rest)

    patch.setattr(RunThread, "_drain", drain_now)


def two_runs_at_a_time(patch: pytest.MonkeyPatch) -> None:
    agent = faust.App.agent

    def agent_of_two(app: RunApp, *args: Any, **options: Any) -> Any:
        return agent(app, *args, **options | {"concurrency": 2})

    patch.setattr(RunApp, "agent", agent_of_two)


def consecutive_offsets(patch: pytest.MonkeyPatch) -> None:
    ack = RunConsumer.ack

    def ack_both(consumer: RunConsumer, message: Any) -> bool:
        Consumer.ack(consumer, message)
        return ack(consumer, message)

    replaced(RunConsumer, ack=ack_both, _new_offset=Consumer._new_offset)(patch)


async def forget_first(consumer: RunConsumer) -> None:
    consumer.lanes = {}
    await Consumer.on_partitions_revoked(consumer, consumer.assignment())


# ---------------------------------------------------------------- transactions


def heed_no_batch(patch: pytest.MonkeyPatch) -> None:
    """Let nobody hear what has become of a batch."""
    send = AIOKafkaProducer.send_batch

    async def send_batch(
        self: AIOKafkaProducer, *args: Any, **options: Any
    ) -> asyncio.Future[RecordMetadata]:
        sent = await send(self, *args, **options)
        sent.add_done_callback(lambda future: future.exception())
        heard = asyncio.get_running_loop().create_future()
        heard.set_result(RecordMetadata("", 0, TP("", 0), 0, None, 0, None))
        return heard

    patch.setattr(AIOKafkaProducer, "send_batch", send_batch)


class AnyId(AIOKafkaProducer):
    """A producer whose id is its own, and not its partition's."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"transactional_id": str(uuid.uuid4())})


async def commit_whatever_failed(
    self: Producers,
    partition: int,
    changes: Sequence[Change],
    messages: Messages,
) -> int:
    return await self._commit(partition, changes, messages)


def upstreams_back_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sender, "BACKOFF_OVERRIDE", 0.02)


# ---------------------------------------------------------------- recovery


class UpToARecord(AIOKafkaConsumer):
    """A reader that stands behind the last record it was given, and behind no marker."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._behind: dict[Any, int] = defaultdict(int)

    async def getmany(self, *args: Any, **options: Any) -> Any:
        fetched = await super().getmany(*args, **options)
        self._behind |= {tp: records[-1].offset + 1 for tp, records in fetched.items()}
        return fetched

    async def position(self, tp: Any) -> int:
        return self._behind[tp]


def read_all_as(isolation_level: str) -> Off:
    def off(patch: pytest.MonkeyPatch) -> None:
        consumer = Changelog._consumer
        patch.setattr(Changelog, "_consumer", lambda self, _level: consumer(self, isolation_level))

    return off


# ---------------------------------------------------------------- rebalances


async def begin_at_committed(ports: FaustPorts, generation: int, positions: Positions) -> None:
    committed = await ports._app.committed_offsets(frozenset(place[1] for place in positions))
    await ports._app.consumer.begin_at(
        generation, {TP(*place): offset or 0 for place, offset in committed.items()}
    )


async def only_log(app: RunApp, error: BaseException) -> None:
    app.log.error("%r", error)


OVERRIDES = (
    Override(
        "one message a run",
        a_message_a_record,
        delivery.test_what_waits_becomes_few_runs,
        "21 runs of 21 records",
    ),
    Override(
        "a fetch begins where the last one ended",
        begin_wherever,
        delivery.test_a_fetch_that_is_lost_ends_the_worker,
        "not within .* s: crashed",
    ),
    Override(
        "50 ms, not a long poll",
        replaced(fetch, FETCH_MAX_WAIT_MS=1500),
        delivery.test_idle_partitions_do_not_hold_up_a_busy_one,
        "held up for",
    ),
    Override(
        "a fetch belongs to a generation",
        drain_whenever,
        delivery.test_a_fetch_of_a_generation_that_is_over_takes_nothing,
        r"assert \{TP.* == \{\}",
    ),
    Override(
        "one run at a time",
        two_runs_at_a_time,
        delivery.test_nothing_behind_a_run_in_flight_is_taken_or_committed,
        # Taken a moment later, it meets the first one's transaction, and the worker ends.
        "taken behind a run in flight|not counted",
    ),
    Override(
        "the end of the last acked run",
        consecutive_offsets,
        delivery.test_the_group_knows_what_is_durable_whatever_users_abort,
        r"6 said, .* committed",
    ),
    Override(
        "lanes are forgotten behind the last commit",
        replaced(RunConsumer, finish=forget_first),
        delivery.test_what_is_durable_is_committed_before_partitions_are_given_back,
        r"assert \{\} ==",
    ),
    Override(
        "read committed",
        replaced(RunThread, _create_worker_consumer=AIOKafkaConsumerThread._create_worker_consumer),
        apps.test_positions_pass_what_users_abort_and_the_lag_ends_at_zero,
        "not within .* s: 10 counted",
    ),
    Override(
        "every future is awaited",
        heed_no_batch,
        transactions.test_one_refused_batch_takes_the_whole_transaction_with_it,
        "DID NOT RAISE",
    ),
    Override(
        "a transactional id a partition",
        replaced(producers, AIOKafkaProducer=AnyId),
        transactions.test_who_lost_the_partition_can_say_nothing_more,
        "DID NOT RAISE",
    ),
    Override(
        "nothing is committed after a failure",
        replaced(Producers, commit=commit_whatever_failed),
        transactions.test_nothing_is_committed_after_a_failure,
        "DID NOT RAISE",
    ),
    Override(
        "a back-off of 2 ms",
        upstreams_back_off,
        transactions.test_transactions_in_a_row_wait_two_milliseconds_for_markers,
        r"0\.02",
    ),
    Override(
        "recovery up to a position",
        replaced(changelog, AIOKafkaConsumer=UpToARecord),
        recovery.test_recovery_ends_behind_a_marker_and_leaves_an_aborted_tail_out,
        "the broker sends nothing",
    ),
    Override(
        "recovery reads committed",
        read_all_as("read_uncommitted"),
        recovery.test_recovery_ends_behind_a_marker_and_leaves_an_aborted_tail_out,
        "assert 3 == 2",
    ),
    Override(
        "an uncommitted reader names the end",
        read_all_as("read_committed"),
        recovery.test_recovery_waits_for_an_open_transaction_and_says_so_when_it_gives_up,
        "DID NOT RAISE",
    ),
    Override(
        "all is paused from its assignment on",
        replaced(RunThread, on_partitions_assigned=ConsumerThread.on_partitions_assigned),
        apps.test_nothing_flows_before_the_seek_and_changelogs_never,
        r"\[\(False, False\)\] == \[\(False, True\)\]",
    ),
    Override(
        "seek to the application's positions",
        replaced(FaustPorts, begin_at=begin_at_committed),
        apps.test_a_worker_reads_on_from_the_applications_positions_not_from_committed_offsets,
        "not counted",
    ),
    Override(
        "tables start without a second of waiting",
        replaced(RunTables, on_start=TableManager.on_start),
        apps.test_tables_start_without_waiting,
        r"1\.0",
    ),
    Override(
        "an idle zombie is ended",
        replaced(RunConsumer, verify_all_partitions_active=Consumer.verify_all_partitions_active),
        apps.test_a_worker_that_only_looks_alive_is_ended,
        "not within .* s: crashed",
    ),
    Override(
        "what listeners raise ends the worker",
        replaced(RunApp, fail=only_log),
        apps.test_what_is_raised_at_a_revocation_ends_the_worker,
        "not within .* s: crashed",
    ),
    Override(
        "the consumer is left open at the end",
        replaced(RunApp, _on_rebalance_when_stopped=faust.App._on_rebalance_when_stopped),
        apps.test_a_rebalance_leaves_the_run_alone_that_is_finished_at_the_end,
        "the group waits for who has ended",
    ),
)


def test_the_readme_names_the_test_of_each_row() -> None:
    readme = Path(inspect.getfile(RunApp)).with_name("README.md").read_text()
    section = readme.partition("\n## What is replaced")[2].partition("\n## ")[0]
    _, *rows = (line.strip("| ").split(" | ") for line in section.splitlines() if line[:2] == "| ")

    names = [re.findall(r"`(test_\w+)`", fails) for *_, fails in rows]
    assert all(names)
    assert list(chain(*names)) == list(dict.fromkeys(one.test.__name__ for one in OVERRIDES))


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait less for what will not come; why a test fails is looked at, too."""
    monkeypatch.setattr(world, "patience", 8.0)


@pytest.mark.parametrize("override", OVERRIDES, ids=lambda override: override.name)
async def test_with_an_override_off_its_test_fails(
    override: Override,
    monkeypatch: pytest.MonkeyPatch,
    kafka: Kafka,
    owner: Owner,
    store: RocksStore,
    changelog: Changelog,
    writer: AIOKafkaProducer,
    tmp_path: Path,
) -> None:
    fixtures = locals()
    override.off(monkeypatch)

    with pytest.raises((Exception, pytest.fail.Exception)) as failed:
        await override.test(
            **{name: fixtures[name] for name in inspect.signature(override.test).parameters}
        )
    assert re.search(override.why, str(failed.value)), failed.value
