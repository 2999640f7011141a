"""`project`: what a project's settings are, and what has become of it.

What changes them is in `stream_app.cli.changes`.
"""

from typing import Annotated

import typer
from rich.table import Table

from schemas import ProjectSettings, Topic, Window
from stream_app.cli.console import out, plain, say_json
from stream_app.cli.options import with_settings
from stream_app.cli.sheets import NOT_SETTINGS, dormant, settings_sheet, window_sheet
from stream_app.client import Client
from stream_app.errors import StreamAppError
from stream_app.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Projects: their settings, and how they are.")

Name = Annotated[str, typer.Argument(help="The project's id.")]
Json = Annotated[bool, typer.Option("--json", help="Say it in JSON, for scripts.")]


@app.command()
@with_settings()
async def show(settings: Settings, name: Name, *, json: Json = False) -> None:
    """Show a project's settings, its last window, and what waits to be counted."""
    async with Client(settings) as client:
        project = await require(client, name)
        window = await last_window(client, name)
        at_work = await client.attendance(name)
    if json:
        say_json(
            _body(name, project, window) | {"workers": at_work.workers, "waiting": at_work.waiting}
        )
        return
    out.print(settings_sheet(f"{name} (partition {client.home(name)})", project))
    out.print(window_sheet(window))
    out.print(str(at_work))


@app.command("list")
@with_settings()
async def list_projects(settings: Settings, *, json: Json = False) -> None:
    """List every project with its settings and the counts of its last window."""
    async with Client(settings) as client:
        found = [
            (name, project, await last_window(client, name))
            for name, project in (await client.projects()).items()
        ]
    if json:
        say_json([_body(*one) for one in found])
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("project", overflow="fold")
    for heading in ("state", "method"):
        table.add_column(heading, no_wrap=True)
    table.add_column("models", overflow="fold")
    for heading in ("budget", "window", "windows", "items", "labels", "left"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("dormant", overflow="fold")
    for name, project, window in found:
        counts = window.counts if window else None
        table.add_row(
            plain(name, "bold"),
            project.state,
            project.method,
            plain(", ".join(project.models)),
            f"{project.budget:,}",
            f"{project.window_seconds} s" if project.window_seconds else "on request",
            f"{window.window:,}" if window else "0",
            *(
                (f"{n:,}" for n in (counts.items, counts.labels, counts.budget_left))
                if counts
                else "---"
            ),
            plain(dormant(window)),
        )
    out.print(table if found else "No project yet: `project set NAME` creates one.")


async def require(client: Client, name: str) -> ProjectSettings:
    """Return the settings of a project, or raise because there is none."""
    project = (await client.projects(name)).get(name)
    if project is None:
        message = (
            f"There is no project {name!r}: `project list` names all, `project set` creates one."
        )
        raise StreamAppError(message)
    return project


async def last_window(client: Client, name: str) -> Window | None:
    """Return the manifest of a project's last window."""
    windows = await client.last(Topic.WINDOWS, Window, name, lambda _: True)
    return windows[-1] if windows else None


def _body(name: str, project: ProjectSettings, window: Window | None) -> dict[str, object]:
    return {
        "project": name,
        "settings": project.model_dump(mode="json", exclude=NOT_SETTINGS),
        "last_window": window and window.model_dump(mode="json"),
    }
