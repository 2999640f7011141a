"""Who may read and who may write: the table of `stream_app.web.access`, and what a browser does."""

import asyncio
import re

import pytest
from memory_ports import Stage
from pydantic import SecretStr, ValidationError
from web_stage import SITE, TOKEN, WITH_TOKEN, serving

from schemas import ProjectSettings, Topic
from stream_app.settings import Settings
from stream_app.web import live
from stream_app.web.access import Access
from stream_app.web.problems import Declined
from stream_app.web.routes import BASE, ROUTES
from stream_app.web.server import STATIC

HOME, AWAY, NAMED = "127.0.0.1:6066", "10.0.0.7:6066", "rebound.example:6066"
WRONG = {"Authorization": "Bearer a token of another length"}


def status(access: Access, host: str, headers: dict[str, str], *, writes: bool) -> int:
    try:
        access.check({"Host": host} | headers, writes=writes)
    except Declined as declined:
        return declined.status
    return 200


@pytest.mark.parametrize(
    ("bound", "token", "host", "headers", "reads", "writes"),
    [
        ("127.0.0.1", None, HOME, {}, 200, 403),
        ("127.0.0.1", None, "localhost", {}, 200, 403),
        ("::1", None, "[::1]:6066", {}, 200, 403),
        ("127.0.0.1", None, NAMED, {}, 403, 403),
        ("127.0.0.1", None, HOME, WITH_TOKEN, 200, 403),
        ("127.0.0.1", TOKEN, HOME, {}, 200, 401),
        ("127.0.0.1", TOKEN, NAMED, {}, 401, 401),
        ("127.0.0.1", TOKEN, NAMED, WITH_TOKEN, 200, 200),
        ("127.0.0.1", TOKEN, HOME, WRONG, 200, 401),
        ("127.0.0.1", TOKEN, "", {}, 401, 401),
        ("127.0.0.1", TOKEN, "[", {}, 401, 401),
        ("0.0.0.0", None, HOME, {}, 403, 403),
        ("0.0.0.0", None, AWAY, WITH_TOKEN, 403, 403),
        ("0.0.0.0", TOKEN, HOME, {}, 401, 401),
        ("0.0.0.0", TOKEN, AWAY, WRONG, 401, 401),
        ("0.0.0.0", TOKEN, AWAY, {"Authorization": TOKEN}, 401, 401),
        ("0.0.0.0", TOKEN, AWAY, {"Authorization": f"Bearer {TOKEN}é"}, 401, 401),
        ("0.0.0.0", TOKEN, AWAY, WITH_TOKEN, 200, 200),
    ],
)
def test_who_may_do_what(
    bound: str, token: str | None, host: str, headers: dict[str, str], reads: int, writes: int
) -> None:
    access = Access.of(Settings(web_host=bound, api_token=token))
    assert status(access, host, headers, writes=False) == reads
    assert status(access, host, headers, writes=True) == writes


async def test_every_route_asks_first() -> None:
    """Bound to the world without a token, nothing of the API answers, whatever it is asked."""
    stage = Stage()
    async with serving(stage, api_token=None, web_host="0.0.0.0") as client:
        for route in ROUTES:
            response = await client.request(route.method, BASE + route.path)
            assert response.status == 403, route
        for path in ("/metrics", "/healthz", "/readyz", "/", "/static/page.js"):
            assert (await client.get(path)).status == 200


async def test_whoever_writes_needs_the_token_and_says_json() -> None:
    stage = Stage()
    writing = [route for route in ROUTES if route.writes]
    assert len(writing) == 7
    async with serving(stage) as client:
        for route in writing:
            where = BASE + route.path
            without = await client.request(route.method, where, json={})
            assert without.status == 401
            assert without.headers["WWW-Authenticate"] == "Bearer"
            form = await client.request(
                route.method, where, params={"project": "p"}, data={"a": "b"}, headers=WITH_TOKEN
            )
            assert form.status == 415
    assert stage.memory.said == []


async def test_no_other_pages_script_is_let_in() -> None:
    async with serving(Stage()) as client:
        asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PATCH"}
        preflight = await client.options("/api/v1/project", headers=asked)
        answer = await client.get("/api/v1/projects", headers={"Origin": "https://evil.example"})
    assert preflight.status == 405
    for response in (preflight, answer):
        assert not [name for name in response.headers if name.startswith("Access-Control")]
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_the_page_may_run_its_own_files_alone() -> None:
    async with serving(Stage()) as client:
        page = await client.get("/")
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        text = await page.text()
    assert "style=" not in text
    assert "http://" not in text
    assert "https://" not in text


def test_a_token_is_long_and_not_shown() -> None:
    with pytest.raises(ValidationError):
        Settings(api_token="too short")
    settings = Settings(api_token=SecretStr(TOKEN))
    assert TOKEN not in repr(settings) + settings.model_dump_json()
    assert settings.environment()["STREAM_APP_API_TOKEN"] == TOKEN


async def test_a_stream_ends_with_the_worker() -> None:
    stage = Stage()
    settings = ProjectSettings(classes=("cat", "dog"), models=("m",), budget=2)
    await stage.publish(Topic.CONTROL, "animals", settings)
    async with asyncio.timeout(10), serving(stage) as client:
        stream = await client.get("/api/v1/events", params={"project": "animals"})
        assert (await stream.content.readline()) == b"event: project\n"
        site = client.app[SITE]
        assert site.followers == 1
        site.closing.set()  # as the worker does when it stops
        while await stream.content.readline():
            pass


async def test_followers_are_so_many_and_those_who_leave_make_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "FOLLOWERS", 1)
    monkeypatch.setattr(live, "PERIOD_SECONDS", 0.01)
    monkeypatch.setattr(live, "SILENT_PERIODS", 1)
    async with asyncio.timeout(10), serving(Stage()) as client:
        stream = await client.get("/api/v1/events")
        assert (await client.get("/api/v1/events")).status == 503
        stream.close()
        while (await client.get("/api/v1/events")).status != 200:
            pass  # it has not heard yet


def test_every_file_of_the_page_is_there_and_is_used() -> None:
    files = {path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()}
    page = (STATIC / "index.html").read_text()
    named = set(re.findall(r'"/static/([^"]+)"', page))
    for script in STATIC.rglob("*.js"):
        imported = re.findall(r'from "(\.[^"]+)"', script.read_text())
        named |= {
            (script.parent / one).resolve().relative_to(STATIC.resolve()).as_posix()
            for one in imported
        }
    assert files == named | {"index.html"}
