"""The end of a worker process: exit code 0 when asked to stop, not 0 for everything else."""

import faulthandler
import logging
import os
import threading
from typing import NoReturn

EXIT_HUNG = 3
"""Exit code of a process whose graceful end hung."""
TELL_SECONDS = 1.0

log = logging.getLogger(__name__)


def end_within(seconds: float, why: str) -> None:
    """End the process in ``seconds`` if it is still there then.

    A thread of its own: a graceful end that hangs may well have stopped the event loop, and the
    consumer's thread keeps the interpreter from exiting.
    """

    def tell() -> None:
        log.critical("Ending the hard way: %s within %s s", why, seconds)
        faulthandler.dump_traceback(all_threads=True)

    def end() -> NoReturn:
        # Who hangs may hold the log's lock, so the end does not wait for what is told.
        teller = threading.Thread(target=tell, daemon=True)
        teller.start()
        teller.join(TELL_SECONDS)
        os._exit(EXIT_HUNG)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
