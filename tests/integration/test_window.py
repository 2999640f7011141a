"""From labels to a ranked window on a real broker, recomputed by the batch code."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from workers import worker

from activelab import METHODS, columns, fit, score, top
from schemas import Annotation, Prediction, ProjectSettings, Selection, Topic, Window
from stream_app.client import Client
from stream_app.settings import Settings
from stream_app.topics import ensure_topics

CLASSES = ("cat", "dog", "eel")
PROJECT = "animals"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def crowd(seed: int, num_items: int = 60) -> tuple[list[Annotation], list[Prediction]]:
    """Make up labels (some corrected, some abstained) and predictions."""
    rng = random.Random(seed)
    labels = [
        Annotation(
            item=f"item-{rng.randrange(num_items)}",
            annotator=f"ann-{rng.randrange(7)}",
            label=rng.choice((*CLASSES, None)),
            time=LONG_AGO + timedelta(seconds=second),
        )
        for second in range(3 * num_items)
    ]
    predictions = []
    for item in range(num_items):
        shares = [rng.random() + 0.01 for _ in CLASSES]
        probs = {name: share / sum(shares) for name, share in zip(CLASSES, shares, strict=True)}
        predictions.append(Prediction(item=f"item-{item}", model="m", pred_probs=probs))
    return labels, predictions


def expected(
    labels: list[Annotation], predictions: list[Prediction], budget: int
) -> list[tuple[str, float]]:
    """Rank by the batch functions: the last answer of a pair counts."""
    answers = {(a.item, a.annotator): a.label for a in labels}
    items = sorted({item for item, _ in answers} | {p.item for p in predictions})
    codes = {name: code for code, name in enumerate(CLASSES)} | {None: -1}
    facts = columns(
        len(CLASSES),
        items,
        (
            [item for item, _ in answers],
            [annotator for _, annotator in answers],
            [codes[label] for label in answers.values()],
        ),
        {
            "m": (
                [p.item for p in predictions],
                np.array([[p.pred_probs[c] for c in CLASSES] for p in predictions], np.float32),
            )
        },
    )
    scores = score(facts, fit(facts))
    by_method = METHODS["activelab"](facts, scores, seed="", window=1)
    best = top(by_method, items, np.ones(len(items), bool), budget)
    return [(items[row], float(by_method[row])) for row in best]


@pytest.mark.parametrize("killed", [False, True])
async def test_a_window_equals_the_batch_answer(settings: Settings, killed: bool) -> None:
    await ensure_topics(settings)
    labels, predictions = crowd(seed=1)
    async with Client(settings) as client:
        with worker(settings) as process:
            await client.publish(
                Topic.CONTROL,
                PROJECT,
                [ProjectSettings(classes=CLASSES, models=("m",), budget=10)],
            )
            await client.publish(Topic.ANNOTATIONS, PROJECT, labels[:90])
            if killed:
                process.kill()
        with worker(settings):
            await client.publish(Topic.ANNOTATIONS, PROJECT, labels[90:])
            await client.publish(Topic.PREDICTIONS, PROJECT, predictions)
            await client.settle(PROJECT)
            window = await client.close_window(PROJECT)
        assert isinstance(window, Window)
        spoken = await client.read(Topic.SELECTIONS, PROJECT)
    selections = [one.said for one in spoken if isinstance(one.said, Selection)]
    assert [s.rank for s in selections] == list(range(1, 11))
    assert window.counts.selected == 10
    want = expected(labels, predictions, 10)
    assert [s.item for s in selections] == [item for item, _ in want]
    np.testing.assert_allclose([s.score for s in selections], [x for _, x in want], atol=1e-9)
