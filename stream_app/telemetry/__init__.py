"""Metrics: what has happened is counted as it happens, what is the case is read when scraped.

families   how a metric is declared
counted    counters and histograms of what this worker has done
projects   what there is to say of a project
state      all of the projects that this worker owns, read when scraped

Names follow Prometheus's conventions: base units, ``_total``, no item's or annotator's id as a
label, every known series there from the start. State comes from the owner of a partition alone, so
a project's series move with its partition, and are the same wherever it is.
"""

from stream_app.telemetry import counted, state
from stream_app.telemetry.counted import Telemetry
from stream_app.telemetry.families import Family
from stream_app.telemetry.state import Watched

__all__ = ["Family", "Telemetry", "Watched", "catalogue"]


def catalogue() -> tuple[Family, ...]:
    """Return every metric of ours, those of what happens first."""
    return (*counted.FAMILIES, *state.FAMILIES)
