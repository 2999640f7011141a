"""One worker and two: every record counts once, whoever comes and goes."""

import signal

from world import Kafka, Start


async def test_every_record_of_every_source_counts_once(kafka: Kafka, start: Start) -> None:
    await kafka.feed(6_000)
    worker = start()
    await kafka.feed(6_000, first=6_000)

    await kafka.all_counted(worker)
    await kafka.assert_exact()


async def test_a_second_worker_joins_and_leaves_in_the_middle_of_a_flow(
    kafka: Kafka, start: Start
) -> None:
    one = start("one", SLOW="0.01")
    await one.says("Took over partitions [0, 1, 2]")
    await kafka.feed(3_000)
    two = start("two", SLOW="0.01")
    for first in range(3_000, 9_000, 500):
        await kafka.feed(500, first=first)
    await two.says("Took over")
    await kafka.feed(3_000, first=9_000)
    two.signal(signal.SIGTERM)
    await kafka.feed(3_000, first=12_000)
    assert await two.ended() == 0
    await one.says("Took over partitions [0, 1, 2]", times=2)

    await kafka.all_counted(one)
    await kafka.assert_exact()
