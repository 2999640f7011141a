"""Random histories of a partition: what arrives, what the worker is given of it, what it says."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, get_args

from memory_ports import Sent, Stage

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
    Topic,
    project_key,
)
from stream_app.audit.history import History
from stream_app.audit.replay import Log
from stream_app.topology import SOURCES

SECOND = 1_000_000
START = 1_800_000_000_000
"""The broker's clock when a history begins: milliseconds, and a boundary of every length."""
PROJECTS = ("birds", "fish")
CLASSES = ("auk", "bee", "cat", "dog")


@dataclass(frozen=True)
class Arrival:
    """A record arrives, some milliseconds after the last one."""

    topic: Topic
    key: bytes
    value: bytes
    after: int = 0


@dataclass(frozen=True)
class Delivery:
    """The worker is given the next records of a topic, in one run."""

    topic: Topic
    number: int


@dataclass(frozen=True)
class Restart:
    """The worker starts again, from its table."""


Happening = Arrival | Delivery | Restart


@dataclass
class Partition:
    """One partition's topics, and the worker's core at work on them."""

    stage: Stage = field(default_factory=lambda: Stage(now=START))
    arrived: dict[Topic, list[Sent]] = field(
        default_factory=lambda: {topic: [] for topic in SOURCES}
    )

    async def live(self, happenings: Iterable[Happening]) -> None:
        """Let things happen; at last the worker is given all that has arrived."""
        for happening in happenings:
            match happening:
                case Arrival(topic, key, value, after):
                    self.stage.now += after
                    log = self.arrived[topic]
                    log.append(Sent(len(log), self.stage.now, key, value))
                case Delivery(topic, number):
                    await self._deliver(topic, number)
                case Restart():
                    self.stage.restart()
        for topic in SOURCES:
            await self._deliver(topic, len(self.arrived[topic]))

    async def _deliver(self, topic: Topic, number: int) -> None:
        begin = self.stage.ends[topic]
        records = self.arrived[topic][begin : begin + number]
        if records:
            await self.stage.step.take(self.stage.run(topic, records))

    def history(self, project: str) -> History:
        """Read what the topics hold of a project."""
        logs: dict[str, Log] = {topic: Log(project) for topic in Topic}
        for topic, log in self.arrived.items():
            for record in log:
                logs[topic].add(record)
        for topic, message in self.stage.memory.said:
            log = logs[topic]
            log.add(Sent(log.end, self.stage.now, message.key, message.value))
        return History(project, 1, logs)


def arrival(topic: Topic, project: str, event: Event, after: int = 0) -> Arrival:
    return Arrival(topic, project_key(project), event.to_bytes(), after)


class Author:
    """Makes up a history: few names, times and versions, so that much meets and much ties."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)

    def history(self, length: int) -> list[Happening]:
        """Return what happens to two projects; the worker is mostly behind what has arrived."""
        kinds = [self.arrival, self.delivery, self.nonsense, Restart]
        happenings: list[Happening] = [
            arrival(Topic.CONTROL, project, self.settings()) for project in PROJECTS
        ]
        happenings += [kind() for kind in self.rng.choices(kinds, (80, 15, 2, 3), k=length)]
        return happenings

    def arrival(self) -> Arrival:
        topic = self.rng.choice(SOURCES)
        after = self.rng.choice((0, 0, 0, 1, 5000))
        return arrival(topic, self.rng.choice(PROJECTS), self.event(topic), after)

    def delivery(self) -> Delivery:
        return Delivery(self.rng.choice(SOURCES), self.rng.randint(1, 8))

    def nonsense(self) -> Arrival:
        value = self.rng.choice((b"", b"{}", b"[", b'{"type": "close", "schema_version": 1}'))
        key = self.rng.choice((b"", b"birds", b"\xff"))
        return Arrival(self.rng.choice(SOURCES), key, value)

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
            time=self.time(),
        )

    def request(self) -> Close:
        return Close(
            cause="request",
            request_id=f"request {self.rng.randint(0, 60)}",
            budget=self.rng.choice((None, None, 0, 1, 2)),
        )

    def boundary(self) -> Close:
        return Close(
            cause="boundary", boundary=self._second(self.rng.choice((5, *range(10, 120, 10))))
        )

    def settings(self) -> ProjectSettings:
        """Make up settings that mostly let much be selected."""
        method = self.rng.choice(get_args(MethodName))
        least, most = {"activelab": (1, 1), "activelab_ensemble": (2, 3)}.get(method, (1, 3))
        return ProjectSettings(
            classes=tuple(self.rng.sample(CLASSES, self.rng.randint(2, 4))),
            models=tuple(self.rng.sample("mno", self.rng.randint(least, most))),
            method=method,
            mode=self.rng.choice(("robust", "strict")),
            budget=self.rng.choice((0, 1, 2, 2, 3, 9)),
            window_seconds=self.rng.choice((None, 10, 20)),
            on_request_only=self.rng.random() < 0.3,
            lease_seconds=self.rng.choice((5, 60, 3600)),
            max_answers=self.rng.choice((1, 2, 10, 10)),
            state=self.rng.choice(("active",) * 10 + ("paused", "closed")),
            seed=self.rng.choice(("", "seed")),
        )


def smallest(history: list[Happening], fails: Callable[[list[Happening]], bool]) -> list[Happening]:
    """Leave out what a history that ``fails`` does not need for it."""
    for size in (32, 8, 1):
        at = 0
        while at < len(history):
            less = history[:at] + history[at + size :]
            if fails(less):
                history = less
            else:
                at += size
    return history
