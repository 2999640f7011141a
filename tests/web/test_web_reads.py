"""What the web tells of a project is what a window does, what the audit says, what topics hold."""

import asyncio
import math
import threading
from dataclasses import asdict
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from authors import PROJECTS
from histories import Historian, Partition
from memory_ports import Stage
from web_stage import serving

from activelab import score
from schemas import (
    Annotation,
    AnnotatorTrust,
    Close,
    Items,
    Prediction,
    ProjectSettings,
    Selection,
    Topic,
    Window,
    parse_output,
)
from stream_app.audit.explain import explain
from stream_app.errors import StreamAppError
from stream_app.web import walk

P = "animals"
ANIMALS = {"project": P}
LABELS = [
    ("img-1", "ann", "cat"), ("img-1", "bob", "dog"), ("img-2", "ann", "dog"),
    ("img-2", "bob", "dog"), ("img-2", "cleo", "dog"), ("img-4", "ann", "cat"),
    ("img-1", "dora", None), ("img-1", "eve", "horse"),
]  # fmt: skip


async def told(client: TestClient, path: str, **parameters: str) -> Any:
    response = await client.get(f"/api/v1/{path}", params=ANIMALS | parameters)
    assert response.status == 200, await response.text()
    return await response.json()


async def close(stage: Stage, request_id: str, budget: int, project: str = P) -> list[Any]:
    """Close a window; return what is said because of it."""
    event = Close(cause="request", request_id=request_id, budget=budget)
    said = await stage.publish(Topic.CONTROL, project, event)
    return [parse_output(topic, one.key, one.value) for topic, one in said]


@pytest.fixture
async def stage() -> Stage:
    """A project with items doubtful, sure, unlabelled and excluded, after a window of none."""
    stage = Stage()
    settings = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=2)
    await stage.publish(Topic.CONTROL, P, settings)
    annotations = [Annotation(item=i, annotator=who, label=label) for i, who, label in LABELS]
    await stage.publish(Topic.ANNOTATIONS, P, *annotations)
    for item, cat in (("img-1", 0.6), ("img-2", 0.1), ("img-3", 0.5)):
        probs = {"cat": cat, "dog": 1 - cat}
        await stage.publish(
            Topic.PREDICTIONS, P, Prediction(item=item, model="m", pred_probs=probs)
        )
    await stage.publish(Topic.CONTROL, P, Items(items=("img-4",), status="excluded"))
    await close(stage, "refit", 0)
    return stage


async def test_the_ranking_is_what_the_next_window_selects(stage: Stage) -> None:
    async with serving(stage) as client:
        before = await told(client, "ranking")
        said = await close(stage, "now", 2)
        after = await told(client, "ranking")
    selected = [one for one in said if isinstance(one, Selection)]
    ranked = [(one["item"], one["score"], one["reason"]) for one in before["ranked"]]
    assert ranked[:2] == [(s.item, pytest.approx(s.score), s.reason) for s in selected]
    assert (before["eligible"], before["leased"]) == (3, 0)
    assert [one["item"] for one in after["ranked"]] == [ranked[2][0]]
    assert (after["eligible"], after["leased"]) == (1, 2)


async def test_a_ranking_is_walked_in_pieces_as_it_is_in_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [f"more {number}" for number in range(57)]
    await stage.publish(Topic.CONTROL, P, Items(items=items, status="registered"))
    async with serving(stage) as client:
        whole = await told(client, "ranking", limit="500")
    monkeypatch.setattr(walk, "CHUNK", 7)
    async with serving(stage) as client:
        pieces = await told(client, "ranking", limit="500")
    assert whole["ranked"] == pieces["ranked"]
    assert whole["eligible"] == pieces["eligible"] == 60


