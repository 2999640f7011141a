"""Fold facts into a partition: who wins, what that touches, and what is to be said of it.

1. key     encode each fact and name its key
2. (the step looks the keys up in the table, all at once)
3. win     the newer of two facts stays, the other is stale
4. count   pools take the winners; items touched are rescored, annotators who acted judged anew
5. say     facts that won, applied, scores, trust, dead letters: one transaction
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from schemas import RETRACTION, Facts
from stream_app import facts
from stream_app.outbound import Outbound
from stream_app.partition import Partition
from stream_app.project import Project, Won

_ANNOTATIONS = ("label", "abstention", "retraction")
_EVENTS = {facts.PREDICTION: "prediction", facts.STATUS: "status", facts.STRATUM: "stratum"}


class Keyed(NamedTuple):
    """A fact of a run, encoded, with its key."""

    key: bytes
    project: str
    item: str
    kind: bytes
    who: str
    fact: bytes

    @property
    def event(self) -> str:
        """Return the type of event, as metrics name it."""
        if self.kind == facts.ANNOTATION:
            return _ANNOTATIONS[facts.answer(self.fact)[0]]
        return _EVENTS[self.kind]


@dataclass(frozen=True, slots=True)
class Folded:
    """What became of a run of facts."""

    outbound: Outbound
    stale: Counter[str]
    """Facts that were not newer than what was known, by type of event."""


def keyed(run: Facts) -> Iterator[Keyed]:
    """Encode the facts of a run, in the order in which they came within their kind."""
    prefix = _Prefixes()
    annotations = run.annotations
    for project, item, who, label, kind, time in zip(
        annotations.project,
        annotations.item,
        annotations.annotator,
        annotations.label,
        annotations.kind,
        annotations.time,
        strict=True,
    ):
        key = facts.fact_key(prefix[project], item, facts.ANNOTATION, who)
        fact = facts.encode_annotation(kind, time, label)
        yield Keyed(key, project, item, facts.ANNOTATION, who, fact)
    predictions = run.predictions
    for project, item, who, version, classes, pred_probs in zip(
        predictions.project,
        predictions.item,
        predictions.model,
        predictions.version,
        predictions.classes,
        predictions.pred_probs,
        strict=True,
    ):
        key = facts.fact_key(prefix[project], item, facts.PREDICTION, who)
        head = facts.encode_classes(classes)
        fact = facts.encode_prediction(version, head, pred_probs.tobytes())
        yield Keyed(key, project, item, facts.PREDICTION, who, fact)
    statuses = run.statuses
    for project, item, excluded, stratum, time in zip(
        statuses.project,
        statuses.item,
        statuses.excluded,
        statuses.stratum,
        statuses.time,
        strict=True,
    ):
        key = facts.fact_key(prefix[project], item, facts.STATUS, "")
        fact = facts.encode_status(excluded=excluded, time=time)
        yield Keyed(key, project, item, facts.STATUS, "", fact)
        if stratum is not None:
            key = facts.fact_key(prefix[project], item, facts.STRATUM, "")
            fact = facts.encode_stratum(time, stratum)
            yield Keyed(key, project, item, facts.STRATUM, "", fact)


class _Prefixes(dict[str, bytes]):
    """Keys' beginnings by project."""

    def __missing__(self, project: str) -> bytes:
        self[project] = prefix = facts.fact_prefix(project)
        return prefix


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
    for one in incoming:
        key, project_id, item, kind, who, fact = one
        before = known[key]
        if not facts.newer(fact, before):
            stale[one.event] += 1
            continue
        known[key] = fact
        winners = won[project_id]
        if key in winners:
            before = winners[key][3]
        winners[key] = item, kind, who, before, fact
        if kind == facts.ANNOTATION and facts.answer(fact)[0] != RETRACTION:
            answered[project_id].add(item)

    for project_id, winners in won.items():
        outbound.changes.extend((key, fact) for key, (*_, fact) in winners.items())
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


def _say(outbound: Outbound, project: Project, won: Iterable[Won], answered: set[str]) -> None:
    """Let a project take its winners, and say what that changes."""
    touched = project.take(won)
    outbound.lease(project, sorted(answered & project.leases.keys()), until=0)
    if project.pool.due():
        project.renew_epoch()
    places = project.pool.places(sorted(touched.items))
    alive = project.pool.alive(places)
    outbound.say_scores(project, places[alive], project.pool.score(places[alive]), provisional=True)
    outbound.say_gone(project, places[~alive])
    outbound.say_trust(project, sorted(touched.annotators))
    outbound.save(project)
