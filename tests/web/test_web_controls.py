"""What steers by HTTP: the records that it makes, and the answers when they count."""

import asyncio
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient
from memory_ports import Stage
from web_stage import WITH_TOKEN, Stance, serving

from schemas import Annotation, Items, Topic
from stream_app.web import controls

P = "animals"
CREATE = {"classes": ["cat", "dog"], "models": ["m"], "budget": 3}


async def send(
    client: TestClient, method: str, path: str, body: object, project: str = P
) -> tuple[int, Any]:
    response = await client.request(
        method, f"/api/v1/{path}", params={"project": project}, json=body, headers=WITH_TOKEN
    )
    return response.status, await response.json()


@pytest.fixture
async def stage() -> Stage:
    """A project with five items."""
    stage = Stage()
    async with serving(stage) as client:
        assert (await send(client, "PATCH", "project", CREATE))[0] == 200
        items = {"items": [f"img-{n}" for n in range(5)], "stratum": "night"}
        status, said = await send(client, "POST", "items", items)
        assert (status, said["items"]) == (200, 5)
    return stage


def settings(stage: Stage) -> Any:
    return stage.step.partitions[0].projects[P].settings


async def test_a_change_names_what_changes_and_the_rest_stays(stage: Stage) -> None:
    change = {
        "budget": 7,
        "window_seconds": 600,
        "quality_target": 0.9,
        "strata": {"night": {"quota": 50}},
    }
    async with serving(stage) as client:
        status, state = await send(client, "PATCH", "project", change)
        assert status == 200
        assert (state["settings"]["budget"], state["settings"]["classes"]) == (7, ["cat", "dog"])
        assert state["summary"]["next_boundary"] is not None
        back = {"window_seconds": None, "quality_target": None}
        status, state = await send(client, "PATCH", "project", back)
    assert (status, state["settings"]["window_seconds"]) == (200, None)
    assert (settings(stage).budget, settings(stage).quality_target) == (7, None)


async def test_what_changes_nothing_is_no_record(stage: Stage) -> None:
    before = stage.ends[Topic.CONTROL]
    async with serving(stage) as client:
        assert (await send(client, "PATCH", "project", {"budget": 3}))[0] == 200
    assert stage.ends[Topic.CONTROL] == before


async def test_pause_and_resume(stage: Stage) -> None:
    async with serving(stage) as client:
        for path, state in (("pause", "paused"), ("resume", "active")):
            status, said = await send(client, "POST", path, {})
            assert (status, said["summary"]["state"]) == (200, state)
            assert settings(stage).state == state


async def test_a_class_is_renamed_and_its_old_name_still_counts(stage: Stage) -> None:
    async with serving(stage) as client:
        status, said = await send(client, "POST", "rename-class", {"old": "cat", "new": "tom"})
        assert (status, said["settings"]["classes"]) == (200, ["tom", "dog"])
        await stage.publish(
            Topic.ANNOTATIONS, P, Annotation(item="img-0", annotator="ann", label="cat")
        )
        item = await client.get("/api/v1/item", params={"project": P, "item": "img-0"})
        assert (await item.json())["standing"]["consensus_label"] == "tom"


async def test_a_close_returns_what_it_selects(stage: Stage) -> None:
    async with serving(stage) as client:
        status, said = await send(client, "POST", "close", {"budget": 2, "request_id": "r"})
        again_status, again = await send(client, "POST", "close", {"request_id": "r"})
    assert status == again_status == 200
    assert [one["rank"] for one in said["selections"]] == [1, 2]
    assert said["selections"][0]["stratum"] == "night"
    assert (said["window"]["window"], said["window"]["selected"]) == (1, 2)
    assert (again["refusal"], again["earlier"], again["window"]) == ("repeated_request", 1, None)


async def test_the_next_items_of_an_annotator_are_none_that_they_have_answered(
    stage: Stage,
) -> None:
    answered = [Annotation(item=f"img-{n}", annotator="ann", label="cat") for n in range(3)]
    await stage.publish(Topic.ANNOTATIONS, P, *answered)
    body = {"annotator": "ann", "number": 3, "request_id": "ann's first"}
    async with serving(stage) as client:
        status, said = await send(client, "POST", "next", body)
        assert (status, said["window"]["annotator"]) == (200, "ann")
        assert {one["item"] for one in said["selections"]} == {"img-3", "img-4"}
        status, again = await send(client, "POST", "next", body)
    assert (status, again["selections"]) == (200, said["selections"])


async def test_items_are_excluded(stage: Stage) -> None:
    async with serving(stage) as client:
        body = {"items": ["img-0"], "status": "excluded"}
        assert (await send(client, "POST", "items", body))[0] == 200
        item = await client.get("/api/v1/item", params={"project": P, "item": "img-0"})
        assert (await item.json())["state"] == "excluded"


