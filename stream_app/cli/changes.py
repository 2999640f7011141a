"""`project set` and its like: what an operator changes while a campaign runs."""

import csv
from collections.abc import Callable
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError

from schemas import MethodName, ProjectSettings, Topic
from stream_app.cli.console import out
from stream_app.cli.options import usage_error, with_settings
from stream_app.cli.project import Name, require
from stream_app.cli.sheets import settings_sheet
from stream_app.client import Client
from stream_app.settings import Settings
from stream_app.steering import changed, renamed
from stream_app.topics import ensure_deployment


def names(given: list[str] | None) -> tuple[str, ...] | None:
    """Return the names in options that may be repeated and may hold several.

    >>> names(["cat,dog", '"eel, electric"'])
    ('cat', 'dog', 'eel, electric')
    """
    if not given:
        return None
    return tuple(name for row in csv.reader(given, skipinitialspace=True) for name in row)


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """Return the pairs in an option that may be repeated; the name may hold an = of its own.

    >>> pairs(["a=b=1", "c="], "--alias")
    {'a=b': '1', 'c': ''}
    """
    found = {}
    for one in given or ():
        name, equals, value = one.rpartition("=")
        if not equals:
            message = f"A name and what it has, with = between them, not {one!r}."
            raise typer.BadParameter(message, param_hint=option)
        found[name] = value
    return found


def numbers(given: list[str] | None, option: str) -> dict[str, int]:
    """Return the pairs of which the second is a whole number."""
    try:
        return {name: int(value) for name, value in pairs(given, option).items()}
    except ValueError as error:
        message = f"{error}."
        raise typer.BadParameter(message, param_hint=option) from error


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
    add_class: Annotated[
        list[str] | None,
        typer.Option(
            help="A class more, behind the others. Labels that were given by its name before count."
        ),
    ] = None,
    alias: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CLASS",
            help="Another name of a class; nothing behind the = takes it back. `project"
            " rename-class` keeps a class's old name so.",
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
    quality_target: Annotated[
        float | None,
        typer.Option(
            help="Consensus quality, 0.5 to 1, from which on a labelled item is done and not"
            " selected again. 0: none. New projects: 0."
        ),
    ] = None,
    quota: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STRATUM=PERCENT",
            help="Share of every window that a stratum has at least, while it has items. May be"
            " repeated; a stratum's own stays until it is set to 0.",
        ),
    ] = None,
    priority: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STRATUM=NUMBER",
            help="Larger: sooner, whatever the scores say. May be repeated. Others have 0.",
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
        "quality_target": quality_target,
        "state": state,
        "seed": seed,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    for field in ("window_seconds", "quality_target"):
        if given[field] == 0:
            changes[field] = None
    await ensure_deployment(settings)
    async with Client(settings) as client:
        before = (await client.projects(name)).get(name)
        try:
            after = changed(
                before,
                changes,
                more_classes=names(add_class) or (),
                aliases=pairs(alias, "--alias"),
                quotas=numbers(quota, "--quota"),
                priorities=numbers(priority, "--priority"),
            )
        except ValidationError as error:
            raise usage_error(error) from error
        await _publish(client, name, before, after)


@with_settings()
async def rename_class(
    settings: Settings,
    name: Name,
    old: Annotated[str, typer.Argument(help="The class's name.")],
    new: Annotated[str, typer.Argument(help="Its name from now on.")],
) -> None:
    """Give a class another name; the old one stays as its alias.

    What is said by either name counts as one, also in predictions: nothing is lost, and nobody has
    to change theirs on the day.
    """
    await _change(settings, name, lambda before: renamed(before, old, new))


@with_settings()
async def pause(settings: Settings, name: Name) -> None:
    """Close no windows on the clock until `project resume`; requests are answered."""
    await _change(settings, name, lambda before: before.model_copy(update={"state": "paused"}))


@with_settings()
async def resume(settings: Settings, name: Name) -> None:
    """Go on after `project pause`, or open a closed project again."""
    await _change(settings, name, lambda before: before.model_copy(update={"state": "active"}))


async def _change(
    settings: Settings, name: str, change: Callable[[ProjectSettings], ProjectSettings]
) -> None:
    """Change the settings of a project that exists, and show them."""
    async with Client(settings) as client:
        before = await require(client, name)
        await _publish(client, name, before, change(before))


async def _publish(
    client: Client, name: str, before: ProjectSettings | None, after: ProjectSettings
) -> None:
    """Publish settings that are new, and show them."""
    if after != before:
        await client.publish(Topic.CONTROL, name, [after])
    outcome = "created" if before is None else "unchanged" if after == before else "changed"
    out.print(settings_sheet(f"{name} ({outcome})", after, before))
