"""Prometheus itself: Debian's, on a free port, with our rules; and what it says over HTTP."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml
from workers import eventually

from stream_app.broker.jars import user_cache
from stream_app.broker.server import GUARDIAN, free_ports

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = PROMETHEUS / "rules.yml"
JOB = "activelab-stream"
SCRAPE_SECONDS = 0.5
REMEDY = "prometheus and promtool must be on PATH: on Debian, `apt-get install prometheus`."

RATE_INTERVAL = "4s"
"""What Grafana makes of that."""

Labels = frozenset[tuple[str, str]]


def dashboards() -> list[dict[str, Any]]:
    """Return the dashboards that are checked in."""
    folder = ROOT / "deploy" / "grafana" / "dashboards"
    return [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]


def as_sent(query: str, job: str = JOB) -> str:
    """Return a query as Grafana sends it, where all that a job has is chosen."""
    chosen = {"$job": job, "$project": ".*", "$instance": ".*", "$__rate_interval": RATE_INTERVAL}
    for variable, value in chosen.items():
        query = query.replace(variable, value)
    assert "$" not in query, query
    return query


def program(name: str) -> str:
    """Return where ``prometheus`` or ``promtool`` is: on PATH, else from Debian's package.

    The package is unpacked into the user's cache, not installed: so no service is started.
    """
    return shutil.which(name) or str(_unpacked() / "usr" / "bin" / name)


def _unpacked() -> Path:
    cache = user_cache()
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / "prometheus"
    with (cache / "prometheus.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _unpack(folder)
    return folder


def _unpack(folder: Path) -> None:
    arriving = folder.with_name("prometheus.arriving")
    shutil.rmtree(arriving, ignore_errors=True)
    arriving.mkdir()
    assert os.geteuid() == 0, REMEDY
    assert shutil.which("apt-get"), REMEDY
    for command in (["apt-get", "-q", "update"], ["apt-get", "-q", "download", "prometheus"]):
        subprocess.run(command, cwd=arriving, check=True, capture_output=True)
    (package,) = arriving.glob("prometheus_*.deb")
    subprocess.run(["dpkg-deb", "-x", package, arriving], check=True)
    package.unlink()
    arriving.rename(folder)


def promtool(*arguments: str | Path, stdin: str | None = None) -> str:
    """Run promtool; return what it says, and fail where it does."""
    done = subprocess.run(
        [program("promtool"), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def ask(self, path: str, **parameters: str) -> object:
        """Return the answer of its API; what it can't evaluate fails."""
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(parameters)}") as response:
            answer = json.loads(response.read())
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, query: str, *, at: float | None = None) -> dict[Labels, float]:
        """Return what a query comes to, now or then."""
        data = self.ask("query", query=query, **({} if at is None else {"time": str(at)}))
        assert isinstance(data, dict)
        return {frozenset(one["metric"].items()): float(one["value"][1]) for one in data["result"]}

    def history(
        self, query: str, begin: float, end: float, step: float
    ) -> dict[Labels, list[tuple[float, float]]]:
        """Return what a query came to between two times: when, and what."""
        between = {"start": str(begin), "end": str(end), "step": str(step)}
        data = self.ask("query_range", query=query, **between)
        assert isinstance(data, dict)
        return {
            frozenset(one["metric"].items()): [(at, float(value)) for at, value in one["values"]]
            for one in data["result"]
        }

    def is_ready(self) -> bool:
        """Say whether it answers."""
        try:
            with urlopen(f"{self.url}/-/ready") as response:
                return bool(response.status == 200)
        except URLError:
            return False


class Echo(ThreadingHTTPServer):
    """Serves what a worker has said, as if it were another one."""

    text = ""

    class Handler(BaseHTTPRequestHandler):
        """Answers everybody the same."""

        def do_GET(self) -> None:
            echo = self.server
            assert isinstance(echo, Echo)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(echo.text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    @classmethod
    @contextmanager
    def running(cls) -> Iterator["Echo"]:
        """Serve on a free port beside the block."""
        with cls(("127.0.0.1", 0), cls.Handler) as echo:
            thread = threading.Thread(target=echo.serve_forever)
            thread.start()
            try:
                yield echo
            finally:
                echo.shutdown()
                thread.join()


@contextmanager
def prometheus(folder: Path, jobs: Mapping[str, Sequence[str]]) -> Iterator[Prometheus]:
    """Run Prometheus on the targets of some jobs until the block ends, or this process does."""
    config: Mapping[str, object] = {
        "global": {
            "scrape_interval": f"{int(SCRAPE_SECONDS * 1000)}ms",
            "evaluation_interval": "1s",
        },
        "rule_files": [str(RULES)],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": list(targets)}]}
            for job, targets in jobs.items()
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    (port,) = free_ports(0)
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'series'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        (folder / "prometheus.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARDIAN), "5", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
        ) as guardian,
    ):
        running = Prometheus(f"http://127.0.0.1:{port}")
        try:
            eventually(running.is_ready, (folder / "prometheus.log").read_text)
            yield running
        finally:
            assert guardian.stdin is not None
            guardian.stdin.close()
