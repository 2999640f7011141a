"""The command line: ``activelab-stream``."""

import asyncio

import typer

from stream_app import logs
from stream_app.app import create_worker
from stream_app.settings import Settings
from stream_app.topics import ensure_topics
from stream_app.transport import run_worker

main = typer.Typer(no_args_is_help=True, help="A streaming active-learning selector.")


@main.callback()
def common() -> None:
    """Say which deployment every command talks to: STREAM_APP_* (see `worker --help`)."""


@main.command()
def worker() -> None:
    """Run a worker until Ctrl-C or SIGTERM."""
    settings = Settings()
    logs.configure(settings.log_level)
    asyncio.run(ensure_topics(settings))
    run_worker(create_worker(settings).app)
