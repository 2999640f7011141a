"""Metrics: what has happened is counted as it happens, what is the case is read when scraped.

Names follow Prometheus's conventions: base units, ``_total``, no item's or annotator's id as a
label, every known series there from the start. State gauges come from the owner of a partition
alone, so a moved partition is never counted twice.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from schemas import Facts, Reason, RefusalReason
from stream_app.fold import Folded
from stream_app.partition import Partition
from stream_app.project import Project
from stream_app.windows import Closed, Grant, Refused, budget_left

EVENT_TYPES = ("label", "abstention", "retraction", "prediction", "status")
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
WEIGHT_BUCKETS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

Lags = Mapping[tuple[str, int], int]
"""Records that wait, by topic and partition."""


class Telemetry:
    """The worker's own registry, and the counters that the step moves."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._events = Counter(
            "activelab_events",
            "Accepted events by type and outcome: won, or stale (not newer than what was known).",
            ("type", "outcome"),
            registry=self.registry,
        )
        self._dead_letters = Counter(
            "activelab_dead_letters",
            "Records, or rows of batches, that were not accepted, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self._closes = Counter(
            "activelab_closes",
            "Closes by outcome: window, no_op, or the reason of a refusal.",
            ("outcome",),
            registry=self.registry,
        )
        self._selections = Counter(
            "activelab_selections",
            "Items selected, by project and reason.",
            ("project", "reason"),
            registry=self.registry,
        )
        self._latency = Histogram(
            "activelab_event_latency_seconds",
            "From the broker's timestamp of a run's oldest record until all of it is durable.",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        self._window_duration = Histogram(
            "activelab_window_duration_seconds",
            "Time that a close takes to decide (refresh and ranking).",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        self._transaction_duration = Histogram(
            "activelab_transaction_duration_seconds",
            "From the begin of a transaction until it is committed.",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        self._takeover_duration = Histogram(
            "activelab_takeover_duration_seconds",
            "From an assignment until its partitions are served: fence, recover, rebuild.",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        for kind, outcome in product(EVENT_TYPES, ("won", "stale")):
            self._events.labels(kind, outcome)
        for reason in Reason:
            self._dead_letters.labels(reason.value)
        for outcome in ("window", "no_op", *RefusalReason):
            self._closes.labels(str(outcome))

    def folded(self, piece: Facts, folded: Folded) -> None:
        """Count what became of a piece of facts."""
        for kind, count in piece.events.items():
            self._events.labels(kind, "won").inc(count - folded.stale[kind])
            self._events.labels(kind, "stale").inc(folded.stale[kind])
        for rejection in piece.rejections:
            if rejection.reason is not None:
                self._dead_letters.labels(rejection.reason.value).inc()
            for _, reason in rejection.rows:
                self._dead_letters.labels(reason.value).inc()

    def closed(self, project: str, closed: Closed) -> None:
        """Count what became of a close."""
        match closed.verdict:
            case None:
                outcome = "no_op"
            case Refused(reason=reason):
                outcome = reason.value
            case Grant():
                outcome = "window"
        self._closes.labels(outcome).inc()
        if closed.ranking is not None:
            relabels = int(closed.ranking.relabel.sum())
            self._selections.labels(project, "relabel").inc(relabels)
            self._selections.labels(project, "first_label").inc(
                len(closed.ranking.items) - relabels
            )

    def durable(self, since: float) -> None:
        """Note that a run is durable whose oldest record the broker has had ``since``."""
        self._latency.observe(max(0.0, time.time() - since))

    def committed(self, seconds: float) -> None:
        """Note how long a transaction took."""
        self._transaction_duration.observe(seconds)

    def took_over(self, seconds: float) -> None:
        """Note how long partitions were not served because they moved here."""
        self._takeover_duration.observe(seconds)

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Time the decision of a close."""
        with self._window_duration.time():
            yield

    @property
    def content_type(self) -> str:
        """Return the content type of what `expose` returns."""
        return CONTENT_TYPE_LATEST

    def expose(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self.registry)

    def watch(
        self, partitions: Callable[[], Iterable[Partition]], lags: Callable[[], Lags]
    ) -> None:
        """Read these at every scrape: the partitions owned now, and what waits for them."""
        self.registry.register(_State(partitions, lags))


class _State(Collector):
    """Gauges of what is the case, read from memory when scraped."""

    def __init__(
        self, partitions: Callable[[], Iterable[Partition]], lags: Callable[[], Lags]
    ) -> None:
        self._partitions = partitions
        self._lags = lags

    def collect(self) -> Iterator[Metric]:
        """Yield every gauge; a family without samples still says that it exists."""
        partitions = list(self._partitions())
        lag = GaugeMetricFamily(
            "activelab_lag_records",
            "Records of a source topic that wait, of the partitions owned.",
            labels=("topic", "partition"),
        )
        for (topic, number), records in self._lags().items():
            lag.add_metric((topic, str(number)), records)
        yield lag
        projects = [project for partition in partitions for project in partition.projects.values()]
        for name, text, read in _GAUGES:
            gauge = GaugeMetricFamily(name, text, labels=("project",))
            for project in projects:
                gauge.add_metric((project.id,), read(project))
            yield gauge
        yield _dormant(partitions, projects)
        weights = GaugeHistogramMetricFamily(
            "activelab_annotator_weight",
            "Distribution of the annotators' weights w_j.",
            labels=("project",),
        )
        for project in projects:
            weights.add_metric((project.id,), *_histogram(project))
        yield weights


_GAUGES: tuple[tuple[str, str, Callable[[Project], float]], ...] = (
    ("activelab_items", "Items that exist.", lambda project: project.pool.num_items),
    ("activelab_labels", "Labels that count.", lambda project: project.pool.num_labels),
    (
        "activelab_annotators",
        "Annotators with an answer.",
        lambda project: len(project.pool.annotators()),
    ),
    (
        "activelab_open_leases",
        "Leases that no answer has ended and whose time is not known to be over.",
        lambda project: len(project.leases),
    ),
    ("activelab_budget_left", "Selections left until the next boundary.", budget_left),
    (
        "activelab_last_window_timestamp_seconds",
        "When the last window closed, by the broker's clock; its age is time() minus this.",
        lambda project: project.ledger.closed_at / 1e6,
    ),
    (
        "activelab_windows",
        "Windows closed so far.",
        lambda project: project.ledger.next_window - 1,
    ),
)


def _dormant(partitions: Iterable[Partition], projects: Iterable[Project]) -> Metric:
    """Return how many facts wait for settings that know them."""
    gauge = GaugeMetricFamily(
        "activelab_dormant_facts",
        "Facts that do not count yet, by what the settings lack: labels, models, classes, project.",
        labels=("lacks",),
    )
    counts = dict.fromkeys(("labels", "models", "classes", "project"), 0)
    for project in projects:
        for name, count in project.dormant.items():
            counts[name.partition(":")[0].partition(" ")[0]] += count
    counts["project"] = sum(partition.strangers.total() for partition in partitions)
    for lack, count in counts.items():
        gauge.add_metric((lack,), count)
    return gauge


def _histogram(project: Project) -> tuple[list[tuple[str, float]], float]:
    """Return cumulative buckets of a project's annotator weights, and their sum."""
    weights = project.pool.trust(project.pool.annotators()).annotator_weight
    buckets = [(str(bound), float((weights <= bound).sum())) for bound in WEIGHT_BUCKETS]
    return [*buckets, ("+Inf", float(len(weights)))], float(weights.sum())
