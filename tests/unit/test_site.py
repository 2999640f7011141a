"""The documentation builds into a site without a warning, and all of it is there."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import activelab

ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """What a reader finds on a page: its anchors, and what its code blocks say."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors = set[str]()
        self.loaded = set[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.anchors.add(given.get("id") or "")
        if tag in ("script", "img", "link") and "canonical" not in (given.get("rel") or ""):
            self.loaded.add(given.get("src") or given.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_every_document_has_a_page(site: Path) -> None:
    documents = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert {path.parent.name for path in site.glob("*/index.html")} >= documents


def test_the_readme_is_the_front_page(site: Path) -> None:
    front = (site / "index.html").read_text()
    headings = re.findall(r"^##+ (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(headings) > 5
    shown = re.sub(r"<.*?>", "", front)
    for heading in headings:
        assert heading.replace("`", "").replace("'", "’")[:20] in shown.replace("'", "’")
    assert "```" not in front, "a block of code is shown as text"


def test_what_the_library_offers_is_in_its_reference(site: Path) -> None:
    anchors = Page((site / "reference" / "index.html").read_text()).anchors
    names = {anchor.rsplit(".", 1)[-1] for anchor in anchors}
    offered = {name for name in activelab.__all__ if not name.isupper() or name == "METHODS"}
    assert offered <= names


def test_the_contracts_are_there_to_be_fetched(site: Path) -> None:
    for schema in (ROOT / "docs" / "schemas").iterdir():
        assert (site / "schemas" / schema.name).read_bytes() == schema.read_bytes()


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.glob("**/*.html"):
        assert [url for url in Page(page.read_text()).loaded if "//" in url] == []
