"""How a metric is declared: once, so that the registry and the catalogue can't differ."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

Samples = Iterable[tuple[tuple[str, ...], float | None]]
"""Values by those of the labels; None is not said."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: its series have one name and differ by their labels' values."""

    name: str
    """As Prometheus has it; a counter's ends with ``_total``."""
    text: str
    labels: tuple[str, ...] = ()
    type: Literal["counter", "gauge", "histogram"] = "gauge"

    def counter(self, registry: CollectorRegistry) -> Counter:
        """Return it to be moved, a counter."""
        return Counter(self.name, self.text, self.labels, registry=registry)

    def gauge(self, registry: CollectorRegistry) -> Gauge:
        """Return it to be set, a gauge."""
        return Gauge(self.name, self.text, self.labels, registry=registry)

    def histogram(self, registry: CollectorRegistry, buckets: Sequence[float]) -> Histogram:
        """Return it to observe what it is a histogram of."""
        return Histogram(self.name, self.text, self.labels, registry=registry, buckets=buckets)

    def read(self) -> CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily:
        """Return it without samples, for who reads state."""
        match self.type:
            case "counter":
                return CounterMetricFamily(self.name, self.text, labels=self.labels)
            case "gauge":
                return GaugeMetricFamily(self.name, self.text, labels=self.labels)
            case "histogram":
                return HistogramMetricFamily(self.name, self.text, labels=self.labels)
