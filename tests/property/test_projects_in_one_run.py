"""What is said of a project does not depend on whose facts come in the same runs, to the byte.

One stage has several projects, and each of the others has one of them: the rest are strangers
there. All hear the same, in the same runs.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from memory_ports import Stage

from schemas import (
    Annotation,
    Close,
    Event,
    Items,
    Prediction,
    ProjectSettings,
    Retraction,
    Topic,
    project_key,
)
from schemas.keys import pair_prefix
from stream_app import facts
from stream_app.ports import Message

PROJECTS = ("p", "q", "r")
ITEMS, PEOPLE = "abcd", ("ann", "bob", "cyd")
SHAPES = (
    {"classes": ("cat", "dog"), "models": ("m",)},
    {"classes": ("dog", "eel"), "models": ("n",)},
    {"classes": ("dog", "cat"), "models": ("m",)},
    {"classes": ("cat", "dog", "eel"), "models": ("m", "n"), "method": "activelab_ensemble"},
)
"""Three are alike in their numbers of classes and models."""

Said = Sequence[tuple[str, Message]]


@dataclass
class Told:
    """One run, or a restart: every stage is told it."""

    topic: Topic | None = None
    events: list[tuple[str, Event]] = field(default_factory=list)


project = st.sampled_from(PROJECTS)
item = st.sampled_from(ITEMS)
person = st.sampled_from(PEOPLE)
time = st.none() | st.integers(0, 9).map(lambda second: f"2026-11-03T10:00:0{second}Z")
"""None: now, so that it is newer than most."""
label = st.sampled_from(["cat", "dog", "eel", None])
annotation = st.builds(Annotation, item=item, annotator=person, label=label, time=time)
retraction = st.builds(Retraction, item=item, annotator=person, time=time)
shares = st.sampled_from(
    [{"cat": 0.5, "dog": 0.5}, {"cat": 0.25, "dog": 0.25, "eel": 0.5}, {"eel": 1.0}]
)
prediction = st.builds(
    Prediction,
    item=item,
    model=st.sampled_from("mn"),
    version=st.none() | st.integers(1, 4),
    pred_probs=shares,
)
known = st.builds(
    Items,
    items=st.tuples(item),
    status=st.sampled_from(["registered", "registered", "excluded"]),
    stratum=st.sampled_from([None, "hard", "easy"]),
    time=time,
)
project_settings = st.builds(
    lambda shape, mode, target, strata: ProjectSettings(
        **shape, mode=mode, quality_target=target, strata=strata, budget=2, lease_seconds=2
    ),
    st.sampled_from(SHAPES),
    st.sampled_from(["strict", "robust"]),
    st.sampled_from([None, 0.6, 0.9]),
    st.sampled_from([{}, {"hard": {"priority": 1, "quota": 50}}]),
)


def told_of(topic: Topic, events: st.SearchStrategy[Event]) -> st.SearchStrategy[Told]:
    pairs = st.lists(st.tuples(project, events), min_size=6, max_size=20)
    return pairs.map(lambda some: Told(topic, some))


story = st.lists(
    st.one_of(
        told_of(Topic.ANNOTATIONS, annotation),
        told_of(Topic.ANNOTATIONS, annotation | annotation | retraction),
        told_of(Topic.PREDICTIONS, prediction),
        told_of(Topic.CONTROL, known),
        st.tuples(project, project_settings).map(lambda one: Told(Topic.CONTROL, [one])),
        st.tuples(project, st.just(None)).map(lambda one: Told(Topic.CONTROL, [one])),
        st.just(Told()),
    ),
    min_size=5,
    max_size=12,
)
beginning = st.lists(project_settings, min_size=3, max_size=3)


@settings(max_examples=150, deadline=None)
@given(beginning, story)
def test_what_is_said_of_a_project_is_its_own(
    first: list[ProjectSettings], rest: list[Told]
) -> None:
    begun = [Told(Topic.CONTROL, [pair]) for pair in zip(PROJECTS, first, strict=True)]
    asyncio.run(_compare([*begun, *rest]))


async def _compare(story: list[Told]) -> None:
    together, alone = Stage(), {name: Stage() for name in PROJECTS}
    for number, told in enumerate(story):
        said = await _tell(together, told, number, PROJECTS)
        for name, stage in alone.items():
            of_one = await _tell(stage, told, number, [name])
            assert _about(name, of_one) == _about(name, said)
            assert _kept(stage, name) == _kept(together, name)


async def _tell(stage: Stage, told: Told, number: int, projects: Sequence[str]) -> Said:
    """Let a stage hear of something; settings of a project that it is not to have are a close."""
    stage.now += 1_000
    if told.topic is None:
        stage.restart()
        return []
    close = Close(cause="request", request_id=f"r{number}")
    events = []
    for name, event in told.events:
        is_strange = isinstance(event, ProjectSettings) and name not in projects
        events.append((name, close if event is None or is_strange else event))
    return await stage.publish_all(told.topic, events)


def _about(name: str, said: Said) -> list[tuple[str, bytes, bytes | None]]:
    """Return what is said of a project: of different items in any order."""
    keys = (pair_prefix(name), project_key(name))
    mine = [(topic, one) for topic, one in said if one.key and one.key.startswith(keys)]
    return sorted(
        ((topic, one.key or b"", one.value) for topic, one in mine),
        key=lambda record: (record[0], record[1]),
    )


def _kept(stage: Stage, name: str) -> dict[bytes, bytes]:
    """Return what a stage's table keeps of a project."""
    prefixes = (
        facts.fact_prefix(name),
        facts.said_prefix(name),
        facts.lease_prefix(name),
        facts.project_key(name),
    )
    return {key: raw for key, raw in stage.memory.table.items() if key.startswith(prefixes)}
