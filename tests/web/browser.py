"""A headless Chromium, Debian's: installed where it is missing and we are root."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

PROGRAM = "chromium"
INSTALLS = (
    ("apt-get", "update", "-qq"),
    ("apt-get", "install", "-y", "-qq", "--no-install-recommends", PROGRAM, "fonts-dejavu-core"),
)


def chromium() -> str:
    """Return the path of Chromium; raise where there is none and none can be had."""
    found = shutil.which(PROGRAM)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in INSTALLS:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=QUIETLY, timeout=170)
        found = shutil.which(PROGRAM)
    if found is None:
        message = f"These tests need Chromium: install Debian's `{PROGRAM}`, or run them as root."
        raise RuntimeError(message)
    return found


QUIETLY = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}


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
