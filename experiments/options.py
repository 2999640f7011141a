"""What both commands take: options, names that are known, errors in a sentence."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from activelab import Mode
from experiments.datasets import DATASETS
from stream_app.errors import StreamAppError
from stream_app.folds import ESTIMATORS

DatasetName = Annotated[str, typer.Option(help=f"One of {', '.join(DATASETS)}.")]
ModelNames = Annotated[str, typer.Option(help=f"Of {', '.join(ESTIMATORS)}; separated by commas.")]
ModeName = Annotated[Mode, typer.Option(help="How ActiveLab is fitted.")]
Rounds = Annotated[
    int, typer.Option(help="Of each run; the first is before any extra label.", min=1)
]
Batch = Annotated[int, typer.Option(help="Labels a round.", min=1)]
Trees = Annotated[int, typer.Option(help="Of a forest.", min=1)]

console = Console(highlight=False)


def one_of(names: Collection[str], given: str) -> str:
    """Return a name, or raise where there is no such.

    >>> one_of(["a", "b"], "b")
    'b'
    """
    if given not in names:
        message = f"{given!r} is not one of {', '.join(names)}."
        raise StreamAppError(message)
    return given


def some_of(names: Collection[str], given: str) -> tuple[str, ...]:
    """Return names that are separated by commas, or raise where there is no such."""
    return tuple(one_of(names, name) for name in given.split(","))


@contextmanager
def errors_in_a_sentence() -> Iterator[None]:
    """Say what was refused without a traceback, and end with code 1."""
    try:
        yield
    except* StreamAppError as errors:
        console.print(f"[red]Error:[/red] {errors.exceptions[0]}", soft_wrap=True)
        raise typer.Exit(1) from errors
