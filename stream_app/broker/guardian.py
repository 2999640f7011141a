"""Run a command for as long as the caller lives: a program of its own, standard library only.

    python guardian.py SECONDS COMMAND...

Says the command's pid on stdout and waits for the end of stdin, which the kernel brings about
whichever way the caller ends, kill -9 included. Then the command gets SIGTERM and, SECONDS later,
SIGKILL. Refused: PR_SET_PDEATHSIG, which is Linux's alone and fires when the *thread* that started
the child ends.
"""

import os
import signal
import subprocess
import sys
import threading


def main(seconds: float, command: list[str]) -> None:
    """Run ``command`` until it or stdin ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr) as child:
        threading.Thread(target=lambda: os._exit(child.wait() != 0), daemon=True).start()
        try:
            print(child.pid, flush=True)  # noqa: T201 - this is the program's answer
            sys.stdin.read()
        finally:
            stop(child, seconds)


def stop(child: subprocess.Popen[bytes], seconds: float) -> None:
    """End ``child``: politely, then not."""
    child.terminate()
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2:])
