"""A labelling operation that never rests, and what is true by what it has said.

It keeps the newest facts in dicts of its own. Every fact has a time or version of its own, so the
newest is known whatever the order in which facts arrive; and facts arrive late, twice, in batches
and corrected on purpose. What a broker has not acknowledged is said again until it has: the log may
then hold it twice, and nobody may count that.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, get_args

from aiokafka.errors import KafkaError

from schemas import (
    ABSTENTION,
    LABEL,
    RETRACTION,
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
    home,
)
from stream_app.client import Client

CLASSES = ("cat", "dog", "eel")
LONG_AGO = 1_735_689_600_000_000
"""2025-01-01 in microseconds: the load's own clock goes from there, a millisecond a fact."""
PAUSE = 0.05
"""Seconds between two rounds: a round is some 40 facts of a project."""


@dataclass(frozen=True)
class Nonsense:
    """A record that is no event: it must become one dead letter."""

    text: bytes

    def to_bytes(self) -> bytes:
        """Return it as it is."""
        return self.text


Said = tuple[Topic, Event | Nonsense]


@dataclass
class Truth:
    """The newest facts of a project: (time or version, kind, and what it says) by whom."""

    annotations: dict[tuple[str, str], tuple[int, int, str | None]] = field(default_factory=dict)
    predictions: dict[tuple[str, str], tuple[int, dict[str, float]]] = field(default_factory=dict)
    statuses: dict[str, tuple[int, int]] = field(default_factory=dict)

    def learn(self, event: Event | Nonsense) -> None:
        """Take in what a record says."""
        match event:
            case Annotation() | Answer() as answer:
                kind = LABEL if answer.label is not None else ABSTENTION
                self._answer(answer, kind, answer.label)
            case Annotations():
                for row in event.rows:
                    self.learn(row)  # type: ignore[arg-type]
            case Retraction():
                self._answer(event, RETRACTION, None)
            case Prediction():
                self._predict(event.item, event.model, event.version or 0, dict(event.pred_probs))
            case Predictions():
                for item, row in zip(event.items, event.pred_probs, strict=True):
                    shares = dict(zip(event.classes, row, strict=True))
                    self._predict(item, event.model, event.version or 0, shares)
            case Items():
                kind = 0 if event.status == "registered" else 1
                for item in event.items:
                    if (event.time, kind) > self.statuses.get(item, (-1, -1)):
                        self.statuses[item] = (event.time or 0, kind)
            case _:
                pass

    def _answer(self, answer: Any, kind: int, label: str | None) -> None:
        where = answer.item, answer.annotator
        if (answer.time, kind) > self.annotations.get(where, (-1, -1, None))[:2]:
            self.annotations[where] = (answer.time, kind, label)

    def _predict(self, item: str, model: str, version: int, shares: dict[str, float]) -> None:
        if version > self.predictions.get((item, model), (-1, {}))[0]:
            self.predictions[item, model] = (version, shares)

    def __len__(self) -> int:
        return len(self.annotations) + len(self.predictions) + len(self.statuses)


