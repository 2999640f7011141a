"""The trainer: the model's part in the loop, a client of the topics like any other.

    1. settle   a close with budget 0 on annotations.v1: every label before it counts, and every
                consensus that has changed has been said
    2. read     the consensus labels, from item-scores.v1: what is new since the last time
    3. train    out-of-fold predictions for what is labelled, the folds' mean for the rest
    4. publish  `predictions` on predictions.v1, version = now
    5. ask      for the next window, right behind them on the same topic
    6. wait     until every item of that window is answered; then again from 1

When to train needs no word between the trainer and anyone: an item's score says how many answers
the item has, a selection says who had answered before, so one more answer ends the wait for it.
Some items are never answered: after ``patience`` seconds one answer to anything is enough. So it
is, too, where the window is empty: give budget 0 on a project with a clock of its own, and the
predictions are renewed as the answers come while the clock selects.

Nothing is kept between two runs: a trainer that is started again reads item-scores.v1 whole, which
is compacted, trains, and asks for a window.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import structlog

from schemas import ItemScore, Predictions, Tombstone, Topic, Window
from stream_app.client import ANSWER_SECONDS, Client, Spoken
from stream_app.errors import StreamAppError
from stream_app.folds import Estimator, Floats, out_of_fold

BATCH_ITEMS = 256
"""Items of a `predictions` record: their ids are up to 1 KiB each, a record up to 1 MiB ..."""
BATCH_NUMBERS = 20_000
"""... and so many probabilities fit beside them."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """What there is to learn from: items by id, and their features (N, D)."""

    items: Sequence[str]
    features: Floats

    @classmethod
    def load(cls, file: Path) -> "Task":
        """Read ``items`` and ``features`` of an npz file; raises where it is none."""
        try:
            # Opened here: numpy leaves a file open that is no whole zip.
            with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
                items, features = arrays["items"], arrays["features"]
        except (OSError, EOFError, TypeError, ValueError, KeyError, BadZipFile) as error:
            message = f"{file} is no npz file with `items` (N,) and `features` (N, D): {error}"
            raise StreamAppError(message) from error
        if items.ndim != 1 or features.ndim != 2 or len(items) != len(features):
            message = (
                f"{file} has `items` {items.shape} and `features` {features.shape}, "
                "not (N,) and (N, D)."
            )
            raise StreamAppError(message)
        return cls(items.astype(str).tolist(), features)


@dataclass(slots=True)
class Standing:
    """What item-scores.v1 says of a project's items, followed from record to record."""

    client: Client
    project: str
    items: dict[str, ItemScore] = field(default_factory=dict)
    position: int = 0

    async def renew(self) -> None:
        """Read what has been said since the last time, up to now."""
        for spoken in await self.client.read(Topic.ITEM_SCORES, self.project, start=self.position):
            self.take(spoken)

    def take(self, spoken: Spoken) -> str:
        """Let the last word on an item count; return which item it is."""
        self.position = spoken.offset + 1
        match spoken.said:
            case ItemScore(item=item) as score:
                self.items[item] = score
                return item
            case Tombstone(name=item):
                self.items.pop(item, None)
                return item
        message = f"{Topic.ITEM_SCORES} says {spoken.said}"
        raise AssertionError(message)

    def consensus(self) -> dict[str, str]:
        """Return the consensus label of every item that somebody has labelled."""
        return {
            item: score.consensus_label
            for item, score in self.items.items()
            if score.num_annotations and score.consensus_label is not None
        }

    def answers(self) -> dict[str, int]:
        """Return how many answers each item has that has any."""
        return {item: score.num_answers for item, score in self.items.items() if score.num_answers}

    def lacks(self, answers: Mapping[str, int]) -> bool:
        """Say whether an item has still no more than so many answers."""
        return any(
            item in self.items and self.items[item].num_answers <= count
            for item, count in answers.items()
        )


