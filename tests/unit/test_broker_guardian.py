import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stream_app.broker.server import GUARDIAN

READY = "import time, signal; {}; print('ready', flush=True); time.sleep(60)"
OBEYS = READY.format("pass")
REFUSES = READY.format("signal.signal(signal.SIGTERM, signal.SIG_IGN)")
DEADLINE = 10.0


@contextmanager
def guarded(script: str, log: Path, seconds: float = DEADLINE) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python ``script`` under a guardian, whose command writes to ``log``."""
    command = [sys.executable, str(GUARDIAN), str(seconds), sys.executable, "-c", script]
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
        ) as guardian,
    ):
        yield guardian


def pid_said_by(guardian: subprocess.Popen[bytes]) -> int:
    assert guardian.stdout is not None
    return int(guardian.stdout.readline())


def wait_for(text: str, log: Path) -> None:
    deadline = time.monotonic() + DEADLINE
    while text not in log.read_text():
        assert time.monotonic() < deadline, f"{log} doesn't say {text}"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("script", [OBEYS, REFUSES], ids=["obeys", "refuses"])
def test_the_command_ends_with_stdin_whether_it_obeys_or_not(tmp_path: Path, script: str) -> None:
    with guarded(script, tmp_path / "log", seconds=0.2) as guardian:
        pid = pid_said_by(guardian)
        wait_for("ready", tmp_path / "log")
        assert alive(pid)
        guardian.communicate(timeout=DEADLINE)
        assert not alive(pid)


def test_a_command_that_obeys_is_not_kept_waiting(tmp_path: Path) -> None:
    with guarded(OBEYS, tmp_path / "log", seconds=3600) as guardian:
        wait_for("ready", tmp_path / "log")
        guardian.communicate(timeout=DEADLINE)


def test_the_guardian_takes_the_command_with_it_when_it_is_told_to_end(tmp_path: Path) -> None:
    with guarded(OBEYS, tmp_path / "log") as guardian:
        pid = pid_said_by(guardian)
        wait_for("ready", tmp_path / "log")
        guardian.send_signal(signal.SIGTERM)
        guardian.wait(DEADLINE)
        assert not alive(pid)


@pytest.mark.parametrize(("script", "code"), [("pass", 0), ("raise SystemExit(3)", 1)])
def test_the_guardian_ends_when_the_command_does(tmp_path: Path, script: str, code: int) -> None:
    with guarded(script, tmp_path / "log") as guardian:
        assert guardian.wait(DEADLINE) == code
