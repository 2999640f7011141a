"""What commands say: results on standard output, what goes on and what failed on standard error."""

import os
import sys
from collections.abc import Iterable
from typing import TextIO

import orjson
import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from schemas import format_time

PIPED_WIDTH = 200
"""Columns where nobody looks: a pipe or a file, which has none."""


def _width(stream: TextIO) -> int | None:
    return None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH


out = Console(highlight=False, width=_width(sys.stdout))
err = Console(highlight=False, width=_width(sys.stderr), stderr=True)


def plain(text: str, style: str = "") -> Text:
    r"""Return an id as it is: no markup in it, nothing in it that a terminal would obey.

    >>> plain("[red]cat\x1b[2J").plain
    '[red]cat\\x1b[2J'
    """
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return Text("".join(shown), style)


def shown_time(micros: int) -> str:
    """Return a time to the second.

    >>> shown_time(1_500_000)
    '1970-01-01 00:00:01Z'
    """
    return format_time(micros)[:19].replace("T", " ") + "Z"


def sheet(title: str, rows: Iterable[tuple[str, RenderableType]]) -> Group:
    """Return names and values under a title, one a line."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return Group(plain(title, "bold"), table)


def say_json(body: object) -> None:
    """Say one JSON document on a line of its own."""
    typer.echo(orjson.dumps(body).decode())
