"""Dashboards as Grafana reads them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deploy.grafana.pages import DASHBOARDS, NO_PROJECT
from deploy.grafana.queries import Dashboard, Panel

FOLDER = Path(__file__).with_name("dashboards")
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
"""Columns of Grafana's grid."""


def grafana(dashboard: Dashboard) -> dict[str, Any]:
    """Return a dashboard as Grafana reads it."""
    return {
        "uid": f"activelab-{dashboard.name}",
        "title": f"activelab-stream: {dashboard.name}",
        "description": dashboard.says,
        "tags": ["activelab-stream"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [
            {"type": "dashboards", "title": "", "tags": ["activelab-stream"], "keepTime": True}
        ],
        "templating": {"list": list(_variables(dashboard))},
        "panels": list(_panels(dashboard)),
    }


def _variables(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "source"}
    queries = {"job": "label_values(activelab_partitions, job)", **dashboard.variables}
    for name, query in queries.items():
        several = name != "job"
        yield {
            "name": name,
            "label": "deployment" if name == "job" else name,
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": query, "refId": name},
            "refresh": 2,  # whenever the time range changes
            "sort": 1,
            "multi": several,
            "includeAll": several,
            **(
                {"allValue": ".*", "current": {"text": "All", "value": "$__all"}} if several else {}
            ),
        }


def _panels(dashboard: Dashboard) -> Iterator[dict[str, Any]]:
    """Lay panels out in reading order."""
    x = y = height = 0
    for number, panel in enumerate(dashboard.panels, start=1):
        if x + panel.width > WIDTH:
            x, y = 0, y + height
        height = panel.height
        yield {
            "id": number,
            "title": panel.title,
            "description": panel.says,
            "type": panel.kind,
            "datasource": SOURCE,
            "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
            "targets": [
                {
                    "refId": chr(ord("A") + at),
                    "datasource": SOURCE,
                    "expr": query,
                    "legendFormat": legend,
                    "instant": panel.kind == "stat",
                    "range": panel.kind != "stat",
                    "format": "heatmap" if panel.kind == "heatmap" else "time_series",
                }
                for at, (legend, query) in enumerate(panel.queries.items())
            ],
            "fieldConfig": {"defaults": _defaults(panel, dashboard.empty), "overrides": []},
            "options": _OPTIONS[panel.kind],
        }
        x += panel.width


def _defaults(panel: Panel, empty: str) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "noValue": empty + panel.unless}
    if panel.title == "Projects":
        none = {"type": "value", "options": {"0": {"text": NO_PROJECT, "index": 0}}}
        defaults["mappings"] = [none]
    if panel.kind == "timeseries":
        stacking = {"mode": "normal" if panel.stacked else "none", "group": "A"}
        fill = 40 if panel.stacked else 0
        defaults["custom"] = {"stacking": stacking, "fillOpacity": fill, "showPoints": "never"}
        defaults["min"] = 0
    if panel.most is not None:
        defaults["max"] = panel.most
    return defaults


_OPTIONS: Mapping[str, dict[str, Any]] = {
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "values": False},
        "colorMode": "none",
        "graphMode": "none",
    },
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "heatmap": {
        "calculate": False,
        "color": {"mode": "scheme", "scheme": "Blues", "steps": 32},
        "yAxis": {"unit": "short"},
        "cellGap": 1,
        "legend": {"show": True},
        "tooltip": {"mode": "single", "yHistogram": False},
    },
}


def files() -> dict[Path, str]:
    """Return what each file of the folder holds."""
    return {
        FOLDER / f"{dashboard.name}.json": json.dumps(grafana(dashboard), indent=2) + "\n"
        for dashboard in DASHBOARDS
    }
