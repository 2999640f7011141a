"""What has happened: counters and histograms that the step, the transport and the worker move."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from schemas import Facts, Reason, RefusalReason
from stream_app.fold import Folded
from stream_app.telemetry.families import Family
from stream_app.telemetry.state import State, Watched
from stream_app.windows import Closed, Grant, Refused

EVENT_TYPES = ("label", "abstention", "retraction", "prediction", "status", "stratum")
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

EVENTS = Family(
    "activelab_events_total",
    "Accepted events by type and outcome: won, or stale (not newer than what was known).",
    ("type", "outcome"),
    "counter",
)
DEAD_LETTERS = Family(
    "activelab_dead_letters_total",
    "Records, or rows of batches, that were not accepted, by reason.",
    ("reason",),
    "counter",
)
CLOSES = Family(
    "activelab_closes_total",
    "Closes by outcome: window, no_op, or the reason of a refusal.",
    ("outcome",),
    "counter",
)
LATENCY = Family(
    "activelab_event_latency_seconds",
    "From the broker's timestamp of a run's oldest record until all of it is durable.",
    type="histogram",
)
WINDOW_DURATION = Family(
    "activelab_window_duration_seconds",
    "Time that a close takes to decide (refresh and ranking).",
    type="histogram",
)
TRANSACTION_DURATION = Family(
    "activelab_transaction_duration_seconds",
    "From the begin of a transaction until it is committed.",
    type="histogram",
)
TAKEOVER_DURATION = Family(
    "activelab_takeover_duration_seconds",
    "From an assignment until its partitions are served: fence, recover, rebuild. "
    "Its count is that of the rebalances that came to their end here.",
    type="histogram",
)
FAMILIES = (
    EVENTS,
    DEAD_LETTERS,
    CLOSES,
    LATENCY,
    WINDOW_DURATION,
    TRANSACTION_DURATION,
    TAKEOVER_DURATION,
)

# Prometheus would read each as one gauge more.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Telemetry:
    """The worker's own registry, and the counters that the step moves."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._events = EVENTS.counter(self.registry)
        self._dead_letters = DEAD_LETTERS.counter(self.registry)
        self._closes = CLOSES.counter(self.registry)
        self._latency = LATENCY.histogram(self.registry, LATENCY_BUCKETS)
        self._window_duration = WINDOW_DURATION.histogram(self.registry, LATENCY_BUCKETS)
        self._transaction_duration = TRANSACTION_DURATION.histogram(self.registry, LATENCY_BUCKETS)
        self._takeover_duration = TAKEOVER_DURATION.histogram(self.registry, LATENCY_BUCKETS)
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

    def closed(self, closed: Closed) -> None:
        """Count what became of a close."""
        match closed.verdict:
            case None:
                outcome = "no_op"
            case Refused(reason=reason):
                outcome = reason.value
            case Grant():
                outcome = "window"
        self._closes.labels(outcome).inc()

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

    def watch(self, watched: Watched) -> None:
        """Read this at every scrape."""
        self.registry.register(State(watched))
