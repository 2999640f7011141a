"""Benchmarks through Kafka, of sizes at which they say nothing but that they work."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from benchmarks import latency, repredict, scale
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

        case = scale.Case(items=200, projects=2, partitions=2, workers=2)
        cost = asyncio.run(scale.measure(servers, folder, case, events=400))
        assert cost.cpu > 0
        assert cost.window > 100 * 100  # as many selections, with their scores


async def test_a_mark_is_not_passed_without_a_worker(settings: Settings, tmp_path: Path) -> None:
    async with (
        deployed(settings.bootstrap_servers, tmp_path) as deployment,
        deployment.marked(Topic.ANNOTATIONS) as passed,
    ):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await passed()
