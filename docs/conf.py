"""The site that `make docs` builds into `site/` from the Markdown pages of this repository.

It is no second set of pages: the source folder is the repository itself, so a link between two
pages leads to the same place here and wherever the repository is shown. What stands at the side,
and in which order, is what `docs/README.md` lists, its headings the captions. Nothing is fetched
while somebody reads, and the site can be opened as files.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
"""The pages of the root."""
FOLDERS: Final = ("docs", "examples")

project = "Ottla"
author = "The authors of Ottla"
project_copyright = "Apache-2.0"
release = tomllib.loads((ROOT / "rust" / "Cargo.toml").read_text())["workspace"]["package"][
    "version"
]
root_doc = "docs/README"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
include_patterns = [*PAGES, *(f"{folder}/**.md" for folder in FOLDERS)]
exclude_patterns = [
    *(one.name for one in ROOT.iterdir() if one.name not in (*PAGES, *FOLDERS)),
    "docs/_*",
]
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]
"""A block may be cut short by `...`."""
pygments_style = "friendly"
pygments_dark_style = "github-dark"

html_theme = "furo"
html_title = "Ottla"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_additional_pages = {"index": "front.html"}
html_css_files = ["site.css"]
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False


def listed(text: str) -> list[tuple[str, list[str]]]:
    """The headings of `docs/README.md`, each with what a toctree says of the pages under it."""
    parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)[1:]
    return [
        (caption, [_entry(*link) for link in re.findall(r"\[([^]]*)\]\(([^)#:]+\.md)\)", body)])
        for caption, body in zip(parts[::2], parts[1::2], strict=True)
    ]


def _entry(words: str, page: str) -> str:
    return page if words.endswith(".md") else f"{words} <{page}>"


def _read(_app: Any, page: str, source: list[str]) -> None:
    """Put what the front page lists at the side of all; a page's title where a repository shows its
    path; and no link where one leads to a folder, which a site has no page of.
    """
    here = (ROOT / page).parent
    trees = ""
    if page == root_doc:
        for caption, entries in listed(source[0]):
            body = "\n".join(entries)
            trees += f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{body}\n```\n"
    text = re.sub(r"\[[\w./-]+\.md\](?=\()", "[]", source[0])
    links = re.compile(r"\[([^]]*)\]\(([\w./-]+)\)")
    source[0] = links.sub(lambda one: one[1] if (here / one[2]).is_dir() else one[0], text) + trees


def _breaks(_app: Any, _page: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    """Let long names in tables end a line at their dots and underscores, and nowhere else."""

    def broken(name: re.Match[str]) -> str:
        return re.sub(r"(?<=[._/,-])(?=\w)", "<wbr>", name[0])

    if "body" in context:
        context["body"] = re.sub(
            r"<table.*?</table>",
            lambda table: re.sub(r'(?<=<span class="pre">)[^<]+', broken, table[0]),
            context["body"],
            flags=re.DOTALL,
        )


def setup(app: Any) -> None:
    """What Sphinx calls."""
    app.connect("source-read", _read)
    app.connect("html-page-context", _breaks)
