"""Controls: what an operator changes counts from the next window on, and loses nothing."""

from typing import Any, TypeVar

import pytest
from memory_ports import Stage

from schemas import (
    Annotation,
    Annotations,
    Answer,
    Close,
    Event,
    Items,
    ItemScore,
    Output,
    Prediction,
    ProjectSettings,
    Retraction,
    Selection,
    Topic,
    Window,
    parse_output,
)
from stream_app.ports import Message
from stream_app.steering import changed, renamed

P = "p"
O = TypeVar("O", bound=Output)  # noqa: E741  # an output


def settings(**changes: object) -> ProjectSettings:
    base = {"classes": ("cat", "dog"), "models": ("m",), "budget": 9}
    return ProjectSettings.model_validate(base | changes)


def spoken(said: list[tuple[str, Message]], kind: type[O]) -> list[O]:
    outputs = (
        parse_output(topic, message.key, message.value)
        for topic, message in said
        if topic in (Topic.SELECTIONS, Topic.WINDOWS, Topic.ITEM_SCORES)
    )
    return [one for one in outputs if isinstance(one, kind)]


class Campaign(Stage):
    """A project that is asked for windows; each is a restart later than what was said."""

    requests = 0

    @classmethod
    async def of(cls, *items: str, **changes: object) -> "Campaign":
        campaign = cls()
        await campaign.publish(Topic.CONTROL, P, settings(**changes))
        await campaign.register(*items)
        return campaign

    async def register(self, *items: str, stratum: str | None = None, **fields: Any) -> None:
        event = Items(items=items, stratum=stratum, **{"status": "registered"} | fields)
        await self.publish(Topic.CONTROL, P, event)

    async def answer(self, annotator: str, **labels: str | None) -> None:
        rows = tuple(
            Answer(item=item, annotator=annotator, label=label) for item, label in labels.items()
        )
        await self.publish(Topic.ANNOTATIONS, P, Annotations(rows=rows))

    async def set(self, change: ProjectSettings) -> None:
        await self.publish(Topic.CONTROL, P, change)

    async def close(self, **fields: Any) -> tuple[Window, list[Selection]]:
        """Close a window, without leases that would hold the next one's items."""
        self.requests += 1
        self.restart()
        close = Close(cause="request", request_id=f"r{self.requests}", **fields)
        said = await self.publish(Topic.CONTROL, P, close)
        (window,) = spoken(said, Window)
        self.now += 10**7
        return window, spoken(said, Selection)

    async def selected(self, **fields: Any) -> list[str]:
        _, selections = await self.close(**fields)
        return [one.item for one in selections]


# For an annotator


@pytest.mark.parametrize("label", ["cat", None])
async def test_a_window_for_an_annotator_selects_nothing_that_they_have_answered(
    label: str | None,
) -> None:
    campaign = await Campaign.of("a", "b", "c")
    await campaign.answer("ann", a=label)
    await campaign.answer("bob", b="cat", c="cat")
    window, selections = await campaign.close(annotator="ann")
    assert sorted(one.item for one in selections) == ["b", "c"]
    assert window.model_dump(mode="json")["cause"] == {"request_id": "r1", "annotator": "ann"}
    assert window.counts.eligible == 2
    assert sorted(await campaign.selected(annotator="bob", budget=2)) == ["a"]
    assert sorted(await campaign.selected(annotator="a stranger")) == ["a", "b", "c"]
    assert sorted(await campaign.selected()) == ["a", "b", "c"]


async def test_what_an_annotator_took_back_or_what_does_not_count_is_no_answer() -> None:
    campaign = await Campaign.of("a", "b")
    await campaign.answer("ann", a="cat", b="no such class")
    assert await campaign.selected(annotator="ann") == ["b"]
    campaign.now += 1
    await campaign.publish(Topic.ANNOTATIONS, P, Retraction(item="a", annotator="ann"))
    assert sorted(await campaign.selected(annotator="ann")) == ["a", "b"]


