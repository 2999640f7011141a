"""Metrics: every known series from the start, state from the owner alone."""

import pytest
from aiohttp.test_utils import TestClient, TestServer
from memory_ports import Stage

from schemas import Annotation, Close, ProjectSettings, Topic
from stream_app.settings import Settings
from stream_app.telemetry import Telemetry
from stream_app.web import Web

P = "p"


def test_every_known_series_starts_at_zero() -> None:
    text = Telemetry().expose().decode()
    assert 'activelab_events_total{outcome="stale",type="label"} 0.0' in text
    assert 'activelab_dead_letters_total{reason="not_json"} 0.0' in text
    assert 'activelab_closes_total{outcome="repeated_request"} 0.0' in text


async def test_what_has_happened_is_counted_and_what_is_the_case_is_read() -> None:
    stage = Stage()
    telemetry = stage.step.telemetry
    telemetry.watch(
        lambda: list(stage.step.partitions.values()), lambda: {("annotations.v1", 0): 5}
    )
    settings = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=2)
    await stage.publish(Topic.CONTROL, P, settings)
    labels = [
        Annotation(item="a", annotator="x", label="cat"),
        Annotation(item="a", annotator="y", label="eel"),
    ]
    await stage.publish(Topic.ANNOTATIONS, P, *labels)
    await stage.publish(Topic.CONTROL, P, Close(cause="request", request_id="r"))
    await stage.publish(Topic.ANNOTATIONS, "stranger", labels[0])

    def read(name: str, **labels: str) -> float | None:
        return telemetry.registry.get_sample_value(name, labels)

    assert read("activelab_items", project=P) == 1
    assert read("activelab_labels", project=P) == 1
    assert read("activelab_open_leases", project=P) == 1
    assert read("activelab_windows", project=P) == 1
    assert read("activelab_budget_left", project=P) == 2  # no clock: the next request has it anew
    assert read("activelab_last_window_timestamp_seconds", project=P) == stage.now / 1000
    assert read("activelab_selections_total", project=P, reason="relabel") == 1
    assert read("activelab_closes_total", outcome="window") == 1
    assert read("activelab_window_duration_seconds_count") == 1
    assert read("activelab_event_latency_seconds_count") == 4
    assert read("activelab_lag_records", topic="annotations.v1", partition="0") == 5
    assert read("activelab_dormant_facts", lacks="labels") == 1
    assert read("activelab_dormant_facts", lacks="project") == 1
    assert read("activelab_annotator_weight_bucket", project=P, le="+Inf") == 1


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_the_web_says_whether_the_worker_serves(ready: bool, status: int) -> None:
    web = Web(Settings(web_port=0), Telemetry(), lambda: ready)
    async with TestClient(TestServer(web.application())) as client:
        assert (await client.get("/readyz")).status == status
        assert (await client.get("/healthz")).status == 200
        metrics = await client.get("/metrics")
        assert "activelab_events_total" in await metrics.text()
        assert metrics.headers["Content-Type"].startswith("text/plain")
