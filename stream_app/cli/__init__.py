"""The command line ``activelab-stream``: what there is, and how a command that fails ends.

Exit codes: 0 done, 1 refused or failed (one sentence says why), 2 usage.
"""

from typing import Any

import typer
from aiokafka.errors import KafkaError
from typer.core import TyperGroup

from stream_app.cli import (
    audit,
    changes,
    dead_letters,
    demo,
    item,
    label_studio,
    project,
    publish,
    schemas,
    services,
    trainer,
    window,
)
from stream_app.cli.console import err, plain
from stream_app.errors import StreamAppError


class Commands(TyperGroup):
    """Commands whose failures are sentences; a traceback is a bug."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except StreamAppError as error:
            message = str(error)
        except KafkaError as error:
            message = f"Kafka: {error}."
        for line in message.splitlines():
            err.print(plain(line, "red"), soft_wrap=True)
        raise typer.Exit(1)


main = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    help="""A streaming active-learning selector: labels and predictions go in through Kafka,
    ranked lists of the items that are worth one more label come out.

    Start with `broker` and `worker` in two terminals; then `project set`, `publish`,
    `window close`. Every setting is also an environment variable STREAM_APP_*; how to reach a Kafka
    with TLS or passwords is in the environment alone: docs/security.md.""",
)
main.command()(services.broker)
main.command()(services.worker)
main.add_typer(services.topics, name="topics")
project.app.command("set")(changes.set_project)
project.app.command("rename-class")(changes.rename_class)
project.app.command("pause")(changes.pause)
project.app.command("resume")(changes.resume)
main.add_typer(project.app, name="project")
main.add_typer(publish.app, name="publish")
main.add_typer(window.app, name="window")
main.add_typer(dead_letters.app, name="dead-letters")
main.add_typer(item.app, name="item")
main.add_typer(schemas.app, name="schemas")
main.command("audit")(audit.audit_windows)
main.command()(trainer.trainer)
main.command()(label_studio.label_studio)
main.command()(demo.demo)
