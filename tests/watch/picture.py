"""Pictures of the dashboards: the demo is played on a worker that Prometheus watches.

    make picture ROUNDS=12

The panels and their questions are those that Grafana is given; it is Prometheus that answers them,
and matplotlib that draws, as there is no Grafana in Debian.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from watching import JOB, ROOT, Prometheus, as_sent, dashboards, prometheus
from workers import worker

from stream_app.broker import Broker
from stream_app.broker.server import free_ports
from stream_app.demo.stage import Plan, perform
from stream_app.settings import Settings
from stream_app.topics import ensure_topics

IMAGES = ROOT / "docs" / "images"
POINTS = 200
"""Of a curve."""
ROW_INCHES, WIDTH_INCHES = 0.5, 18
UNITS = {"percentunit": 100.0, "bytes": 1 / (1 << 20)}
SAID = {"percentunit": " %", "bytes": " MiB", "s": " s"}


@dataclass(frozen=True)
class Watched:
    """What Prometheus knows of a time."""

    prometheus: Prometheus
    begin: float
    end: float

    def curves(self, panel: dict[str, Any]) -> Iterator[tuple[str, list[float], list[float]]]:
        """Yield the curves of a panel: legend, seconds since the begin, values."""
        scale = UNITS.get(panel["fieldConfig"]["defaults"]["unit"], 1.0)
        step = (self.end - self.begin) / POINTS
        for target in panel["targets"]:
            said = self.prometheus.history(as_sent(target["expr"]), self.begin, self.end, step)
            for labels, values in said.items():
                legend = target["legendFormat"]
                for label, value in labels:
                    legend = legend.replace("{{" + label + "}}", value)
                at, height = zip(*values, strict=True)
                yield legend, [t - self.begin for t in at], [scale * value for value in height]


def draw(dashboard: dict[str, Any], watched: Watched, file: Path) -> None:
    """Draw a dashboard as Grafana lays it out."""
    rows = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in dashboard["panels"])
    figure = Figure(figsize=(WIDTH_INCHES, ROW_INCHES * rows), layout="constrained")
    grid = figure.add_gridspec(rows, 24)
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        place = grid[at["y"] : at["y"] + at["h"], at["x"] : at["x"] + at["w"]]
        axes = figure.add_subplot(place)
        axes.set_title(panel["title"], fontsize=10)
        {"stat": _number, "timeseries": _lines, "heatmap": _heatmap}[panel["type"]](
            axes, panel, list(watched.curves(panel))
        )
    figure.suptitle(dashboard["title"])
    with mpl.rc_context({"savefig.dpi": 70}):
        figure.savefig(file, format="png", metadata={"Software": None})


Curves = list[tuple[str, list[float], list[float]]]


def _unit(panel: dict[str, Any]) -> str:
    return SAID.get(panel["fieldConfig"]["defaults"]["unit"], "")


def _number(axes: Axes, panel: dict[str, Any], curves: Curves) -> None:
    axes.axis("off")
    empty = panel["fieldConfig"]["defaults"]["noValue"]
    said = f"{curves[0][2][-1]:,.4g}{_unit(panel)}" if curves else empty
    axes.text(0.5, 0.4, said, ha="center", va="center", fontsize=16 if curves else 9)


def _lines(axes: Axes, panel: dict[str, Any], curves: Curves) -> None:
    """Draw curves; stacked ones where all of them have the same times."""
    stacked = panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
    times = max((at for _, at, _ in curves), key=len, default=[])
    if stacked and curves:
        padded = [[0.0] * (len(times) - len(values)) + values for _, _, values in curves]
        axes.stackplot(times, padded, labels=[name for name, _, _ in curves], alpha=0.7)
    else:
        for name, at, values in curves:
            axes.plot(at, values, label=name)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(_unit(panel), fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    if curves:
        axes.legend(fontsize=7, loc="upper left")
    else:
        axes.text(0.5, 0.5, panel["fieldConfig"]["defaults"]["noValue"], ha="center")


def _heatmap(axes: Axes, panel: dict[str, Any], curves: Curves) -> None:
    """Draw buckets, whose counts are cumulative, as rows of shades."""
    ordered = sorted(curves, key=lambda curve: float(curve[0].replace("+Inf", "inf")))
    columns = min((len(values) for _, _, values in ordered), default=0)
    heights = [values[-columns:] for _, _, values in ordered]
    counts = [
        [more - less for more, less in zip(row, below, strict=True)]
        for row, below in zip(heights, [[0.0] * columns, *heights], strict=False)
    ]
    axes.imshow(counts, origin="lower", aspect="auto", cmap="Blues", interpolation="nearest")
    axes.set_yticks(range(len(ordered)), [name for name, _, _ in ordered], fontsize=7)
    axes.set_xticks([])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    (port,) = free_ports(0)
    with TemporaryDirectory() as name, Broker() as broker:
        folder = Path(name)
        settings = Settings(
            bootstrap_servers=broker.bootstrap_servers,
            app_id=JOB,
            data_dir=folder / "worker",
            web_port=port,
        )
        asyncio.run(ensure_topics(settings))
        with (
            worker(settings),
            prometheus(folder / "prometheus", {JOB: [f"127.0.0.1:{port}"]}) as watching,
        ):
            begin = time.time()
            plan = Plan(("activelab", "random"), options.rounds, 0, keep=False, here=settings)
            perform(plan, Console(), lambda _report: None)
            watched = Watched(watching, begin, time.time())
            for dashboard in dashboards():
                file = IMAGES / f"{dashboard['uid'].removeprefix('activelab-')}.png"
                draw(dashboard, watched, file)


if __name__ == "__main__":
    main()
