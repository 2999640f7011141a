"""The command line on a deployment: in this process, or as one of its own."""

import csv
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from stream_app.cli import main
from stream_app.settings import Settings

LONG_AGO = "2026-01-01T00:00:00Z"


class CommandLine:
    """Runs commands on a deployment."""

    def __init__(self, settings: Settings) -> None:
        self.environment = {"COLUMNS": "200", **settings.environment()}

    def say(self, *arguments: str, code: int = 0) -> str:
        """Return what a command says, which must end with this exit code."""
        done = CliRunner().invoke(main, arguments, env=self.environment)
        assert done.exit_code == code, done.output
        return done.output

    def read(self, *arguments: str) -> Any:
        """Return the JSON that a command says."""
        done = CliRunner().invoke(main, [*arguments, "--json"], env=self.environment)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    def create(self, project: str, *options: str) -> None:
        """Create a project of cats and dogs."""
        usual = ["--classes", "cat,dog", "--models", "m", "--budget", "3"]
        self.say("project", "set", project, *usual, *options)

    @contextmanager
    def start(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command that does not end by itself."""
        with subprocess.Popen(
            [sys.executable, "-m", "stream_app.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        ) as running:
            try:
                yield running
            finally:
                running.kill()


def written(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write CSV and return its path."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def labels(folder: Path, rows: Iterable[tuple[str, str, str]]) -> str:
    """Write a file of labels."""
    header = ("item", "annotator", "label", "time")
    return written(folder / "labels.csv", header, [(*row, LONG_AGO) for row in rows])


def predictions(folder: Path, items: int) -> str:
    """Write a file of predictions."""
    rng = random.Random(1)
    rows = [(f"item {n}", share, 1 - share) for n in range(items) for share in [rng.random()]]
    return written(folder / "predictions.csv", ("item", "cat", "dog"), rows)
