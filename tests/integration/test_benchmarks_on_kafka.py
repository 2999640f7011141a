"""Benchmarks through Kafka, of sizes at which they say nothing but that they work."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from benchmarks import latency, recovery, repredict, scale, scaling
from benchmarks.running import deployed, kafka
from schemas import Topic
from stream_app.settings import Settings


@pytest.mark.timeout(300)
def test_they_measure_what_a_worker_does_and_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "ITEMS", 500)
    with kafka() as (servers, folder):
        predictions, events, written = asyncio.run(
            repredict.measure(servers, folder, items=300, rounds=2, events=300)
        )
        assert min(predictions.rate, predictions.cpu, events.rate) > 0
        assert min(written.values()) > 40  # ten probabilities of four bytes, at least

        slow, fast = asyncio.run(latency.measure(servers, folder, burst=500, seconds=2.5))
        assert fast.rate != slow.rate
        for flow in (slow, fast):
            assert flow.closes >= 1
            assert np.isfinite(flow.milliseconds).all()
            assert flow.milliseconds.min() > 0

        less, more = scale.Case(200), scale.Case(200, projects=2, partitions=2, workers=2)
        costs = asyncio.run(scale.measure(servers, folder, less, [more], events=400, turns=2))
        assert [*costs] == [less, more]
        assert costs[less].times == 1
        for cost in costs.values():
            assert min(cost.cpu, cost.times) > 0
            assert cost.window > 100 * 100  # as many selections, with their scores

        disk, empty, faust = asyncio.run(recovery.measure(servers, folder, items=300, share=200))
        assert min(disk.seconds, empty.seconds, faust.seconds) > 0
        assert empty.records > 300 * (1 + 1 + 1)  # a prediction, a label, what is said
        assert faust.records == 200

        paper = asyncio.run(scaling.measure(servers, folder, items=300, events=300))
        for stream in (paper.label, paper.prediction):
            assert min(stream.cpu, stream.read) > 0
            assert stream.written > 100
        assert min(paper.memory, paper.disk, paper.close) > 0


async def test_a_mark_is_not_passed_without_a_worker(settings: Settings, tmp_path: Path) -> None:
    async with (
        deployed(settings.bootstrap_servers, tmp_path) as deployment,
        deployment.marked(Topic.ANNOTATIONS) as passed,
    ):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await passed()
