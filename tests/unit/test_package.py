"""What is released works where it is installed: wheel and source distribution, in a clean place."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from stream_app.settings import PREFIX

ROOT = Path(__file__).parents[2]
PACKAGES = ("activelab", "schemas", "stream_app")


def run(command: Sequence[str | Path], folder: Path) -> str:
    """Run a command in a folder, with nothing of this checkout in its environment."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONPATH" and not name.startswith(PREFIX)
    }
    done = subprocess.run(
        command, cwd=folder, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(target: str, source: Path, folder: Path) -> Path:
    """Build a wheel or an sdist of a source tree."""
    run([sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder], source)
    (archive,) = folder.iterdir()
    return archive


@dataclass(frozen=True)
class Release:
    """Both archives, the wheel built from the other one, and a place with nothing but the wheel."""

    sdist: Path
    wheel: Path
    bin: Path
    folder: Path


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("release")
    sdist = built("sdist", ROOT, folder / "sdist")
    (folder / "source").mkdir()
    run(["tar", "-xzf", sdist, "-C", folder / "source"], folder)
    (source,) = (folder / "source").iterdir()
    wheel = built("wheel", source, folder / "wheel")

    place = folder / "place"
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], folder)
    # Dependencies are those that are installed here; a .pth of theirs, ours included, is not read.
    site = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder)
    Path(site.strip(), "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return Release(sdist, wheel, place / "bin", folder)


def test_the_wheel_has_every_file_of_the_packages_and_no_other(release: Release) -> None:
    written = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = set(zipfile.ZipFile(release.wheel).namelist())
    assert {name for name in packed if ".dist-info/" not in name} == written
    assert any(name.endswith("/licenses/LICENSE") for name in packed)


def test_the_sdist_has_what_is_built_and_tested_from(release: Release) -> None:
    with tarfile.open(release.sdist) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "Makefile", "requirements.lock"} <= names
    assert {"tests/conftest.py", "docs/contracts.md", "stream_app/broker/jars.sha256"} <= names
    assert not [name for name in names if name.startswith((".venv", ".git/", "build/", "out/"))]


def test_what_is_installed_is_the_wheels(release: Release) -> None:
    script = "import activelab, schemas, stream_app as s; print(s.__file__, schemas.__file__)"
    for path in run([release.bin / "python", "-c", script], release.folder).split():
        assert Path(path).is_relative_to(release.bin.parent)


@pytest.mark.parametrize("command", ["", "worker", "schemas export"])
def test_the_command_line_starts(command: str, release: Release) -> None:
    said = run([release.bin / "activelab-stream", *command.split(), "--help"], release.folder)
    assert "Usage: activelab-stream" in said


def test_it_makes_the_contracts_that_are_checked_in(release: Release) -> None:
    folder = release.folder / "contracts"
    run([release.bin / "activelab-stream", "schemas", "export", folder], release.folder)
    for schema in (ROOT / "docs" / "schemas").iterdir():
        assert (folder / schema.name).read_text() == schema.read_text()


def test_it_finds_the_files_that_lie_beside_its_code(release: Release) -> None:
    script = (
        "from stream_app.broker import jars, server\n"
        "print(*(path.is_file() for path in (jars.POM, jars.PINNED, server.GUARDIAN)))"
    )
    assert run([release.bin / "python", "-c", script], release.folder).split() == ["True"] * 3


def test_the_library_is_imported_without_what_the_service_needs(release: Release) -> None:
    script = "import sys, activelab.dropin\nprint({'pydantic', 'faust', 'pandas'} & {*sys.modules})"
    assert run([release.bin / "python", "-c", script], release.folder).strip() == "set()"
