import hashlib
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stream_app.broker import jars
from stream_app.broker.jars import KAFKA_VERSION, kafka_jars
from stream_app.errors import BrokerError

PINNED = {"kafka.jar": "the broker", "log4j.jar": "its log"}
"""A small Kafka: contents by name."""
HASHES = "".join(
    f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in PINNED.items()
)
PINS = hashlib.sha256(HASHES.encode()).hexdigest()[:8]


class Machine:
    """A user's machine: a PATH with programs of our own, and a cache that starts empty."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bin"
        self.path.mkdir()
        self.calls = folder / "calls"
        self.jars = folder / "cache" / "activelab-stream" / f"kafka-{KAFKA_VERSION}-{PINS}"
        for tool in ("sh", "mkdir", "cat", "chmod"):
            (self.path / tool).symlink_to(shutil.which(tool) or tool)

    def program(self, name: str, script: str) -> None:
        program = self.path / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {self.calls}\n{script}\n')
        program.chmod(0o755)

    def maven_delivers(self, contents: Mapping[str, str]) -> None:
        """Install a Maven that fills the folder named by its last argument."""
        script = ['for last; do folder="${last#-DoutputDirectory=}"; done', 'mkdir "$folder"']
        script += [f'printf %s "{text}" > "$folder/{name}"' for name, text in contents.items()]
        self.program("mvn", "\n".join(script))

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    def cached(self) -> dict[str, str]:
        return {jar.name: jar.read_text() for jar in self.jars.iterdir()}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path)
    pinned = tmp_path / "jars.sha256"
    pinned.write_text(HASHES)
    monkeypatch.setattr(jars, "PINNED", pinned)
    monkeypatch.setenv("PATH", str(machine.path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("KAFKA_HOME", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return machine


def test_the_jars_are_fetched_once_and_then_taken_from_the_cache(machine: Machine) -> None:
    machine.maven_delivers(PINNED)
    assert kafka_jars() == kafka_jars() == machine.jars
    assert machine.cached() == PINNED
    assert len(machine.called()) == 1


def test_a_second_caller_waits_for_the_first_ones_download(machine: Machine) -> None:
    machine.maven_delivers(PINNED)
    with ThreadPoolExecutor(4) as callers:
        found = list(callers.map(lambda _: kafka_jars(), range(4)))
    assert found == [machine.jars] * 4
    assert len(machine.called()) == 1


@pytest.mark.parametrize("damage", [{"kafka.jar": "half"}, {"malice.jar": "more than pinned"}])
def test_a_cache_that_is_not_as_pinned_is_fetched_anew(
    machine: Machine, damage: dict[str, str]
) -> None:
    machine.maven_delivers(PINNED)
    kafka_jars()
    for name, text in damage.items():
        (machine.jars / name).write_text(text)
    kafka_jars()
    assert machine.cached() == PINNED


def test_what_an_interrupted_download_left_is_not_in_the_way(machine: Machine) -> None:
    machine.maven_delivers(PINNED)
    left = machine.jars.with_name(machine.jars.name + ".arriving")
    left.mkdir(parents=True)
    (left / "malice.jar").write_text("half")
    kafka_jars()
    assert machine.cached() == PINNED


@pytest.mark.parametrize("delivered", [PINNED | {"kafka.jar": "another"}, {"kafka.jar": "the b"}])
def test_other_jars_than_the_pinned_ones_are_refused_by_name(
    machine: Machine, delivered: dict[str, str]
) -> None:
    machine.maven_delivers(delivered)
    with pytest.raises(BrokerError, match=r"not the pinned ones.*kafka\.jar"):
        kafka_jars()
    assert not machine.jars.exists()


def test_a_maven_that_fails_is_quoted(machine: Machine) -> None:
    machine.program("mvn", "echo no route to the registry; exit 1")
    with pytest.raises(BrokerError, match=r"failed: install Maven, or set(.|\n)*no route to the"):
        kafka_jars()


def test_without_maven_one_sentence_says_what_to_do(machine: Machine) -> None:
    with pytest.raises(
        BrokerError, match=r"no mvn on PATH: install Maven, or set KAFKA_HOME .*, or"
    ):
        kafka_jars()
    assert not machine.called()


def test_root_on_a_debian_gets_maven_installed_and_is_told_so(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    machine.maven_delivers(PINNED)
    (machine.path / "mvn").rename(machine.path / "mvn.deb")
    install = f'case "$*" in *install*) cat {machine.path}/mvn.deb > {machine.path}/mvn;'
    machine.program("apt-get", f"{install} chmod +x {machine.path}/mvn;; esac")

    assert kafka_jars() == machine.jars
    assert [call.split()[0] for call in machine.called()] == ["apt-get", "apt-get", "mvn"]
    assert "Maven is missing: installing it by apt-get" in caplog.text


def test_kafka_home_is_taken_as_it_is(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    libs = machine.path.parent / "kafka" / "libs"
    libs.mkdir(parents=True)
    (libs / "kafka_2.13-4.1.0.jar").touch()
    monkeypatch.setenv("KAFKA_HOME", str(libs.parent))
    assert kafka_jars() == libs
    assert not machine.called()


def test_a_kafka_home_without_kafka_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_HOME", str(machine.path))
    with pytest.raises(BrokerError, match=f"KAFKA_HOME is {machine.path}, but there is no"):
        kafka_jars()


def test_the_pinned_jars_are_those_of_the_version_in_the_pom() -> None:
    pinned = jars.PINNED.read_text().splitlines()
    assert f"<version>{KAFKA_VERSION}</version>" in jars.POM.read_text()
    assert any(line.endswith(f"  kafka_2.13-{KAFKA_VERSION}.jar") for line in pinned)
    assert len(pinned) == 47
