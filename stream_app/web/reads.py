"""What is read: from the memory of the worker that owns the project, and from the topics."""

import asyncio

from activelab import Flag, appraise
from schemas import AnnotatorTrust, Outlook
from stream_app.partition import Partition
from stream_app.project import Project
from stream_app.web.item import item_state, known_facts
from stream_app.web.problems import Declined
from stream_app.web.site import Site
from stream_app.web.walk import listed
from stream_app.web.wire import (
    Annotators,
    DeadLetters,
    ItemState,
    OfAnnotators,
    OfDeadLetters,
    OfItem,
    OfProject,
    OfRanking,
    OfWindows,
    ProjectState,
    ProjectSummary,
    Ranked,
    Ranking,
    Selections,
    WindowRow,
    Windows,
)
from stream_app.windows import MICROSECOND, NAMED, budget_left

SEVERITY = {flag: rank for rank, flag in enumerate(reversed(Flag))}
"""Flags, the worst one first."""


def summary(site: Site, partition: Partition, project: Project) -> ProjectSummary:
    """Say how a project is: what is at hand without looking at items."""
    ledger, settings, pool, now = project.ledger, project.settings, project.pool, site.now()
    length = settings.window_seconds
    ticks = length is not None and settings.state == "active"
    *tenths, millionths = ledger.quality or [0, 0]
    labelled = sum(tenths)
    return ProjectSummary(
        project=project.id,
        now=now,
        state=settings.state,
        method=settings.method,
        mode=settings.mode,
        budget=settings.budget,
        budget_left=budget_left(project),
        window_seconds=length,
        next_boundary=_next_boundary(now, length) if ticks and length else None,
        windows=ledger.next_window - 1,
        closed_at=ledger.closed_at or None,
        items=pool.num_items,
        labels=pool.num_labels,
        labelled=pool.num_labelled,
        overlapping=pool.num_overlapping,
        leases=len(project.leases),
        first_labels=ledger.first_labels,
        relabels=ledger.relabels,
        dormant=project.most_dormant(NAMED),
        quality=min(1.0, millionths / 1e6 / labelled) if labelled else None,
        outlook=Outlook(**ledger.outlook) if ledger.outlook else None,
        waiting=site.seat.waiting(partition.number),
    )


def _next_boundary(now: int, length: int) -> int:
    return (now // MICROSECOND // length + 1) * length * MICROSECOND


async def project(site: Site, query: OfProject) -> ProjectState:
    """A project: how it is, and its settings."""
    partition = await site.home(query.project)
    found = await site.project(query.project)
    return ProjectState(summary=summary(site, partition, found), settings=found.settings)


async def ranking(site: Site, query: OfRanking) -> Ranking:
    """The items that a window would select now, in order, and why.

    Under the parameters of the last fit, which a window renews. All items are looked at once in a
    while, those that are listed at every request.
    """
    found, walk = await site.walked(query.project)
    best = listed(found, walk.best, query.limit, site.now())
    labels = found.names(best.scores.consensus_label)
    return Ranking(
        project=found.id,
        walked_at=walk.at,
        eligible=walk.eligible,
        leased=walk.leased,
        ranked=[
            Ranked(
                rank=row + 1,
                item=item,
                score=float(best.by_method[row]),
                reason="relabel" if best.scores.num_annotations[row] else "first_label",
                consensus_label=labels[row],
                consensus_quality=float(best.scores.consensus_quality[row]),
                num_annotations=int(best.scores.num_annotations[row]),
                num_answers=int(best.scores.num_answers[row]),
                stratum=best.strata[row],
            )
            for row, item in enumerate(best.items)
        ],
    )


async def item(site: Site, query: OfItem) -> ItemState:
    """An item, and why it stands where it does: who said what, and how far that is trusted."""
    partition = await site.home(query.project)
    found, walk = await site.walked(query.project)
    known = known_facts(found, site.store, partition.number, query.item)
    if not known.answers and not known.predictions and known.status is None:
        detail = f"Project {query.project!r} has nothing on an item {query.item!r}."
        raise Declined(404, detail)
    return item_state(found, known, query.item, walk, site.now())


async def selections(site: Site, query: OfItem) -> Selections:
    """The windows that have selected an item, as far back as the topic is looked through."""
    await site.project(query.project)
    found, looked_at = await site.topics.selected(query.project, query.item)
    return Selections(project=query.project, item=query.item, selections=found, looked_at=looked_at)


async def annotators(site: Site, query: OfAnnotators) -> Annotators:
    """Annotators and how far they are trusted, with the 95 % interval of their agreement."""
    found = await site.project(query.project)
    pool, epoch = found.pool, found.pool.epoch
    trust = pool.trust(pool.annotators())
    appraisal = await asyncio.to_thread(appraise, trust, epoch)
    rows, flags = range(len(trust.annotators)), appraisal.flag.tolist()
    match query.order:
        case "doubtful":
            order = sorted(rows, key=lambda row: (SEVERITY[flags[row]], appraisal.high[row]))
        case "trusted":
            order = sorted(
                rows, key=lambda row: (-trust.annotator_weight[row], -appraisal.low[row])
            )
        case "busy":
            order = sorted(rows, key=lambda row: -trust.num_annotations[row])
    return Annotators(
        project=found.id,
        number=len(rows),
        annotators=[
            AnnotatorTrust(
                project=found.id,
                annotator=trust.annotators[row],
                annotator_agreement=float(trust.annotator_agreement[row]),
                agreement_low=float(appraisal.low[row]),
                agreement_high=float(appraisal.high[row]),
                flag=flags[row],
                annotator_weight=float(trust.annotator_weight[row]),
                num_compared=int(trust.num_compared[row]),
                num_overlapping=int(trust.num_overlapping[row]),
                num_annotations=int(trust.num_annotations[row]),
                imputed=bool(trust.imputed[row]),
                epoch=found.ledger.epoch,
            )
            for row in order[: query.limit]
        ],
    )


async def windows(site: Site, query: OfWindows) -> Windows:
    """The last windows of a project: budgets, counts and outlooks over time."""
    found = await site.project(query.project)
    last = found.ledger.next_window - 1
    said = await site.topics.windows(query.project, query.limit, last=last)
    return Windows(project=query.project, windows=[WindowRow.of(window) for window in said])


async def dead_letters(site: Site, query: OfDeadLetters) -> DeadLetters:
    """The last records that were not accepted, or not whole, and why."""
    return DeadLetters(letters=await site.topics.dead_letters(query.project, query.limit))
