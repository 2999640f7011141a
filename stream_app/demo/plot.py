"""The curves, as a picture."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from stream_app.demo.rounds import Outcome

PANELS = {
    "consensus_accuracy": "consensus accuracy of labelled items",
    "test_accuracy": "test accuracy of the model",
}


def save_plot(outcomes: Sequence[Outcome], file: Path) -> None:
    """Draw accuracy over labels, a curve a method, and save it as PNG."""
    # A figure without pyplot has no window, and nothing to close.
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    for axes, (name, title) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        for outcome in outcomes:
            labels = [one.labels for one in outcome.rounds]
            values = [getattr(one, name) for one in outcome.rounds]
            axes.plot(labels, values, marker="o", label=outcome.experiment.method)
        axes.set(title=title, xlabel="labels")
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
    file.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"savefig.dpi": 120}):
        figure.savefig(file, format="png")
