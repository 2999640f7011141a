"""A campaign to look at: a crowd of seven, one of whom draws lots, and twelve windows."""

import time
from random import Random

from memory_ports import Stage

from schemas import (
    Annotation,
    Close,
    Items,
    Predictions,
    ProjectSettings,
    Selection,
    Topic,
    parse_output,
)

CLASSES = ("cat", "dog", "eel")
CROWD = {"ann": 0.95, "bob": 0.9, "cleo": 0.85, "dora": 0.8, "eve": 0.9, "finn": 0.7, "gus": 0.1}
"""How often an annotator is right."""
WINDOW_SECONDS = 600
ITEMS = 60


def _right(rng: Random, truth: str, share: float) -> str:
    return truth if rng.random() < share else rng.choice([c for c in CLASSES if c != truth])


async def campaign(project: str, *, windows: int = 12, seed: int = 0) -> Stage:
    """Play a campaign that ends now."""
    rng = Random(seed)
    now = int(time.time() * 1000)
    stage = Stage(now=now - windows * WINDOW_SECONDS * 1000)
    settings = ProjectSettings(
        classes=CLASSES, models=("resnet",), budget=12, window_seconds=WINDOW_SECONDS
    )
    items = [f"img-{number:03}" for number in range(ITEMS)]
    truth = {item: rng.choice(CLASSES) for item in items}
    await stage.publish(Topic.CONTROL, project, settings, Items(items=items, status="registered"))
    for window in range(windows):
        stage.now = now - (windows - window) * WINDOW_SECONDS * 1000
        await stage.publish(Topic.PREDICTIONS, project, _predict(rng, truth, 0.5 + window / 40))
        boundary = stage.now // 1000 // WINDOW_SECONDS * WINDOW_SECONDS * 1_000_000
        close = Close(cause="boundary", boundary=boundary)
        if window == 0:
            close = Close(cause="request", request_id="the first", budget=12)
        said = [
            parse_output(t, m.key, m.value)
            for t, m in await stage.publish(Topic.CONTROL, project, close)
        ]
        stage.now += 1000 * rng.randint(60, 500)
        answers = [
            Annotation(item=one.item, annotator=who, label=_right(rng, truth[one.item], CROWD[who]))
            for one in said
            if isinstance(one, Selection)
            for who in rng.sample(sorted(CROWD), 1 + (window % 2))
        ]
        await stage.publish(
            Topic.ANNOTATIONS, project, *answers[: len(answers) if window < windows - 1 else 4]
        )
    stage.now = now
    return stage


def _predict(rng: Random, truth: dict[str, str], share: float) -> Predictions:
    rows = []
    for right in truth.values():
        weights = [rng.random() + (2 * share if name == right else 0) for name in CLASSES]
        rows.append([weight / sum(weights) for weight in weights])
    return Predictions(model="resnet", classes=CLASSES, items=list(truth), pred_probs=rows)
