"""`publish`: files of labels, predictions and items into a project."""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.progress import Progress

from schemas import Event, Topic
from stream_app.cli.console import err, out, plain
from stream_app.cli.options import with_settings
from stream_app.client import Client
from stream_app.publish import annotations, items, num_rows, predictions
from stream_app.settings import Settings
from stream_app.topics import ensure_deployment

app = typer.Typer(
    no_args_is_help=True,
    help="""Publish a file's labels, predictions or items.

    The whole file is checked first: where a row is bad, nothing is sent and the line is named.
    Publishing a file twice changes nothing, as long as its rows have times (or versions).""",
)

Project = Annotated[str, typer.Argument(help="The project's id.")]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]

IN_FLIGHT = 64
"""Records sent before the broker's answers are awaited: 16 MiB at most."""


@app.command("annotations")
@with_settings()
async def publish_annotations(settings: Settings, project: Project, file: File) -> None:
    """Publish labels from CSV or JSONL (.csv, .jsonl).

    Columns: item, annotator, label (the name of a class; empty in CSV, null in JSONL: an
    abstention), time (optional; ISO 8601 with a zone; default: when it is published). The newest
    answer of an annotator on an item counts.

    A line of JSONL may also be a record as on the wire, with its type: so retractions can be
    published, `{"type": "retraction", "item": ..., "annotator": ...}`.
    """
    now = _now()
    await _publish(settings, Topic.ANNOTATIONS, project, lambda: annotations(file, now=now))


@app.command("predictions")
@with_settings()
async def publish_predictions(
    settings: Settings,
    project: Project,
    file: File,
    *,
    model: Annotated[
        str | None, typer.Option(help="The model's id. Default: the project's, if it has but one.")
    ] = None,
    version: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="The larger one is the newer one. Default: the time of publishing in ms.",
        ),
    ] = None,
) -> None:
    """Publish a model's predictions from CSV, JSONL or npz (.csv, .jsonl, .npz).

    CSV: a column item, every other column is named after a class and holds its probability.

    JSONL: `{"item": ..., "pred_probs": {class: probability}}`; model and version may be there.

    npz: arrays items (N,) and classes (K,) of text, pred_probs (N, K).

    A row's probabilities sum to 1 within 0.001; classes that are not there have 0.
    """
    now, by = _now(), model or await _only_model(settings, project)
    if by is None and file.suffix != ".jsonl":
        message = f"Project {project!r} does not have exactly one model: say which it is."
        raise typer.BadParameter(message, param_hint="--model")
    await _publish(
        settings,
        Topic.PREDICTIONS,
        project,
        lambda: predictions(file, now=now, model=by, version=version),
    )


@app.command("items")
@with_settings()
async def publish_items(
    settings: Settings,
    project: Project,
    file: File,
    *,
    status: Annotated[
        Literal["registered", "excluded"],
        typer.Option(help="Of rows without a status: registered, or excluded from everything."),
    ] = "registered",
) -> None:
    """Publish items from CSV or JSONL (.csv, .jsonl): before any label, or to exclude broken ones.

    Columns: item, status (optional; registered or excluded), stratum (optional; what the item
    belongs to, for `project set --quota` and `--priority`), time (optional; ISO 8601 with a zone).
    The newest status of an item counts, and its newest stratum.
    """
    now = _now()
    await _publish(settings, Topic.CONTROL, project, lambda: items(file, now=now, status=status))


def _now() -> int:
    return time.time_ns() // 1000


async def _only_model(settings: Settings, project: str) -> str | None:
    await ensure_deployment(settings)
    async with Client(settings) as client:
        found = (await client.projects(project)).get(project)
    return found.models[0] if found and len(found.models) == 1 else None


async def _publish(
    settings: Settings, topic: Topic, project: str, read: Callable[[], Iterator[Event]]
) -> None:
    """Read a file to its end, then again to send it: so its size does not matter."""
    with err.status("Checking the file"):
        sizes = [num_rows(event) for event in read()]
    rows = sum(sizes)
    await ensure_deployment(settings)
    async with Client(settings) as client:
        exists = await client.projects(project)
        with Progress(console=err, transient=True, disable=not err.is_terminal) as progress:
            bar = progress.add_task("Publishing", total=rows)
            events = read()
            while some := list(islice(events, IN_FLIGHT)):
                await client.publish(topic, project, some)
                progress.advance(bar, sum(map(num_rows, some)))
        place = f"{settings.topic(topic)}, partition {client.home(project)}"
    records = "1 record" if len(sizes) == 1 else f"{len(sizes):,} records"
    out.print(f"Published {rows:,} rows as {records} to {place}.")
    if not exists:
        err.print(
            plain(f"There is no project {project!r} yet: they count once `project set` creates it.")
        )
