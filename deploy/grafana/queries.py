"""What panels are made of, and the ways of asking Prometheus.

A partition that moves is shown by both owners for one scrape. So what is the case (`state`) is
never summed over instances: of each series the maximum is taken. What has happened (`rate`) adds
up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stream_app.telemetry import catalogue

_LABELS = {family.name: family.labels for family in catalogue()}


@dataclass(frozen=True, slots=True)
class Panel:
    """A question to Prometheus, or several: queries by what their series are called."""

    title: str
    says: str
    queries: Mapping[str, str]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    height: int = 7
    stacked: bool = False
    most: float | None = None
    """The largest value of the axis."""
    unless: str = ""
    """What else can be the reason why there is nothing to be shown."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of panels; ``empty`` is what they say while there is nothing to be shown."""

    name: str
    says: str
    panels: tuple[Panel, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    """Queries of the values to choose from, by name; beside data source and deployment."""
    empty: str = "no data"


def state(metric: str, *by: str, where: str = "") -> str:
    """Return the sum of what is the case, by some labels, of the projects that are chosen."""
    family = metric.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
    own = _LABELS[metric if metric in _LABELS else family]
    labels = (*own, "le") if metric.endswith("_bucket") else own
    chosen = ['job="$job"', *(['project=~"$project"'] if "project" in own else []), where]
    series = f"{metric}{{{', '.join(filter(None, chosen))}}}"
    owned = f"max by ({', '.join(labels)}) ({series})" if labels else f"max({series})"
    return _sum(by, owned) if set(by) != set(labels) else owned


def rate(metric: str, *by: str) -> str:
    """Return how often something happens a second, by some labels, at the instances chosen."""
    return _sum(by, f"rate({at_instances(metric)}[$__rate_interval])")


def at_instances(metric: str) -> str:
    """Return what the instances chosen say."""
    return f'{metric}{{job="$job", instance=~"$instance"}}'


def _sum(by: tuple[str, ...], of: str) -> str:
    return f"sum by ({', '.join(by)}) ({of})" if by else f"sum({of})"


def quantiles(buckets: str, **levels: float) -> dict[str, str]:
    """Return quantiles of a distribution, by their names."""
    return {name: f"histogram_quantile({level}, {buckets})" for name, level in levels.items()}


def spread(metric: str) -> dict[str, str]:
    """Return the mean and three quantiles of a distribution that is the case."""
    return {
        "mean": f"{state(metric + '_sum')} / ({state(metric + '_count')} > 0)",
        **quantiles(state(metric + "_bucket", "le"), p90=0.9, median=0.5, p10=0.1),
    }


def took(metric: str) -> dict[str, str]:
    """Return three quantiles of how long something has taken lately."""
    return quantiles(rate(metric + "_bucket", "le"), p99=0.99, p95=0.95, median=0.5)


def number(
    title: str, says: str, query: str, unit: str = "short", width: int = 3, unless: str = ""
) -> Panel:
    """Return a panel that shows one number, called like the panel."""
    return Panel(title, says, {title.lower(): query}, unit, "stat", width, 4, unless=unless)
