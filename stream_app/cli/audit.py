"""`audit`: is a window what its topics say it should be?"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from stream_app.audit import AuditReport, audit, audit_all
from stream_app.cli.console import err, out, plain, say_json, shown_time
from stream_app.cli.options import with_settings
from stream_app.cli.project import Json, Name
from stream_app.errors import AuditRefused
from stream_app.settings import Settings

DIFFERS, REFUSED = 1, 3
SHOWN = 20
"""Differences of a window that are shown; --json has them all."""


@with_settings()
async def audit_windows(
    settings: Settings,
    project: Name,
    *,
    window: Annotated[
        int | None, typer.Option(min=1, help="A window's number. Default: the last one.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Audit every window.")] = False,
    json: Json = False,
) -> None:
    """Recompute a window from the topics with the batch code, and compare.

    Reads the project's inputs from the beginning to the window's cut, merges them anew, and
    compares the ranked list, scores, parameters and counts with what was published. Earlier windows
    are taken as published: --all looks at them, too.

    Exit code 0: they agree; 1: they differ, and how is said; 3: it can't be recomputed, because a
    log no longer begins at 0 or the window was made by another version of the rules.
    """
    if every and window is not None:
        message = "Either one window or --all."
        raise typer.BadParameter(message, param_hint="--window")
    try:
        with err.status("Reading the topics, and recomputing"):
            reports = (
                await audit_all(settings, project)
                if every
                else [await audit(settings, project, window)]
            )
    except AuditRefused as error:
        if json:
            say_json({"refused": str(error)})
        else:
            err.print(plain(f"Not audited. {error}", "red"), soft_wrap=True)
        raise typer.Exit(REFUSED) from error
    if json:
        say_json({"project": project, "windows": [_body(report) for report in reports]})
    else:
        _say(project, reports)
    if not all(report.agrees for report in reports):
        raise typer.Exit(DIFFERS)


def _body(report: AuditReport) -> dict[str, Any]:
    return {
        "window": report.window.window,
        "agrees": report.agrees,
        "selected": len(report.selections),
        "differences": [asdict(difference) for difference in report.differences],
    }


def _say(project: str, reports: Sequence[AuditReport]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("window", "at", "labels", "items", "selected", "recomputed"):
        table.add_column(heading, justify="left" if heading in ("at", "recomputed") else "right")
    for report in reports:
        counts = report.window.counts
        number = len(report.differences)
        table.add_row(
            str(report.window.window),
            shown_time(report.window.now),
            f"{counts.labels:,}",
            f"{counts.items:,}",
            f"{len(report.selections):,}",
            plain("agrees", "green") if report.agrees else plain(f"{number:,} differences", "red"),
        )
    out.print(table)
    for report in reports:
        if not report.agrees:
            out.print(_differences(project, report))


def _differences(project: str, report: AuditReport) -> Table:
    title = f"Window {report.window.window} of {project!r}"
    table = Table(title=plain(title, "bold"), title_justify="left", box=None, pad_edge=False)
    for heading in ("what", "published", "recomputed"):
        table.add_column(heading, overflow="fold")
    for difference in report.differences[:SHOWN]:
        table.add_row(
            plain(difference.what),
            plain(_text(difference.published)),
            plain(_text(difference.recomputed)),
        )
    if more := len(report.differences) - SHOWN:
        table.add_row(f"and {more:,} more (--json has them all)") if more > 0 else None
    return table


def _text(value: Any) -> str:
    return "nothing" if value is None else orjson.dumps(value).decode()