async def test_what_others_hold_on_lease_is_not_for_an_annotator() -> None:
    campaign = await Campaign.of("a", "b", "c", lease_seconds=10**6)
    assert await campaign.selected(budget=1, annotator="bob") == ["a"]
    assert await campaign.selected(budget=1, annotator="ann") == ["b"]
    assert await campaign.selected(annotator="ann") == ["c"]


# A quality target


def agreed(**labels: str) -> Annotations:
    """Let three annotators say the same."""
    rows = tuple(
        Answer(item=item, annotator=who, label=label)
        for item, label in labels.items()
        for who in ("ann", "bob", "cyd")
    )
    return Annotations(rows=rows)


async def test_what_has_reached_the_quality_target_is_done_and_not_selected() -> None:
    campaign = await Campaign.of("new", "sure", "torn")
    await campaign.publish(Topic.ANNOTATIONS, P, agreed(sure="cat", b="cat", c="dog", d="dog"))
    await campaign.answer("ann", torn="cat")
    await campaign.answer("bob", torn="dog")
    assert "sure" in await campaign.selected()
    await campaign.set(settings(quality_target=0.9))
    window, selections = await campaign.close()
    assert sorted(one.item for one in selections) == ["new", "torn"]
    assert (window.outlook.done, window.counts.eligible) == (4, 2)
    await campaign.publish(Topic.ANNOTATIONS, P, Annotation(item="d", annotator="dan", label="cat"))
    assert "d" in await campaign.selected()


async def test_an_items_progress_is_by_the_target() -> None:
    campaign = await Campaign.of()
    await campaign.publish(Topic.ANNOTATIONS, P, agreed(a="cat", b="cat", c="dog", d="dog"))
    dissent = Annotation(item="d", annotator="dan", label="cat")
    said = await campaign.publish(Topic.ANNOTATIONS, P, dissent)
    (score,) = spoken(said, ItemScore)
    assert (score.item, score.progress) == ("d", "done")
    await campaign.set(settings(quality_target=1.0))
    said = await campaign.publish(
        Topic.CONTROL, P, Close(cause="request", request_id="r", budget=0)
    )
    progress = {score.item: score.progress for score in spoken(said, ItemScore)}
    assert progress["d"] == "open"


# Strata


async def test_a_quota_reserves_a_share_of_the_window_and_selections_name_the_stratum() -> None:
    campaign = await Campaign.of("a", "b", "c", "d", budget=4)
    await campaign.register("y", "z", stratum="german")
    assert await campaign.selected() == ["a", "b", "c", "d"]
    await campaign.set(settings(budget=4, strata={"german": {"quota": 25}}))
    _, selections = await campaign.close()
    assert [(one.item, one.stratum) for one in selections] == [
        ("a", None), ("b", None), ("c", None), ("y", "german"),
    ]  # fmt: skip
    await campaign.set(settings(budget=4, strata={"german": {"quota": 100}}))
    assert await campaign.selected() == ["a", "b", "y", "z"]


async def test_a_stratum_with_priority_comes_first() -> None:
    campaign = await Campaign.of("a", "b", strata={"urgent": {"priority": 1}}, budget=2)
    await campaign.register("z", stratum="urgent")
    assert await campaign.selected() == ["z", "a"]


async def test_a_stratum_stays_until_another_is_said_whatever_the_status() -> None:
    campaign = await Campaign.of(strata={"urgent": {"priority": 1}}, budget=1)
    await campaign.register("a")
    await campaign.register("z", stratum="urgent")
    campaign.now += 1
    await campaign.register("z", status="excluded")
    assert await campaign.selected() == ["a"]
    await campaign.register("z")
    assert await campaign.selected() == ["z"]
    await campaign.register("z", stratum="nothing in particular")
    assert await campaign.selected() == ["a"]


