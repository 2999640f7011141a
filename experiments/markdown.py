"""Tables of documents: what stands between two comments of a document is written by a command."""

import re
from collections.abc import Iterable
from pathlib import Path


def table(*rows: Iterable[object]) -> str:
    r"""Return a table; the first row has the headings.

    >>> table(["a", "b"], [1, 2])
    '| a | b |\n| --- | --- |\n| 1 | 2 |'
    """
    head, *lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    rule = "|" + " --- |" * (head.count("|") - 1)
    return "\n".join([head, rule, *lines])


def write_into(document: Path, name: str, text: str) -> None:
    """Put a text between the comments ``<!-- name -->`` and ``<!-- end -->`` of a document."""
    place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    written = place.sub(lambda found: f"{found[1]}{text}\n{found[2]}", document.read_text())
    document.write_text(written)
