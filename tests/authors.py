"""Random events of a few projects: few names, times and versions, so much meets and much ties."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, get_args

from schemas import (
    Annotation,
    Annotations,
    Answer,
    Close,
    Event,
    Items,
    MethodName,
    Prediction,
    Predictions,
    ProjectSettings,
    Retraction,
    Stratum,
    Topic,
)

SECOND = 1_000_000
START = 1_800_000_000_000
"""The broker's clock when a history begins: milliseconds, and a boundary of every length."""
PROJECTS = ("birds", "fish")
CLASSES = ("auk", "bee", "cat", "dog")


class Author:
    """Makes up events; most of them are accepted."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self._before: ProjectSettings | None = None

    def event(self, topic: Topic) -> Event:
        """Make up an event that belongs on a topic."""
        kinds: dict[Topic, tuple[tuple[Callable[[], Event], int], ...]] = {
            Topic.ANNOTATIONS: (
                (self.annotation, 5),
                (self.annotations, 3),
                (self.retraction, 2),
                (self.request, 1),
            ),
            Topic.PREDICTIONS: ((self.prediction, 2), (self.predictions, 2), (self.request, 2)),
            Topic.CONTROL: (
                (self.items, 3),
                (self.settings, 1),
                (self.request, 3),
                (self.boundary, 3),
            ),
        }
        made, weights = zip(*kinds[topic], strict=True)
        (kind,) = self.rng.choices(made, weights)
        return kind()

    def item(self) -> str:
        return self.rng.choice("abcde")

    def model(self) -> str:
        return self.rng.choice("mno")

    def time(self) -> int | None:
        second = self.rng.choice((None, -2, -1, 0, 1, 2))
        return None if second is None else self._second(second)

    def _second(self, second: int) -> int:
        return (START // 1000 + second) * SECOND

    def answer(self) -> dict[str, Any]:
        annotator = self.rng.choice(("ann", "bob", "cyd"))
        return {"item": self.item(), "annotator": annotator, "time": self.time()}

    def annotation(self) -> Annotation:
        return Annotation(**self.answer(), label=self.rng.choice((None, *CLASSES)))

    def annotations(self) -> Annotations:
        rows = tuple(
            Answer(**self.answer(), label=self.rng.choice((None, *CLASSES)))
            for _ in range(self.rng.randint(0, 5))
        )
        return Annotations(rows=rows, time=self.time())

    def retraction(self) -> Retraction:
        return Retraction(**self.answer())

    def shares(self, width: int) -> tuple[float, ...]:
        weights = [self.rng.randint(0, 4) for _ in range(width)]
        weights[self.rng.randrange(width)] += 1
        return tuple(weight / sum(weights) for weight in weights)

    def prediction(self) -> Prediction:
        classes = self.rng.sample(CLASSES, self.rng.randint(1, 4))
        return Prediction(
            item=self.item(),
            model=self.model(),
            version=self.rng.choice((None, 0, 1, 2)),
            pred_probs=dict(zip(classes, self.shares(len(classes)), strict=True)),
        )

    def predictions(self) -> Predictions:
        classes = self.rng.sample(CLASSES, self.rng.randint(1, 4))
        items = tuple(self.item() for _ in range(self.rng.randint(1, 4)))
        return Predictions(
            model=self.model(),
            version=self.rng.choice((None, 0, 1, 2)),
            classes=tuple(classes),
            items=items,
            pred_probs=tuple(self.shares(len(classes)) for _ in items),
        )

    def items(self) -> Items:
        return Items(
            items=tuple(self.item() for _ in range(self.rng.randint(0, 3))),
            status=self.rng.choice(("registered", "registered", "excluded")),
            stratum=self.rng.choice((None, "new", "old", "odd")),
            time=self.time(),
        )

    def request(self) -> Close:
        return Close(
            cause="request",
            request_id=f"request {self.rng.randint(0, 60)}",
            budget=self.rng.choice((None, None, 0, 1, 2)),
            annotator=self.rng.choice((None, None, "ann", "dan")),
        )

    def boundary(self) -> Close:
        return Close(
            cause="boundary", boundary=self._second(self.rng.choice((5, *range(10, 120, 10))))
        )

    def aliases(self, classes: Sequence[str]) -> dict[str, str]:
        """Let some names that are no classes mean one."""
        return {
            name: self.rng.choice(classes)
            for name in CLASSES
            if name not in classes and self.rng.random() < 0.5
        }

    def strata(self) -> dict[str, Stratum]:
        """Make up what some strata have; "odd" never has anything."""
        quotas = self.rng.choice(((0, 0), (50, 50), (34, 0), (100, 0), (67, 33)))
        made = {
            name: Stratum(priority=self.rng.choice((0, 0, -1, 5)), quota=quota)
            for name, quota in zip(self.rng.sample(("old", "new"), 2), quotas, strict=True)
        }
        return dict(list(made.items())[: self.rng.choice((0, 1, 2))])

    def settings(self) -> ProjectSettings:
        """Make up settings that mostly let much be selected, or change aliases alone."""
        before = self._before
        if before is not None and self.rng.random() < 0.3:
            return before.model_copy(update={"aliases": self.aliases(before.classes)})
        method = self.rng.choice(get_args(MethodName))
        least, most = {"activelab": (1, 1), "activelab_ensemble": (2, 3)}.get(method, (1, 3))
        classes = self.rng.sample(CLASSES, self.rng.randint(2, 4))
        self._before = ProjectSettings(
            classes=tuple(classes),
            aliases=self.aliases(classes),
            models=tuple(self.rng.sample("mno", self.rng.randint(least, most))),
            method=method,
            mode=self.rng.choice(("robust", "strict")),
            budget=self.rng.choice((0, 1, 2, 2, 3, 9)),
            window_seconds=self.rng.choice((None, 10, 20)),
            on_request_only=self.rng.random() < 0.3,
            lease_seconds=self.rng.choice((5, 60, 3600)),
            max_answers=self.rng.choice((1, 2, 10, 10)),
            quality_target=self.rng.choice((None, None, 0.5, 0.8)),
            strata=self.strata(),
            state=self.rng.choice(("active",) * 10 + ("paused", "closed")),
            seed=self.rng.choice(("", "seed")),
        )
        return self._before
