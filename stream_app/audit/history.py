"""History: all that the topics hold of a project, read whole from its home partition."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

from schemas import (
    Close,
    Output,
    Refusal,
    Selection,
    Tombstone,
    Topic,
    Window,
    home,
    parse_output,
)
from stream_app.audit.replay import SOURCES, Log, Replay
from stream_app.client import VISIBLE_SECONDS
from stream_app.errors import AuditRefused
from stream_app.reading import first_positions, reading
from stream_app.settings import Settings
from stream_app.topics import partition_count

TOPICS = (Topic.WINDOWS, Topic.SELECTIONS, *SOURCES)
"""In the order in which they are read: an answer is there when what it knew is."""


@dataclass(frozen=True)
class History:
    """A project's inputs, the answers to its closes and what its windows have selected."""

    project: str
    partitions: int
    logs: Mapping[str, Log]

    @cached_property
    def answers(self) -> list[Window | Refusal]:
        """Return the answers to the project's closes, in log order."""
        return [said for said in self._said(Topic.WINDOWS) if isinstance(said, Window | Refusal)]

    @cached_property
    def selections(self) -> dict[int, list[Selection]]:
        """Return what each window has selected, in log order."""
        by_window: dict[int, list[Selection]] = {}
        for said in self._said(Topic.SELECTIONS):
            if isinstance(said, Selection):
                by_window.setdefault(said.window, []).append(said)
        return by_window

    def _said(self, topic: Topic) -> Iterator[Output | Tombstone]:
        for record in self.logs[topic].records:
            try:
                yield parse_output(topic, record.key, record.value)
            except ValueError as error:
                message = f"{topic} holds what no worker says, at offset {record.offset}: {error}"
                raise AuditRefused(message) from error

    def lacks_selections(self) -> bool:
        """Say whether a window has selected more than is there.

        A transaction becomes visible topic by topic: a manifest may be there first.
        """
        return any(
            answer.counts.selected > len(self.selections.get(answer.window, ()))
            for answer in self.answers
            if isinstance(answer, Window)
        )

    def replay(self) -> Replay:
        """Return the project before its first record."""
        number = home(self.project, self.partitions)
        return Replay(self.project, self.logs, number, self.partitions)

    def walk(self, replay: Replay) -> Iterator[tuple[Window | Refusal, list[Close]]]:
        """Move a replay from answer to answer; yield each, and the closes since the one before."""
        for answer in self.answers:
            yield answer, replay.advance(answer.cut)
            if isinstance(answer, Window):
                replay.lease(self.selections.get(answer.window, ()))


async def read_history(settings: Settings, project: str) -> History:
    """Read what a deployment's topics hold of a project now.

    Raises AuditRefused where a log no longer begins at 0: nobody could say what it said before.
    """
    partitions = await partition_count(settings)
    number = home(project, partitions)
    names = [settings.topic(topic) for topic in TOPICS]
    for name, first in (await first_positions(settings, names, number)).items():
        if first:
            message = f"{name} {number} begins at offset {first}: what came before is lost."
            raise AuditRefused(message)
    logs: dict[str, Log] = {
        topic: await _read(settings, project, topic, number) for topic in TOPICS
    }
    history = History(project, partitions, logs)
    with suppress(TimeoutError):  # what is missing then is missing: an audit says so
        async with asyncio.timeout(VISIBLE_SECONDS):
            while history.lacks_selections():
                again = await _read(settings, project, Topic.SELECTIONS, number)
                history = replace(history, logs=logs | {Topic.SELECTIONS: again})
    return history


async def _read(settings: Settings, project: str, topic: Topic, partition: int) -> Log:
    log = Log(project)
    async with reading(settings, settings.topic(topic), [partition]) as records:
        async for record in records:
            log.add(record)
    return log
