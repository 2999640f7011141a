"""Several workers: who answers for a project, who passes on, and who says nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient
from memory_ports import Stage
from web_stage import WITH_TOKEN, Stance, serving

from schemas import Annotation, ProjectSettings, Topic, home
from stream_app.web import site as sites


@pytest.fixture
async def owner() -> Stage:
    """A worker with one partition of two, and a project in it."""
    stage = Stage(number=home("animals", 2), partitions=2)
    settings = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=2)
    await stage.publish(Topic.CONTROL, "animals", settings)
    await stage.publish(
        Topic.ANNOTATIONS, "animals", Annotation(item="img-1", annotator="ann", label="cat")
    )
    return stage


@pytest.fixture
async def two(owner: Stage) -> AsyncIterator[tuple[TestClient, TestClient]]:
    """Two workers; the first one owns nothing that has a project."""
    other = Stage(number=1 - owner.number, partitions=2)
    async with serving(owner) as second:
        addresses = {owner.number: str(second.make_url("")), other.number: "http://127.0.0.1:1"}
        async with serving(other, Stance(addresses=addresses)) as first:
            yield first, second


@pytest.mark.parametrize("path", ["project", "ranking", "annotators", "windows"])
async def test_a_worker_passes_on_what_another_one_owns(
    two: tuple[TestClient, TestClient], path: str
) -> None:
    first, _ = two
    passed, direct = [
        await client.get(f"/api/v1/{path}", params={"project": "animals"}) for client in two
    ]
    assert passed.status == direct.status == 200
    ours, theirs = await passed.json(), await direct.json()
    for answer in (ours, theirs):
        answer.get("summary", {}).pop("now", None)
    assert ours == theirs
    missing = await first.get("/api/v1/item", params={"project": "animals", "item": "none"})
    assert (missing.status, missing.content_type) == (404, "application/problem+json")


async def test_a_control_is_passed_on_too(two: tuple[TestClient, TestClient], owner: Stage) -> None:
    first, _ = two
    asked = {"params": {"project": "animals"}, "json": {"budget": 9}}
    assert (await first.patch("/api/v1/project", **asked)).status == 401
    assert (await first.patch("/api/v1/project", **asked, headers=WITH_TOKEN)).status == 200
    assert owner.step.partitions[owner.number].projects["animals"].settings.budget == 9


async def test_what_is_told_is_passed_on_as_it_comes(
    two: tuple[TestClient, TestClient], owner: Stage
) -> None:
    first, _ = two
    async with asyncio.timeout(20):
        stream = await first.get("/api/v1/events", params={"project": "animals"})
        assert await stream.content.readline() == b"event: project\n"
        assert b'"labels":1' in await stream.content.readline()
        await owner.publish(
            Topic.ANNOTATIONS, "animals", Annotation(item="img-1", annotator="bob", label="cat")
        )
        while b'"labels":2' not in await stream.content.readline():
            pass
    stream.close()


async def test_the_list_has_the_projects_of_all_and_says_who_is_silent(
    two: tuple[TestClient, TestClient], owner: Stage
) -> None:
    for client, silent in zip(two, ([], [1 - owner.number]), strict=True):
        listed = await (await client.get("/api/v1/projects")).json()
        assert [one["project"] for one in listed["projects"]] == ["animals"]
        assert listed["silent"] == silent


async def test_what_was_passed_on_is_not_passed_on_again(owner: Stage) -> None:
    """Two workers that each believe that the other one owns a project."""
    stances = Stance(owns=False), Stance(owns=False)
    async with serving(owner, stances[0]) as one, serving(owner, stances[1]) as other:
        stances[0].addresses = {owner.number: str(other.make_url(""))}
        stances[1].addresses = {owner.number: str(one.make_url(""))}
        async with asyncio.timeout(10):
            response = await one.get("/api/v1/project", params={"project": "animals"})
    assert response.status == 503
    assert response.headers["Retry-After"] == "1"


async def test_who_can_not_be_reached_is_a_problem(owner: Stage) -> None:
    stance = Stance(owns=False, addresses={owner.number: "http://127.0.0.1:1"})
    async with serving(owner, stance) as client:
        response = await client.get("/api/v1/project", params={"project": "animals"})
        assert (response.status, response.content_type) == (502, "application/problem+json")
        stance.addresses = {}
        response = await client.get("/api/v1/project", params={"project": "animals"})
        assert response.status == 503


async def test_a_worker_whose_group_does_not_confirm_says_nothing(owner: Stage) -> None:
    stance = Stance()
    async with serving(owner, stance) as client:
        for confirmed, status in ((False, 503), (True, 200)):
            stance.confirmed = confirmed
            response = await client.get("/api/v1/project", params={"project": "animals"})
            assert response.status == status
        listed = await (await client.get("/api/v1/projects")).json()
        assert len(listed["projects"]) == 1


async def test_the_group_is_asked_again_once_its_answer_is_old(
    owner: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr(sites, "monotonic", lambda: clock[0])
    stance = Stance()
    async with serving(owner, stance) as client:
        for passed, asked, status in ((0, 1, 200), (0.9, 1, 200), (0.2, 2, 200), (60, 3, 503)):
            clock[0] += passed
            stance.confirmed = status == 200
            response = await client.get("/api/v1/project", params={"project": "animals"})
            assert (response.status, stance.asked) == (status, asked)


async def test_an_answer_that_took_longer_than_a_session_is_not_given(
    owner: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is frozen between the question to the group and its answer."""
    clock = [1000.0]
    monkeypatch.setattr(sites, "monotonic", lambda: clock[0])
    stance = Stance()
    confirm = stance.confirm

    async def freeze() -> bool:
        clock[0] += owner.settings.session_timeout
        return await confirm()

    stance.confirm = freeze  # type: ignore[method-assign]
    async with serving(owner, stance) as client:
        response = await client.get("/api/v1/project", params={"project": "animals"})
    assert response.status == 503
