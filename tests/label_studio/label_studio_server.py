"""A real Label Studio on loopback: installed once a user, started once a session.

It is no dependency of the project. A virtual environment of its own in the user's cache has what
``requirements.lock`` says, by its hashes (but ``attr``, which Label Studio lists beside ``attrs``
and does not use); what is no wheel is built by the setuptools in it. Its database takes longer to
make than all tests take: an empty one is kept beside the environment, and a session has a copy.
"""

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers import eventually

from stream_app.broker.jars import user_cache

log = logging.getLogger(__name__)

LOCK = Path(__file__).with_name("requirements.lock")
ADMIN = 1
"""The user whose token it is."""
EMAIL, PASSWORD = "admin@example.com", "not-a-secret"
TOKEN = "f1" * 20
CONFIG = """
<View>
  <Text name="text" value="$text"/>
  <Choices name="label" toName="text"><Choice value="cat"/><Choice value="dog"/></Choices>
</View>
"""


def installation() -> Path:
    """Return the folder of the environment and of the empty database, made where it is missing."""
    pins = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:8]
    folder = user_cache() / f"label-studio-{pins}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            _install(folder)
            (folder / "ready").touch()
    return folder


def _install(folder: Path) -> None:
    """Fill the folder; what is there of a broken installation goes first."""
    log.warning("Installing Label Studio into %s", folder)
    environment, empty = folder / "environment", folder / "empty"
    for old in (environment, empty):
        shutil.rmtree(old, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    pip = [sys.executable, "-m", "pip", "--python", environment / "bin" / "python", "install"]
    pinned = ["--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    builders = folder / "builders.lock"
    builders.write_text("\n".join(_locked("setuptools", "wheel")))
    for lock in (builders, LOCK):
        subprocess.run([*pip, *pinned, "--no-build-isolation", "-r", lock], check=True)
    with _serving(folder, empty):
        pass


def _locked(*names: str) -> Iterator[str]:
    """Return what the lock says of some packages."""
    for entry in re.split(r"\n(?=\S)", LOCK.read_text()):
        if entry.split("==")[0] in names:
            yield entry


@contextmanager
def label_studio(folder: Path) -> Iterator["LabelStudio"]:
    """Run a Label Studio without projects; its records are in ``folder``."""
    installed = installation()
    shutil.copytree(installed / "empty", folder)
    with _serving(installed, folder) as url:
        yield LabelStudio(url)


@contextmanager
def _serving(installed: Path, folder: Path) -> Iterator[str]:
    folder.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log_file = folder / "log"
    with log_file.open("ab") as said:
        process = subprocess.Popen(
            [
                *(installed / "environment" / "bin" / "python", "-I", "-m", "label_studio.server"),
                *("start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={**os.environ, **_environment(folder)},
        )

    def answers() -> bool:
        assert process.poll() is None, log_file.read_text()[-4000:]
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return True
        except OSError:
            return False

    try:
        eventually(answers, lambda: log_file.read_text()[-4000:], within=600)
        yield url
    finally:
        process.terminate()
        process.wait()


def _environment(folder: Path) -> dict[str, str]:
    """Return what a Label Studio of the tests is told."""
    return {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_USERNAME": EMAIL,
        "LABEL_STUDIO_PASSWORD": PASSWORD,
        "LABEL_STUDIO_USER_TOKEN": TOKEN,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "SSRF_PROTECTION_ENABLED": "false",  # else no webhook goes to 127.0.0.1
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }


@dataclass(frozen=True)
class LabelStudio:
    """What people do in Label Studio, by its API."""

    url: str

    def call(self, method: str, path: str, body: object = None, **query: object) -> Any:
        """Return the answer to a call, which must succeed."""
        request = urllib.request.Request(
            f"{self.url}{path}?{urllib.parse.urlencode(query)}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = answer.read()
        return json.loads(said) if said else None

    def user(self, name: str) -> int:
        """Make a user, and return their id."""
        known = {user["username"]: user["id"] for user in self.call("GET", "/api/users/")}
        body = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
        return known.get(name) or int(self.call("POST", "/api/users/", body)["id"])

    def project(self, title: str, items: list[str]) -> "StudioProject":
        """Make a project with a task an item."""
        made = {"title": title, "label_config": CONFIG}
        number: int = self.call("POST", "/api/projects/", made)["id"]
        tasks = [{"data": {"text": f"what is {item}?", "activelab_item": item}} for item in items]
        self.call("POST", f"/api/projects/{number}/import", tasks)
        shown = self.call("GET", "/api/tasks", project=number, page_size=len(items) + 1)["tasks"]
        return StudioProject(
            self, number, {task["data"]["activelab_item"]: task["id"] for task in shown}
        )


@dataclass(frozen=True)
class StudioProject:
    """A project of cats and dogs."""

    studio: LabelStudio
    number: int
    tasks: dict[str, int]
    """Item to task."""

    def annotate(self, item: str, label: str | None, user: int, *, skip: bool = False) -> int:
        """Have a user annotate an item, and return the annotation's id."""
        body = {"result": _result(label), "completed_by": user, "was_cancelled": skip}
        path = f"/api/tasks/{self.tasks[item]}/annotations/"
        return int(self.studio.call("POST", path, body)["id"])

    def correct(self, annotation: int, label: str) -> None:
        """Change the label of an annotation."""
        self.studio.call("PATCH", f"/api/annotations/{annotation}/", {"result": _result(label)})

    def delete(self, annotation: int) -> None:
        """Delete an annotation: the webhook has its id alone."""
        self.studio.call("DELETE", f"/api/annotations/{annotation}/")

    def delete_task(self, item: str) -> None:
        """Delete an item's task, and its annotations with it."""
        self.studio.call("DELETE", f"/api/tasks/{self.tasks[item]}/")

    def tab(self) -> dict[str, Any] | None:
        """Return the bridge's tab."""
        views = self.studio.call("GET", "/api/dm/views/", project=self.number)
        return next((view for view in views if view["data"]["title"] == "ActiveLab"), None)

    def queue(self) -> list[str]:
        """Return the items in the bridge's tab, as it orders them."""
        tab = self.tab()
        if tab is None:
            return []
        shown = self.studio.call("GET", "/api/tasks", project=self.number, view=tab["id"])
        return [task["data"]["activelab_item"] for task in shown["tasks"]]

    def next_item(self) -> str | None:
        """Return what "Label Tasks As Displayed" shows next in the bridge's tab; None: nothing."""
        tab = self.tab()
        assert tab is not None
        displayed = {name: tab["data"][name] for name in ("filters", "ordering")}
        query = {"id": "next_task", "project": self.number, "tabID": tab["id"]}
        try:
            task = self.studio.call("POST", "/api/dm/actions/", displayed, **query)
        except urllib.error.HTTPError as error:
            assert error.code == 404
            return None
        item: str = task["data"]["activelab_item"]
        return item


def _result(label: str | None) -> list[dict[str, Any]]:
    if label is None:
        return []
    value = {"choices": [label]}
    return [{"from_name": "label", "to_name": "text", "type": "choices", "value": value}]
