"""The built book by itself: links resolve, nothing comes from elsewhere, pictures have words."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.site.conftest import Page
from tests.test_book import CHAPTERS, LABS

pytestmark = [pytest.mark.site, pytest.mark.xdist_group("links")]  # one worker reads all pages, once


def test_every_chapter_and_lab_was_built(built: dict[Path, Page], site: Path) -> None:
    for name in [*CHAPTERS, *LABS, "index", "genindex", "search"]:
        assert site / f"{name}.html" in built


def test_local_links_and_fragments_resolve(built: dict[Path, Page]) -> None:
    dead = []
    for path, page in built.items():
        for link in page.links:
            url = urlsplit(link)
            if url.scheme or url.netloc or link == "#":
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not target.exists() or (
                url.fragment and target in built and unquote(url.fragment) not in built[target].anchors
            ):
                dead.append((path.name, link))
    assert not dead


def test_no_page_loads_anything_from_another_host(built: dict[Path, Page], site: Path) -> None:
    foreign = [
        (path.name, load)
        for path, page in built.items()
        for load in page.loads
        if urlsplit(load).netloc or urlsplit(load).scheme in ("http", "https")
    ]
    assert not foreign
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", style.read_text("utf8", "replace")), (
            style.name
        )


def test_pages_name_no_host_for_scripts(built: dict[Path, Page]) -> None:
    assert not [
        path.name
        for path, page in built.items()
        if re.search(r"unpkg|jsdelivr|cdnjs|googleapis|binder|thebe|ethical", page.text)
    ]


def test_every_picture_has_words(built: dict[Path, Page]) -> None:
    assert not [(path.name, src) for path, page in built.items() for src in page.pictures_without_words]


def test_every_chapter_and_lab_has_one_title(built: dict[Path, Page], site: Path) -> None:
    assert {name: built[site / f"{name}.html"].titles for name in [*CHAPTERS, *LABS]} == dict.fromkeys(
        [*CHAPTERS, *LABS], 1
    )


def test_a_notebook_can_be_taken_from_its_page(built: dict[Path, Page], site: Path) -> None:
    for name in [*CHAPTERS, *LABS]:
        offered = [link for link in built[site / f"{name}.html"].links if link.endswith(".ipynb")]
        assert offered, name
        assert ((site / name).parent / offered[0]).resolve().exists()


def test_a_browser_saves_what_a_page_offers(built: dict[Path, Page], site: Path) -> None:
    for name in [*CHAPTERS, *LABS]:
        offered = re.findall(r'href="([^"]+)" download="([^"]+)"', built[site / f"{name}.html"].text)
        assert [Path(link).name for link, _ in offered] == [saved for _, saved in offered], name
        assert sorted(Path(saved).suffix for _, saved in offered) == [".ipynb", ".whl"], name
        for link, _ in offered:
            assert ((site / name).parent / link).resolve().is_file(), link


def test_every_chapter_and_lab_describes_itself(built: dict[Path, Page], site: Path) -> None:
    told = {
        name: re.findall(r'<meta name="description" content="([^"]+)"', built[site / f"{name}.html"].text)
        for name in ["index", *CHAPTERS, *LABS]
    }
    assert not [name for name, words in told.items() if len(words) != 1 or not 40 <= len(words[0]) <= 260]
    assert len({words[0] for words in told.values()}) == len(told), "two pages describe themselves alike"


def test_the_front_page_has_its_title_once(built: dict[Path, Page], site: Path) -> None:
    page = built[site / "index.html"]
    assert re.findall(r"<title>([^<]*)", page.text) == ["The Peer-to-Peer Handbook"]
    assert page.titles == 1


def test_every_page_says_its_version(built: dict[Path, Page], site: Path) -> None:
    for path, page in built.items():
        if path.name != "404.html":
            assert re.search(r"<p>Version \d+\.\d+\.\d+", page.text) or "http-equiv" in page.text, path.name


def test_a_host_finds_what_it_looks_for(site: Path) -> None:
    assert "front page of The Peer-to-Peer Handbook" in (site / "404.html").read_text("utf8")
    assert (site / ".nojekyll").is_file()


def test_no_button_points_at_an_unknown_repository(built: dict[Path, Page]) -> None:
    assert not [
        path.name
        for path, page in built.items()
        if re.search(r"mybinder|colab\.research|btn-source-repository", page.text)
    ]


def test_mathematics_needs_no_script(built: dict[Path, Page], site: Path) -> None:
    keys = built[site / "book/identity/keys.html"]
    assert "<math" in keys.text
    assert "MathJax" not in keys.text
