"""A partition in memory: how far it has come, and its projects.

``applied`` is written in the transaction of what it covers. So after a restart the next position
of every source topic is exactly behind what is true, and nothing is taken twice or left out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from schemas import ProjectSettings
from stream_app import facts
from stream_app.ports import Change, Store
from stream_app.project import Ledger, Project, shape_of
from stream_app.projects import Projects
from stream_app.shape import Shape
from stream_app.topology import SOURCES


@dataclass(slots=True)
class Partition:
    """The state of one partition number: of every project whose home it is."""

    number: int
    positions: dict[str, int] = field(default_factory=dict)
    """The next position of every source topic; a topic that is missing begins at 0."""
    now: int = 0
    """The largest broker timestamp applied, in milliseconds."""
    projects: dict[str, Project] = field(default_factory=dict)
    shapes: dict[tuple[int, int], Shape] = field(default_factory=dict)
    """By classes and models: where the projects stand side by side."""
    strangers: Counter[str] = field(default_factory=Counter)
    """Facts of projects that do not exist (yet), by project."""

    def advance(self, topic: str, begin: int, end: int, now: int) -> Change:
        """Move on behind a piece of a run and return the applied record that says so."""
        at = self.positions.get(topic, 0)
        if begin < at:
            msg = f"{topic} {self.number}: positions from {begin} are applied up to {at} already"
            raise ValueError(msg)
        self.positions[topic] = end
        self.now = max(self.now, now)
        return facts.APPLIED, orjson.dumps([1, self.now, self.positions])

    def side_by_side(self, projects: Iterable[str]) -> list[Projects]:
        """Return those of the projects that exist, by shape."""
        found: dict[Shape, list[Project]] = defaultdict(list)
        for project_id in projects:
            project = self.projects.get(project_id)
            if project is not None:
                found[project.shape].append(project)
        return [Projects(some) for some in found.values()]

    def cut(self) -> dict[str, int]:
        """Return the next position of every source topic: what a window of now knows."""
        return {topic: self.positions.get(topic, 0) for topic in SOURCES}

    def settle(self, project_id: str, settings: ProjectSettings, store: Store) -> Project:
        """Give a project these settings; rebuild it where they change what counts.

        Who calls forgets the one that was there, where another one comes of it.
        """
        before = self.projects.get(project_id)
        if before is not None and _counting(before.settings) == _counting(settings):
            project = before
            project.adopt(settings)
        else:
            project = self.new(project_id, settings, before.ledger if before else Ledger())
            known = store.scan(self.number, facts.fact_prefix(project_id))
            for _, keys, values in facts.by_project(known):
                Projects([project]).load_facts(project, keys, values)
            self.complete(project, store)
            self.projects[project_id] = project
            self.strangers.pop(project_id, None)
        project.unsaved = True
        return project

    def new(self, project_id: str, settings: ProjectSettings, ledger: Ledger) -> Project:
        """Return a project without facts, beside those of its shape."""
        shape = shape_of(settings)
        if shape not in self.shapes:
            self.shapes[shape] = Shape(*shape)
        return Project(project_id, settings, ledger, self.shapes[shape])

    def complete(self, project: Project, store: Store) -> None:
        """Let a project that has its facts remember what was said of it, and fit it."""
        project.load_said(
            store.scan(self.number, facts.said_prefix(project.id)),
            store.scan(self.number, facts.lease_prefix(project.id)),
        )
        project.renew_epoch()


def _counting(settings: ProjectSettings) -> object:
    """Return what decides which facts count, and as what."""
    return settings.classes, settings.aliases, settings.models


def load(number: int, store: Store) -> Partition:
    """Build a partition's memory from its table."""
    partition = Partition(number)
    (applied,) = store.get_many(number, [facts.APPLIED])
    if applied is not None:
        _, partition.now, partition.positions = orjson.loads(applied)
    for key, raw in store.scan(number, facts.project_key("")):
        project = partition.new(key[1:].decode(), *Project.decode(raw))
        partition.projects[project.id] = project
    for project_id, keys, values in facts.by_project(store.scan(number, facts.EVERY_FACT)):
        if project_id in partition.projects:
            project = partition.projects[project_id]
            Projects([project]).load_facts(project, keys, values)
        else:
            partition.strangers[project_id] += len(keys)
    for project in partition.projects.values():
        partition.complete(project, store)
    return partition
