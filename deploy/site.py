"""What the documentation's site has beside docs/: the README as its front page, and docstrings.

A hook of MkDocs, and an extension of griffe, which reads the library for the reference.
"""

import re
from pathlib import Path
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

FRONT_PAGE = "index.md"
LINK = re.compile(r"\[([^]]*)\]\(([^):#]+)(#[^)]*)?\)")
"""A link to a file of the repository: its text, the path, and where in there."""
DOCTEST = re.compile(r"^( *)>>> (?:.*\S.*(?:\n|$))+", re.MULTILINE)
"""The lines of an example, up to an empty one."""


class Doctests(griffe.Extension):
    """Shows the examples of docstrings as code: Markdown would take them for quotations."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Fence the examples of an object that was read."""
        if obj.docstring is not None:
            obj.docstring.value = DOCTEST.sub(_fenced, obj.docstring.value)


def _fenced(example: re.Match[str]) -> str:
    return f"{example[1]}```pycon\n{example[0].rstrip()}\n{example[1]}```\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the README, as seen from docs/."""
    readme = Path(config.config_file_path).with_name("README.md").read_text(encoding="utf-8")
    # Markdown inside of HTML is read as such only where the HTML says so.
    content = LINK.sub(_from_docs, readme).replace("<details>", '<details markdown="1">')
    files.append(File.generated(config, FRONT_PAGE, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leave of a link to code, which is not on the site, its text."""
    return LINK.sub(lambda link: link[1] if link[2].startswith("../") else link[0], markdown)


def _from_docs(link: re.Match[str]) -> str:
    text, path, anchor = link.groups(default="")
    inside = path.removeprefix("docs/")
    return f"[{text}]({inside if inside != path else f'../{path}'}{anchor})"
