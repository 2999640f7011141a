"""What the documentation's site has beside docs/: the README as its front page, and no code."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

FRONT_PAGE = "index.md"
LINK = re.compile(r"\[([^]]*)\]\(([^):#]+)(#[^)]*)?\)")
"""A link to a file of the repository: its text, the path, and where in there."""


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
