"""What is the case: read from the memory of the partitions owned, when scraped."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from stream_app.partition import Partition
from stream_app.project import Project
from stream_app.telemetry.families import Family, Samples
from stream_app.telemetry.projects import DISTRIBUTIONS, GAUGES, Buckets, Crowd

Place = tuple[str, int]
"""A source's topic, and a partition."""

LAG = Family(
    "activelab_lag_records",
    "Records of a source topic that wait, of the partitions owned.",
    ("topic", "partition"),
)
PINNED = Family(
    "activelab_pinned_records",
    "Records of a source topic that nobody can read yet: somebody has a transaction open before "
    "them.",
    ("topic", "partition"),
)
STABLE = Family(
    "activelab_stable_offset",
    "Where what can be read of a source ends: its end, or where its first open transaction begins.",
    ("topic", "partition"),
)
OWNED = Family(
    "activelab_partition_owned", "1 for each partition that this worker owns.", ("partition",)
)
STRANGERS = Family(
    "activelab_stranger_facts",
    "Facts of projects without settings (yet), by the partition where they wait.",
    ("partition",),
)
PARTITIONS = Family("activelab_partitions", "Partitions of the deployment, whoever owns them.")
READY = Family(
    "activelab_ready",
    "1 while this worker serves the partitions that it was given, as /readyz says.",
)
FAMILIES = (LAG, PINNED, STABLE, OWNED, STRANGERS, PARTITIONS, READY, *GAUGES, *DISTRIBUTIONS)


@dataclass(frozen=True, slots=True)
class Watched:
    """Where state is read; everything is asked for at every scrape."""

    partitions: Callable[[], Iterable[Partition]]
    """Those owned now."""
    lag: Callable[[], Mapping[Place, int]]
    readable: Callable[[], Mapping[Place, tuple[int, int]]]
    """Of each source partition, where what can be read ends, and how many records are beyond."""
    is_ready: Callable[[], bool]
    total: int
    """Partitions of the deployment."""


class State(Collector):
    """Reads what is watched; a family without samples still says that it exists."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._crowds: dict[str, Crowd] = {}

    def describe(self) -> Iterable[Metric]:
        """Return all families, without reading anything."""
        return [family.read() for family in FAMILIES]

    def collect(self) -> Iterator[Metric]:
        """Read everything once."""
        watched, partitions = self._watched, list(self._watched.partitions())
        readable = watched.readable()
        of_places = {
            LAG: watched.lag(),
            PINNED: {place: pinned for place, (_, pinned) in readable.items()},
            STABLE: {place: stable for place, (stable, _) in readable.items()},
        }
        for family, places in of_places.items():
            yield _said(family, (((t, str(n)), value) for (t, n), value in places.items()))
        yield _said(OWNED, (((str(p.number),), 1) for p in partitions))
        yield _said(STRANGERS, (((str(p.number),), p.strangers.total()) for p in partitions))
        yield _said(PARTITIONS, [((), watched.total)])
        yield _said(READY, [((), float(watched.is_ready()))])
        # Copied in one breath: a thread that settles a project may add it meanwhile.
        projects = [project for p in partitions for project in list(p.projects.values())]
        self._crowds = {project.id: self._crowd(project) for project in projects}
        for family, read in GAUGES.items():
            yield _said(
                family,
                (
                    ((project.id, *labels), value)
                    for project in projects
                    for labels, value in read(project, self._crowds[project.id])
                ),
            )
        for family, read_buckets in DISTRIBUTIONS.items():
            histogram = cast(HistogramMetricFamily, family.read())
            for project in projects:
                buckets = read_buckets(project, self._crowds[project.id])
                if buckets is not None:
                    histogram.add_metric((project.id,), *_cumulative(buckets))
            yield histogram

    def _crowd(self, project: Project) -> Crowd:
        """Return a project's annotators as of its epoch, appraised once for each."""
        known = self._crowds.get(project.id)
        if known is None or known.epoch is not project.pool.epoch:
            return Crowd.of(project)
        return known


def _said(family: Family, samples: Samples) -> Metric:
    metric = cast(CounterMetricFamily | GaugeMetricFamily, family.read())
    for labels, value in samples:
        if value is not None:
            metric.add_metric(labels, value)
    return metric


def _cumulative(buckets: Buckets) -> tuple[list[tuple[str, float]], float]:
    """Return buckets as Prometheus has them: with all that is below, and the sum."""
    bounds, counts, total = buckets
    names = [*(str(float(bound)) for bound in bounds), "+Inf"]
    return list(zip(names, np.cumsum(counts).tolist(), strict=True)), total
