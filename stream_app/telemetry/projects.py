"""What is the case with a project: gauges and distributions, read from its memory.

What is said of annotators and models is of the last fit, and annotators are appraised once a fit,
not once a scrape; what is said of a window's outcome is in the ledger, so that a new owner of the
project says the same.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from activelab import Epoch, Flag, appraise
from activelab.calibration import ENDS
from stream_app.project import Project
from stream_app.telemetry.families import Family, Samples
from stream_app.windows import budget_left

MICROSECOND = 1_000_000
TENTHS = np.arange(1, 11) / 10
LABELS_BUCKETS = np.array([1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000])

Buckets = tuple[npt.NDArray[Any], list[int], float]
"""Inclusive bounds, the counts between them (at last, of what is beyond), the sum."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """A project's annotators, as of an epoch; no names."""

    epoch: Epoch
    annotators: Counter[str]
    """By flag."""
    labels: Counter[str]
    """By the flag of who said them."""
    agreement: Buckets
    weight: Buckets
    num_labels: Buckets

    @classmethod
    def of(cls, project: Project) -> "Crowd":
        """Appraise everybody whose labels count."""
        epoch = project.pool.epoch
        trust = project.pool.trust(project.pool.annotators())
        flag = appraise(trust, epoch).flag
        number = {name.value: trust.num_annotations[flag == name] for name in Flag}
        return cls(
            epoch,
            Counter({name: len(labels) for name, labels in number.items()}),
            Counter({name: int(labels.sum()) for name, labels in number.items()}),
            _buckets(TENTHS, trust.annotator_agreement),
            _buckets(TENTHS, trust.annotator_weight),
            _buckets(LABELS_BUCKETS, trust.num_annotations),
        )


def _buckets(bounds: npt.NDArray[Any], values: npt.NDArray[Any]) -> Buckets:
    counts = np.bincount(np.searchsorted(bounds, values), minlength=len(bounds) + 1)
    return bounds, counts.tolist(), float(values.sum())


