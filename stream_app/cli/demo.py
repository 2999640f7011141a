"""`demo`: all of it on this machine, in a minute or two."""

import logging
import time
from pathlib import Path
from typing import Annotated, cast, get_args

import orjson
import typer

from schemas import MethodName
from stream_app.cli.console import err, out, sheet
from stream_app.cli.options import deployed
from stream_app.errors import StreamAppError


def demo(
    rounds: Annotated[int, typer.Option(help="Windows that the annotators answer.", min=1)] = 8,
    methods: Annotated[
        str,
        typer.Option(
            help=f"Methods to compare, comma separated: {', '.join(get_args(MethodName))}."
        ),
    ] = "activelab,random",
    seed: Annotated[
        int, typer.Option(help="Of the annotators, the models and the random orders.", min=0)
    ] = 0,
    json: Annotated[
        Path | None, typer.Option(help="File for all figures, by method and round.", dir_okay=False)
    ] = None,
    plot: Annotated[Path, typer.Option(help="File for the curves (PNG).", dir_okay=False)] = Path(
        "out/demo.png"
    ),
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave Kafka and the worker running until Ctrl-C.")
    ] = False,
    here: Annotated[
        bool,
        typer.Option(
            "--here", help="Play on the Kafka and the workers that STREAM_APP_* says, once."
        ),
    ] = False,
) -> None:
    """Watch simulated annotators label handwritten digits, method beside method, through Kafka.

    Starts Kafka, a worker and a trainer for each method, plays the rounds, compares the methods and
    audits the last window of each. Ends with exit code 0 only if every audit agrees.
    """
    if keep and here:
        message = "what is kept running is not this demo's with --here"
        raise typer.BadParameter(message, param_hint="--keep")
    chosen = [name.strip() for name in methods.split(",")]
    unknown = set(chosen) - set(get_args(MethodName))
    if unknown or len(set(chosen)) < len(chosen):
        message = f"{methods!r}: each once, of {', '.join(get_args(MethodName))}."
        raise typer.BadParameter(message, param_hint="--methods")
    try:
        # scikit-learn and matplotlib take seconds to import: no other command should wait for them.
        from stream_app.demo.plot import save_plot  # noqa: PLC0415
        from stream_app.demo.report import Report  # noqa: PLC0415
        from stream_app.demo.stage import PROGRAM, Plan, perform  # noqa: PLC0415
    except ModuleNotFoundError as error:
        message = f"The demo needs {error.name}: pip install 'activelab-stream[demo]'."
        raise StreamAppError(message) from error

    # What a client's library says of a Kafka that has just begun is no news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    began = time.monotonic()

    def tell(report: Report) -> None:
        for table in report.tables():
            out.print()
            out.print(table)
        save_plot(report.outcomes, plot)
        if json is not None:
            seconds = round(time.monotonic() - began, 1)
            body = {"seed": seed, "seconds": seconds, "methods": report.figures()}
            json.parent.mkdir(parents=True, exist_ok=True)
            json.write_bytes(orjson.dumps(body, option=orjson.OPT_INDENT_2))
        out.print()
        where = {
            str(plot): "the curves",
            f"{PROGRAM} demo --keep": "the same, and it stays for you to look around",
            f"{PROGRAM} demo --methods ...": "other methods beside each other: see --help",
            "README.md": "the tour: your own labels, your own Kafka",
            "docs/decisions.md": "why it is as it is",
        }
        out.print(sheet("Where to look next", where.items()))

    deployment = deployed({}) if here else None
    plan = Plan(cast(list[MethodName], chosen), rounds, seed, keep, deployment)
    if not perform(plan, err, tell).agrees:
        message = "An audit does not agree: the service has published what its inputs do not give."
        raise StreamAppError(message)
