"""The web over a partition in memory: what is published comes to the step at once, no Kafka."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from memory_ports import Stage
from pydantic import SecretStr

from schemas import (
    Close,
    Event,
    Refusal,
    Selection,
    Topic,
    Window,
    parse_dead_letter,
    parse_output,
)
from stream_app.partition import Partition
from stream_app.settings import Settings
from stream_app.web import Access, Neighbours, Seat, Site, Web
from stream_app.web.topics import shown
from stream_app.web.walk import now_micros
from stream_app.web.wire import Letter

TOKEN = "a token of some length"
SITE = web.AppKey("site", Site)
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class StageTopics:
    """The topics of a stage: its partition alone."""

    stage: Stage

    async def aclose(self) -> None:
        """There is nothing to close."""

    async def publish(self, project: str, event: Event) -> None:
        await self.stage.publish(Topic.CONTROL, project, event)

    async def ends(self, project: str) -> dict[Topic, int]:
        return dict(self.stage.ends)

    async def close(
        self, project: str, *, request_id: str, budget: int | None, annotator: str | None
    ) -> Window | Refusal:
        close = Close(cause="request", request_id=request_id, budget=budget, annotator=annotator)
        said = await self.stage.publish(Topic.CONTROL, project, close)
        (answer,) = [one for one in map(_parsed, said) if isinstance(one, Window | Refusal)]
        return answer

    def _said(self) -> list[object]:
        return [_parsed(pair) for pair in self.stage.memory.said]

    async def selections(self, window: Window) -> list[Selection]:
        said = [one for one in self._said() if isinstance(one, Selection)]
        return [s for s in said if (s.project, s.window) == (window.project, window.window)]

    async def window(self, project: str, number: int) -> Window | None:
        found = [w for w in await self.windows(project, 10**9, last=0) if w.window == number]
        return found[0] if found else None

    async def windows(self, project: str, count: int, *, last: int) -> list[Window]:
        said = [one for one in self._said() if isinstance(one, Window) and one.project == project]
        return said[-count:]

    async def selected(self, project: str, item: str) -> tuple[list[Selection], int]:
        said = [one for one in self._said() if isinstance(one, Selection)]
        return [s for s in said if (s.project, s.item) == (project, item)][::-1], len(said)

    async def dead_letters(self, project: str | None, count: int) -> list[Letter]:
        said = [one for topic, one in self.stage.memory.said if topic == Topic.DEAD_LETTERS]
        letters = [
            shown(parse_dead_letter(one.key, one.value, one.headers), self.stage.now * 1000)
            for one in said
            if project is None or one.key == project.encode()
        ]
        return letters[-count:][::-1]


def _parsed(pair: tuple[str, object]) -> object:
    topic, message = pair
    if topic == Topic.DEAD_LETTERS:
        return message
    return parse_output(topic, message.key, message.value)  # type: ignore[attr-defined]


@dataclass
class Stance:
    """What the group says of the worker; a test changes it."""

    owns: bool = True
    confirmed: bool = True
    addresses: Mapping[int, str] = field(default_factory=dict)
    asked: int = 0

    async def confirm(self) -> bool:
        self.asked += 1
        return self.confirmed


def site_of(
    stage: Stage, settings: Settings, stance: Stance, now: Callable[[], int] = now_micros
) -> Site:
    """Return the site of a worker that owns the stage's partition, or says that it does."""

    def partitions() -> Mapping[int, Partition]:
        return stage.step.partitions if stance.owns else {}

    seat = Seat(
        partitions=partitions,
        confirmed=stance.confirm,
        addresses=lambda: stance.addresses,
        waiting=lambda _: 0,
    )
    neighbours = Neighbours(Access.of(settings))
    return Site(settings, seat, stage.memory, StageTopics(stage), neighbours, now=now)


def application(
    stage: Stage,
    stance: Stance | None = None,
    now: Callable[[], int] = now_micros,
    is_ready: Callable[[], bool] = lambda: True,
    **settings: object,
) -> web.Application:
    """Return the web of a worker on a stage; it has a token unless ``api_token`` is None."""
    settings = {"api_token": SecretStr(TOKEN)} | settings
    own = stage.settings.model_copy(update=settings)
    site = site_of(stage, own, stance or Stance(), now)
    served = Web(own, stage.step.telemetry, is_ready, site, lambda _: None).application()

    async def end(_: web.Application) -> None:
        site.closing.set()
        await site.aclose()

    served.on_shutdown.append(end)
    served[SITE] = site
    return served


@asynccontextmanager
async def serving(
    stage: Stage,
    stance: Stance | None = None,
    now: Callable[[], int] = now_micros,
    is_ready: Callable[[], bool] = lambda: True,
    **settings: object,
) -> AsyncIterator[TestClient]:
    """Serve a stage; the client sends no token by itself."""
    async with TestClient(
        TestServer(application(stage, stance, now, is_ready, **settings))
    ) as client:
        yield client
