"""What commands say: results on standard output, what goes on and what failed on standard error."""

import orjson
import typer
from rich.console import Console
from rich.text import Text

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def plain(text: str, style: str = "") -> Text:
    r"""Return an id as it is: no markup in it, nothing in it that a terminal would obey.

    >>> plain("[red]cat\x1b[2J").plain
    '[red]cat\\x1b[2J'
    """
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return Text("".join(shown), style)


def say_json(body: object) -> None:
    """Say one JSON document on a line of its own."""
    typer.echo(orjson.dumps(body).decode())
