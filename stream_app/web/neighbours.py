"""Other workers: a request for a project goes to the worker that owns it, once.

Each worker advertises its address in the group, and Faust tells all of them who owns what. What is
passed on carries the token that the workers share: whoever asked has been let in here.
"""

import asyncio

import aiohttp
from aiohttp import web
from pydantic import ValidationError
from yarl import URL

from stream_app.web.access import Access
from stream_app.web.problems import problem
from stream_app.web.wire import OfProjects, Projects

PASSED_ON = "Activelab-Passed-On"
"""The header of a request that was passed on; it is not passed on again."""
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 120.0
"""A close waits for its window."""
LIST_SECONDS = 3.0
SENT = ("Content-Type",)
"""Headers of a question that are passed on."""
KEPT = ("Content-Type", "Retry-After", "WWW-Authenticate")
"""Headers of an answer that are passed back."""


class Neighbours:
    """Asks other workers."""

    def __init__(self, access: Access) -> None:
        self._headers = access.credentials() | {PASSED_ON: "1"}
        self._session: aiohttp.ClientSession | None = None

    def _asking(self) -> aiohttp.ClientSession:
        """Return the session, made for the first question: it needs the loop."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS
            )
            self._session = aiohttp.ClientSession(timeout=timeout, headers=self._headers)
        return self._session

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def pass_on(self, request: web.Request, url: str) -> web.StreamResponse:
        """Let the worker at ``url`` answer a request."""
        headers = {name: request.headers[name] for name in SENT if name in request.headers}
        asking = self._asking().request(
            request.method,
            URL(url).join(request.rel_url),
            data=await request.read(),
            headers=headers,
            allow_redirects=False,
        )
        try:
            async with asking as answer:
                response = web.StreamResponse(
                    status=answer.status,
                    headers={name: answer.headers[name] for name in KEPT if name in answer.headers},
                )
                await response.prepare(request)
                async for piece in answer.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
                return response
        except (aiohttp.ClientConnectorError, aiohttp.ServerTimeoutError):
            return problem(502, f"The project's worker, {url}, can't be reached from here.")

    async def projects(self, url: str, query: OfProjects) -> Projects | None:
        """Ask for the projects of another worker; None where it does not answer."""
        params = {"here": "true", "after": query.after, "limit": str(query.limit)}
        target = URL(url).with_path("/api/v1/projects").with_query(params)
        try:
            async with asyncio.timeout(LIST_SECONDS), self._asking().get(target) as answer:
                return Projects.model_validate_json(await answer.read())
        except (aiohttp.ClientError, TimeoutError, ValidationError):
            return None
