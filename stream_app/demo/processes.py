"""Processes of the demo: each has a guardian, which ends it with this process, kill -9 included.

See `stream_app.broker.guardian`; Kafka has one, too.
"""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from stream_app.broker.server import GUARDIAN, LOG, Broker
from stream_app.errors import StreamAppError
from stream_app.settings import Settings

STOP_SECONDS = 5.0
"""Between SIGTERM and SIGKILL: a worker without Kafka can't stop in good order, and need not."""
LOG_LINES = 20
"""Of a process that has ended, in the error."""
POLL_SECONDS = 0.5
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""The processes share few cores; and sums in one order make every run the same."""


@asynccontextmanager
async def running(
    name: str,
    command: Sequence[str],
    *,
    settings: Settings,
    folder: Path,
    group: asyncio.TaskGroup,
) -> AsyncIterator[Path]:
    """Run a command of `activelab-stream` beside this process; give its log, in ``folder``.

    If it ends by itself, the ``group`` and so all that is done in it fails, with the log's end.
    """
    log = folder / f"{name}.log"
    program = [sys.executable, "-m", "stream_app.cli", *command]
    with log.open("wb") as said:
        guardian = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(GUARDIAN), str(STOP_SECONDS), *program),
            stdin=PIPE,
            stdout=DEVNULL,  # the guardian's own
            stderr=said,
            env=os.environ | settings.environment() | ONE_THREAD,
            # Ctrl-C is for this process, which ends the others when it is done with them.
            start_new_session=True,
        )

    async def watch() -> None:
        await guardian.wait()
        raise StreamAppError(_last_words(name, log))

    watcher = group.create_task(watch())
    try:
        yield log
    finally:
        watcher.cancel()
        await guardian.communicate(b"")  # the end of its stdin


async def watch_kafka(broker: Broker, folder: Path) -> None:
    """Raise once the Kafka of a folder has ended by itself."""
    while broker.is_running():  # noqa: ASYNC110 - the broker is no asyncio process
        await asyncio.sleep(POLL_SECONDS)
    raise StreamAppError(_last_words("Kafka", folder / LOG))


def _last_words(name: str, log: Path) -> str:
    tail = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
    return "\n".join([f"{name} has ended by itself; the end of its log:", *tail])
