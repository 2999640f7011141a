"""Pools of any size, filled as a partition fills them."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from activelab import Mode, Pool
from schemas import ProjectSettings
from stream_app import facts
from stream_app.partition import Partition
from stream_app.project import Ledger, Project

PROJECT = "animals"
CLASSES = tuple("abcdefghij")
ANNOTATORS = 200
LABELS_PER_ITEM = 2.5
CHUNK = 50_000
BUDGET = 10_000


def filled(project: Project, items: int) -> None:
    """Give a project predictions of all items, and 2.5 labels an item of 200 annotators."""
    rng = np.random.default_rng(0)
    names = [f"item-{number:08}" for number in range(items)]
    annotators = [f"annotator-{number}" for number in range(ANNOTATORS)]
    for begin in range(0, items, CHUNK):
        some = names[begin : begin + CHUNK]
        truth = rng.integers(len(CLASSES), size=len(some))
        places = project.pool.places(some)
        project.pool.set_predictions(places, "m", predictions(rng, truth))
        for kind in (facts.PREDICTION, facts.ANNOTATION):
            project.shape.latest.put(kind, places, np.ones(len(places), np.uint64))
        item = np.repeat(np.arange(len(some)), 1 + rng.poisson(LABELS_PER_ITEM - 1, len(some)))
        right = rng.random(len(item)) < 0.75
        label = np.where(right, truth[item], rng.integers(len(CLASSES), size=len(item)))
        who = rng.integers(ANNOTATORS, size=len(item))
        project.pool.set_labels(
            [some[place] for place in item], [annotators[place] for place in who], label
        )


def predictions(rng: np.random.Generator, truth: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Draw probabilities that are mostly right."""
    logits = 2 * rng.normal(size=(len(truth), len(CLASSES)))
    logits[np.arange(len(truth)), truth] += 3
    probs = np.exp(logits)
    shares: npt.NDArray[np.float32]
    shares = (probs / probs.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def partition(items: int) -> Partition:
    """Return a partition with one project of so many items."""
    settings = ProjectSettings(classes=CLASSES, models=("m",), budget=BUDGET)
    project = Project(PROJECT, settings, Ledger())
    filled(project, items)
    project.renew_epoch()
    return Partition(0, projects={PROJECT: project})


def pool(items: int) -> Pool:
    """Return a project's pool."""
    found = partition(items).projects[PROJECT].pool
    assert found.mode is Mode.ROBUST
    return found


def resident_mib() -> float:
    """Return the memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
