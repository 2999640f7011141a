"""The receiver: takes Label Studio's webhooks, and answers once Kafka has what follows from them.

Label Studio posts a webhook once, waits a second for the answer by default, and never repeats it:
what is lost, the next pass finds.
"""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from aiohttp import web
from aiokafka.errors import KafkaError
from prometheus_client import CONTENT_TYPE_LATEST

from stream_app.label_studio.answers import Answer, Body
from stream_app.label_studio.metrics import BridgeMetrics
from stream_app.label_studio.mirror import Mirror
from stream_app.label_studio.settings import Wiring

SECRET_HEADER: Final = "X-ActiveLab-Secret"
ACTIONS: Final = [
    "ANNOTATION_CREATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED",
    "TASKS_DELETED",
]
MAX_BODY: Final = 4 << 20
"""Bytes of a webhook: an annotation, its task with all data, and the project."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Receiver:
    """A small web server that changes the mirror, and has the bridge say what is due then."""

    wiring: Wiring
    secret: str
    mirror: Mirror
    say: Callable[[], Awaitable[int]]
    metrics: BridgeMetrics

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen inside the block."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post("/", self._webhook)
        app.router.add_get("/healthz", _healthz)
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, self.wiring.host, self.wiring.port).start()
            host, port, *_ = runner.addresses[0]
            log.info("listening", url=f"http://{host}:{port}/")
            yield
        finally:
            await runner.cleanup()

    async def _webhook(self, request: web.Request) -> web.Response:
        given = request.headers.get(SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode(errors="surrogateescape"), self.secret.encode()):
            log.warning("a webhook without the secret", remote=request.remote)
            return self._answer("refused", 401)
        try:
            body = orjson.loads(await request.read())
            self._take(body)
        except web.HTTPRequestEntityTooLarge:
            self.metrics.webhook("unreadable")
            raise
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("a webhook that is none of Label Studio's", error=repr(error))
            return self._answer("unreadable", 400)
        try:
            await self.say()
        except KafkaError as error:
            log.warning("a webhook waits for Kafka; the next pass says it", error=repr(error))
            return self._answer("waiting", 503)
        return self._answer("taken", 200)

    def _answer(self, outcome: str, status: int) -> web.Response:
        self.metrics.webhook(outcome)
        return web.Response(status=status)

    async def _metrics(self, _: web.Request) -> web.Response:
        content_type = {"Content-Type": CONTENT_TYPE_LATEST}
        return web.Response(body=self.metrics.exposition(), headers=content_type)

    def _take(self, body: Body) -> None:
        """Change the mirror; other projects' webhooks may come here, too."""
        if body["project"]["id"] != self.wiring.studio_project:
            return
        match body["action"]:
            case "ANNOTATION_CREATED" | "ANNOTATIONS_CREATED" | "ANNOTATION_UPDATED":
                for answer in [*self._answers(body)]:
                    self.mirror.hear(answer)
            case "ANNOTATIONS_DELETED":
                self.mirror.forget([int(one["id"]) for one in body["annotations"]])
            case "TASKS_DELETED":
                for task in [int(one["id"]) for one in body["tasks"]]:
                    self.mirror.forget_task(task)

    def _answers(self, body: Body) -> Iterator[Answer]:
        tasks = {task["id"]: task for task in _listed(body["task"])}
        for annotation in _listed(body["annotation"]):
            answer = self.wiring.wording.answer(tasks[annotation["task"]], annotation)
            if answer is not None:
                yield answer


def _listed(value: Any) -> list[Any]:
    """Return one or many as many."""
    return value if isinstance(value, list) else [value]


async def _healthz(_: web.Request) -> web.Response:
    return web.Response(text="alive\n")
