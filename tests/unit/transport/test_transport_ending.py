"""A process that hangs at its end is ended."""

import subprocess
import sys

from stream_app.transport.ending import EXIT_HUNG


def test_a_process_that_hangs_ends_with_an_exit_code_that_is_not_0() -> None:
    script = (
        "import threading\n"
        "from stream_app.transport.ending import end_within\n"
        "end_within(0.1, 'it hung')\n"
        "threading.Event().wait()\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=30, check=False
    )

    assert ended.returncode == EXIT_HUNG
    assert b"it hung" in ended.stderr


def test_a_process_that_ends_by_itself_is_left_alone() -> None:
    script = "from stream_app.transport.ending import end_within; end_within(60, 'never')"

    ended = subprocess.run([sys.executable, "-c", script], timeout=30, check=False)

    assert ended.returncode == 0
