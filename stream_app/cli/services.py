"""What runs until it is stopped, `broker` and `worker`; and the topics that they need."""

import asyncio
import signal
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from stream_app import logs
from stream_app.broker import Broker
from stream_app.cli.console import err, out
from stream_app.cli.options import EVERY, with_settings
from stream_app.copying import copy_inputs
from stream_app.errors import BrokerError, StreamAppError
from stream_app.settings import Settings
from stream_app.topics import ensure_topics, planned_topics

KAFKA_DIR = Path(Settings.model_fields["data_dir"].default) / "kafka"
"""Beside the worker's state by default: what a new Kafka does not know, a worker refuses."""

topics = typer.Typer(no_args_is_help=True, help="The topics of a deployment.")


def broker(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 9092,
    data_dir: Annotated[
        Path, typer.Option(help="Folder of Kafka's records, kept between runs.")
    ] = KAFKA_DIR,
) -> None:
    """Run a real Kafka on this machine until Ctrl-C: where every command looks by default."""
    # SIGTERM ends it as Ctrl-C does: Kafka closes its files.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    running = Broker(data_dir, port)
    try:
        with err.status("Starting Kafka"):
            running.start()
        out.print(f"Kafka answers at {running.bootstrap_servers}; its records are in {data_dir}.")
        out.print("Ctrl-C ends it.")
        running.wait()
    except KeyboardInterrupt:
        return
    finally:
        running.stop()
    message = f"Kafka has ended by itself: {data_dir / 'kafka.log'} says why."
    raise BrokerError(message)


@with_settings(*EVERY)
def worker(settings: Settings) -> None:
    """Run a worker until Ctrl-C or SIGTERM (exit code 0); creates the topics that are missing.

    Start as many as there are partitions, at most, each with a --data-dir of its own: they share
    the partitions. A worker that fails ends on purpose; restart it, it goes on where it was.
    """
    # Faust takes longer to import than most commands take.
    from stream_app.app import create_worker  # noqa: PLC0415
    from stream_app.transport import run_worker  # noqa: PLC0415

    logs.configure(settings.log_level)
    asyncio.run(ensure_topics(settings))
    app = create_worker(settings).app
    try:
        run_worker(app)
    except SystemExit:
        if isinstance(app.crash_reason, StreamAppError | KafkaError):
            raise app.crash_reason from None
        raise


@topics.command()
@with_settings("partitions", "replication_factor")
async def create(settings: Settings) -> None:
    """Create the topics that are missing, and check that the others keep what they are given."""
    await ensure_topics(settings)
    names = sorted(planned_topics(settings))
    out.print(f"{len(names)} topics with {settings.partitions} partitions each:", *names, sep="\n")


@topics.command()
@with_settings()
async def copy(
    settings: Settings,
    *,
    from_topic_prefix: Annotated[
        str, typer.Option(help="The prefix of the deployment whose inputs are copied.")
    ] = "",
    from_bootstrap_servers: Annotated[
        str | None, typer.Option(help="Its brokers, if they are others.")
    ] = None,
) -> None:
    """Copy the inputs of another deployment: for other partitions, or from another Kafka.

    Facts and settings arrive with the times that they had; closes, windows and leases don't.
    Copying again is harmless, and brings what has come meanwhile. docs/operations.md says when.
    """
    old = settings.model_copy(
        update={
            "topic_prefix": from_topic_prefix,
            "bootstrap_servers": from_bootstrap_servers or settings.bootstrap_servers,
        }
    )
    copied = Counter[str]()
    with err.status("Copying") as status:
        async for copied in copy_inputs(old, settings):
            status.update(f"Copied: {copied.total():,}")
    for topic, count in sorted(copied.items()):
        out.print(f"{settings.topic(topic)}: {count:,}")
