"""The bridge: keeps annotations.v1 and Label Studio's tasks as they follow from each other.

    1. recall   what annotations.v1 was told by this bridge: records with its header
    2. listen   webhooks change the mirror, and what is due then is said at once
    3. pass     over all tasks at the start and now and then, over the changed ones between
    4. turns    of what selections.v1 selects, as far as leases last and nobody has answered

Whatever is not as it should be is put right by a pass. Label Studio may be away for a while;
without Kafka, or with a wrong token, the bridge ends.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import structlog
from aiokafka.errors import KafkaError

from schemas import LABEL, Facts, Selection, Topic, decode, parse_time, project_key
from stream_app.client import Client
from stream_app.errors import StreamAppError
from stream_app.label_studio.answers import Body
from stream_app.label_studio.api import Studio, StudioAway
from stream_app.label_studio.metrics import BridgeMetrics
from stream_app.label_studio.mirror import Mirror, Word, event
from stream_app.label_studio.receiver import ACTIONS, SECRET_HEADER, Receiver
from stream_app.label_studio.settings import StudioSettings, Wiring
from stream_app.label_studio.turns import TAB, TAB_TITLE, Move, Turns, change
from stream_app.reading import reading

SOURCE_HEADER: Final = "label-studio"
"""Marks what a bridge has said: no other record of the topic is its own to take back."""
AT_ONCE: Final = 1_000
"""Records that are sent together."""
STRAGGLING: Final = 60_000_000
"""Microseconds that a change may take from its time to its commit in Label Studio's database."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Bridge:
    """Runs until it fails; everything it knows it can know again."""

    client: Client
    wiring: Wiring
    secrets: StudioSettings
    mirror: Mirror = field(default_factory=Mirror)
    turns: Turns = field(default_factory=Turns)
    metrics: BridgeMetrics = field(init=False)
    _saying: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _turns_due: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.metrics = BridgeMetrics(self.mirror)

    async def run(self) -> None:
        """Bridge until something ends it; raises what that is."""
        token, secret = (
            value.get_secret_value() for value in (self.secrets.token, self.secrets.secret)
        )
        await self._recall()
        receiver = Receiver(self.wiring, secret, self.mirror, self.say, self.metrics)
        async with (
            Studio(self.wiring.url, self.wiring.studio_project, token) as studio,
            receiver.listening(),
            _first_failure() as tasks,
        ):
            tasks.create_task(self._follow_selections())
            tasks.create_task(self._pass_for_ever(studio, secret))
            tasks.create_task(self._give_turns(studio))

    async def say(self) -> int:
        """Say what is due, and return how much it was, once the broker has it."""
        said = 0
        while True:
            async with self._saying:
                due = list(islice(self.mirror.due(), AT_ONCE))
                if not due:
                    return said
                events = [event(pair, word) for pair, word in due]
                said += await self.client.publish(
                    Topic.ANNOTATIONS,
                    self.wiring.project,
                    events,
                    headers=[(SOURCE_HEADER, self.wiring.source)],
                )
                for (pair, word), record in zip(due, events, strict=True):
                    self.mirror.told(pair, word)
                    self.metrics.said(record.type)

    async def _recall(self) -> None:
        """Read what this bridge has said before, as the worker reads it."""
        topic, home = Topic.ANNOTATIONS, self.client.home(self.wiring.project)
        name, ours = self.client.settings.topic(topic), (SOURCE_HEADER, self.wiring.source)
        key = project_key(self.wiring.project)
        async with reading(self.client.settings, name, [home]) as records:
            async for record in records:
                if ours not in record.headers or record.key != key:
                    continue
                for piece in decode(
                    [record],
                    topic=topic,
                    partition=home,
                    partitions=self.client.partitions,
                    begin=record.offset,
                    end=record.offset + 1,
                    max_rows=1,
                    max_bytes=1,
                ):
                    if isinstance(piece, Facts):
                        self._recall_facts(piece)
        log.info("recalled", pairs=len(self.mirror.words))

    def _recall_facts(self, facts: Facts) -> None:
        said = facts.annotations
        for at, item in enumerate(said.item):
            kind = said.kind[at]
            label = said.label[at] if kind == LABEL else None
            self.mirror.told((item, said.annotator[at]), Word(said.time[at], kind, label))

    async def _pass_for_ever(self, studio: Studio, secret: str) -> None:
        """Pass over what has changed, and over everything where that is due."""
        since: int | None = None
        full_at = time.monotonic()
        while True:
            started = time.monotonic()
            try:
                if since is None:
                    await self._prepare(studio, secret)
                if started >= full_at:
                    since = await self._pass(studio, None)
                    full_at = time.monotonic() + self.wiring.full_pass_seconds
                else:
                    since = await self._pass(studio, since)
                self._turns_due.set()
            except StudioAway as error:
                log.warning("away", error=str(error))
            await asyncio.sleep(started + self.wiring.pass_seconds - time.monotonic())

    async def _prepare(self, studio: Studio, secret: str) -> None:
        """Put tab and webhook where they are to be; raises where token or project are wrong."""
        await studio.overlap()
        await studio.ensure_tab(TAB_TITLE, TAB)
        if self.wiring.webhook_url is not None:
            await studio.ensure_webhook(self.wiring.webhook_url, {SECRET_HEADER: secret}, ACTIONS)

    async def _pass(self, studio: Studio, since: int | None) -> int:
        """Pass over tasks, and say what is due; return from when on the next pass must look."""
        started, is_full = time.monotonic(), since is None
        before, seen = self.mirror.tasks(), set[int]()
        latest, said = since or 0, 0
        self.mirror.ask()
        async for page in studio.pages(since):
            for task in page:
                seen.add(task["id"])
                latest = max(latest, parse_time(task["updated_at"]) - STRAGGLING)
                self._show(task)
            said += await self.say()
            self.mirror.ask()
        if is_full:
            for number in before - seen:
                self.mirror.forget_task(number)
            self.mirror.recount()
            self.turns.keep(seen)
            said += await self.say()
        seconds = time.monotonic() - started
        self.metrics.passed(seconds, full=is_full)
        log.log(
            logging.INFO if is_full or said else logging.DEBUG,
            "passed",
            full=is_full,
            tasks=len(seen),
            said=said,
            seconds=round(seconds, 3),
        )
        return latest

    def _show(self, task: Body) -> None:
        """Take what a page shows of a task."""
        wording = self.wiring.wording
        answers = (wording.answer(task, annotation) for annotation in task["annotations"])
        self.mirror.show(task["id"], [answer for answer in answers if answer is not None])
        item = wording.item(task)
        if item is not None:
            self.turns.show(item, task)

    async def _follow_selections(self) -> None:
        """Take selections as they come; those whose lease is over are passed by."""
        async with self.client.listen(
            Topic.SELECTIONS, self.wiring.project, follow=True
        ) as selections:
            async for spoken in selections:
                if isinstance(spoken.said, Selection) and spoken.said.until > _now():
                    self.turns.select(spoken.said)
                    self._turns_due.set()

    async def _give_turns(self, studio: Studio) -> None:
        """Give tasks their turns, whenever there is a reason."""
        while True:
            await self._turns_due.wait()
            self._turns_due.clear()
            try:
                if moves := list(self.turns.moves(self.mirror, _now())):
                    await self._move(studio, moves)
            except StudioAway as error:
                log.warning("away", error=str(error))  # the next pass is the next reason

    async def _move(self, studio: Studio, moves: list[Move]) -> None:
        """Have tasks show their turns."""
        overlap = await studio.overlap()
        for move in moves:
            task = await studio.task(move.task)
            if task and await studio.change_task(move.task, change(task, move.turn, overlap)):
                self.turns.moved(move)
            else:
                self.turns.lost(move.item)
        log.info("turns", moved=len(moves), without_task=self.turns.without_task())


def _now() -> int:
    """Return the time in microseconds since the Unix epoch."""
    return time.time_ns() // 1000


@asynccontextmanager
async def _first_failure() -> AsyncIterator[asyncio.TaskGroup]:
    """Run tasks together; what ends one ends all, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except* (StreamAppError, KafkaError) as failed:
        raise failed.exceptions[0] from None
