"""A headless Chromium, Debian's: installed where it is missing and we are root."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

from playwright.async_api import Browser, async_playwright

PROGRAM = "chromium"
REMEDY = f"These tests need Chromium: install Debian's `{PROGRAM}`, or run them as root on Debian."
INSTALLS = (
    ("apt-get", "-q", "update"),
    ("apt-get", "-q", "install", "-y", "--no-install-recommends", PROGRAM, "fonts-dejavu-core"),
)
PATIENCE = 300.0
"""Seconds that an installation may take: 300 MB, perhaps behind somebody else's."""
AGAIN_SECONDS = 3.0


def chromium() -> str:
    """Return the path of Chromium; raise where there is none and none can be had."""
    if shutil.which(PROGRAM) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        # Tests run in several processes.
        with (Path(tempfile.gettempdir()) / f"installing-{PROGRAM}").open("w") as lock:
            flock(lock, LOCK_EX)
            if shutil.which(PROGRAM) is None:
                _install()
    found = shutil.which(PROGRAM)
    if found is None:
        raise RuntimeError(REMEDY)
    return found


def _install() -> None:
    """Install it; somebody else's apt-get is waited for."""
    deadline = time.monotonic() + PATIENCE
    quietly = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in INSTALLS:
        while True:
            done = subprocess.run(command, env=quietly, capture_output=True, check=False)
            if done.returncode == 0:
                break
            if time.monotonic() > deadline:
                message = f"{REMEDY} {' '.join(command)} failed: {done.stderr.decode()[-1000:]}"
                raise RuntimeError(message)
            time.sleep(AGAIN_SECONDS)


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Run a browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        try:
            yield browser
        finally:
            await browser.close()
