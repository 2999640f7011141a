"""The catalogue of metrics, as docs/metrics.md has it."""

from collections.abc import Iterable

from experiments.document import DOCS, table
from stream_app.label_studio import metrics
from stream_app.telemetry import Family, catalogue

DOCUMENT = DOCS / "metrics.md"


def sections() -> dict[str, str]:
    """Return the tables of all metrics, by what they are of."""
    families = catalogue()
    of_projects = [family for family in families if "project" in family.labels]
    of_workers = [family for family in families if "project" not in family.labels]
    return {
        "metrics of workers": _table(of_workers),
        "metrics of projects": _table(of_projects),
        "metrics of the bridge": _table(metrics.FAMILIES),
    }


def _table(families: Iterable[Family]) -> str:
    rows = (
        [f"`{family.name}`", family.type, _labels(family), family.text]
        for family in sorted(families, key=lambda family: family.name)
    )
    return table(["metric", "type", "labels", "what it is"], *rows)


def _labels(family: Family) -> str:
    return ", ".join(f"`{label}`" for label in family.labels)
