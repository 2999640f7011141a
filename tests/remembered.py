"""What a project's memory holds, read for comparison."""

from stream_app.project import Project


def said_of(project: Project) -> dict[str, int]:
    """Return what a project remembers to have said of items, as `Said` encodes it in memory."""
    said = project.shape.said
    places = said.spoken_of(project.pool.own())
    codes = said.at(places).tolist()
    return dict(zip(project.pool.named(places), codes, strict=True))