def _next_boundary(project: Project) -> float | None:
    """Return when the next clock close is due, in seconds; None where none is."""
    length = project.settings.window_seconds
    if length is None or project.settings.state != "active":
        return None
    return float((project.ledger.last_boundary // MICROSECOND // length + 1) * length)


def _models(project: Project, values: Iterable[float | None]) -> Samples:
    return (((model,), value) for model, value in zip(project.settings.models, values, strict=True))


def _at_end(epoch: Epoch) -> list[float]:
    low, high = ENDS
    at_end = epoch.calibrated & ((epoch.temperature <= low) | (epoch.temperature >= high))
    return [float(one) for one in at_end]


def _dormant(project: Project) -> Samples:
    """Yield how many facts wait for settings that know them."""
    counts = dict.fromkeys(("labels", "models", "classes"), 0)
    for name, count in project.dormant.items():
        counts[name.partition(":")[0].partition(" ")[0]] += count
    return (((lack,), count) for lack, count in counts.items())


def _quality(project: Project) -> Buckets | None:
    """Return the labelled items' qualities at the last window."""
    if not project.ledger.quality:
        return None
    *counts, millionths = project.ledger.quality
    return TENTHS, [*counts, 0], millionths / 1e6


def _of_project(
    name: str, text: str, *labels: str, kind: Literal["counter", "gauge", "histogram"] = "gauge"
) -> Family:
    return Family(name, text, ("project", *labels), kind)


def _one(read: Callable[[Project], float | None]) -> Callable[[Project, Crowd], Samples]:
    return lambda project, _: [((), read(project))]


GAUGES: Mapping[Family, Callable[[Project, Crowd], Samples]] = {
    _of_project(
        "activelab_project_info", "1, with a project's settings.", "method", "mode", "state"
    ): lambda project, _: [
        ((project.settings.method, project.settings.mode, project.settings.state), 1)
    ],
    _of_project("activelab_classes", "Classes."): _one(lambda p: len(p.settings.classes)),
    _of_project("activelab_items", "Items that exist."): _one(lambda p: p.pool.num_items),
    _of_project(
        "activelab_overlapping_items", "Items with two labels or more, on which all weights rest."
    ): _one(lambda p: p.pool.num_overlapping),
    _of_project("activelab_labels", "Labels that count."): _one(lambda p: p.pool.num_labels),
    _of_project(
        "activelab_open_leases",
        "Leases that no answer has ended and whose time is not known to be over.",
    ): _one(lambda p: len(p.leases)),
    _of_project(
        "activelab_budget",
        "Selections between two boundaries, at most; without a clock, of a request.",
    ): _one(lambda p: p.settings.budget),
    _of_project("activelab_budget_left", "Selections left until the next boundary."): _one(
        budget_left
    ),
    _of_project(
        "activelab_selections_total",
        "Items selected so far, by reason: first_label or relabel.",
        "reason",
        kind="counter",
    ): lambda project, _: [
        (("first_label",), project.ledger.first_labels),
        (("relabel",), project.ledger.relabels),
    ],
    _of_project("activelab_windows_total", "Windows closed so far.", kind="counter"): _one(
        lambda p: p.ledger.next_window - 1
    ),
    _of_project(
        "activelab_last_window_timestamp_seconds",
        "When the last window closed, by the broker's clock; its age is time() minus this.",
    ): _one(lambda p: p.ledger.closed_at / MICROSECOND or None),
    _of_project(
        "activelab_next_boundary_timestamp_seconds",
        "When the next window is due on the clock; in the past, it is late.",
    ): _one(_next_boundary),
    _of_project(
        "activelab_progress_items",
        "Items by progress at the last window: open, contested or done.",
        "progress",
    ): lambda project, _: [
        ((name,), project.ledger.outlook.get(name)) for name in ("open", "contested", "done")
    ],
    _of_project(
        "activelab_expected_wrong_labels",
        "Consensus labels that the last window expects to be wrong, of items with and without a "
        "label; absent where labels don't tell.",
        "items",
    ): lambda project, _: [
        ((name,), project.ledger.outlook.get(f"wrong_{name}"))
        for name in ("labelled", "unlabelled")
    ],
    _of_project(
        "activelab_expected_gain_per_label",
        "Wrong consensus labels that a label of an item selected by the last window is expected to "
        "put right, on average.",
    ): _one(lambda p: p.ledger.outlook.get("gain_per_label")),
    _of_project(
        "activelab_dormant_facts",
        "Facts that do not count yet, by what the settings lack: labels, models, classes.",
        "lacks",
    ): lambda project, _: _dormant(project),
    _of_project(
        "activelab_annotators", "Annotators whose labels count, by flag, at the last fit.", "flag"
    ): lambda _, crowd: (((flag,), count) for flag, count in crowd.annotators.items()),
    _of_project(
        "activelab_annotator_labels",
        "Labels that count, by the flag of who said them, at the last fit.",
        "flag",
    ): lambda _, crowd: (((flag,), count) for flag, count in crowd.labels.items()),
    _of_project(
        "activelab_model_weight", "A model's weight w_M at the last fit.", "model"
    ): lambda project, crowd: _models(project, crowd.epoch.consensus_stage.model_weight.tolist()),
    _of_project(
        "activelab_model_error_ratio",
        "Share of overlapping items whose majority vote a model does not hold most probable, at "
        "the last fit; absent where it predicts none.",
        "model",
    ): lambda project, crowd: _models(project, crowd.epoch.majority_stage.model_error),
    _of_project(
        "activelab_model_temperature",
        "The temperature T to which a model is calibrated, at the last fit.",
        "model",
    ): lambda project, crowd: _models(project, crowd.epoch.temperature.tolist()),
    _of_project(
        "activelab_model_temperature_at_end",
        "1 where a model's temperature is the least or the largest that is tried.",
        "model",
    ): lambda project, crowd: _models(project, _at_end(crowd.epoch)),
}
DISTRIBUTIONS: Mapping[Family, Callable[[Project, Crowd], Buckets | None]] = {
    _of_project(
        "activelab_consensus_quality",
        "Labelled items by the quality of their consensus, at the last window.",
        kind="histogram",
    ): lambda project, _: _quality(project),
    _of_project(
        "activelab_annotator_weight",
        "Annotators by their weight w_j, at the last fit.",
        kind="histogram",
    ): lambda _, crowd: crowd.weight,
    _of_project(
        "activelab_annotator_agreement",
        "Annotators by their agreement s_j with others, at the last fit.",
        kind="histogram",
    ): lambda _, crowd: crowd.agreement,
    _of_project(
        "activelab_labels_per_annotator",
        "Annotators by how many of their labels count, at the last fit.",
        kind="histogram",
    ): lambda _, crowd: crowd.num_labels,
}
