"""Fetch Kafka's jars by Maven, once a user, and trust only those whose hashes are pinned here.

``pom.xml`` says what is wanted and ``jars.sha256`` what it resolves to; after a change of the pom
the second is ``sha256sum *.jar`` in a folder that Maven filled.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

from stream_app.errors import BrokerError

log = logging.getLogger(__name__)

POM = Path(__file__).with_name("pom.xml")
PINNED = Path(__file__).with_name("jars.sha256")
KAFKA_VERSION = "4.1.2"
REMEDY = "install Maven, or set KAFKA_HOME to a Kafka 4.1, or run `docker compose up`."


def kafka_jars() -> Path:
    """Return the folder with Kafka's jars: that of KAFKA_HOME, else the user's cache.

    The cache is intact whenever this returns: it is verified each time, appears by one rename, and
    a lock lets one process fetch while the others wait. Other pins have another folder:
    two versions of this project on one machine do not take away each other's jars.
    """
    home = os.environ.get("KAFKA_HOME")
    if home:
        return _libs_of(Path(home).resolve())
    cache = user_cache()
    cache.mkdir(parents=True, exist_ok=True)
    pins = hashlib.sha256(PINNED.read_bytes()).hexdigest()[:8]
    jars = cache / f"kafka-{KAFKA_VERSION}-{pins}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _not_as_pinned(jars):
            _fetch(jars)
    return jars


def user_cache() -> Path:
    """Return the app's folder in the user's cache: XDG_CACHE_HOME, else the platform's."""
    platform = "Library/Caches" if sys.platform == "darwin" else ".cache"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / platform
    return Path(base) / "activelab-stream"


def _libs_of(home: Path) -> Path:
    """Return the folder of jars of the Kafka that the user has installed at ``home``."""
    if not any(home.glob("libs/kafka_*.jar")):
        message = f"KAFKA_HOME is {home}, but there is no libs/kafka_*.jar in it."
        raise BrokerError(message)
    return home / "libs"


def _not_as_pinned(folder: Path) -> list[str]:
    """Return the names of the jars that are missing in ``folder``, unknown or changed."""
    pinned = {name: sha256 for sha256, name in map(str.split, PINNED.read_text().splitlines())}
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.glob("*.jar")}
    return sorted(name for name, _ in pinned.items() ^ found.items())


def _fetch(jars: Path) -> None:
    """Fill ``jars`` by Maven, or leave it as it is and raise."""
    maven = _maven()
    log.info("Fetching Apache Kafka %s into %s", KAFKA_VERSION, jars)
    arriving = jars.with_name(jars.name + ".arriving")
    shutil.rmtree(arriving, ignore_errors=True)
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={arriving}"]
    _run([maven, "-q", "-B", "-f", str(POM), *goal])
    if wrong := _not_as_pinned(arriving):
        message = f"Maven's jars are not the pinned ones, delete them in ~/.m2: {wrong}"
        raise BrokerError(message)
    shutil.rmtree(jars, ignore_errors=True)
    arriving.rename(jars)


def _maven() -> str:
    """Return where Maven is, installed on the way where we are root on a Debian."""
    if shutil.which("mvn") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        log.warning("Maven is missing: installing it by apt-get")
        _run(["apt-get", "-q", "update"])
        _run(["apt-get", "-q", "install", "-y", "--no-install-recommends", "maven"])
    maven = shutil.which("mvn")
    if maven is None:
        message = f"Kafka is fetched by Maven and there is no mvn on PATH: {REMEDY}"
        raise BrokerError(message)
    return maven


def _run(command: list[str]) -> None:
    """Run ``command``; what it says is in the error where it fails."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-10:])
        message = f"`{' '.join(command)}` failed: {REMEDY} It said:\n{tail}"
        raise BrokerError(message)
