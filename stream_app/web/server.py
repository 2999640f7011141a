"""The worker's web server: the page, the API, and what supervisors and Prometheus ask for.

request ──> access ──> question and body, by the route's models ──> endpoint ──> answer
                                        └── another worker's project: passed on, once
"""

import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from importlib.resources import files
from json import JSONDecodeError, loads
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web
from aiokafka.errors import KafkaError
from mode import Service
from pydantic import BaseModel, ValidationError

from stream_app.errors import StreamAppError
from stream_app.settings import Settings
from stream_app.telemetry import Telemetry
from stream_app.web.access import Access
from stream_app.web.neighbours import PASSED_ON
from stream_app.web.openapi import encoded
from stream_app.web.problems import Declined, Elsewhere, invalid, not_now, of_declined, problem
from stream_app.web.routes import BASE, ROUTES, Route
from stream_app.web.site import LOST, Site
from stream_app.web.wire import OfProject, dumped

STATIC = Path(str(files("stream_app.web"))) / "static"
STOP_SECONDS = 1.0
"""How long requests that are being answered may take when the worker ends."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Of every response: the page runs its own files alone, and nobody else's page shows it."""
UNSERVED = "No worker serves the project's partition right now."
ANYWHERE = ("0.0.0.0", "::", "")

log = structlog.get_logger(__name__)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Web(Service):
    """A small web server beside the worker, on a free port if its own is taken."""

    def __init__(
        self,
        settings: Settings,
        telemetry: Telemetry,
        is_ready: Callable[[], bool],
        site: Site,
        advertise: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._settings = settings
        self._telemetry = telemetry
        self._is_ready = is_ready
        self._site = site
        self._access = Access.of(settings)
        self._advertise = advertise
        self._runner: web.AppRunner | None = None

    def application(self) -> web.Application:
        """Return the routes, without a port."""
        app = web.Application(middlewares=[_explain])
        app.on_response_prepare.append(_protect)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/", _page)
        app.router.add_static("/static", STATIC)
        app.router.add_get("/api/openapi.json", _document)
        for route in ROUTES:
            app.router.add_route(route.method, BASE + route.path, partial(self._answer, route))
        return app

    async def on_start(self) -> None:
        """Bind, and say where: before the worker joins the group, which hears of it."""
        self._runner = web.AppRunner(
            self.application(), access_log=None, shutdown_timeout=STOP_SECONDS
        )
        await self._runner.setup()
        host, port = self._settings.web_host, self._settings.web_port
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError:
            log.warning("web port is taken, using a free one", port=port)
            await web.TCPSite(self._runner, host, 0).start()
        bound = self._runner.addresses[0][1]
        log.info("web", url=f"http://{_bracketed(host)}:{bound}/metrics")
        reached = socket.gethostname() if host in ANYWHERE else host
        self._advertise(self._settings.web_url or f"http://{_bracketed(reached)}:{bound}")

    async def on_stop(self) -> None:
        """End the streams, close the port and all connections."""
        self._site.closing.set()
        if self._runner is not None:
            await self._runner.cleanup()
        await self._site.aclose()

    # ------------------------------------------------------------------ the API

    async def _answer(self, route: Route, request: web.Request) -> web.StreamResponse:
        self._access.check(request.headers, writes=route.writes)
        question = _question(route, request)
        arguments: list[BaseModel] = [question]
        if route.body is not None:
            arguments.append(await _body(route.body, request))
        try:
            if route.streams:
                return await _stream(route.endpoint(self._site, *arguments), request)
            answer = await route.endpoint(self._site, *arguments)
        except Elsewhere as elsewhere:
            if elsewhere.url is None or PASSED_ON in request.headers:
                raise not_now(UNSERVED) from None
            return await self._site.neighbours.pass_on(request, elsewhere.url)
        except (StreamAppError, KafkaError) as error:
            raise not_now(str(error)) from error
        # What was read is ours to tell if the partition still is; what was written has its answer.
        read = isinstance(question, OfProject) and not route.writes
        if read and not await self._site.tenure.holds():
            raise not_now(LOST)
        return web.Response(body=dumped(answer), content_type="application/json")

    # ------------------------------------------------------------------ what supervisors ask

    async def _metrics(self, request: web.Request) -> web.Response:
        body = self._telemetry.expose()
        return web.Response(body=body, headers={"Content-Type": self._telemetry.content_type})

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        if self._is_ready():
            return web.Response(text="ready\n")
        return web.Response(text="recovering, rebalancing, or without partitions\n", status=503)


def _question(route: Route, request: web.Request) -> Any:
    try:
        return route.query.model_validate(dict(request.query))
    except ValidationError as error:
        raise invalid(400, error) from error


async def _body(model: type[BaseModel], request: web.Request) -> BaseModel:
    if request.content_type != "application/json":
        raise Declined(415, "Send a JSON object as application/json.")
    try:
        return model.model_validate(loads(await request.read()))
    except (JSONDecodeError, UnicodeDecodeError) as error:
        raise Declined(400, f"The body is no JSON: {error}.") from error
    except ValidationError as error:
        raise invalid(422, error) from error


async def _stream(told: AsyncGenerator[bytes, None], request: web.Request) -> web.StreamResponse:
    """Send what is told; a problem is known before the first of it."""
    async with aclosing(told):
        return await _sent(told, request)


async def _sent(told: AsyncIterator[bytes], request: web.Request) -> web.StreamResponse:
    first = await anext(told, None)
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    )
    await response.prepare(request)
    if first is not None:
        await response.write(first)
    try:
        async for piece in told:
            await response.write(piece)
    except (Declined, Elsewhere):
        pass  # the project is another worker's now: the reader asks again
    return response


async def _page(request: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "index.html")


async def _document(request: web.Request) -> web.Response:
    return web.Response(body=encoded(), content_type="application/json")


@web.middleware
async def _explain(request: web.Request, handler: Answer) -> web.StreamResponse:
    """Say as a problem why there is no answer."""
    try:
        return await handler(request)
    except Declined as declined:
        return of_declined(declined)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        kept = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
        return problem(error.status, f"{request.method} {request.path}: {error.reason}.", kept)


async def _protect(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers.setdefault(
        "Cache-Control", "no-store" if request.path.startswith(BASE) else "no-cache"
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
