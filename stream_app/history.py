"""History: all that the topics hold of a project, read whole from its home partition."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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
from stream_app.errors import AuditRefused
from stream_app.reading import first_positions, reading
from stream_app.replay import SOURCES, Log, Replay
from stream_app.settings import Settings
from stream_app.topics import partition_count

TOPICS = (Topic.WINDOWS, Topic.SELECTIONS, *SOURCES)
"""In the order in which they are read: an answer is there when what it knew is."""


@dataclass(frozen=True, slots=True)
class History:
    """A project's inputs, the answers to its closes and what its windows have selected."""

    project: str
    partitions: int
    logs: Mapping[str, Log]

    def answers(self) -> list[Window | Refusal]:
        """Return the answers to the project's closes, in log order."""
        return [said for said in self._said(Topic.WINDOWS) if isinstance(said, Window | Refusal)]

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

    def replay(self) -> Replay:
        """Return the project before its first record."""
        number = home(self.project, self.partitions)
        return Replay(self.project, self.logs, number, self.partitions)

    def walk(self, replay: Replay) -> Iterator[tuple[Window | Refusal, list[Close]]]:
        """Move a replay from answer to answer; yield each, and the closes since the one before.

        A position never goes back: a cut that says so is not followed.
        """
        selections = self.selections()
        for answer in self.answers():
            cut = replay.positions.items()
            yield (
                answer,
                replay.advance({topic: max(at, answer.cut.get(topic, 0)) for topic, at in cut}),
            )
            if isinstance(answer, Window):
                replay.lease(selections.get(answer.window, ()))


async def read_history(settings: Settings, project: str) -> History:
    """Read what a deployment's topics hold of a project now.

    Raises AuditRefused where a log no longer begins at 0: nobody could say what it said before.
    """
    partitions = await partition_count(settings)
    number = home(project, partitions)
    names = {settings.topic(topic): topic for topic in TOPICS}
    for name, first in (await first_positions(settings, names, number)).items():
        if first:
            message = f"{name} {number} begins at offset {first}: what came before is lost."
            raise AuditRefused(message)
    logs: dict[str, Log] = {}
    for name, topic in names.items():
        log = logs[topic] = Log(project)
        async with reading(settings, name, [number]) as records:
            async for record in records:
                log.add(record)
    return History(project, partitions, logs)
