"""`project`: what a project's settings are, and what has become of it."""

import csv
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError
from rich.console import Group
from rich.table import Table

from schemas import MethodName, Outlook, ProjectSettings, Topic, Window
from stream_app.cli.console import out, plain, say_json, sheet, shown_time
from stream_app.cli.options import usage_error, with_settings
from stream_app.client import Client
from stream_app.errors import StreamAppError
from stream_app.settings import Settings
from stream_app.topics import ensure_deployment

app = typer.Typer(no_args_is_help=True, help="Projects: their settings, and how they are.")

Name = Annotated[str, typer.Argument(help="The project's id.")]
Json = Annotated[bool, typer.Option("--json", help="Say it in JSON, for scripts.")]

NOT_SETTINGS = {"type", "schema_version"}


def names(given: list[str] | None) -> tuple[str, ...] | None:
    """Return the names in options that may be repeated and may hold several.

    >>> names(["cat,dog", '"eel, electric"'])
    ('cat', 'dog', 'eel, electric')
    """
    if not given:
        return None
    return tuple(name for row in csv.reader(given, skipinitialspace=True) for name in row)


@app.command("set")
@with_settings()
async def set_project(
    settings: Settings,
    name: Name,
    *,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            help="Class names in order, comma separated or repeated; a name with a comma in double "
            "quotes. At least two."
        ),
    ] = None,
    models: Annotated[
        list[str] | None,
        typer.Option(help="Model ids in order, comma separated or repeated. At least one."),
    ] = None,
    method: Annotated[
        MethodName | None,
        typer.Option(
            help="How items are ranked: activelab is for one model, activelab_ensemble for several."
            " New projects: activelab."
        ),
    ] = None,
    mode: Annotated[
        Literal["robust", "strict"] | None,
        typer.Option(
            help="How annotators and models are weighed: so that little evidence changes little,"
            " or as ActiveLab says to the letter. New projects: robust."
        ),
    ] = None,
    budget: Annotated[
        int | None, typer.Option(help="Selections in a budget window, at most.")
    ] = None,
    window_seconds: Annotated[
        int | None,
        typer.Option(
            help="Length of a budget window in seconds: the clock closes one at each multiple."
            " 0: no clock, the whole budget at every request. New projects: 0."
        ),
    ] = None,
    on_request_only: Annotated[
        bool | None,
        typer.Option(
            "--on-request-only/--on-the-clock",
            help="Whether the clock only renews the budget, and requests spend it."
            " New projects: on the clock.",
        ),
    ] = None,
    lease_seconds: Annotated[
        int | None,
        typer.Option(
            help="Seconds for which a selected item is not selected again, unless it is answered."
            " New projects: 3600."
        ),
    ] = None,
    max_answers: Annotated[
        int | None,
        typer.Option(
            help="Labels and abstentions of an item, after which it is not selected again."
            " New projects: 10."
        ),
    ] = None,
    state: Annotated[
        Literal["active", "paused", "closed"] | None,
        typer.Option(
            help="active; paused (no windows on the clock, requests are answered); closed (every"
            " close is refused). New projects: active."
        ),
    ] = None,
    seed: Annotated[
        str | None, typer.Option(help="Text that keys the random orders. New projects: empty.")
    ] = None,
) -> None:
    """Create a project, or change those of its settings that are given.

    A new project needs --classes, --models and --budget. Labels and predictions with names that a
    project does not list are kept, and count as soon as it lists them.
    """
    given: dict[str, Any] = {
        "classes": names(classes),
        "models": names(models),
        "method": method,
        "mode": mode,
        "budget": budget,
        "window_seconds": window_seconds,
        "on_request_only": on_request_only,
        "lease_seconds": lease_seconds,
        "max_answers": max_answers,
        "state": state,
        "seed": seed,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    if window_seconds == 0:
        changes["window_seconds"] = None
    await ensure_deployment(settings)
    async with Client(settings) as client:
        before = (await client.projects(name)).get(name)
        try:
            after = ProjectSettings(**(before.model_dump() if before else {}) | changes)
        except ValidationError as error:
            raise usage_error(error) from error
        if after != before:
            await client.publish(Topic.CONTROL, name, [after])
    outcome = "created" if before is None else "unchanged" if after == before else "changed"
    out.print(_settings_sheet(f"{name} ({outcome})", after, before))


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
    out.print(_settings_sheet(f"{name} (partition {client.home(name)})", project))
    out.print(_window_sheet(window))
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


def dormant(window: Window | None) -> str:
    """Name the facts that do not count yet, and how many there are of each name."""
    counts = window.counts.dormant if window else {}
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def expected(outlook: Outlook) -> str:
    """Say how many labels are expected to be wrong, and how many a label puts right."""
    if outlook.wrong_labelled is None or outlook.wrong_unlabelled is None:
        return "unknown, until more labels of the same items agree"
    gain = outlook.gain_per_label
    return (
        f"{outlook.wrong_labelled:,.1f} of labelled items, "
        f"{outlook.wrong_unlabelled:,.1f} of items without a label"
        + ("" if gain is None else f"; a label of this window puts {gain:.2f} right")
    )


def _body(name: str, project: ProjectSettings, window: Window | None) -> dict[str, object]:
    return {
        "project": name,
        "settings": project.model_dump(mode="json", exclude=NOT_SETTINGS),
        "last_window": window and window.model_dump(mode="json"),
    }


def _settings_sheet(
    title: str, project: ProjectSettings, before: ProjectSettings | None = None
) -> Group:
    """Show settings; those that have changed say what they were."""
    was = _values(before) if before else {}
    return sheet(
        title,
        (
            (
                name,
                plain(f"{value}   (was {was[name]})" if was.get(name, value) != value else value),
            )
            for name, value in _values(project).items()
        ),
    )


def _values(project: ProjectSettings) -> dict[str, str]:
    """Return settings as they are shown, by name."""
    shown = {}
    for name, value in project.model_dump(exclude=NOT_SETTINGS).items():
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        shown[name.replace("_", " ")] = "none" if value in (None, "") else text
    return shown


def _window_sheet(window: Window | None) -> Group:
    if window is None:
        return sheet("No window yet", ())
    shown = window.counts.model_dump(exclude={"dormant"})
    rows = [(name.replace("_", " "), f"{count:,}") for name, count in shown.items()]
    outlook = window.outlook
    progress = ("open", outlook.open), ("contested", outlook.contested), ("done", outlook.done)
    rows += [(name, f"{count:,}") for name, count in progress]
    rows.append(("expected wrong", expected(outlook)))
    if window.counts.dormant:
        rows.append(("dormant", dormant(window)))
    return sheet(f"Window {window.window:,} of {shown_time(window.now)}", rows)
