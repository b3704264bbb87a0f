"""The site that `make docs` builds: whole, findable, and with nothing fetched while it is read.

It is built once for all tests here, from the pages as they are, in a folder of its own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
FRONT = "docs/README.html"
PAGES = sorted(
    str(path.relative_to(ROOT).with_suffix(".html"))
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
)


class Page(HTMLParser):
    """What a page of the site has: anchors, links, what a browser loads by itself, pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.pictures: list[dict[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.anchors |= {said[name] for name in ("id", "name") if name in said}
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        if tag == "img":
            self.pictures.append(said)
        if tag == "link" and said.get("rel", "") not in ("index", "search", "next", "prev"):
            self.loaded.append(said.get("href", ""))
        self.loaded += [said[name] for name in ("src", "srcset", "poster", "data") if name in said]
        self.loaded += re.findall(r"url\(([^)]*)\)", said.get("style", ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a page that links to nothing, or stands nowhere, ends that."""
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-c", str(ROOT / "docs")]
    words += ["-d", str(folder / "read"), str(ROOT), str(folder / "site")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """Every page by its path."""
    return {
        str(path.relative_to(site)): Page(path.read_text(encoding="utf-8"))
        for path in site.rglob("*.html")
    }


def _internal(page: str, links: list[str]) -> Iterator[tuple[str, str]]:
    """(page, fragment) that links of a page lead to, as far as they stay within the site."""
    for link in links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = Path(page).parent / unquote(parts.path) if parts.path else Path(page)
        found: list[str] = []
        for part in target.parts:
            found = found[:-1] if part == ".." else [*found, part]
        yield "/".join(found), unquote(parts.fragment)


def test_every_page_is_there_and_found(site: Path, pages: dict[str, Page]) -> None:
    """If this failed, a page of the repository would be missing in the site, or in its search."""
    assert set(PAGES) <= set(pages)
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    found = json.loads(index.removeprefix("Search.setIndex(").rstrip().removesuffix(")"))
    assert {f"{name}.html" for name in found["docnames"]} == set(PAGES)
    assert len(found["terms"]) > 1000


def test_the_front_page_leads_to_every_page(pages: dict[str, Page]) -> None:
    """If this failed, somebody who begins at the front page would not find a page."""
    assert set(PAGES) <= {page for page, _ in _internal(FRONT, pages[FRONT].links)}
    assert [page for page, _ in _internal("index.html", pages["index.html"].links)] == [FRONT]


def test_nothing_is_fetched(site: Path, pages: dict[str, Page]) -> None:
    """If this failed, whoever reads without a network would see half a page, and whoever reads
    with one would be seen by others.
    """
    outside = re.compile(r"^(?:https?:)?//")
    fetched = {
        (name, one) for name, page in pages.items() for one in page.loaded if outside.match(one)
    }
    for path in site.rglob("*.css"):
        text = path.read_text(encoding="utf-8")
        for one in re.findall(r"""(?:url\(|@import )\s*["']?([^"')]*)""", text):
            if outside.match(one):
                fetched.add((path.name, one))
    assert not fetched


def test_what_a_page_loads_is_there(site: Path, pages: dict[str, Page]) -> None:
    """If this failed, a style, a script or a picture of the site would be missing."""
    missing = [
        (name, one)
        for name, page in pages.items()
        for one in page.loaded
        if one and not one.startswith("data:")
        if not (site / name).parent.joinpath(urlsplit(one).path).exists()
    ]
    assert not missing


def test_links_lead_to_what_is_there(site: Path, pages: dict[str, Page]) -> None:
    """If this failed, a link would lead to no page, or to a heading that is called otherwise."""
    broken = [
        f"{name}: {page}#{fragment}"
        for name, one in pages.items()
        for page, fragment in _internal(name, one.links)
        if not (site / page).exists()
        or (fragment and page in pages and fragment not in pages[page].anchors)
    ]
    assert not broken


def test_pictures_have_words(pages: dict[str, Page]) -> None:
    """If this failed, who does not see a drawing would not be told what is in it."""
    silent = [
        (name, one.get("src"))
        for name, page in pages.items()
        for one in page.pictures
        if len(one.get("alt", "").split()) < 3 and "sidebar-logo" not in one.get("class", "")
    ]
    assert not silent


def test_drawings_follow_the_ground() -> None:
    """If this failed, a drawing could not be read on light ground or on dark."""
    for path in (ROOT / "docs" / "concepts").glob("*.svg"):
        text = path.read_text(encoding="utf-8")
        assert "prefers-color-scheme:dark" in text, path.name
        assert "currentColor" in text, path.name
        assert "<title>" in text, path.name