async def test_what_is_rebuilt_under_a_walk_is_declined(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged, begun, rebuilt = walk._judged, threading.Event(), threading.Event()

    def once_it_is_rebuilt(*known: Any) -> Any:
        begun.set()
        assert rebuilt.wait(10)
        return judged(*known)

    monkeypatch.setattr(walk, "CHUNK", 1)
    monkeypatch.setattr(walk, "_judged", once_it_is_rebuilt)
    async with serving(stage) as client:
        asked = asyncio.create_task(client.get("/api/v1/ranking", params=ANIMALS))
        assert await asyncio.to_thread(begun.wait, 10)
        settings = ProjectSettings(classes=("cat", "dog", "eel"), models=("m",), budget=2)
        await stage.publish(Topic.CONTROL, P, settings)
        rebuilt.set()
        response = await asked
        assert response.status == 503
        assert "rebuilt" in await response.text()
        again = await told(client, "ranking")
    assert len(again["ranked"]) == 3


async def test_what_was_answered_since_the_walk_is_not_listed(stage: Stage) -> None:
    async with serving(stage) as client:
        before = await told(client, "ranking")
        await close(stage, "soon", 1)  # a walk rests for a second, but not behind a window
        settings = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=2, max_answers=3)
        between = await told(client, "ranking")
        await stage.publish(Topic.CONTROL, P, settings)
        after = await told(client, "ranking")
    first = before["ranked"][0]["item"]
    assert first not in [one["item"] for one in between["ranked"]]
    assert after["walked_at"] == between["walked_at"]
    assert "img-2" not in [one["item"] for one in after["ranked"]]


async def test_an_item_says_what_one_more_label_changes(stage: Stage) -> None:
    async with serving(stage) as client:
        item = await told(client, "item", item="img-1")
    pool = stage.step.partitions[0].projects[P].pool
    epoch = pool.epoch
    by_label = {one["label"]: one for one in item["one_more"]}
    await stage.publish(
        Topic.ANNOTATIONS, P, Annotation(item="img-1", annotator="somebody new", label="cat")
    )
    scores = score(pool.columns(["img-1"]), epoch)
    assert by_label["cat"]["consensus_quality"] == pytest.approx(float(scores.consensus_quality[0]))
    assert by_label["cat"]["activelab_score"] == pytest.approx(float(scores.activelab_score[0]))
    assert sum(one["probability"] for one in item["one_more"]) == pytest.approx(1)


async def test_annotators_are_as_the_last_window_says_the_doubtful_first(stage: Stage) -> None:
    said = await close(stage, "trust", 0)
    by_name = {one.annotator: one for one in said if isinstance(one, AnnotatorTrust)}
    async with serving(stage) as client:
        doubtful = await told(client, "annotators")
        busy = await told(client, "annotators", order="busy", limit="1")
    assert {one["annotator"] for one in doubtful["annotators"]} == by_name.keys()
    for one in doubtful["annotators"]:
        assert AnnotatorTrust.model_validate(one) == by_name[one["annotator"]]
    assert (busy["number"], [one["annotator"] for one in busy["annotators"]]) == (3, ["ann"])


async def test_a_project_is_as_its_ledger_and_pool_say(stage: Stage) -> None:
    async with serving(stage) as client:
        state = await told(client, "project")
        windows = await told(client, "windows")
        chosen = await told(client, "selections", item="img-1")
    summary = state["summary"]
    assert (summary["items"], summary["labels"], summary["overlapping"]) == (3, 5, 2)
    assert (summary["windows"], summary["budget_left"]) == (1, 2)
    assert summary["dormant"] == {"labels:horse": 1}
    assert summary["next_boundary"] is None
    assert 0 < summary["quality"] < 1
    assert state["settings"]["classes"] == ["cat", "dog"]
    (window,) = windows["windows"]
    assert (window["cause"], window["items"], window["selected"]) == ("request", 3, 0)
    assert chosen["selections"] == []


async def test_dead_letters_say_where_and_why(stage: Stage) -> None:
    await stage.step.take(stage.run(Topic.ANNOTATIONS, [_bad(stage, b"\xff{"), _bad(stage, b"{}")]))
    async with serving(stage) as client:
        response = await client.get("/api/v1/dead-letters")
        assert response.status == 200, await response.text()
        letters = (await response.json())["letters"]
    assert [one["reason"] for one in letters] == ["missing_field", "not_utf8"]
    assert letters[1]["begins"] == "\\xff{"
    assert (letters[0]["key"], letters[0]["size"]) == (P, 2)


