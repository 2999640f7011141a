"""`schemas`: what is on the wire, as documents that other programs read."""

import json
from pathlib import Path
from typing import Annotated

import typer

from stream_app.cli.console import out
from stream_app.cli.options import with_settings
from stream_app.contracts import documents
from stream_app.settings import Settings

app = typer.Typer(no_args_is_help=True, help="What is on the wire, as documents.")


@app.callback()
def schemas() -> None:
    """Say what is on the wire, as documents."""


@app.command()
@with_settings("partitions", "replication_factor")
def export(
    settings: Settings,
    *,
    folder: Annotated[Path, typer.Argument(help="Made where it is missing.")],
) -> None:
    """Write an AsyncAPI 3 document of the deployment, and a JSON Schema a record type.

    Asks no Kafka: the topics' names and partitions are those of the options. What one may rely on,
    and what may change, is in docs/contracts.md.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in documents(settings).items():
        text = json.dumps(document, indent=2, ensure_ascii=False)
        (folder / name).write_text(f"{text}\n", encoding="utf-8")
        out.print(folder / name)
