"""Run the app as a process."""

import gc
import sys
from typing import NoReturn

import faust

from stream_app.transport.app import RunApp
from stream_app.transport.ending import end_within

COLLECT_AFTER = (100_000, 20, 20)
"""A run makes containers by the hundred thousand, and none of them in cycles: Python's collector,
which by default looks after 700, would look through each run a hundred times."""

SWITCH_SECONDS = 0.0005
"""How long a thread waits for the interpreter before it asks for it: a long close lets go of it at
every step of its arithmetic, and by default would wait ten times as long to go on."""


class RunWorker(faust.Worker):
    """A Faust worker that leaves logging and standard output alone and always ends."""

    def __init__(self, app: RunApp) -> None:
        super().__init__(app, quiet=True, override_logging=False, redirect_stdouts=False)
        self.spinner = None
        self._stop_seconds = 30.0 + 2 * app.settings.commit_timeout

    async def stop(self) -> None:
        """Stop gracefully: what is in flight is finished, committed and acknowledged."""
        end_within(self._stop_seconds, "the worker did not stop")
        await super().stop()


def run_worker(app: RunApp) -> NoReturn:
    """Run until SIGTERM or SIGINT (exit code 0), or until something fails (not 0)."""
    gc.set_threshold(*COLLECT_AFTER)
    gc.freeze()  # what is imported stays: to look through it would take 50 ms
    sys.setswitchinterval(SWITCH_SECONDS)
    RunWorker(app).execute_from_commandline()
