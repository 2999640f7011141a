"""How a metric is declared: once, so that the registry and the catalogue can't differ."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

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

    def read(self) -> CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily:
        """Return it without samples, for who reads state."""
        match self.type:
            case "counter":
                return CounterMetricFamily(self.name, self.text, labels=self.labels)
            case "gauge":
                return GaugeMetricFamily(self.name, self.text, labels=self.labels)
            case "histogram":
                return HistogramMetricFamily(self.name, self.text, labels=self.labels)
