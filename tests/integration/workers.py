"""Real workers: subprocesses of the command line, signalled by pid."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stream_app.settings import Settings

READY_SECONDS = 60.0


class WorkerProcess:
    """One worker process on a deployment; its log is beside its data folder."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log = settings.data_dir.with_suffix(".log")
        self._begin = self.log.stat().st_size if self.log.exists() else 0
        environment = {
            f"STREAM_APP_{name.upper()}": str(value)
            for name, value in settings.model_dump().items()
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stream_app.cli", "worker"],
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                cwd=Path(__file__).parents[2],
            )

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=30)
        finally:
            self.kill()

    def text(self) -> str:
        """Return what it has logged."""
        return self.log.read_bytes()[self._begin :].decode(errors="replace")

    def wait_for(self, sentence: str, times: int = 1) -> None:
        """Wait until the log holds a sentence; fail with the log's end if it never does."""
        deadline = time.monotonic() + READY_SECONDS
        while self.text().count(sentence) < times:
            if time.monotonic() > deadline or self.process.poll() is not None:
                message = f"no {sentence!r} from a worker ({self.process.poll()}):\n"
                raise AssertionError(message + self.text()[-4000:])
            time.sleep(0.02)


@contextmanager
def worker(settings: Settings) -> Iterator[WorkerProcess]:
    """Run a worker that is ready; stop it if the test has not."""
    process = WorkerProcess(settings)
    try:
        process.wait_for("event='assigned'")
        yield process
    finally:
        if process.process.poll() is None:
            process.stop()
