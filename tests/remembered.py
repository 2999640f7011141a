"""What a project's memory holds, read for comparison."""

from stream_app.project import Project


def said_of(project: Project) -> dict[str, int]:
    """Return what a project remembers to have said of items, as `Said` encodes it in memory."""
    places = project.said.places()
    codes = project.said.at(places).tolist()
    return dict(zip(project.pool.named(places), codes, strict=True))