def _bad(stage: Stage, value: bytes) -> Any:
    from memory_ports import Sent

    return Sent(stage.ends[Topic.ANNOTATIONS], stage.now, P.encode(), value)


@pytest.mark.parametrize(
    ("path", "parameters", "status"),
    [
        ("project", {"project": "nobody"}, 404),
        ("item", ANIMALS | {"item": "img-99"}, 404),
        ("project", {}, 400),
        ("project", {"project": ""}, 400),
        ("project", {"project": "x" * 1025}, 400),
        ("ranking", ANIMALS | {"limit": "501"}, 400),
        ("ranking", ANIMALS | {"nonsense": "1"}, 400),
        ("nowhere", {}, 404),
    ],
)
async def test_what_is_not_answered_is_a_problem(
    stage: Stage, path: str, parameters: dict[str, str], status: int
) -> None:
    async with serving(stage) as client:
        response = await client.get(f"/api/v1/{path}", params=parameters)
        assert response.status == status
        assert response.content_type == "application/problem+json"
        problem = await response.json()
    assert problem["status"] == status
    assert problem["detail"].endswith(".")


@pytest.mark.parametrize("name", ["..", "a/b?c=d#e", "ü" * 512, "\u202e<script>\n", "%2e%2e", " "])
async def test_any_text_is_an_id(name: str) -> None:
    stage = Stage()
    settings = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=2)
    await stage.publish(Topic.CONTROL, name, settings)
    await stage.publish(Topic.ANNOTATIONS, name, Annotation(item=name, annotator=name, label="cat"))
    async with serving(stage) as client:
        response = await client.get("/api/v1/item", params={"project": name, "item": name})
        item = await response.json()
    assert (item["project"], item["item"]) == (name, name)
    assert item["answers"][0]["annotator"] == name


@pytest.mark.parametrize("seed", range(12))
def test_an_item_is_as_the_audit_explains_it(seed: int) -> None:
    """All items of a random history, with parameters renewed, as the audit's are."""

    async def compare() -> int:
        partition, historian = Partition(), Historian(seed)
        await partition.live(historian.history(120))
        stage, compared = partition.stage, 0
        memory = stage.step.partitions[0]
        for known in memory.projects.values():
            known.renew_epoch()
        now = memory.now * 1000
        async with serving(stage, now=lambda: now) as client:
            for project in PROJECTS:
                history = partition.history(project)
                for item in "abcde":
                    compared += await _same(client, history, project, item)
        return compared

    assert asyncio.run(compare()) > 0


async def _same(client: TestClient, history: Any, project: str, item: str) -> int:
    response = await client.get("/api/v1/item", params={"project": project, "item": item})
    try:
        expected = asdict(explain(history, item))
    except StreamAppError:
        assert response.status == 404
        return 0
    assert response.status == 200, await response.text()
    found = await response.json()
    del expected["selections"], found["one_more"], expected["now"], found["now"]
    assert _rounded(found) == _rounded(expected)
    return 1


def _rounded(value: Any) -> Any:
    """Return a value as JSON has it, numbers to nine places."""
    match value:
        case float():
            return None if math.isnan(value) else round(value, 9)
        case dict():
            return {name: _rounded(one) for name, one in value.items()}
        case list() | tuple():
            return [_rounded(one) for one in value]
        case _:
            return value


async def test_windows_are_the_last_ones_the_oldest_first(stage: Stage) -> None:
    for number in range(3):
        said = await close(stage, f"more {number}", 0)
        assert any(isinstance(one, Window) for one in said)
    async with serving(stage) as client:
        windows = await told(client, "windows", limit="2")
    assert [one["window"] for one in windows["windows"]] == [3, 4]
