"""Metrics: every known series from the start, state from the owner alone."""

from datetime import UTC, datetime

import pytest
from memory_ports import Stage
from web_stage import serving

from schemas import Annotation, Close, Predictions, ProjectSettings, Topic
from stream_app.telemetry import Telemetry, Watched, catalogue

P = "p"


def test_every_known_series_starts_at_zero() -> None:
    text = Telemetry().expose().decode()
    assert 'activelab_events_total{outcome="stale",type="label"} 0.0' in text
    assert 'activelab_dead_letters_total{reason="not_json"} 0.0' in text
    assert 'activelab_closes_total{outcome="repeated_request"} 0.0' in text


class Scraped:
    """A stage whose worker's metrics are read, also after a restart."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.watch()

    def watch(self) -> None:
        """Watch whoever owns the partition now."""
        self.telemetry = self.stage.step.telemetry
        self.telemetry.watch(
            Watched(
                partitions=lambda: list(self.stage.step.partitions.values()),
                lag=lambda: {("annotations.v1", 0): 5},
                readable=lambda: {("annotations.v1", 0): (7, 3)},
                is_ready=lambda: True,
                total=8,
            )
        )

    def read(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name, labels)

    def of_projects(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for metric in self.telemetry.registry.collect()
            for sample in metric.samples
            if "project" in sample.labels
        }


@pytest.fixture
async def scraped() -> Scraped:
    """A project with an item that three have labelled, a model, and one window."""
    scraped = Scraped()
    stage = scraped.stage
    settings = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=2)
    await stage.publish(Topic.CONTROL, P, settings)
    labels = [
        Annotation(item="a", annotator="x", label="cat"),
        Annotation(item="a", annotator="y", label="eel"),
        Annotation(item="a", annotator="z", label="cat"),
    ]
    await stage.publish(Topic.ANNOTATIONS, P, *labels)
    predictions = Predictions(
        model="m", version=1, classes=["cat", "dog"], items=["a", "b"], pred_probs=[[0, 1], [1, 0]]
    )
    await stage.publish(Topic.PREDICTIONS, P, predictions)
    await stage.publish(Topic.CONTROL, P, Close(cause="request", request_id="r"))
    await stage.publish(Topic.ANNOTATIONS, "stranger", labels[0])
    return scraped


async def test_what_has_happened_is_counted_and_what_is_the_case_is_read(scraped: Scraped) -> None:
    read = scraped.read
    assert read(
        "activelab_project_info", project=P, method="activelab", mode="robust", state="active"
    )
    assert read("activelab_classes", project=P) == 2
    assert read("activelab_items", project=P) == 2
    assert read("activelab_overlapping_items", project=P) == 1
    assert read("activelab_labels", project=P) == 2
    assert read("activelab_open_leases", project=P) == 2
    assert read("activelab_windows_total", project=P) == 1
    assert read("activelab_budget", project=P) == 2
    assert read("activelab_budget_left", project=P) == 2  # no clock: the next request has it anew
    assert read("activelab_next_boundary_timestamp_seconds", project=P) is None
    assert read("activelab_last_window_timestamp_seconds", project=P) == scraped.stage.now / 1000
    assert read("activelab_selections_total", project=P, reason="relabel") == 1
    assert read("activelab_selections_total", project=P, reason="first_label") == 1
    assert read("activelab_closes_total", outcome="window") == 1
    assert read("activelab_window_duration_seconds_count") == 1
    assert read("activelab_event_latency_seconds_count") == 5
    assert read("activelab_lag_records", topic="annotations.v1", partition="0") == 5
    assert read("activelab_pinned_records", topic="annotations.v1", partition="0") == 3
    assert read("activelab_stable_offset", topic="annotations.v1", partition="0") == 7
    assert read("activelab_partition_owned", partition="0") == 1
    assert read("activelab_partitions") == 8
    assert read("activelab_ready") == 1
    assert read("activelab_dormant_facts", project=P, lacks="labels") == 1
    assert read("activelab_stranger_facts", partition="0") == 1


async def test_a_window_says_how_far_items_are_and_annotators_and_models_are_judged_without_names(
    scraped: Scraped,
) -> None:
    read, progress = scraped.read, ("open", "contested", "done")
    by_progress = [read("activelab_progress_items", project=P, progress=name) for name in progress]
    assert by_progress == [2, 0, 0]
    quality = {
        bound: read("activelab_consensus_quality_bucket", project=P, le=bound)
        for bound in ("0.5", "0.6", "0.7", "+Inf")
    }
    assert quality == {"0.5": 0, "0.6": 0, "0.7": 1, "+Inf": 1}
    assert 0.6 < (read("activelab_consensus_quality_sum", project=P) or 0) < 0.7
    assert read("activelab_expected_wrong_labels", project=P, items="unlabelled") == pytest.approx(
        scraped.stage.step.partitions[0].projects[P].ledger.outlook["wrong_unlabelled"]
    )
    assert read("activelab_annotators", project=P, flag="too few") == 2
    assert read("activelab_annotators", project=P, flag="worse than chance") == 0
    assert read("activelab_annotator_labels", project=P, flag="too few") == 2
    assert read("activelab_annotator_weight_bucket", project=P, le="+Inf") == 2
    assert read("activelab_annotator_agreement_sum", project=P) == 2
    assert read("activelab_labels_per_annotator_bucket", project=P, le="1.0") == 2
    assert read("activelab_model_error_ratio", project=P, model="m") == 1
    assert 0 < (read("activelab_model_weight", project=P, model="m") or 0) < 1
    assert read("activelab_model_temperature", project=P, model="m") == 1
    assert read("activelab_model_temperature_at_end", project=P, model="m") == 0


async def test_a_new_owner_says_the_same_of_a_project_and_the_former_one_nothing(
    scraped: Scraped,
) -> None:
    before = scraped.of_projects()
    scraped.stage.step.partitions = {}
    assert scraped.of_projects() == {}
    scraped.stage.restart()
    scraped.watch()
    assert scraped.of_projects() == before


async def test_the_next_boundary_is_that_behind_the_last_one() -> None:
    scraped = Scraped()
    settings = ProjectSettings(classes=("a", "b"), models=("m",), budget=2, window_seconds=60)
    await scraped.stage.publish(Topic.CONTROL, P, settings)
    noon = scraped.stage.now // 60_000 * 60
    close = Close(cause="boundary", boundary=datetime.fromtimestamp(noon, UTC))
    await scraped.stage.publish(Topic.CONTROL, P, close)
    assert scraped.read("activelab_next_boundary_timestamp_seconds", project=P) == noon + 60
    paused = settings.model_copy(update={"state": "paused"})
    await scraped.stage.publish(Topic.CONTROL, P, paused)
    assert scraped.read("activelab_next_boundary_timestamp_seconds", project=P) is None


async def test_annotators_are_appraised_once_a_fit(scraped: Scraped) -> None:
    project = scraped.stage.step.partitions[0].projects[P]
    late = Annotation(item="b", annotator="x", label="cat")
    scraped.of_projects()
    project.pool.set_labels([late.item], [late.annotator], [0])
    assert scraped.read("activelab_labels", project=P) == 3
    assert scraped.read("activelab_annotator_labels", project=P, flag="too few") == 2
    project.renew_epoch()
    assert scraped.read("activelab_annotator_labels", project=P, flag="too few") == 3


def test_every_metric_is_declared_once_with_the_labels_that_it_has() -> None:
    families = catalogue()
    assert len({family.name for family in families}) == len(families)
    assert all(family.name.endswith("_total") == (family.type == "counter") for family in families)


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
async def test_the_web_says_whether_the_worker_serves(ready: bool, status: int) -> None:
    async with serving(Stage(), is_ready=lambda: ready) as client:
        assert (await client.get("/readyz")).status == status
        assert (await client.get("/healthz")).status == 200
        metrics = await client.get("/metrics")
        assert "activelab_events_total" in await metrics.text()
        assert metrics.headers["Content-Type"].startswith("text/plain")
