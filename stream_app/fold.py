"""Fold facts into a partition: who wins, what that touches, and what is to be said of it.

1. key     encode the facts of each kind, and name their keys
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
from stream_app.projects import Projects

Come = tuple[Projects | None, FactColumns]
"""Facts that have come, of projects side by side; None: of such as do not exist (yet)."""

_ANNOTATIONS = ("label", "abstention", "retraction")
_EVENTS = {facts.PREDICTION: "prediction", facts.STATUS: "status", facts.STRATUM: "stratum"}


@dataclass(frozen=True, slots=True)
class Folded:
    """What became of a run of facts."""

    outbound: Outbound
    stale: Counter[str]
    """Facts that were not newer than what was known, by type of event."""


def keyed(partition: Partition, run: Facts) -> Iterator[Come]:
    """Encode the facts of a run: in the order in which they came, those of each kind by shape."""
    said, told, known = run.annotations, run.predictions, run.statuses
    of = {
        project: some
        for some in partition.side_by_side({*said.project, *told.project, *known.project})
        for project in some.by_id
    }
    answers = map(facts.encode_annotation, said.kind, said.time, said.label)
    yield from _keyed(of, said.project, said.item, facts.ANNOTATION, said.annotator, answers)
    predictions = facts.encode_predictions(told.version, told.classes, told.pred_probs)
    yield from _keyed(of, told.project, told.item, facts.PREDICTION, told.model, predictions)
    nobody = [""] * len(known)
    statuses = [
        facts.encode_status(excluded=excluded, time=time)
        for excluded, time in zip(known.excluded, known.time, strict=True)
    ]
    yield from _keyed(of, known.project, known.item, facts.STATUS, nobody, statuses)
    belonging = [
        (project, item, facts.encode_stratum(time, stratum))
        for project, item, stratum, time in zip(
            known.project, known.item, known.stratum, known.time, strict=True
        )
        if stratum is not None
    ]
    if belonging:
        projects, items, strata = zip(*belonging, strict=True)
        yield from _keyed(of, projects, items, facts.STRATUM, nobody[: len(items)], strata)


def _keyed(
    of: Mapping[str, Projects],
    projects: Sequence[str],
    items: Sequence[str],
    kind: bytes,
    who: Sequence[str],
    encoded: Iterable[bytes],
) -> Iterator[Come]:
    """Key facts of one kind, and split them by shape."""
    keys, values = list(facts.fact_keys(projects, items, kind, who)), list(encoded)
    nowhere, times = np.zeros(len(items), np.int64), facts.times(values)
    every = FactColumns(projects, kind, keys, items, nowhere, who, values, times)
    rows: dict[Projects | None, list[int]] = defaultdict(list)
    for row, some in enumerate(map(of.get, projects)):
        rows[some].append(row)
    for some, chosen in rows.items():
        come = every.take(chosen)
        if some is not None:
            come = replace(come, places=some.places(come.projects, come.items))
        yield some, come


def unsure(incoming: Iterable[Come]) -> list[bytes]:
    """Return the keys of the facts that may not be newer than what the table holds, each once."""
    asked = [
        come.keys if projects is None else compress(come.keys, projects.unsure(come))
        for projects, come in incoming
    ]
    return list(dict.fromkeys(chain.from_iterable(asked)))


def fold(
    partition: Partition, topic: str, run: Facts, incoming: Iterable[Come], known: Known
) -> Folded:
    """Fold a run of facts into memory and return what is to be said.

    ``known`` is what the table holds by the keys that are `unsure`; all other facts are newer.
    """
    outbound = Outbound()
    stale: Counter[str] = Counter()
    won: dict[Projects, list[FactColumns]] = defaultdict(list)
    answered: dict[str, set[str]] = defaultdict(set)
    for projects, come in incoming:
        newer, last = _newer(come, known)
        if len(newer) < len(come.facts):
            lost = set(range(len(come.facts))).difference(newer)
            stale.update(_event(come.kind, come.facts[row]) for row in lost)
        if not last:
            continue
        winners = come.take(last)
        outbound.changes.extend(zip(winners.keys, winners.facts, strict=True))
        if projects is None:
            new = zip(winners.projects, winners.keys, strict=True)
            partition.strangers.update(project for project, key in new if known[key] is None)
        else:
            won[projects].append(winners)
            if come.kind == facts.ANNOTATION:
                for project, item in _on_lease(projects, come, newer):
                    answered[project].add(item)

    for projects, some in won.items():
        _say(outbound, projects, some, known, answered)
    for rejection in run.rejections:
        outbound.say_rejection(rejection, topic, partition.number)
    outbound.changes.append(partition.advance(topic, run.begin, run.end, run.now))
    return Folded(outbound, stale)


def _newer(come: FactColumns, known: Known) -> tuple[list[int], list[int]]:
    """Return the facts that were newer than what was true when they came, and the last by key."""
    rows = list(range(len(come.keys)))
    if not known and len(set(come.keys)) == len(rows):
        return rows, rows
    newer: list[int] = []
    last: dict[bytes, int] = {}
    for row, (key, fact) in enumerate(zip(come.keys, come.facts, strict=True)):
        before = come.facts[last[key]] if key in last else known.get(key)
        if before is None or facts.newer(fact, before):
            newer.append(row)
            last[key] = row
    return newer, list(last.values())


def _on_lease(
    projects: Projects, come: FactColumns, rows: Iterable[int]
) -> Iterator[tuple[str, str]]:
    """Return the items on lease that are answered by some annotations: (project, item)."""
    leases = {project.id: project.leases for project in projects.all if project.leases}
    if leases:
        for row in rows:
            project, item = come.projects[row], come.items[row]
            if item in leases.get(project, ()) and facts.gives_answer(come.facts[row]):
                yield project, item


def _event(kind: bytes, fact: bytes) -> str:
    """Return a fact's type of event, as metrics name it."""
    if kind == facts.ANNOTATION:
        return _ANNOTATIONS[facts.answer(fact)[0]]
    return _EVENTS[kind]


def _say(
    outbound: Outbound,
    projects: Projects,
    won: Sequence[FactColumns],
    known: Known,
    answered: Mapping[str, Iterable[str]],
) -> None:
    """Let projects of a shape take their winners, and say what that changes."""
    touched, pools = projects.take(won, known), projects.pools
    for project in projects.all:
        if project.id in answered:
            outbound.lease(project, sorted(answered[project.id]), until=0)
    for project in projects.due():
        project.renew_epoch()
    alive = pools.alive(touched.items)
    for places, scores in pools.scores(touched.items[alive]):
        outbound.say_scores(projects, places, scores, provisional=True)
    outbound.say_gone(projects, touched.items[~alive])
    outbound.say_trust(projects, touched.annotators)
    winners = set(chain.from_iterable(some.projects for some in won))
    for project in projects.all:
        if project.id in winners:
            outbound.save(project)
