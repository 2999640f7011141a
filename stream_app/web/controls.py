"""What steers: records on control.v1, as the command line sends them, and nothing beside the log.

A change of settings is made of what counts when all that was said before is applied, and is
answered when it counts itself. A close covers what was in the log when it was asked for: the
worker waits until it has applied that, and then puts the close on control.v1.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterable

import structlog
from pydantic import ValidationError

from schemas import Event, Items, ProjectSettings, Selection, Topic, Window
from stream_app.errors import StreamAppError
from stream_app.partition import Partition
from stream_app.steering import changed, renamed
from stream_app.topology import SOURCES
from stream_app.web.problems import Declined, invalid, not_now
from stream_app.web.reads import summary
from stream_app.web.site import Site
from stream_app.web.wire import (
    MAX_ROWS_SAID,
    Answered,
    CloseNow,
    ItemsChange,
    NextFor,
    Nothing,
    OfProject,
    ProjectState,
    Registered,
    Rename,
    SettingsChange,
    WindowRow,
)

APPLIED_SECONDS = 30.0
"""How long what is in the log may take to be applied before the request is declined."""
LOOK_SECONDS = 0.02

log = structlog.get_logger(__name__)

Change = Callable[[ProjectSettings | None], ProjectSettings]


async def set_project(site: Site, query: OfProject, body: SettingsChange) -> ProjectState:
    """Change some settings of a project, or create it: classes, models and budget are required."""
    return await _steer(site, query.project, lambda before: changed(before, body.root))


async def pause(site: Site, query: OfProject, body: Nothing) -> ProjectState:
    """Close no windows on the clock until the project is resumed; requests are answered."""
    return await _steer(site, query.project, _to_state("paused"))


async def resume(site: Site, query: OfProject, body: Nothing) -> ProjectState:
    """Go on after a pause, or open a closed project again."""
    return await _steer(site, query.project, _to_state("active"))


async def rename_class(site: Site, query: OfProject, body: Rename) -> ProjectState:
    """Give a class another name; the old one stays as its alias."""
    return await _steer(
        site, query.project, lambda before: renamed(_existing(before), body.old, body.new)
    )


async def items(site: Site, query: OfProject, body: ItemsChange) -> Registered:
    """Register items before anything is said of them, or exclude broken ones."""
    await site.project(query.project)
    said = Items(items=tuple(body.items), status=body.status, stratum=body.stratum)
    await _publish(site, query.project, said)
    return Registered(project=query.project, items=len(body.items), status=body.status)


async def close(site: Site, query: OfProject, body: CloseNow) -> Answered:
    """Close a window now, on all that is in the log; it takes from what is left of the budget."""
    return await _close(site, query.project, body.request_id, body.budget, None)


async def next_for(site: Site, query: OfProject, body: NextFor) -> Answered:
    """Select the next items for an annotator, none that they have answered: a window like any.

    For front ends that pull. The items are leased, the budget is the project's.
    """
    answer = await _close(site, query.project, body.request_id, body.number, body.annotator)
    if answer.earlier is None:
        return answer
    window = await site.topics.window(query.project, answer.earlier)
    return answer if window is None else await _answered(site, answer.request_id, window)


async def _steer(site: Site, project: str, change: Change) -> ProjectState:
    """Change a project's settings, and wait until the change counts."""
    async with site.steering:
        partition = await _caught_up(site, project, (Topic.CONTROL,))
        found = partition.projects.get(project)
        before = found.settings if found else None
        try:
            after = change(before)
        except ValidationError as error:
            raise invalid(422, error) from error
        except StreamAppError as error:
            raise Declined(422, str(error)) from error
        if after != before:
            await _publish(site, project, after)
            partition = await _caught_up(site, project, (Topic.CONTROL,))
    found = partition.projects[project]
    return ProjectState(summary=summary(site, partition, found), settings=found.settings)


def _to_state(state: str) -> Change:
    return lambda before: changed(_existing(before), {"state": state})


def _existing(before: ProjectSettings | None) -> ProjectSettings:
    if before is None:
        raise Declined(404, "There is no such project (yet).")
    return before


async def _close(
    site: Site, project: str, request_id: str | None, budget: int | None, annotator: str | None
) -> Answered:
    request_id = request_id or uuid.uuid4().hex
    await site.project(project)
    await _caught_up(site, project, SOURCES)
    log.info("close", project=project)
    answer = await site.topics.close(
        project, request_id=request_id, budget=budget, annotator=annotator
    )
    if isinstance(answer, Window):
        return await _answered(site, request_id, answer)
    return Answered(
        project=project,
        request_id=request_id,
        window=None,
        refusal=answer.reason,
        earlier=answer.window,
        selections=[],
    )


async def _answered(site: Site, request_id: str, window: Window) -> Answered:
    selections: list[Selection] = await site.topics.selections(window)
    return Answered(
        project=window.project,
        request_id=request_id,
        window=WindowRow.of(window),
        refusal=None,
        earlier=None,
        selections=selections[:MAX_ROWS_SAID],
    )


async def _publish(site: Site, project: str, event: Event) -> None:
    try:
        event.to_bytes()
    except ValueError as error:
        raise Declined(413, f"{error}.") from error
    log.info("control", project=project, type=event.type)
    await site.topics.publish(project, event)


async def _caught_up(site: Site, project: str, topics: Iterable[Topic]) -> Partition:
    """Wait until all that is in these topics now is applied; return the project's partition."""
    await site.home(project)
    ends = await site.topics.ends(project)
    deadline = asyncio.get_running_loop().time() + APPLIED_SECONDS
    while True:
        partition = await site.home(project)
        if all(partition.cut()[topic] >= ends[topic] for topic in topics):
            return partition
        if asyncio.get_running_loop().time() > deadline:
            detail = f"What was said before is not applied after {APPLIED_SECONDS:g} s."
            raise not_now(detail)
        await asyncio.sleep(LOOK_SECONDS)
