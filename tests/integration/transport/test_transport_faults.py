"""Workers are killed, frozen and stopped; what they counted stays exact."""

import signal

import pytest
from world import Kafka, Start

KILL = {"SIGNAL": "SIGKILL"}
STOP = {"SIGNAL": "SIGSTOP"}


@pytest.mark.parametrize(("point", "folder"), [("AT_SENT", "lost"), ("AT_COMMIT", "same")])
async def test_a_killed_worker_is_followed_by_one_that_counts_on(
    kafka: Kafka, start: Start, point: str, folder: str
) -> None:
    await kafka.feed(4_000)
    killed = start("same", **KILL, **{point: "4"})
    assert await killed.ended() == -signal.SIGKILL
    await kafka.feed(2_000, first=4_000)

    successor = start(folder)

    await kafka.all_counted(successor)
    await kafka.assert_exact()


async def test_a_frozen_worker_is_fenced_when_it_wakes_up(kafka: Kafka, start: Start) -> None:
    await kafka.feed(4_000)
    frozen = start("frozen", **STOP, AT_SENT="3")
    await frozen.stands_still()
    successor = start("successor")
    await kafka.feed(2_000, first=4_000)
    await kafka.all_counted(successor)

    frozen.signal(signal.SIGCONT)

    assert await frozen.ended() == 1
    assert "ProducerFenced" in frozen.log()
    await kafka.all_counted(successor)
    await kafka.assert_exact()


async def test_sigterm_ends_with_exit_code_0_and_what_was_counted_is_committed(
    kafka: Kafka, start: Start
) -> None:
    await kafka.feed(20_000)
    worker = start("same", SLOW="0.05")
    await worker.says("Took over")
    await kafka.some_counted()

    worker.signal(signal.SIGTERM)

    assert await worker.ended() == 0
    assert await kafka.committed() == await kafka.applied()
    await kafka.all_counted(start("same"))
    await kafka.assert_exact()


async def test_an_exception_ends_the_process_and_its_successor_counts_on(
    kafka: Kafka, start: Start
) -> None:
    await kafka.feed(4_000)
    failed = start("same", RAISE_AT_RUN="3")
    assert await failed.ended() == 1
    assert "LookupError" in failed.log()

    await kafka.all_counted(start("same"))
    await kafka.assert_exact()
