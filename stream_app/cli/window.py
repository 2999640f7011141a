"""`window`: close a budget window, show one, follow them; and where one is empty, say why."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Annotated

import typer
from rich.table import Table

from schemas import Outlook, Refusal, RefusalReason, RequestCause, Selection, Topic, Window
from stream_app.cli.console import err, out, plain, say_json, shown_time
from stream_app.cli.options import with_settings
from stream_app.cli.project import Json, require
from stream_app.cli.sheets import dormant, expected
from stream_app.client import ANSWER_SECONDS, Client
from stream_app.errors import StreamAppError
from stream_app.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Budget windows: what to label next, in rank order.")

Project = Annotated[str, typer.Argument(help="The project's id.")]

REFUSALS = {
    RefusalReason.CLOSED: "the project is closed; `project set NAME --state active` opens it",
    RefusalReason.NO_PROJECT: "the project does not exist; `project set NAME` creates it",
    RefusalReason.NO_SUCH_BOUNDARY: "that time is no boundary of the project's windows",
    RefusalReason.REPEATED_REQUEST: "this request has been answered before",
}


@app.command()
@with_settings()
async def close(
    settings: Settings,
    project: Project,
    *,
    budget: Annotated[
        int | None, typer.Option(min=0, help="Selections, at most. Default: all that is left.")
    ] = None,
    annotator: Annotated[
        str | None,
        typer.Option(help="Whom it is for: nothing that they have answered is selected."),
    ] = None,
    request_id: Annotated[
        str | None,
        typer.Option(
            help="Names the request: asked again under the same id, it is answered with the window"
            " that it has had, so a script may retry. Default: a new one."
        ),
    ] = None,
    within: Annotated[
        float, typer.Option(min=0, help="Seconds to wait for each answer.")
    ] = ANSWER_SECONDS,
    json: Json = False,
) -> None:
    """Close a window now, and show what it selects.

    All that was published before counts: first, closes with budget 0 make sure that the worker has
    read the other topics (they are windows, too, and select nothing). Exit code 1 where the close
    is refused.
    """
    async with Client(settings) as client:
        await require(client, project)
        with err.status("Waiting until all that was published before counts"):
            await client.settle(project, (Topic.ANNOTATIONS, Topic.CONTROL), within=within)
        with err.status("Waiting for the window"):
            answer = await client.close_window(
                project,
                budget=budget,
                annotator=annotator,
                request_id=request_id,
                within=within,
            )
        if isinstance(answer, Refusal) and answer.window is not None:
            err.print(f"This request has been answered before, by window {answer.window:,}.")
            answer = await _window(client, project, answer.window)
        await _say(client, answer, json=json)
    if isinstance(answer, Refusal):
        raise typer.Exit(1)


@app.command()
@with_settings()
async def show(
    settings: Settings,
    project: Project,
    *,
    window: Annotated[str, typer.Option(help="A window's number, or last.")] = "last",
    json: Json = False,
) -> None:
    """Show what a window has selected, in rank order; where it is nothing, say why."""
    if window != "last" and not window.isdecimal():
        message = f"A number or last, not {window!r}."
        raise typer.BadParameter(message, param_hint="--window")
    async with Client(settings) as client:
        number = None if window == "last" else int(window)
        await _say(client, await _window(client, project, number), json=json)


@app.command()
@with_settings()
async def tail(settings: Settings, project: Project, *, json: Json = False) -> None:
    """Show each window as it is closed, until Ctrl-C."""
    with suppress(asyncio.CancelledError):  # Ctrl-C is how this ends
        async with (
            Client(settings) as client,
            client.listen(Topic.WINDOWS, project, start="end", follow=True) as answers,
        ):
            err.print(
                plain(f"Windows of {project!r} from now on. {await client.attendance(project)}")
            )
            async for answer in answers:
                if isinstance(answer.said, Window | Refusal):
                    await _say(client, answer.said, json=json)


async def _window(client: Client, project: str, number: int | None) -> Window:
    """Return a window's manifest, the last one's without a number, or raise because it is not."""
    found = await client.last(
        Topic.WINDOWS, Window, project, lambda one: number in (None, one.window)
    )
    if not found:
        await require(client, project)
        which = "a window" if number is None else f"a window {number:,}"
        message = f"{project!r} has not had {which} yet. {await client.attendance(project)}"
        raise StreamAppError(message)
    return found[-1]


async def _say(client: Client, answer: Window | Refusal, *, json: bool) -> None:
    """Say the answer to a close, with what it selects."""
    selections = await client.selections(answer) if isinstance(answer, Window) else []
    why = None if selections else why_empty(answer)
    asleep = dormant(answer) if isinstance(answer, Window) else ""
    if json:
        said = {answer.type: answer.model_dump(mode="json")}
        ranked = [selection.model_dump(mode="json") for selection in selections]
        say_json(said | {"selections": ranked, "why_empty": why})
        return
    out.print(plain(_headline(answer), "bold"), soft_wrap=True)
    if isinstance(answer, Window):
        out.print(_outlook(answer.outlook), soft_wrap=True)
    if selections:
        out.print(_ranking(selections))
    if why:
        out.print(plain(why), soft_wrap=True)
    if asleep:
        what = f"Dormant, because the project's settings do not list their names: {asleep}."
        out.print(plain(what, "yellow"), soft_wrap=True)


def why_empty(answer: Window | Refusal) -> str:
    """Say why an answer selects nothing."""
    if isinstance(answer, Refusal):
        return f"Refused: {REFUSALS[answer.reason]}."
    counts = answer.counts
    if not counts.items:
        return "There are no items: `publish` labels, predictions or items of this project first."
    if not counts.eligible:
        return (
            f"Nothing is eligible: of {counts.items:,} items {counts.leased:,} are on lease, "
            f"{counts.items - counts.leased:,} have {' or '.join(_had_enough(answer))}."
        )
    return _why_without_budget(answer)


def _had_enough(window: Window) -> Iterator[str]:
    """Say what items may have that are not selected any more."""
    yield f"{window.settings.max_answers} answers or more (max_answers)"
    if window.settings.quality_target is not None:
        yield f"a quality of {window.settings.quality_target:g} or more (quality_target)"
    if isinstance(window.cause, RequestCause) and window.cause.annotator is not None:
        yield f"an answer of {window.cause.annotator!r}"


def _why_without_budget(window: Window) -> str:
    if not window.settings.budget:
        return "The project's budget is 0."
    if not window.counts.budget_left:
        return "The budget is spent until the next boundary."
    if isinstance(window.cause, RequestCause):
        return "The request asked for nothing (budget 0)."
    return "The clock only renews the budget: the project selects on request only."


def _headline(answer: Window | Refusal) -> str:
    asked = "at the boundary"
    if isinstance(answer.cause, RequestCause):
        annotator = answer.cause.annotator
        asked = "on request" if annotator is None else f"on request, for {annotator!r}"
    if isinstance(answer, Refusal):
        return f"No window of {answer.project!r} at {shown_time(answer.now)} ({asked})"
    counts = answer.counts
    left = f", {counts.budget_left:,} of the budget left" if answer.settings.window_seconds else ""
    return (
        f"Window {answer.window:,} of {answer.project!r}, {shown_time(answer.now)} ({asked}): "
        f"{counts.selected:,} selected of {counts.eligible:,} eligible, "
        f"{counts.leased:,} on lease{left}"
    )


def _outlook(outlook: Outlook) -> str:
    return (
        f"Items: {outlook.done:,} done, {outlook.contested:,} contested, {outlook.open:,} open. "
        f"Expected wrong consensus labels: {expected(outlook)}."
    )


def _ranking(selections: Sequence[Selection]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("rank", justify="right", no_wrap=True)
    table.add_column("item", overflow="fold", style="bold")
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("reason", no_wrap=True)
    table.add_column("stratum" if any(one.stratum for one in selections) else "", overflow="fold")
    table.add_column("until", no_wrap=True)
    table.add_column("answered by", overflow="fold", style="dim")
    for selection in selections:
        table.add_row(
            str(selection.rank),
            plain(selection.item),
            f"{selection.score:.6f}",
            selection.reason,
            plain(selection.stratum or ""),
            shown_time(selection.until),
            plain(", ".join(selection.answered_by)),
        )
    return table