@dataclass(slots=True)
class Trainer:
    """Trains the models of a project, each by an estimator, whenever there is reason to."""

    client: Client
    project: str
    task: Task
    estimators: Sequence[Estimator]
    model_ids: Sequence[str] = ()
    """Of the estimators, in order; empty: all models of the project."""
    folds: int = 5
    seed: int = 0
    budget: int | None = None
    """Selections to ask for; None: all that is left."""
    patience: float = 60.0
    within: float = ANSWER_SECONDS
    """Seconds that a close may take to be answered: it waits behind the predictions."""
    standing: Standing = field(init=False)

    def __post_init__(self) -> None:
        self.standing = Standing(self.client, self.project)

    async def follow(self) -> None:
        """Train, and again whenever the answers are there, for ever."""
        while True:
            await self.answered(await self.train())

    async def train(self) -> Window:
        """Train once; return the window that was asked for behind the predictions."""
        settled = await self._window(topic=Topic.ANNOTATIONS, budget=0)
        models = self._models(settled)
        await self.standing.renew()
        consensus = self.standing.consensus()
        started = time.monotonic()
        for model, estimator in models.items():
            predicted = await asyncio.to_thread(
                predict, estimator, self.task, consensus, folds=self.folds, seed=self.seed
            )
            if predicted is not None:
                version = time.time_ns() // 1_000_000
                records = batches(model, version, self.task.items, *predicted)
                await self.client.publish(Topic.PREDICTIONS, self.project, records)
        log.info(
            "trained",
            project=self.project,
            models=list(models),
            labelled=len(consensus),
            seconds=round(time.monotonic() - started, 3),
        )
        window = await self._window(topic=Topic.PREDICTIONS, budget=self.budget)
        log.info("window", window=window.window, selected=window.counts.selected)
        return window

    async def answered(self, window: Window) -> None:
        """Wait until a window is answered, or until something is and ``patience`` is over."""
        before = {one.item: len(one.answered_by) for one in await self.client.selections(window)}
        known = self.standing.answers()
        while True:
            try:
                async with asyncio.timeout(self.patience):
                    await self._all_answered(before)
            except TimeoutError:
                if self.standing.answers() != known:
                    return
            else:
                return

    async def _all_answered(self, before: Mapping[str, int]) -> None:
        """Follow the scores until each item has more answers than ``before``; not if there is none.

        An item that is no more, retracted or excluded, is not waited for.
        """
        async with self.client.listen(
            Topic.ITEM_SCORES, self.project, start=self.standing.position, follow=True
        ) as scores:
            async for spoken in scores:
                if self.standing.take(spoken) in before and not self.standing.lacks(before):
                    return

    async def _window(self, *, topic: Topic, budget: int | None) -> Window:
        """Close a window, and raise if that is refused."""
        answer = await self.client.close_window(
            self.project, topic=topic, budget=budget, within=self.within
        )
        if not isinstance(answer, Window):
            message = (
                f"Project {self.project!r} has no window for the trainer: {answer.reason}. "
                f"`project show {self.project}` says how it is."
            )
            raise StreamAppError(message)
        return answer

    def _models(self, window: Window) -> dict[str, Estimator]:
        """Return the estimator of each model, as the project's settings list them."""
        listed = window.settings.models
        models = tuple(self.model_ids) or listed
        if len(models) != len(self.estimators) or not set(models) <= set(listed):
            message = (
                f"Project {self.project!r} has the models {', '.join(listed)}: give one estimator "
                f"for each, or name by --model-id those that the {len(self.estimators)} are for."
            )
            raise StreamAppError(message)
        return dict(zip(models, self.estimators, strict=True))


def predict(
    estimator: Estimator, task: Task, consensus: Mapping[str, str], *, folds: int, seed: int
) -> tuple[list[str], npt.NDArray[np.float64]] | None:
    """Return the names of the classes that occur, sorted, and probabilities (N, K) of all items.

    None where there are less than two classes among the labels: there is nothing to learn, and a
    window without predictions is better than one with certain ones.
    """
    labels = [consensus.get(item) for item in task.items]
    classes = sorted({label for label in labels if label is not None})
    if len(classes) < 2:
        return None
    code: dict[str | None, int] = {name: code for code, name in enumerate(classes)} | {None: -1}
    codes = np.array([code[label] for label in labels])
    return classes, out_of_fold(
        estimator, task.features, codes, num_classes=len(classes), folds=folds, seed=seed
    )


def batches(
    model: str,
    version: int,
    items: Sequence[str],
    classes: Sequence[str],
    pred_probs: npt.NDArray[Any],
) -> Iterator[Predictions]:
    """Cut predictions (N, K) into records that the broker takes."""
    size = max(1, min(BATCH_ITEMS, BATCH_NUMBERS // len(classes)))
    for at in range(0, len(items), size):
        yield Predictions(
            model=model,
            version=version,
            classes=tuple(classes),
            items=tuple(items[at : at + size]),
            pred_probs=tuple(map(tuple, pred_probs[at : at + size].tolist())),
        )