class Load:
    """Says what a seed makes it say, of several projects, round after round."""

    def __init__(self, client: Client, seed: int, *, projects: int = 6, items: int = 60) -> None:
        self.client = client
        self.rng = Random(seed)
        self.items = [f"item-{number}" for number in range(items)]
        self.projects = at_every_home(client.partitions, "project", projects)
        self.truth = {project: Truth() for project in self.projects}
        self.said = 0
        """Records that the broker has acknowledged, however often."""
        self._clock = count(1)
        self._requests = count(1)
        self._late: list[tuple[str, Said]] = []
        self._goes_on = asyncio.Event()
        self._speaking = asyncio.Lock()

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Let it say things meanwhile."""
        await self.go_on()
        rounds = asyncio.create_task(self._rounds())
        try:
            yield
        finally:
            rounds.cancel()
            with suppress(asyncio.CancelledError):
                await rounds

    async def go_on(self) -> None:
        """Say things; the projects that have a clock go by it."""
        await self._settle("active")
        self._goes_on.set()

    async def rest(self) -> None:
        """Say what is late, pause the projects, and then say nothing until `go_on`."""
        self._goes_on.clear()
        async with self._speaking:
            late, self._late = self._late, []
            for project, said in late:
                await self.say(project, [said])
            await self._settle("paused")

    async def _settle(self, state: str) -> None:
        for number, project in enumerate(self.projects):
            await self.say(project, [(Topic.CONTROL, self._settings(number, state))])

    async def _rounds(self) -> None:
        while True:
            await self._goes_on.wait()
            async with self._speaking:
                await self._round()
            await asyncio.sleep(PAUSE)

    async def _round(self) -> None:
        """Let one project say some things, most of them now, once and well."""
        project = self.rng.choice(self.projects)
        said: list[Said] = []
        for one in self._some(project):
            fate = self.rng.random()
            if fate < 0.15:
                self._late.append((project, one))
            else:
                said += [one] * (2 if fate > 0.95 else 1)
        self.rng.shuffle(self._late)
        while len(self._late) > 50:
            late_project, late = self._late.pop()
            await self.say(late_project, [late])
        await self.say(project, said)

    async def say(self, project: str, said: Iterable[Said]) -> None:
        """Say things, in order within a topic, until the broker has them; then they are true."""
        by_topic: dict[Topic, list[Any]] = {}
        for topic, event in said:
            by_topic.setdefault(topic, []).append(event)
        for topic, events in by_topic.items():
            self.said += await until_acknowledged(self.client, topic, project, events)
            for event in events:
                self.truth[project].learn(event)

    # ---------------------------------------------------------------- what it says

    def _some(self, project: str) -> Iterator[Said]:
        makers: list[tuple[Callable[[str], Said], int]] = [
            (self._annotation, 12),
            (self._retraction, 3),
            (self._annotations, 1),
            (self._prediction, 4),
            (self._predictions, 1),
            (self._status, 1),
            (self._request, 1),
            (self._nonsense, 1),
        ]
        kinds, weights = zip(*makers, strict=True)
        for make in self.rng.choices(kinds, weights, k=24):
            yield make(project)

    def _time(self) -> int:
        return LONG_AGO + 1_000 * next(self._clock)

    def _answer(self) -> dict[str, Any]:
        return {
            "item": self.rng.choice(self.items),
            "annotator": f"ann-{self.rng.randrange(5)}",
            "label": self.rng.choice((*CLASSES, *CLASSES, None)),
            "time": self._time(),
        }

    def annotation(self) -> Annotation:
        """Make up an answer, mostly a correction of an earlier one."""
        return Annotation(**self._answer())

    def _annotation(self, _project: str) -> Said:
        return Topic.ANNOTATIONS, self.annotation()

    def _annotations(self, _project: str) -> Said:
        rows = tuple(Answer(**self._answer()) for _ in range(self.rng.randrange(1, 12)))
        return Topic.ANNOTATIONS, Annotations(rows=rows)

    def _retraction(self, project: str) -> Said:
        """Take back what somebody has said: the newest, or what was corrected since."""
        known = self.truth[project].annotations
        if not known:
            return self._annotation(project)
        item, annotator = self.rng.choice(list(known))
        time = known[item, annotator][0] - self.rng.choice((0, 0, 1))
        return Topic.ANNOTATIONS, Retraction(item=item, annotator=annotator, time=time)

    def _shares(self) -> list[float]:
        weights = [self.rng.random() + 0.01 for _ in CLASSES]
        return [weight / sum(weights) for weight in weights]

    def _prediction(self, project: str) -> Said:
        event = Prediction(
            item=self.rng.choice(self.items),
            model=self._model(project),
            version=next(self._clock),
            pred_probs=dict(zip(CLASSES, self._shares(), strict=True)),
        )
        return Topic.PREDICTIONS, event

    def _predictions(self, project: str) -> Said:
        items = tuple(self.rng.sample(self.items, self.rng.randrange(1, len(self.items) // 2)))
        event = Predictions(
            model=self._model(project),
            version=next(self._clock),
            classes=tuple(self.rng.sample(CLASSES, len(CLASSES))),
            items=items,
            pred_probs=tuple(tuple(self._shares()) for _ in items),
        )
        return Topic.PREDICTIONS, event

    def _model(self, project: str) -> str:
        """Name one of the project's models, or one that it does not list."""
        return self.rng.choice(("m", "m", "n"))

    def _status(self, _project: str) -> Said:
        items = tuple(self.rng.sample(self.items, 3))
        status = self.rng.choice(("registered", "registered", "excluded"))
        return Topic.CONTROL, Items(items=items, status=status, time=self._time())

    def _request(self, _project: str) -> Said:
        topic = self.rng.choice((Topic.CONTROL, Topic.PREDICTIONS, Topic.ANNOTATIONS))
        budget = 0 if topic == Topic.ANNOTATIONS else self.rng.choice((None, 1, 3))
        again = self.rng.random() < 0.1
        number = self.rng.randrange(1, 20) if again else next(self._requests)
        return topic, Close(cause="request", request_id=f"request {number}", budget=budget)

    def _nonsense(self, _project: str) -> Said:
        topic = self.rng.choice((Topic.ANNOTATIONS, Topic.PREDICTIONS, Topic.CONTROL))
        texts = (b"not json", b"{}", b"", b'{"type":"annotation","schema_version":1,"item":""}')
        return topic, Nonsense(self.rng.choice(texts))

    def _settings(self, number: int, state: str) -> ProjectSettings:
        methods = get_args(MethodName)
        method = methods[number % len(methods)]
        return ProjectSettings(
            classes=CLASSES,
            models=("m", "n") if method == "activelab_ensemble" else ("m",),
            method=method,
            mode=("robust", "strict")[number % 2],
            budget=4,
            window_seconds=(2, None, 5)[number % 3],
            lease_seconds=20,
            state=state,
        )


async def until_acknowledged(
    client: Client, topic: Topic, project: str, events: Iterable[Any]
) -> int:
    """Publish events until a broker has acknowledged them all; return how many they are."""
    events = list(events)
    while True:
        try:
            return await client.publish(topic, project, events)
        except KafkaError:
            await asyncio.sleep(0.2)


def at_every_home(partitions: int, prefix: str, number: int = 0) -> list[str]:
    """Return names of projects, of which the first ones live at homes of their own."""
    names = [f"{prefix}-{at}" for at in range(100)]
    firsts = [
        next(name for name in names if home(name, partitions) == at) for at in range(partitions)
    ]
    return (firsts + [name for name in names if name not in firsts])[: max(number, partitions)]
