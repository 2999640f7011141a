"""Label Studio's API: the few calls that the bridge needs, each as Label Studio documents it.

A personal access token buys an access token for five minutes, a legacy token is sent as it is.
"""

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import orjson

from stream_app.errors import StreamAppError

CALL_SECONDS: Final = 60.0
"""How long an answer may take."""
ACCESS_SECONDS: Final = 240.0
"""How long an access token is used; Label Studio's lives for 300 s."""
PAGE_TASKS: Final = 100
SHOWN: Final = "id,data,updated_at,annotations,result,completed_by,was_cancelled"
"""The fields of tasks and of their annotations that a page shows."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Body = dict[str, Any]


class StudioError(StreamAppError):
    """Label Studio refuses what we ask: by its token, its project, or what the call says."""


class StudioAway(StreamAppError):
    """Label Studio can't be reached, or fails by itself: it may be well again later."""


@dataclass(slots=True)
class Studio:
    """Talks to a Label Studio about one of its projects; an asynchronous context manager."""

    url: str
    project: int
    token: str
    _session: aiohttp.ClientSession = field(init=False)
    _access: str = field(init=False, default="")
    _access_until: float = field(init=False, default=0.0)

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self._session.close()

    async def overlap(self) -> int:
        """Return how many annotations a task of the project gets by default."""
        project = await self._call("GET", f"/api/projects/{self.project}/")
        return int(project["maximum_annotations"])

    async def pages(self, since: int | None = None) -> AsyncIterator[list[Body]]:
        """Return pages of tasks with annotations: of those changed after ``since``, or all.

        By id, and each page begins behind the last task of the page before: so a task that is
        there all the time is shown exactly once, whatever is created or deleted meanwhile.
        ``since`` is in microseconds.
        """
        last = 0
        changed = [] if since is None else [_filter("updated_at", "Datetime", _written(since))]
        while True:
            query = {
                "filters": {
                    "conjunction": "and",
                    "items": [_filter("id", "Number", last), *changed],
                },
                "ordering": ["tasks:id"],
            }
            page = await self._call(
                "GET",
                "/api/tasks",
                params={
                    "project": str(self.project),
                    "query": orjson.dumps(query).decode(),
                    "fields": "all",
                    "include": SHOWN,
                    "resolve_uri": "false",
                    "page_size": str(PAGE_TASKS),
                    "page": "1",
                },
            )
            tasks: list[Body] = page["tasks"]
            yield tasks
            if len(tasks) < PAGE_TASKS:
                return
            last = tasks[-1]["id"]

    async def task(self, task: int) -> Body | None:
        """Return a task as it is stored; None where it is no more."""
        path = f"/api/tasks/{task}/"
        found: Body | None = await self._call(
            "GET", path, params={"resolve_uri": "false"}, gone=404
        )
        return found

    async def change_task(self, task: int, change: Body) -> bool:
        """Change some fields of a task, ``data`` as a whole; False where it is no more."""
        path = f"/api/tasks/{task}/"
        return await self._call("PATCH", path, body=change, gone=404) is not None

    async def ensure_tab(self, title: str, content: Body) -> None:
        """Make a tab of the project's data manager, if there is none of this title."""
        path, of_project = "/api/dm/views/", {"project": str(self.project)}
        tabs = await self._call("GET", path, params=of_project)
        if not any(tab["data"].get("title") == title for tab in tabs):
            made = {"project": self.project, "data": {"title": title, **content}}
            await self._call("POST", path, body=made)

    async def ensure_webhook(self, url: str, headers: Body, actions: list[str]) -> None:
        """Make the project's webhook to ``url``, or put the one that is there right."""
        path, of_project = "/api/webhooks/", {"project": str(self.project)}
        wanted = {
            "url": url,
            "headers": headers,
            "actions": actions,
            "send_payload": True,
            "send_for_all_actions": False,
            "is_active": True,
        }
        for webhook in await self._call("GET", path, params=of_project):
            if webhook["url"] == url and webhook["project"] == self.project:
                await self._call("PATCH", f"{path}{webhook['id']}/", body=wanted)
                return
        await self._call("POST", path, body={"project": self.project, **wanted})

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: Body | None = None,
        gone: int | None = None,
    ) -> Any:
        """Return the answer to a call; None where its status is ``gone``."""
        try:
            headers = {"Authorization": await self._authorization()}
            return await self._send(method, path, headers, params=params, body=body, gone=gone)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            message = f"Label Studio at {self.url} can't be reached: {reason}."
            raise StudioAway(message) from error

    async def _authorization(self) -> str:
        if self.token.count(".") != 2:
            return f"Token {self.token}"
        if time.monotonic() >= self._access_until:
            until = time.monotonic() + ACCESS_SECONDS
            bought = await self._send(
                "POST", "/api/token/refresh/", {}, body={"refresh": self.token}
            )
            self._access, self._access_until = bought["access"], until
        return f"Bearer {self._access}"

    async def _send(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        *,
        params: dict[str, str] | None = None,
        body: Body | None = None,
        gone: int | None = None,
    ) -> Any:
        url = self.url.rstrip("/") + path
        async with self._session.request(
            method, url, params=params, json=body, headers=headers
        ) as answer:
            if answer.status == gone:
                return None
            said = await answer.read()
        message = f"Label Studio answers {answer.status} to {method} {url}: {_reason(said)}"
        if answer.ok:
            try:
                return orjson.loads(said)
            except orjson.JSONDecodeError as error:
                raise StudioError(message) from error
        raise (StudioAway if answer.status >= 500 or answer.status == 429 else StudioError)(message)


def _filter(column: str, kind: str, above: object) -> Body:
    return {
        "filter": f"filter:tasks:{column}",
        "operator": "greater",
        "type": kind,
        "value": above,
    }


def _written(micros: int) -> str:
    """Return a time as Label Studio's filters read it: always with a fraction."""
    return f"{EPOCH + timedelta(microseconds=micros):%Y-%m-%dT%H:%M:%S.%fZ}"


def _reason(said: bytes) -> str:
    """Return what an answer says is wrong, in one line."""
    try:
        detail = orjson.loads(said)
    except orjson.JSONDecodeError:
        detail = said[:200].decode(errors="replace")
    if isinstance(detail, dict):
        detail = detail.get("validation_errors") or detail.get("detail") or detail
    return " ".join(str(detail).split())[:300]