async def test_a_record_is_what_the_command_line_sends(stage: Stage) -> None:
    sent = orjson.loads(Items(items=("a",), status="registered").to_bytes())
    published: list[Any] = []
    publish = stage.publish

    async def listen(topic: Topic, project: str, *events: Any) -> Any:
        published.extend(orjson.loads(event.to_bytes()) for event in events)
        return await publish(topic, project, *events)

    stage.publish = listen  # type: ignore[method-assign]
    async with serving(stage) as client:
        assert (await send(client, "POST", "items", {"items": ["a"]}))[0] == 200
        assert (await send(client, "POST", "pause", {}))[0] == 200
    assert published[0] == sent
    assert (published[1]["type"], published[1]["state"]) == ("project", "paused")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("PATCH", "project", {"colour": 1}, 422, "There is no setting 'colour'"),
        ("PATCH", "project", {"type": "project"}, 422, "There is no setting 'type'"),
        ("PATCH", "project", {"budget": -1}, 422, "budget"),
        ("PATCH", "project", {"budget": None}, 422, "budget"),
        ("PATCH", "project", {"models": ["m", "n"]}, 422, "activelab is for one model"),
        ("PATCH", "project", [], 422, "dictionary"),
        ("POST", "pause", {"sure": True}, 422, "sure"),
        ("POST", "rename-class", {"old": "eel", "new": "e"}, 422, "There is no class 'eel'"),
        ("POST", "rename-class", {"old": "cat", "new": "dog"}, 422, "'dog' means"),
        ("POST", "close", {"budget": "3"}, 422, "budget"),
        ("POST", "close", {"budget": 1e3}, 422, "budget"),
        ("POST", "next", {"annotator": "", "number": 1}, 422, "annotator"),
        ("POST", "next", {"annotator": "ann", "number": 0}, 422, "number"),
        ("POST", "items", {"items": []}, 422, "items"),
        ("POST", "items", {"items": ["x" * 1025]}, 422, "items.0"),
    ],
)
async def test_what_is_not_taken_is_said_and_nothing_is_sent(
    stage: Stage, method: str, path: str, body: object, status: int, said: str
) -> None:
    before = dict(stage.ends)
    async with serving(stage) as client:
        got, problem = await send(client, method, path, body)
    assert (got, said in problem["detail"]) == (status, True), problem
    assert stage.ends == before


@pytest.mark.parametrize("path", ["pause", "close", "next", "items", "rename-class"])
async def test_a_project_that_does_not_exist_is_not_steered(stage: Stage, path: str) -> None:
    bodies = {
        "next": {"annotator": "a"},
        "items": {"items": ["a"]},
        "rename-class": {"old": "a", "new": "b"},
    }
    async with serving(stage) as client:
        status, problem = await send(client, "POST", path, bodies.get(path, {}), "nobody")
    assert status == 404, problem


@pytest.mark.parametrize("raw", [b"{", b"\xff", b'{"budget": NaN}', b""])
async def test_a_body_that_is_no_json_is_declined(stage: Stage, raw: bytes) -> None:
    headers = WITH_TOKEN | {"Content-Type": "application/json"}
    async with serving(stage) as client:
        response = await client.patch(
            "/api/v1/project", params={"project": P}, data=raw, headers=headers
        )
        assert response.status in (400, 422)
        assert response.content_type == "application/problem+json"


async def test_two_changes_at_a_time_are_both_made(stage: Stage) -> None:
    async with serving(stage) as client:
        changes = [{"budget": 9}, {"lease_seconds": 60}, {"max_answers": 4}, {"seed": "s"}]
        answers = await asyncio.gather(*(send(client, "PATCH", "project", c) for c in changes))
    assert [status for status, _ in answers] == [200] * 4
    now = settings(stage)
    assert (now.budget, now.lease_seconds, now.max_answers, now.seed) == (9, 60, 4, "s")


async def test_a_change_waits_for_what_was_said_before(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controls, "APPLIED_SECONDS", 0.1)
    stage.ends[Topic.CONTROL] += 1  # in the log, and not applied
    async with serving(stage) as client:
        status, problem = await send(client, "PATCH", "project", {"budget": 9})
    assert status == 503, problem


async def test_a_worker_that_has_lost_the_partition_steers_nothing(stage: Stage) -> None:
    before = dict(stage.ends)
    async with serving(stage, Stance(confirmed=False)) as client:
        for method, path, body in (("PATCH", "project", {"budget": 9}), ("POST", "close", {})):
            assert (await send(client, method, path, body))[0] == 503
    assert stage.ends == before


async def test_the_documents_examples_are_taken_as_they_are_written(stage: Stage) -> None:
    document = (Path(__file__).parents[2] / "docs" / "page.md").read_text()
    examples = re.findall(
        r"^steer '(.*)' (-X PATCH )?\"\$API/(.*)\?project=(.*)\"$", document, re.M
    )
    assert len(examples) == 7
    async with serving(stage) as client:
        for body, patch, path, project in examples:
            method = "PATCH" if patch else "POST"
            status, said = await send(client, method, path, orjson.loads(body), project)
            assert status == 200, said
