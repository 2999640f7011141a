"""What is told as it happens: server-sent events.

    event: project     how the project is, whenever that has changed
    event: projects    how all of them are

Each is a whole answer, so a reader that missed some is right again with the next one; what else
has changed (a ranking, a list of windows) the reader asks for when it shows it.
"""

import asyncio
from collections.abc import AsyncIterator

from pydantic import BaseModel

from stream_app.web.gather import projects
from stream_app.web.problems import not_now
from stream_app.web.reads import summary
from stream_app.web.site import Site
from stream_app.web.wire import OfEvents, OfProjects, ProjectSummary, dumped

PERIOD_SECONDS = 1.0
"""How often is looked whether anything has changed."""
FOLLOWERS = 200
"""Streams of a worker, at most: each looks once a second."""
CROWDED = f"{FOLLOWERS} others follow this worker already."
SILENT_PERIODS = 10
"""After so many without news a comment says that the stream is alive."""


async def events(site: Site, query: OfEvents) -> AsyncIterator[bytes]:
    """Follow a project, or all of them: server-sent events `project` or `projects`."""
    if site.followers >= FOLLOWERS:
        raise not_now(CROWDED)
    site.followers += 1
    try:
        async for event in _told(site, query):
            yield event
    finally:
        site.followers -= 1


async def _told(site: Site, query: OfEvents) -> AsyncIterator[bytes]:
    told: object = None
    silent = 0
    while not site.closing.is_set():
        name, answer, comparable = await _look(site, query)
        if comparable != told:
            told, silent = comparable, 0
            yield b"event: %s\ndata: %s\n\n" % (name, dumped(answer))
        else:
            silent += 1
            if silent % SILENT_PERIODS == 0:
                yield b": nothing new\n\n"
        try:
            async with asyncio.timeout(PERIOD_SECONDS):
                await site.closing.wait()
        except TimeoutError:
            continue


async def _look(site: Site, query: OfEvents) -> tuple[bytes, BaseModel, object]:
    """Return an event's name and data, and of the latter what matters: not the time itself."""
    if query.project is not None:
        found = await site.project(query.project)
        partition = await site.home(query.project)
        one = summary(site, partition, found)
        return b"project", one, _timeless(one)
    all_of_them = await site.recent.get("projects", lambda: projects(site, OfProjects()))
    return b"projects", all_of_them, [_timeless(one) for one in all_of_them.projects]


def _timeless(one: ProjectSummary) -> ProjectSummary:
    return one.model_copy(update={"now": 0})
