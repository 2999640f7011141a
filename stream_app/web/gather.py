"""The projects of all workers, asked for by whichever worker was asked first."""

import asyncio
from itertools import islice

from stream_app.web.reads import summary
from stream_app.web.site import Site
from stream_app.web.wire import OfProjects, Projects


async def projects(site: Site, query: OfProjects) -> Projects:
    """The projects of the deployment, by id: those of all workers that answer."""
    ours = await _here(site, query)
    if query.here:
        return ours
    urls = {url for number, url in site.seat.addresses().items() if number in ours.silent}
    asked = await asyncio.gather(*(site.neighbours.projects(url, query) for url in urls))
    answers = [ours, *(answer for answer in asked if answer is not None)]
    found = {one.project: one for answer in answers for one in answer.projects}
    listed = sorted(found.values(), key=lambda one: one.project)
    return Projects(
        projects=listed[: query.limit],
        silent=sorted(set.intersection(*(set(answer.silent) for answer in answers))),
        more=len(listed) > query.limit or any(answer.more for answer in answers),
    )


async def _here(site: Site, query: OfProjects) -> Projects:
    """Return this worker's projects; the partitions of others are silent."""
    owned = site.seat.partitions() if await site.tenure.holds() else {}
    found = sorted(
        (
            (partition, project)
            for partition in owned.values()
            for project in list(partition.projects.values())
            if project.id > query.after
        ),
        key=lambda pair: pair[1].id,
    )
    listed = islice(found, query.limit)
    return Projects(
        projects=[summary(site, partition, project) for partition, project in listed],
        silent=[n for n in range(site.settings.partitions) if n not in owned],
        more=len(found) > query.limit,
    )
