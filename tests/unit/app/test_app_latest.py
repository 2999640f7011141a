"""The latest word on each item: which facts win without a look at the table."""

from collections.abc import Sequence

import numpy as np
import pytest
from memory_ports import Stage

from schemas import Annotation, Predictions, ProjectSettings, Topic
from stream_app.facts import ANNOTATION, PREDICTION
from stream_app.latest import Latest

P = "p"


def times(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


def test_a_fact_is_surely_newer_only_if_it_is_later_than_all_of_its_item_and_kind() -> None:
    latest = Latest()
    places = np.array([2, 0, 2, 2])
    latest.put(ANNOTATION, places, times(5, 1, 9, 7))
    asked = np.array([2, 2, 2, 0, 1, 70])
    newer = latest.precedes(ANNOTATION, asked, times(8, 9, 10, 1, 1, 1))
    assert newer.tolist() == [False, False, True, False, True, True]
    assert latest.precedes(PREDICTION, asked, times(*[1] * 6)).all()
    latest.put(ANNOTATION, np.array([2]), times(3))
    assert not latest.precedes(ANNOTATION, np.array([2]), times(9)).any()


def test_a_fact_at_the_very_first_time_is_never_taken_for_later_than_nothing() -> None:
    assert not Latest().precedes(ANNOTATION, np.array([0]), times(0)).any()


def label(item: str, annotator: str, second: int, said: str = "cat") -> Annotation:
    time = f"2026-11-03T10:00:{second:02}Z"
    return Annotation(item=item, annotator=annotator, label=said, time=time)


@pytest.mark.parametrize(
    ("event", "looked_up"),
    [
        (label("a", "x", 6), 0),  # later than all of its item
        (label("a", "z", 6), 0),
        (label("b", "z", 1), 0),  # of its item nothing is known
        (label("a", "x", 5), 1),  # as late as another's
        (label("a", "z", 2), 1),
        (label("a", "z", 2, said="bird"), 1),
    ],
)
async def test_only_what_may_be_late_is_looked_up(event: Annotation, looked_up: int) -> None:
    stage = await stage_of(label("a", "x", 3), label("a", "y", 5))
    assert await lookups(stage, Topic.ANNOTATIONS, event) == looked_up


async def test_what_is_loaded_is_known() -> None:
    stage = await stage_of(label("a", "x", 3), label("a", "y", 5))
    stage.restart()
    assert await lookups(stage, Topic.ANNOTATIONS, label("a", "z", 5)) == 1
    assert await lookups(stage, Topic.ANNOTATIONS, label("a", "z", 6)) == 0


async def test_while_labels_are_dormant_all_is_looked_up_because_they_are_counted_by_name() -> None:
    stage = await stage_of(label("a", "x", 3, said="bird"))
    project = stage.step.partitions[0].projects[P]
    assert project.dormant == {"labels:bird": 1}
    assert await lookups(stage, Topic.ANNOTATIONS, label("a", "x", 6)) == 1
    assert not project.dormant
    assert await lookups(stage, Topic.ANNOTATIONS, label("a", "x", 7)) == 0


async def test_predictions_are_told_apart_by_their_versions() -> None:
    def predicted(version: int) -> Predictions:
        return Predictions(
            model="m",
            version=version,
            classes=("cat", "dog"),
            items=("a", "b"),
            pred_probs=((0.5, 0.5), (0.25, 0.75)),
        )

    stage = await stage_of()
    assert await lookups(stage, Topic.PREDICTIONS, predicted(2)) == 0
    assert await lookups(stage, Topic.PREDICTIONS, predicted(2)) == 2
    assert await lookups(stage, Topic.PREDICTIONS, predicted(1)) == 2
    assert await lookups(stage, Topic.PREDICTIONS, predicted(3)) == 0


async def stage_of(*labels: Annotation) -> Stage:
    stage = Stage()
    settings = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=2)
    await stage.publish(Topic.CONTROL, P, settings)
    await stage.publish(Topic.ANNOTATIONS, P, *labels)
    return stage


async def lookups(stage: Stage, topic: Topic, event: Annotation | Predictions) -> int:
    """Publish an event; return how many keys the table was asked for."""
    asked: list[bytes] = []
    get_many = stage.memory.get_many

    def counted(partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        asked.extend(keys)
        return get_many(partition, keys)

    stage.memory.get_many = counted  # type: ignore[method-assign]
    await stage.publish(topic, P, event)
    stage.memory.get_many = get_many  # type: ignore[method-assign]
    return len(asked)
