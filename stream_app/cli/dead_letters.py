"""`dead-letters`: what was not accepted, why, and how it gets to where it belongs."""

import asyncio
from collections import deque
from contextlib import aclosing, suppress
from itertools import chain
from operator import itemgetter
from typing import Annotated

import typer
from rich.table import Table

from schemas import DeadLetter, Reason, Topic, parse_dead_letter, project_key
from stream_app.cli.console import err, out, plain, say_json
from stream_app.cli.options import with_settings
from stream_app.cli.project import Json
from stream_app.reading import reading
from stream_app.redrive import Redriven, redrive
from stream_app.settings import Settings
from stream_app.topics import partition_count

app = typer.Typer(no_args_is_help=True, help="Records that were not accepted, and rows of them.")

SHOWN = 60
"""Characters of a value."""


@app.command("list")
@with_settings()
async def list_letters(
    settings: Settings,
    *,
    project: Annotated[
        str | None, typer.Option(help="Only those under this project's key.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The last so many.")] = 50,
    json: Json = False,
) -> None:
    """List dead letters: where the record is, what was wrong with it or its rows, how it begins.

    home is the partition where the record belongs, if it was at a wrong one: `dead-letters redrive`
    puts it there.
    """
    partitions = range(await partition_count(settings))
    last = [deque[tuple[int, DeadLetter]](maxlen=limit) for _ in partitions]
    async with reading(settings, settings.topic(Topic.DEAD_LETTERS), partitions) as records:
        async for record in records:
            if project is None or record.key == project.encode():
                letter = parse_dead_letter(record.key, record.value, record.headers)
                last[record.partition].append((record.timestamp, letter))
    by_time = sorted(chain.from_iterable(last), key=itemgetter(0))
    letters = [letter for _, letter in by_time[-limit:]]
    if json:
        say_json([_body(letter) for letter in letters])
    elif not letters:
        out.print("No dead letters.")
    else:
        out.print(_table(letters))


@app.command("redrive")
@with_settings()
async def redrive_letters(
    settings: Settings,
    *,
    reason: Annotated[
        Reason,
        typer.Option(
            help="Send the whole records that died for this reason again, as they are: after a fix"
            " of what has made them die."
        ),
    ] = Reason.WRONG_PARTITION,
    orphans: Annotated[
        str | None,
        typer.Option(
            metavar="PROJECT",
            help="The project to which the records without a key belong (with reason wrong_key).",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what dies from now on, until Ctrl-C.")
    ] = False,
) -> None:
    """Put records that were at a wrong partition (or died for another reason) at their home.

    Each dead letter is redriven once, however often and wherever this runs: how far it has come is
    kept in Kafka. A redriven record has the header redriven-from (topic/partition/offset). One that
    dies again has a new dead letter, which the next redrive takes.

    An event without a time, or a prediction without a version, gets those of the redrive.
    """
    if (reason is Reason.WRONG_KEY) is (orphans is None):
        message = "goes with --reason wrong_key: nothing else says whose those records are"
        raise typer.BadParameter(message, param_hint="--orphans")
    if orphans is not None:
        try:
            project_key(orphans)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--orphans") from error
    redriven = Redriven()
    # Ctrl-C is how --follow ends.
    with suppress(asyncio.CancelledError), err.status("Redriving") as status:
        async with aclosing(
            redrive(settings, reason=reason, orphans=orphans, follow=follow)
        ) as pieces:
            async for redriven in pieces:
                status.update(f"Redriven: {redriven.sent.total():,}")
    out.print(f"Redriven: {redriven.sent.total():,}" + _by_topic(redriven), soft_wrap=True)
    for count, what in (
        (redriven.died_again, "died again for the same reason"),
        (redriven.homeless, "left: their key is too long for a project's id"),
        (redriven.gone, "left: too large to be in a dead letter, and gone from their topic"),
    ):
        if count:
            out.print(f"{count:,} {what}.", soft_wrap=True)


def _by_topic(redriven: Redriven) -> str:
    counts = ", ".join(f"{topic}: {count:,}" for topic, count in sorted(redriven.sent.items()))
    return f" ({counts})" if counts else ""


def _body(letter: DeadLetter) -> dict[str, object]:
    return {
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "key": (letter.key or b"").decode(errors="replace"),
        "reason": letter.reason,
        "rows": [[row, reason] for row, reason in letter.rows],
        "home": letter.home,
        "is_whole": letter.is_whole,
        "value": (letter.value or b"").decode(errors="replace"),
    }


def _table(letters: list[DeadLetter]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("topic", "partition", "offset"):
        table.add_column(heading, no_wrap=True)
    table.add_column("project", overflow="fold")
    table.add_column("reason", no_wrap=True)
    table.add_column("bad rows", overflow="fold")
    table.add_column("home", justify="right")
    table.add_column("value", overflow="fold", style="dim")
    for letter in letters:
        table.add_row(
            letter.topic,
            str(letter.partition),
            str(letter.offset),
            plain((letter.key or b"").decode(errors="replace")),
            letter.reason or "bad rows",
            ", ".join(f"{row} {reason}" for row, reason in letter.rows[:5])
            + (f" and {len(letter.rows) - 5:,} more" if len(letter.rows) > 5 else ""),
            "" if letter.home is None else str(letter.home),
            plain((letter.value or b"")[:SHOWN].decode(errors="replace")),
        )
    return table
