"""Windows: who may select how much, what is eligible, and what is said."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from memory_ports import Stage

from schemas import (
    Annotation,
    Annotations,
    Answer,
    Close,
    Items,
    ItemScore,
    Prediction,
    Predictions,
    ProjectSettings,
    Refusal,
    RefusalReason,
    Retraction,
    Selection,
    Topic,
    Window,
    parse_output,
)
from stream_app.ports import Message

P = "p"
SECOND = 1_000_000


def settings(**changes: object) -> ProjectSettings:
    base = {"classes": ("cat", "dog"), "models": ("m",), "budget": 2}
    return ProjectSettings.model_validate(base | changes)


def request(name: str, budget: int | None = None) -> Close:
    return Close(cause="request", request_id=name, budget=budget)


def windows(said: list[tuple[str, Message]]) -> list[Window | Refusal]:
    return [
        one
        for topic, message in said
        if topic == Topic.WINDOWS
        and isinstance(one := parse_output(topic, message.key, message.value), Window | Refusal)
    ]


def selections(said: list[tuple[str, Message]]) -> list[Selection]:
    return [
        one
        for topic, message in said
        if topic == Topic.SELECTIONS
        and isinstance(one := parse_output(topic, message.key, message.value), Selection)
    ]


def scores(said: list[tuple[str, Message]]) -> dict[str, ItemScore]:
    """Return the item scores that were said, by item; the last one of each counts."""
    return {
        one.item: one
        for topic, message in said
        if topic == Topic.ITEM_SCORES
        and isinstance(one := parse_output(topic, message.key, message.value), ItemScore)
    }


async def stage_with_items(**changes: object) -> Stage:
    stage = Stage()
    await stage.publish(Topic.CONTROL, P, settings(**changes))
    items = Items(items=("a", "b", "c", "d", "e"), status="registered")
    await stage.publish(Topic.CONTROL, P, items)
    return stage


async def test_a_window_selects_the_budget_in_order_of_item_ids_where_nothing_is_known() -> None:
    stage = await stage_with_items()
    said = await stage.publish(Topic.CONTROL, P, request("r"))
    assert [(s.rank, s.item, s.reason) for s in selections(said)] == [
        (1, "a", "first_label"),
        (2, "b", "first_label"),
    ]
    (window,) = windows(said)
    assert isinstance(window, Window)
    assert (window.counts.eligible, window.counts.selected) == (5, 2)
    assert window.cut == {Topic.ANNOTATIONS: 0, Topic.PREDICTIONS: 0, Topic.CONTROL: 3}


async def test_an_item_on_lease_is_not_selected_until_the_lease_has_run_out() -> None:
    stage = await stage_with_items(lease_seconds=60)
    await stage.publish(Topic.CONTROL, P, request("r1"))
    said = await stage.publish(Topic.CONTROL, P, request("r2"))
    assert [s.item for s in selections(said)] == ["c", "d"]
    stage.now += 59_999
    said = await stage.publish(Topic.CONTROL, P, request("r3"))
    assert [s.item for s in selections(said)] == ["e"]
    stage.now += 1
    said = await stage.publish(Topic.CONTROL, P, request("r4"))
    assert [s.item for s in selections(said)] == ["a", "b"]


@pytest.mark.parametrize("label", ["cat", None, "no such class"])
async def test_an_answer_ends_the_lease_but_a_retraction_does_not(label: str | None) -> None:
    stage = await stage_with_items(budget=5)
    await stage.publish(Topic.CONTROL, P, request("r1"))
    await stage.publish(Topic.ANNOTATIONS, P, Retraction(item="b", annotator="x"))
    await stage.publish(Topic.ANNOTATIONS, P, Annotation(item="a", annotator="x", label=label))
    said = await stage.publish(Topic.CONTROL, P, request("r2"))
    assert [s.item for s in selections(said)] == ["a"]


async def test_a_lease_outlives_exclusion_and_restarts() -> None:
    stage = await stage_with_items(budget=5)
    await stage.publish(Topic.CONTROL, P, request("r1"))
    await stage.publish(Topic.CONTROL, P, Items(items=("a",), status="excluded"))
    stage.now += 1
    stage.restart()
    await stage.publish(Topic.CONTROL, P, Items(items=("a",), status="registered"))
    said = await stage.publish(Topic.CONTROL, P, request("r2"))
    assert selections(said) == []


async def test_an_item_with_enough_answers_is_not_selected() -> None:
    stage = await stage_with_items(max_answers=2, budget=5)
    answers = [
        Annotation(item="a", annotator="x", label="cat"),
        Annotation(item="a", annotator="y", label=None),
        Annotation(item="b", annotator="x", label="cat"),
    ]
    await stage.publish(Topic.ANNOTATIONS, P, *answers)
    said = await stage.publish(Topic.CONTROL, P, request("r"))
    assert sorted(s.item for s in selections(said)) == ["b", "c", "d", "e"]
    (again,) = [s for s in selections(said) if s.item == "b"]
    assert (again.reason, again.answered_by) == ("relabel", ("x",))


async def test_a_repeated_request_is_answered_with_its_first_window_even_after_a_restart() -> None:
    stage = await stage_with_items()
    (first,) = windows(await stage.publish(Topic.CONTROL, P, request("r")))
    stage.restart()
    said = await stage.publish(Topic.PREDICTIONS, P, request("r"))
    (second,) = windows(said)
    assert isinstance(second, Refusal)
    assert (second.reason, second.window) == (RefusalReason.REPEATED_REQUEST, first.window)
    assert selections(said) == []


async def test_a_request_takes_no_more_than_it_asks_for() -> None:
    stage = await stage_with_items()
    said = await stage.publish(Topic.CONTROL, P, request("r", budget=1))
    assert [s.item for s in selections(said)] == ["a"]
    assert selections(await stage.publish(Topic.ANNOTATIONS, P, request("r0", budget=0))) == []


async def test_between_two_boundaries_requests_and_the_clock_share_one_budget() -> None:
    stage = await stage_with_items(window_seconds=60, budget=3, on_request_only=True)
    boundary = stage.now // 60_000 * 60 * SECOND
    clock = Close(cause="boundary", boundary=boundary)
    assert selections(await stage.publish(Topic.CONTROL, P, clock)) == []
    assert len(selections(await stage.publish(Topic.CONTROL, P, request("r1", budget=2)))) == 2
    said = await stage.publish(Topic.CONTROL, P, request("r2"))
    assert len(selections(said)) == 1
    (window,) = windows(said)
    assert isinstance(window, Window)
    assert window.counts.budget_left == 0
    assert selections(await stage.publish(Topic.CONTROL, P, request("r3"))) == []
    stage.now += 60_000
    following = Close(cause="boundary", boundary=boundary + 60 * SECOND)
    await stage.publish(Topic.CONTROL, P, following)
    assert len(selections(await stage.publish(Topic.CONTROL, P, request("r4")))) == 2


async def test_a_clock_close_counts_once_and_not_before_its_time() -> None:
    stage = await stage_with_items(window_seconds=60)
    boundary = stage.now // 60_000 * 60 * SECOND
    clock = Close(cause="boundary", boundary=boundary)
    early = Close(cause="boundary", boundary=boundary + 60 * SECOND)
    said = await stage.publish(Topic.CONTROL, P, early, clock, clock)
    assert len(windows(said)) == 1
    assert len(selections(said)) == 2


async def test_a_clock_close_without_clock_or_off_the_boundary_is_refused() -> None:
    stage = await stage_with_items()
    clock = Close(cause="boundary", boundary=60 * SECOND)
    (refusal,) = windows(await stage.publish(Topic.CONTROL, P, clock))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == RefusalReason.NO_SUCH_BOUNDARY
    await stage.publish(Topic.CONTROL, P, settings(window_seconds=60))
    off = Close(cause="boundary", boundary=61 * SECOND)
    (refusal,) = windows(await stage.publish(Topic.CONTROL, P, off))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == RefusalReason.NO_SUCH_BOUNDARY


async def test_a_paused_project_ignores_the_clock_and_answers_requests() -> None:
    stage = await stage_with_items(window_seconds=60, state="paused")
    clock = Close(cause="boundary", boundary=60 * SECOND)
    assert windows(await stage.publish(Topic.CONTROL, P, clock)) == []
    assert len(selections(await stage.publish(Topic.CONTROL, P, request("r")))) == 2


async def test_a_closed_project_and_one_that_does_not_exist_are_refused_with_the_reason() -> None:
    stage = await stage_with_items(state="closed")
    (closed,) = windows(await stage.publish(Topic.CONTROL, P, request("r")))
    (unknown,) = windows(await stage.publish(Topic.CONTROL, "q", request("r")))
    assert isinstance(closed, Refusal)
    assert isinstance(unknown, Refusal)
    assert (closed.reason, unknown.reason) == (RefusalReason.CLOSED, RefusalReason.NO_PROJECT)


async def test_a_live_budget_change_counts_at_the_next_window() -> None:
    stage = await stage_with_items(budget=1)
    assert len(selections(await stage.publish(Topic.CONTROL, P, request("r1")))) == 1
    await stage.publish(Topic.CONTROL, P, settings(budget=3))
    assert len(selections(await stage.publish(Topic.CONTROL, P, request("r2")))) == 3


async def test_windows_are_numbered_through_restarts() -> None:
    stage = await stage_with_items()
    numbers = []
    for name in ("r1", "r2", "r3"):
        (window,) = windows(await stage.publish(Topic.CONTROL, P, request(name)))
        numbers.append(window.window)
        stage.restart()
    assert numbers == [1, 2, 3]


async def test_dormant_facts_are_named_and_count_once_the_settings_know_them() -> None:
    stage = await stage_with_items(budget=0)
    await stage.publish(Topic.ANNOTATIONS, P, Annotation(item="a", annotator="x", label="eel"))
    await stage.publish(
        Topic.PREDICTIONS,
        P,
        Prediction(item="a", model="other", pred_probs={"cat": 1.0}),
        Prediction(item="b", model="m", pred_probs={"eel": 1.0}),
    )
    (window,) = windows(await stage.publish(Topic.CONTROL, P, request("r1")))
    assert isinstance(window, Window)
    assert window.counts.dormant == {
        "labels:eel": 1,
        "models:other": 1,
        "classes of models:m": 1,
    }
    assert window.counts.labels == 0
    wider = settings(classes=("cat", "dog", "eel"), models=("m", "other"), method="entropy")
    (window,) = windows(await stage.publish(Topic.CONTROL, P, wider, request("r2")))
    assert isinstance(window, Window)
    assert window.counts.dormant == {}
    assert window.counts.labels == 1


async def test_facts_that_come_before_their_project_count_once_it_is_there() -> None:
    stage = Stage()
    await stage.publish(Topic.ANNOTATIONS, P, Annotation(item="a", annotator="x", label="cat"))
    assert stage.step.partitions[0].strangers == {P: 1}
    stage.restart()
    assert stage.step.partitions[0].strangers == {P: 1}
    (window,) = windows(await stage.publish(Topic.CONTROL, P, settings(), request("r")))
    assert isinstance(window, Window)
    assert (window.counts.items, window.counts.labels) == (1, 1)
    assert stage.step.partitions[0].strangers == {}


async def test_a_close_says_which_consensus_has_changed_in_transactions_before_its_own() -> None:
    stage = await stage_with_items(budget=0)
    before = stage.memory.transactions
    said = await stage.publish(Topic.CONTROL, P, request("r"))
    assert [topic for topic, _ in said] == [Topic.WINDOWS]  # nothing has changed
    assert stage.memory.transactions == before + 1


async def test_behind_a_close_the_published_progress_is_what_its_manifest_counts() -> None:
    stage = Stage()
    await stage.publish(Topic.CONTROL, P, settings(budget=0))
    rng = np.random.default_rng(0)
    items = tuple(f"i{number}" for number in range(40))
    shares = tuple((share, 1 - share) for share in rng.random(40).tolist())
    model = Predictions(model="m", classes=("cat", "dog"), items=items, pred_probs=shares)
    said = await stage.publish(Topic.PREDICTIONS, P, model)
    published: dict[str, ItemScore] = {}
    changed_at_closes = 0
    for number in range(6):
        rows = tuple(
            Answer(item=item, annotator=f"w{who}", label="cat" if rng.random() < 0.7 else "dog")
            for item, who in zip(rng.choice(items, 15), rng.integers(5, size=15), strict=True)
        )
        said += await stage.publish(Topic.ANNOTATIONS, P, Annotations(rows=rows))
        published |= scores(said)
        said = await stage.publish(Topic.CONTROL, P, request(f"r{number}"))
        (window,) = windows(said)
        changed_at_closes += len(scores(said))
        published |= scores(said)
        assert isinstance(window, Window)
        counts = Counter(score.progress for score in published.values())
        outlook = window.outlook
        assert counts == Counter(open=outlook.open, contested=outlook.contested, done=outlook.done)
    assert changed_at_closes


async def test_a_tombstone_follows_the_score_of_an_item_that_is_no_more() -> None:
    stage = Stage()
    await stage.publish(Topic.CONTROL, P, settings())
    label = Annotation(item="a", annotator="x", label="cat")
    said = await stage.publish(Topic.ANNOTATIONS, P, label)
    assert [m.value is None for topic, m in said if topic == Topic.ITEM_SCORES] == [False]
    stage.now += 1
    gone = Retraction(item="a", annotator="x")
    said = await stage.publish(Topic.ANNOTATIONS, P, gone)
    assert [m.value is None for topic, m in said if topic == Topic.ITEM_SCORES] == [True]
    said = await stage.publish(Topic.CONTROL, P, request("r"))
    assert [m for topic, m in said if topic == Topic.ITEM_SCORES] == []


async def test_positions_that_are_applied_already_stop_the_worker() -> None:
    stage = Stage()
    await stage.publish(Topic.CONTROL, P, settings())
    run = stage.run(Topic.CONTROL, [])
    with pytest.raises(ValueError, match="applied up to 1 already"):
        await stage.step.take(replace(run, begin=0))
