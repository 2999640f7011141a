"""A labelling campaign that never ends: what is watched, under load."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from random import Random

from aiokafka import AIOKafkaProducer

from schemas import (
    Annotation,
    Annotations,
    Answer,
    Predictions,
    ProjectSettings,
    Topic,
    home,
    project_key,
)
from stream_app.client import Client
from stream_app.settings import Settings

CLASSES = ("cat", "dog")
SETTINGS = ProjectSettings(
    classes=CLASSES,
    models=("good", "mistaken"),
    method="activelab_ensemble",
    mode="strict",  # robust mode keeps temperatures away from their ends
    budget=2,
    window_seconds=2,
    lease_seconds=60,
)
ITEMS, LABELLED = 100, 60
"""Of a project; those that have labels from the start have some of each annotator."""
ANNOTATORS = ("ann", "bob", "cid", "dot")
SELDOM_WRONG = 0.1
BAD_ROWS = 20
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
TICK_SECONDS = 0.05


def at_home(settings: Settings) -> dict[int, str]:
    """Name a project for each partition."""
    names: dict[int, str] = {}
    for number in count():
        if len(names) == settings.partitions:
            return names
        names.setdefault(home(f"project-{number}", settings.partitions), f"project-{number}")
    raise AssertionError


@dataclass
class Campaign:
    """Sends events of some projects, good and bad ones, until it is told to stop."""

    settings: Settings
    projects: list[str]
    failure: BaseException | None = None
    _random: Random = field(default_factory=lambda: Random(0))
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run it beside the block."""
        thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
        self.check()

    def check(self) -> None:
        """Raise what has ended it."""
        if self.failure is not None:
            raise self.failure

    async def _run(self) -> None:
        try:
            async with (
                Client(self.settings) as client,
                AIOKafkaProducer(bootstrap_servers=self.settings.bootstrap_servers) as producer,
            ):
                for project in self.projects:
                    await self._begin(client, project)
                while not self._stop.is_set():
                    for project in self.projects:
                        await self._go_on(client, producer, project)
                    await asyncio.sleep(TICK_SECONDS)
        except Exception as error:  # noqa: BLE001 it is raised where it is waited for
            self.failure = error

    async def _begin(self, client: Client, project: str) -> None:
        """Say what a project needs, and labels that do not count yet, for two reasons."""
        await client.publish(Topic.CONTROL, project, [SETTINGS])
        items = [f"item-{number}" for number in range(ITEMS)]
        right = [0.9 if number % 2 == 0 else 0.1 for number in range(ITEMS)]
        for model, sure in (("good", right), ("mistaken", [1 - share for share in right])):
            pred_probs = [(share, 1 - share) for share in sure]
            said = Predictions(model=model, classes=CLASSES, items=items, pred_probs=pred_probs)
            await client.publish(Topic.PREDICTIONS, project, [said])
        rows = [
            Answer(item=f"item-{number}", annotator=annotator, label=self._label(number))
            for number in range(LABELLED)
            for annotator in ANNOTATORS
        ]
        dormant = Annotation(item="item-0", annotator="eve", label="eel")
        await client.publish(Topic.ANNOTATIONS, project, [Annotations(rows=tuple(rows)), dormant])
        await client.publish(Topic.ANNOTATIONS, f"nobody-{project}", [dormant])

    async def _go_on(self, client: Client, producer: AIOKafkaProducer, project: str) -> None:
        """Say a label, an outdated one, and what is not accepted."""
        number = self._random.randrange(LABELLED)
        annotator = self._random.choice(ANNOTATORS)
        said = {"item": f"item-{number}", "annotator": annotator, "label": self._label(number)}
        labels = [Annotation.model_validate(said | when) for when in ({}, {"time": LONG_AGO})]
        await client.publish(Topic.ANNOTATIONS, project, labels)
        bad = Annotations(rows=(Answer(item="i", annotator="a", label="cat"),) * BAD_ROWS)
        await producer.send(
            self.settings.topic(Topic.ANNOTATIONS),
            bad.to_bytes().replace(b'"cat"', b"17"),
            key=project_key(project),
            partition=client.home(project),
        )

    def _label(self, number: int) -> str:
        wrong = self._random.random() < SELDOM_WRONG
        return CLASSES[(number + wrong) % 2]


@contextmanager
def open_transaction(settings: Settings, project: str) -> Iterator[None]:
    """Keep a transaction open on a project's labels: what comes behind it is pinned."""
    loop = asyncio.new_event_loop()

    async def begin() -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.bootstrap_servers, transactional_id=f"{settings.app_id}-open"
        )
        await producer.start()
        await producer.begin_transaction()
        label = Annotation(item="item-0", annotator="ann", label="cat")
        topic, where = settings.topic(Topic.ANNOTATIONS), home(project, settings.partitions)
        key = project_key(project)
        await producer.send_and_wait(topic, label.to_bytes(), key=key, partition=where)
        return producer

    async def end(producer: AIOKafkaProducer) -> None:
        await producer.commit_transaction()
        await producer.stop()

    try:
        producer = loop.run_until_complete(begin())
        yield
        loop.run_until_complete(end(producer))
    finally:
        loop.close()
