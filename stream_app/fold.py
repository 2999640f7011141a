"""Fold facts into a partition: who wins, what that touches, and what is to be said of it.

1. key     encode the facts of each project and kind, and name their keys
2. (the step looks up in the table those that memory can't tell to be new)
3. win     the newer of two facts stays, the other is stale
4. count   pools take the winners; items touched are rescored, annotators who acted judged anew
5. say     facts that won, applied, scores, trust, dead letters: one transaction
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, compress

import numpy as np

from schemas import Facts
from stream_app import facts
from stream_app.facts import FactColumns, Known
from stream_app.outbound import Outbound
from stream_app.partition import Partition
from stream_app.project import Project

_ANNOTATIONS = ("label", "abstention", "retraction")
_EVENTS = {facts.PREDICTION: "prediction", facts.STATUS: "status", facts.STRATUM: "stratum"}


@dataclass(frozen=True, slots=True)
class Folded:
    """What became of a run of facts."""

    outbound: Outbound
    stale: Counter[str]
    """Facts that were not newer than what was known, by type of event."""


def keyed(partition: Partition, run: Facts) -> Iterator[FactColumns]:
    """Encode the facts of a run: in the order in which they came, those of each kind by project."""
    said = run.annotations
    answers = map(facts.encode_annotation, said.kind, said.time, said.label)
    yield from _keyed(partition, said.project, said.item, facts.ANNOTATION, said.annotator, answers)
    told = run.predictions
    predictions = facts.encode_predictions(told.version, told.classes, told.pred_probs)
    yield from _keyed(partition, told.project, told.item, facts.PREDICTION, told.model, predictions)
    known = run.statuses
    nobody = [""] * len(known)
    statuses = [
        facts.encode_status(excluded=excluded, time=time)
        for excluded, time in zip(known.excluded, known.time, strict=True)
    ]
    yield from _keyed(partition, known.project, known.item, facts.STATUS, nobody, statuses)
    belonging = [
        (project, item, facts.encode_stratum(time, stratum))
        for project, item, stratum, time in zip(
            known.project, known.item, known.stratum, known.time, strict=True
        )
        if stratum is not None
    ]
    if belonging:
        projects, items, strata = zip(*belonging, strict=True)
        yield from _keyed(partition, projects, items, facts.STRATUM, nobody[: len(items)], strata)


def _keyed(
    partition: Partition,
    projects: Sequence[str],
    items: Sequence[str],
    kind: bytes,
    who: Sequence[str],
    encoded: Iterable[bytes],
) -> Iterator[FactColumns]:
    """Key facts of one kind, and split them by project."""
    if not projects:
        return
    keys, values = list(facts.fact_keys(projects, items, kind, who)), list(encoded)
    nowhere, times = np.empty(len(items), np.int64), facts.times(values)
    every = FactColumns("", kind, keys, items, nowhere, who, values, times)
    rows: dict[str, list[int]] = defaultdict(list)
    for row, project in enumerate(projects):
        rows[project].append(row)
    for project, some in rows.items():
        come = every.take(some)
        yield replace(come, project=project, places=partition.places(project, come.items))


def unsure(partition: Partition, incoming: Iterable[FactColumns]) -> list[bytes]:
    """Return the keys of the facts that may not be newer than what the table holds, each once."""
    asked = []
    for come in incoming:
        project = partition.projects.get(come.project)
        asked.append(come.keys if project is None else compress(come.keys, project.unsure(come)))
    return list(dict.fromkeys(chain.from_iterable(asked)))


def fold(
    partition: Partition, topic: str, run: Facts, incoming: Iterable[FactColumns], known: Known
) -> Folded:
    """Fold a run of facts into memory and return what is to be said.

    ``known`` is what the table holds by the keys that are `unsure`; all other facts are newer.
    """
    outbound = Outbound()
    stale: Counter[str] = Counter()
    won: dict[str, list[FactColumns]] = defaultdict(list)
    answered: dict[str, set[str]] = defaultdict(set)
    for come in incoming:
        newer, last = _newer(come, known)
        if len(newer) < len(come.facts):
            lost = set(range(len(come.facts))).difference(newer)
            stale.update(_event(come.kind, come.facts[row]) for row in lost)
        if come.kind == facts.ANNOTATION:
            answered[come.project].update(_on_lease(partition.leases(come.project), come, newer))
        if last:
            won[come.project].append(come.take(last))

    for project_id, winners in won.items():
        for some in winners:
            outbound.changes.extend(zip(some.keys, some.facts, strict=True))
        project = partition.projects.get(project_id)
        if project is None:
            new = sum(known[key] is None for some in winners for key in some.keys)
            partition.strangers[project_id] += new
        else:
            _say(outbound, project, winners, known, answered[project_id])
    for rejection in run.rejections:
        outbound.say_rejection(rejection, topic, partition.number)
    outbound.changes.append(partition.advance(topic, run.begin, run.end, run.now))
    return Folded(outbound, stale)


def _newer(come: FactColumns, known: Known) -> tuple[list[int], list[int]]:
    """Return the facts that were newer than what was true when they came, and the last by key."""
    newer: list[int] = []
    last: dict[bytes, int] = {}
    for row, (key, fact) in enumerate(zip(come.keys, come.facts, strict=True)):
        before = come.facts[last[key]] if key in last else known.get(key)
        if before is None or facts.newer(fact, before):
            newer.append(row)
            last[key] = row
    return newer, list(last.values())


def _on_lease(leases: Mapping[str, int], come: FactColumns, rows: Iterable[int]) -> Iterator[str]:
    """Return the items on lease that are answered by some annotations."""
    if leases:
        for row in rows:
            if come.items[row] in leases and facts.gives_answer(come.facts[row]):
                yield come.items[row]


def _event(kind: bytes, fact: bytes) -> str:
    """Return a fact's type of event, as metrics name it."""
    if kind == facts.ANNOTATION:
        return _ANNOTATIONS[facts.answer(fact)[0]]
    return _EVENTS[kind]


def _say(
    outbound: Outbound,
    project: Project,
    won: Iterable[FactColumns],
    known: Known,
    answered: Iterable[str],
) -> None:
    """Let a project take its winners, and say what that changes."""
    touched = project.take(won, known)
    outbound.lease(project, sorted(answered), until=0)
    if project.pool.due():
        project.renew_epoch()
    places = touched.places
    alive = project.pool.alive(places)
    outbound.say_scores(project, places[alive], project.pool.score(places[alive]), provisional=True)
    outbound.say_gone(project, places[~alive])
    outbound.say_trust(project, sorted(touched.annotators))
    outbound.save(project)
