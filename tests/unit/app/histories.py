"""Random histories of a partition: what arrives, what the worker is given of it, what it says."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import strategies as st
from memory_ports import Sent, Stage

from schemas import (
    Annotation,
    Annotations,
    Answer,
    Close,
    Event,
    Items,
    Prediction,
    Predictions,
    ProjectSettings,
    Retraction,
    Topic,
    project_key,
)
from stream_app.history import History
from stream_app.replay import Log
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


items = st.sampled_from("abcdefg")
annotators = st.sampled_from(("ann", "bob", "cyd", "dan"))
models = st.sampled_from("mno")
times = st.none() | st.integers(-2, 2).map(lambda second: (START // 1000 + second) * SECOND)
versions = st.none() | st.integers(0, 2)
labels = st.none() | st.sampled_from(CLASSES)
answers = st.builds(Answer, item=items, annotator=annotators, label=labels, time=times)


@st.composite
def shares(draw: st.DrawFn, width: int) -> tuple[float, ...]:
    weights = draw(st.lists(st.integers(0, 4), min_size=width, max_size=width).filter(any))
    return tuple(weight / sum(weights) for weight in weights)


some_classes = st.lists(st.sampled_from(CLASSES), min_size=1, unique=True).map(tuple)


@st.composite
def single_predictions(draw: st.DrawFn) -> Prediction:
    classes = draw(some_classes)
    return Prediction(
        item=draw(items),
        model=draw(models),
        version=draw(versions),
        pred_probs=dict(zip(classes, draw(shares(len(classes))), strict=True)),
    )


@st.composite
def many_predictions(draw: st.DrawFn) -> Predictions:
    classes = draw(some_classes)
    several = tuple(draw(st.lists(items, min_size=1, max_size=4)))
    return Predictions(
        model=draw(models),
        version=draw(versions),
        classes=classes,
        items=several,
        pred_probs=tuple(draw(shares(len(classes))) for _ in several),
    )


@st.composite
def settings(draw: st.DrawFn) -> ProjectSettings:
    method = draw(
        st.sampled_from(
            ("activelab", "activelab_ensemble", "random", "good_random", "entropy", "uncertainty")
        )
    )
    least, most = {"activelab": (1, 1), "activelab_ensemble": (2, 3)}.get(method, (1, 3))
    some_models = st.lists(models, min_size=least, max_size=most, unique=True).map(tuple)
    return ProjectSettings(
        classes=draw(st.lists(st.sampled_from(CLASSES), min_size=2, unique=True).map(tuple)),
        models=draw(some_models),
        method=method,
        budget=draw(st.integers(0, 4)),
        window_seconds=draw(st.sampled_from((None, 10, 20))),
        on_request_only=draw(st.booleans()),
        lease_seconds=draw(st.sampled_from((5, 30, 3600))),
        max_answers=draw(st.sampled_from((1, 2, 10))),
        state=draw(st.sampled_from(("active",) * 6 + ("paused", "closed"))),
        seed=draw(st.sampled_from(("", "seed"))),
    )


requests = st.builds(
    Close,
    cause=st.just("request"),
    request_id=st.integers(0, 20).map("request {}".format),
    budget=st.none() | st.integers(0, 3),
)
boundaries = st.builds(
    Close,
    cause=st.just("boundary"),
    boundary=st.integers(0, 8).map(lambda five: (START // 1000 + 5 * five) * SECOND),
)
EVENTS: dict[Topic, st.SearchStrategy[Event]] = {
    Topic.ANNOTATIONS: st.one_of(
        st.builds(Annotation, item=items, annotator=annotators, label=labels, time=times),
        st.builds(Annotations, rows=st.lists(answers, max_size=5).map(tuple), time=times),
        st.builds(Retraction, item=items, annotator=annotators, time=times),
        requests,
    ),
    Topic.PREDICTIONS: st.one_of(single_predictions(), many_predictions(), requests),
    Topic.CONTROL: st.one_of(
        st.builds(
            Items,
            items=st.lists(items, max_size=5).map(tuple),
            status=st.sampled_from(("registered", "excluded")),
            time=times,
        ),
        settings(),
        requests,
        boundaries,
    ),
}
topics = st.sampled_from(SOURCES)


@st.composite
def arrivals(draw: st.DrawFn) -> Arrival:
    topic = draw(topics)
    project, after = draw(st.sampled_from(PROJECTS)), draw(st.sampled_from((0, 0, 1, 4000)))
    return arrival(topic, project, draw(EVENTS[topic]), after)


nonsense = st.builds(
    Arrival,
    topic=topics,
    key=st.sampled_from((b"", b"birds", b"\xff")),
    value=st.sampled_from((b"", b"{}", b"[", b'{"type": "annotation", "schema_version": 1}')),
)
happenings = st.lists(
    st.one_of(
        arrivals(),
        arrivals(),
        arrivals(),
        arrivals(),
        st.builds(Delivery, topic=topics, number=st.integers(1, 6)),
        nonsense,
        st.just(Restart()),
    ),
    min_size=40,
    max_size=120,
)


@st.composite
def histories(draw: st.DrawFn) -> list[Happening]:
    """Draw what happens to two projects, the first of which begins with settings."""
    first = draw(settings().filter(lambda some: some.state != "closed"))
    return [arrival(Topic.CONTROL, PROJECTS[0], first), *draw(happenings)]
