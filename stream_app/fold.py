"""Fold facts into a partition: who wins, what that touches, and what is to be said of it.

1. key     encode each fact and name its key
2. (the step looks the keys up in the table, all at once)
3. win     the newer of two facts stays, the other is stale
4. count   pools take the winners; items touched are rescored, annotators who acted judged anew
5. say     facts that won, applied, scores, trust, dead letters: one transaction
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from schemas import Facts
from stream_app import facts
from stream_app.outbound import Outbound
from stream_app.partition import Partition
from stream_app.project import Project, Won

_ANNOTATIONS = ("label", "abstention", "retraction")
_EVENTS = {facts.PREDICTION: "prediction", facts.STATUS: "status", facts.STRATUM: "stratum"}


Keyed = tuple[bytes, str, str, bytes, str, bytes]
"""A fact of a run, encoded: (key, project, item, kind, who, fact)."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What became of a run of facts."""

    outbound: Outbound
    stale: Counter[str]
    """Facts that were not newer than what was known, by type of event."""


def keyed(run: Facts) -> Iterator[Keyed]:
    """Encode the facts of a run, in the order in which they came within their kind."""
    said = run.annotations
    answers = map(facts.encode_annotation, said.kind, said.time, said.label)
    yield from _keyed(said.project, said.item, facts.ANNOTATION, said.annotator, answers)
    told = run.predictions
    predictions = map(facts.encode_prediction, told.version, told.classes, told.pred_probs)
    yield from _keyed(told.project, told.item, facts.PREDICTION, told.model, predictions)
    known = run.statuses
    nobody = [""] * len(known)
    statuses = [
        facts.encode_status(excluded=excluded, time=time)
        for excluded, time in zip(known.excluded, known.time, strict=True)
    ]
    yield from _keyed(known.project, known.item, facts.STATUS, nobody, statuses)
    belonging = [
        (project, item, facts.encode_stratum(time, stratum))
        for project, item, stratum, time in zip(
            known.project, known.item, known.stratum, known.time, strict=True
        )
        if stratum is not None
    ]
    if belonging:
        projects, items, strata = zip(*belonging, strict=True)
        yield from _keyed(projects, items, facts.STRATUM, nobody[: len(items)], strata)


def _keyed(
    projects: Sequence[str],
    items: Sequence[str],
    kind: bytes,
    who: Sequence[str],
    encoded: Iterable[bytes],
) -> Iterator[Keyed]:
    keys = facts.fact_keys(projects, items, kind, who)
    return zip(keys, projects, items, repeat(kind), who, encoded, strict=False)


def fold(
    partition: Partition,
    topic: str,
    run: Facts,
    incoming: list[Keyed],
    known: dict[bytes, bytes | None],
) -> Folded:
    """Fold a run of facts into memory and return what is to be said; ``known`` is moved on."""
    outbound = Outbound()
    won: dict[str, dict[bytes, Won]] = defaultdict(dict)
    answered: dict[str, set[str]] = defaultdict(set)
    stale: Counter[str] = Counter()
    leases = facts.Remembered(partition.leases)
    for key, project_id, item, kind, who, fact in incoming:
        before = known[key]
        if before is not None and not facts.newer(fact, before):
            stale[_event(kind, fact)] += 1
            continue
        known[key] = fact
        winners = won[project_id]
        if key in winners:
            before = winners[key][3]
        winners[key] = item, kind, who, before, fact
        if item in leases[project_id] and facts.gives_answer(kind, fact):
            answered[project_id].add(item)

    for project_id, winners in won.items():
        outbound.changes.extend([(key, one[4]) for key, one in winners.items()])
        project = partition.projects.get(project_id)
        if project is None:
            new = sum(before is None for *_, before, _ in winners.values())
            partition.strangers[project_id] += new
        else:
            _say(outbound, project, winners.values(), answered[project_id])
    for rejection in run.rejections:
        outbound.say_rejection(rejection, topic, partition.number)
    outbound.changes.append(partition.advance(topic, run.begin, run.end, run.now))
    return Folded(outbound, stale)


def _event(kind: bytes, fact: bytes) -> str:
    """Return a fact's type of event, as metrics name it."""
    if kind == facts.ANNOTATION:
        return _ANNOTATIONS[facts.answer(fact)[0]]
    return _EVENTS[kind]


def _say(outbound: Outbound, project: Project, won: Collection[Won], answered: set[str]) -> None:
    """Let a project take its winners, and say what that changes."""
    touched = project.take(won)
    outbound.lease(project, sorted(answered), until=0)
    if project.pool.due():
        project.renew_epoch()
    places = touched.places
    alive = project.pool.alive(places)
    outbound.say_scores(project, places[alive], project.pool.score(places[alive]), provisional=True)
    outbound.say_gone(project, places[~alive])
    outbound.say_trust(project, sorted(touched.annotators))
    outbound.save(project)
