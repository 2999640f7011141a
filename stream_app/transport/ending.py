"""The end of a worker process: exit code 0 when asked to stop, not 0 for everything else."""

import logging
import os
import threading
from typing import NoReturn

EXIT_HUNG = 3
"""Exit code of a process whose graceful end hung."""

log = logging.getLogger(__name__)


def end_within(seconds: float, why: str) -> None:
    """End the process in ``seconds`` if it is still there then.

    A thread of its own: a graceful end that hangs may well have stopped the event loop, and the
    consumer's thread keeps the interpreter from exiting.
    """

    def end() -> NoReturn:
        log.critical("Ending the hard way: %s within %s s", why, seconds)
        logging.shutdown()
        os._exit(EXIT_HUNG)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
