"""What a worker says over HTTP: /metrics, /healthz, /readyz. It never serves table data."""

from collections.abc import Callable

import structlog
from aiohttp import web
from mode import Service

from stream_app.settings import Settings
from stream_app.telemetry import Telemetry

log = structlog.get_logger(__name__)


class Web(Service):
    """A small web server beside the worker, on a free port if its own is taken."""

    def __init__(
        self, settings: Settings, telemetry: Telemetry, is_ready: Callable[[], bool]
    ) -> None:
        super().__init__()
        self._settings = settings
        self._telemetry = telemetry
        self._is_ready = is_ready
        self._runner: web.AppRunner | None = None

    def application(self) -> web.Application:
        """Return the routes, without a port."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        return app

    async def on_start(self) -> None:
        """Bind and say where."""
        self._runner = web.AppRunner(self.application(), access_log=None)
        await self._runner.setup()
        host, port = self._settings.web_host, self._settings.web_port
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError:
            log.warning("web port is taken, using a free one", port=port)
            await web.TCPSite(self._runner, host, 0).start()
        log.info("web", url=f"http://{host}:{self._runner.addresses[0][1]}/metrics")

    async def on_stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        body = self._telemetry.expose()
        return web.Response(body=body, headers={"Content-Type": self._telemetry.content_type})

    async def _healthz(self, request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        if self._is_ready():
            return web.Response(text="ready\n")
        return web.Response(text="recovering, rebalancing, or without partitions\n", status=503)
