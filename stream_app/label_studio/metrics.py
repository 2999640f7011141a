"""What a bridge serves at /metrics: what has come and gone, and whether all is said."""

import time
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from stream_app.label_studio.mirror import Mirror
from stream_app.telemetry.families import Family

OUTCOMES: Final = ("taken", "refused", "unreadable", "waiting")
EVENTS: Final = ("annotation", "retraction")
SCOPES: Final = ("full", "changed")
PASS_BUCKETS: Final = (0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600)

WEBHOOKS = Family(
    "activelab_bridge_webhooks_total",
    "Webhooks by outcome: taken, refused (without the secret), unreadable, or waiting (Kafka did "
    "not take what follows from it; a pass says it).",
    ("outcome",),
    "counter",
)
SAID = Family(
    "activelab_bridge_events_total",
    "Records that the bridge has put on annotations.v1, by type.",
    ("type",),
    "counter",
)
PASS_DURATION = Family(
    "activelab_bridge_pass_duration_seconds",
    "Time that a pass took: full, or over the tasks that have changed.",
    ("scope",),
    "histogram",
)
LAST_PASS = Family(
    "activelab_bridge_last_pass_timestamp_seconds",
    "When the last pass came to its end, since the Unix epoch; 0: none has.",
)
UNSETTLED = Family(
    "activelab_bridge_unsettled_pairs",
    "Pairs of item and annotator of which something may still have to be said.",
)
FAMILIES = (WEBHOOKS, SAID, PASS_DURATION, LAST_PASS, UNSETTLED)


class BridgeMetrics:
    """A bridge's own registry."""

    def __init__(self, mirror: Mirror) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._webhooks = WEBHOOKS.counter(registry)
        self._said = SAID.counter(registry)
        self._passes = PASS_DURATION.histogram(registry, PASS_BUCKETS)
        self._last_pass = LAST_PASS.gauge(registry)
        UNSETTLED.gauge(registry).set_function(lambda: len(mirror.unsettled))
        for outcome in OUTCOMES:
            self._webhooks.labels(outcome)
        for kind in EVENTS:
            self._said.labels(kind)
        for scope in SCOPES:
            self._passes.labels(scope)

    def webhook(self, outcome: str) -> None:
        """Count a webhook."""
        self._webhooks.labels(outcome).inc()

    def said(self, kind: str) -> None:
        """Count a record that the broker has."""
        self._said.labels(kind).inc()

    def passed(self, seconds: float, *, full: bool) -> None:
        """Note a pass that has come to its end."""
        self._passes.labels(SCOPES[not full]).observe(seconds)
        self._last_pass.set(time.time())

    def exposition(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self._registry)