async def test_of_two_strata_at_once_the_same_one_wins_in_any_order() -> None:
    moved = [Items(items=("a",), status="registered", stratum=name) for name in ("x", "y")]
    found = set()
    for order in (moved, moved[::-1]):
        campaign = await Campaign.of()
        await campaign.publish(Topic.CONTROL, P, *order)
        (selection,) = (await campaign.close())[1]
        found.add(selection.stratum)
    assert len(found) == 1


async def test_a_stratum_changes_no_score() -> None:
    campaign = await Campaign.of("a")
    event = Items(items=("a",), status="registered", stratum="x", time="2020-01-01T00:00:00Z")
    assert await campaign.publish(Topic.CONTROL, P, event) == []
    assert (await campaign.close())[1][0].stratum == "x"


# Classes


async def test_a_class_by_another_name_counts_as_before_and_what_follows_by_either() -> None:
    campaign = await Campaign.of("e")
    await campaign.publish(Topic.ANNOTATIONS, P, agreed(a="cat", b="dog"))
    await campaign.publish(
        Topic.PREDICTIONS, P, Prediction(item="e", model="m", pred_probs={"cat": 0.9, "dog": 0.1})
    )
    before, selected = await campaign.close()
    await campaign.set(renamed(settings(), "cat", "feline"))
    after, again = await campaign.close()
    assert [(s.item, s.score) for s in again] == [(s.item, s.score) for s in selected]
    assert (after.counts.dormant, after.counts.labels) == ({}, before.counts.labels)
    await campaign.answer("dan", a="feline", b="cat")
    window, _ = await campaign.close()
    assert (window.counts.labels, window.counts.dormant) == (8, {})


async def test_behind_a_rename_every_consensus_is_published_by_its_new_name() -> None:
    campaign = await Campaign.of()
    await campaign.publish(Topic.ANNOTATIONS, P, agreed(a="cat", b="dog"))
    await campaign.set(renamed(settings(), "cat", "feline"))
    said = await campaign.publish(
        Topic.CONTROL, P, Close(cause="request", request_id="r", budget=0)
    )
    assert [(s.item, s.consensus_label) for s in spoken(said, ItemScore)] == [("a", "feline")]


async def test_an_alias_and_its_class_in_one_prediction_add_up() -> None:
    shares = {"cat": 0.25, "feline": 0.25, "dog": 0.5}
    whole = {"feline": 0.5, "dog": 0.5}
    found = []
    for pred_probs in (shares, whole):
        campaign = Campaign()
        await campaign.set(renamed(settings(), "cat", "feline"))
        prediction = Prediction(item="a", model="m", pred_probs=pred_probs)
        found += spoken(await campaign.publish(Topic.PREDICTIONS, P, prediction), ItemScore)
    assert found[0] == found[1]


async def test_labels_of_a_class_that_is_added_count_from_then_on() -> None:
    campaign = await Campaign.of("a")
    await campaign.answer("ann", a="eel")
    window, _ = await campaign.close()
    assert (window.counts.labels, window.counts.dormant) == (0, {"labels:eel": 1})
    await campaign.set(changed(settings(), {}, more_classes=["eel"]))
    window, selections = await campaign.close()
    assert (window.counts.labels, window.counts.dormant) == (1, {})
    assert selections[0].answered_by == ("ann",)


@pytest.mark.parametrize(
    "change",
    [
        {"aliases": {"kitty": "cat"}},
        {"strata": {"x": {"quota": 3}}},
        {"quality_target": 0.75},
    ],
)
async def test_a_control_outlives_a_restart_and_is_in_the_manifest(
    change: dict[str, object],
) -> None:
    campaign = await Campaign.of("a", **change)
    window, _ = await campaign.close()
    assert window.settings == settings(**change)


async def test_events_before_their_project_count_by_its_aliases() -> None:
    campaign = Campaign()
    first: list[Event] = [Annotation(item="a", annotator="ann", label="kitty")]
    await campaign.publish(Topic.ANNOTATIONS, P, *first)
    await campaign.set(settings(aliases={"kitty": "cat"}))
    window, _ = await campaign.close()
    assert (window.counts.labels, window.counts.dormant) == (1, {})
