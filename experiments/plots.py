"""Plots: mean curves with a band of one standard deviation, the published ones dashed beside."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from experiments.published import curves
from experiments.results import MEASURES, Results

COLORS = {
    "activelab": "C0",
    "activelab_ensemble": "C0",
    "activelab_strict": "black",
    "activelab_robust": "C0",
    "activelab_uncalibrated": "C9",
    "random": "C7",
    "good_random": "C8",
    "entropy": "C1",
    "uncertainty": "C2",
    "active_label_cleaning": "C4",
    "disagreement": "C5",
    "cleanlab_2_9_0": "C3",
    "cleanlab_counting_right": "C6",
}


def save_plot(results: Results, file: Path) -> None:
    """Draw both measures over the rounds and save the figure as PNG."""
    # A figure without pyplot has no window, and nothing to close.
    figure = Figure(figsize=(13, 5.5), layout="constrained")
    setting = next(iter(results.values())).setting
    for axes, measure in zip(figure.subplots(1, len(MEASURES)), MEASURES, strict=True):
        published = curves(setting.dataset, measure)
        for method, result in results.items():
            mean, std = result.mean(measure), result.std(measure)
            rounds, color = range(len(mean)), COLORS[method]
            # Where counting is right the curve is strict ActiveLab's: dots show both.
            style = ":" if method == "cleanlab_counting_right" else "-"
            axes.plot(rounds, mean, style, color=color, label=method)
            axes.fill_between(rounds, mean - std, mean + std, color=color, alpha=0.2, linewidth=0)
            if method in published:
                theirs = published[method].mean[: len(mean)]
                axes.plot(range(len(theirs)), theirs, color=color, linestyle="--", linewidth=1)
        axes.set(title=measure.replace("_", " "), xlabel=f"rounds of {setting.batch} labels")
        axes.locator_params(axis="x", integer=True)
        axes.grid(alpha=0.3)
    if published:
        axes.plot([], [], "k--", linewidth=1, label="the paper's")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=6)
    figure.suptitle(setting.dataset)
    file.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"savefig.dpi": 110}):
        figure.savefig(file, format="png", metadata={"Software": None})
