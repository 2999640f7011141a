"""A class by other names changes no window: whoever uses which, and whenever it is renamed."""

import asyncio
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from memory_ports import Stage

from schemas import (
    Annotation,
    Close,
    Event,
    Prediction,
    ProjectSettings,
    Topic,
    parse_output,
)
from stream_app.steering import renamed

P = "p"
PLAIN = ProjectSettings(classes=("cat", "dog", "eel"), models=("m",), budget=3, lease_seconds=1)
NAMES = st.sampled_from(["cat", "feline"])


@dataclass
class Said:
    """What is said in two projects: in one of them a class has two names."""

    by_one_name: Event
    by_both: Event


@st.composite
def labels(draw: st.DrawFn) -> Said:
    item, who = draw(st.sampled_from("abcd")), draw(st.sampled_from(["ann", "bob", "cyd"]))
    label = draw(st.sampled_from(["cat", "dog", "eel", None]))
    other = draw(NAMES) if label == "cat" else label
    return Said(*(Annotation(item=item, annotator=who, label=one) for one in (label, other)))


@st.composite
def predictions(draw: st.DrawFn) -> Said:
    item, first = draw(st.sampled_from("abcd")), draw(st.integers(0, 8))
    rest = {"dog": draw(st.integers(1, 4)), "eel": draw(st.integers(0, 4))}
    part = draw(st.integers(0, first))

    def shares(weights: dict[str, int]) -> dict[str, float]:
        return {name: weight / sum(weights.values()) for name, weight in weights.items()}

    # Sixteenths and their sums are exact.
    whole = 16 - sum(rest.values())
    both = {"cat": min(part, whole), "feline": whole - min(part, whole)}
    return Said(
        *(
            Prediction(item=item, model="m", pred_probs=shares(one | rest))
            for one in ({"cat": whole}, both)
        )
    )


async def windows(events: list[Event | None]) -> list[dict[str, Any]]:
    """Let a project hear of all this, and return what its windows say; None closes one."""
    stage = Stage()
    await stage.publish(Topic.CONTROL, P, PLAIN)
    for number, event in enumerate([*events, None]):
        stage.now += 1_000
        match event:
            case Annotation():
                await stage.publish(Topic.ANNOTATIONS, P, event)
            case Prediction():
                await stage.publish(Topic.PREDICTIONS, P, event)
            case ProjectSettings():
                await stage.publish(Topic.CONTROL, P, event)
            case _:
                close = Close(cause="request", request_id=f"r{number}")
                await stage.publish(Topic.CONTROL, P, close)
    return [
        parse_output(topic, message.key, message.value).model_dump(
            mode="json", exclude={"settings", "epoch"}
        )
        for topic, message in stage.memory.said
        if topic in (Topic.WINDOWS, Topic.SELECTIONS)
    ]


@settings(max_examples=60)
@given(st.lists(st.one_of(labels(), predictions(), st.none()), max_size=25), st.data())
def test_a_rename_changes_no_window(said: list[Said | None], data: st.DataObject) -> None:
    """The old name alone before the rename, both behind it."""
    at = data.draw(st.integers(0, len(said)), label="renamed at")
    one = [each and each.by_one_name for each in said]
    both = [each and each.by_both for each in said]
    plainly = windows([*one[:at], PLAIN, *one[at:]])
    renaming = windows([*one[:at], renamed(PLAIN, "cat", "feline"), *both[at:]])
    assert asyncio.run(renaming) == asyncio.run(plainly)
