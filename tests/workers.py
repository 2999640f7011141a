"""Real workers: subprocesses of the command line, signalled by pid."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from stream_app.settings import Settings

Series = tuple[str, frozenset[tuple[str, str]]]
"""Name and labels of what is measured."""
PATIENCE = 60.0
"""Seconds that anything may take on a machine that is busy with something else."""


def eventually(
    condition: Callable[[], object], otherwise: Callable[[], str], *, within: float = PATIENCE
) -> None:
    """Return once ``condition`` holds; the only place where tests of workers let time pass."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.02)


COMMAND = ("-m", "stream_app.cli", "worker")


class WorkerProcess:
    """One worker process on a deployment; its log is beside its data folder."""

    def __init__(self, settings: Settings, command: Sequence[str] = COMMAND) -> None:
        self.settings = settings
        self.log = settings.data_dir.with_suffix(".log")
        self._begin = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                stdout=log,
                stderr=log,
                env={**os.environ, **settings.environment()},
                cwd=Path(__file__).parents[1],
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
            return self.ended()
        finally:
            self.kill()

    def ended(self) -> int:
        """Wait until it has ended, and return its exit code."""
        return self.process.wait(timeout=PATIENCE)

    def text(self) -> str:
        """Return what it has logged."""
        return self.log.read_bytes()[self._begin :].decode(errors="replace")

    def says(self, sentence: str) -> bool:
        """Say whether the log holds a sentence, in one line or wrapped as for a terminal."""
        return sentence in " ".join(self.text().split())

    def wait_for(self, sentence: str) -> None:
        """Wait until the log holds a sentence; fail with the log's end if it never does."""

        def said() -> bool:
            # The end is looked at first: what it says at last is in the log then.
            ended = self.process.poll() is not None
            found = self.says(sentence)
            assert found or not ended, self._without(sentence)
            return found

        eventually(said, lambda: self._without(sentence))

    def _without(self, sentence: str) -> str:
        code = self.process.poll()
        return f"no {sentence!r} from a worker (exit code {code}):\n{self.text()[-4000:]}"

    def url(self, path: str) -> str:
        """Return where it serves a path."""
        self.wait_for("event='web'")
        (base,) = re.findall(r"event='web' url='(http://\S+)/metrics'", self.text())
        return f"{base}{path}"

    def metrics(self) -> dict[Series, float]:
        """Scrape it."""
        with urlopen(self.url("/metrics")) as response:
            return scraped(response.read().decode())


def scraped(text: str) -> dict[Series, float]:
    """Return samples by name and labels, read as Prometheus reads them."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def series(name: str, **labels: str) -> Series:
    """Name a series of `WorkerProcess.metrics`."""
    return name, frozenset(labels.items())


@dataclass(frozen=True)
class Deployment:
    """Where a deployment is, and the workers that share its partitions."""

    settings: Settings
    workers: tuple[WorkerProcess, ...]
    taken_port: int
    """Where all of them were told to serve, and something else does."""


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
