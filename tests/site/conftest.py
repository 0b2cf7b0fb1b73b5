"""The built book, parsed once."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
# For a test of what a page's own scripts do. The environment can have all others there: see `browser`.
in_firefox_too = pytest.mark.parametrize("browser", ["chromium", "firefox"], indirect=True)


class Page(HTMLParser):
    """What the tests ask of a page: its links, what it loads, its anchors, its pictures, its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.pictures_without_words: list[str] = []
        self.titles = len(re.findall(r"<h1>(?:(?!</h1>).)*headerlink", text, re.S))  # not the one for print
        self.feed(text)
        self.anchors = set(self.ids)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note what one tag adds."""
        has = {name: value or "" for name, value in attributes}
        if has.get("id"):
            self.ids.append(has["id"])
        if tag in ("a", "area") and "href" in has:
            self.links.append(has["href"])
        if tag in ("script", "img", "iframe", "source", "audio", "video", "embed") and has.get("src"):
            self.loads.append(has["src"])
        if tag == "object" and has.get("data"):
            self.loads.append(has["data"])
        if tag == "link" and {"stylesheet", "preload", "icon", "modulepreload"} & set(
            has.get("rel", "").split()
        ):
            self.loads.append(has["href"])
        if tag in ("use", "image"):
            self.loads.append(has.get("href") or has.get("xlink:href", ""))
        words = has.get("alt", "")
        decoration = has.get("src", "").endswith("_static/minus.png")  # of the module index, by Sphinx
        if tag == "img" and not decoration and (len(words) < 3 or words.endswith((".svg", ".png"))):
            self.pictures_without_words.append(has.get("src", ""))
        if (
            tag == "svg"
            and has.get("role") == "img"
            and not (has.get("aria-labelledby") or has.get("aria-label"))
        ):
            self.pictures_without_words.append("an inline drawing")


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built book."""
    if not (SITE / "index.html").exists():
        pytest.skip("the book is not built: run make book SERVE=0")
    return SITE


@pytest.fixture(scope="session")
def built(site: Path) -> dict[Path, Page]:
    """Every page of the built book."""
    found = [
        path
        for path in sorted(site.rglob("*.html"))
        if not {"_static", "_sources"} & set(path.relative_to(site).parts)
    ]
    return {path: Page(path.read_text("utf8")) for path in found}
