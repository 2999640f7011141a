"""A partition in memory: how far it has come, and its projects.

``applied`` is written in the transaction of what it covers. So after a restart the next position
of every source topic is exactly behind what is true, and nothing is taken twice or left out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson

from activelab.rows import Ints
from schemas import ProjectSettings
from stream_app import facts
from stream_app.ports import Change, Store
from stream_app.project import Ledger, Project
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

    def places(self, project_id: str, items: Sequence[str]) -> Ints:
        """Return the places of items in a project's pool; of no use where there is no project."""
        project = self.projects.get(project_id)
        return project.pool.places(items) if project else np.zeros(len(items), np.int64)

    def leases(self, project_id: str) -> dict[str, int]:
        """Return a project's leases; none where there is no such project."""
        project = self.projects.get(project_id)
        return project.leases if project else {}

    def cut(self) -> dict[str, int]:
        """Return the next position of every source topic: what a window of now knows."""
        return {topic: self.positions.get(topic, 0) for topic in SOURCES}

    def settle(self, project_id: str, settings: ProjectSettings, store: Store) -> Project:
        """Give a project these settings; rebuild its pool where they change what counts."""
        project = self.projects.get(project_id)
        if project is not None and _counting(project.settings) == _counting(settings):
            project.adopt(settings)
        else:
            ledger = project.ledger if project else Ledger()
            project = Project(project_id, settings, ledger)
            known = store.scan(self.number, facts.fact_prefix(project_id))
            for _, keys, values in facts.by_project(known):
                project.load_facts(keys, values)
            project.load_said(
                store.scan(self.number, facts.said_prefix(project_id)),
                store.scan(self.number, facts.lease_prefix(project_id)),
            )
            project.renew_epoch()
            self.projects[project_id] = project
            self.strangers.pop(project_id, None)
        project.unsaved = True
        return project


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
        project = Project.decode(key[1:].decode(), raw)
        partition.projects[project.id] = project
    for project_id, keys, values in facts.by_project(store.scan(number, facts.EVERY_FACT)):
        if project_id in partition.projects:
            partition.projects[project_id].load_facts(keys, values)
        else:
            partition.strangers[project_id] += len(keys)
    for project in partition.projects.values():
        project.load_said(
            store.scan(number, facts.said_prefix(project.id)),
            store.scan(number, facts.lease_prefix(project.id)),
        )
        project.renew_epoch()
    return partition
