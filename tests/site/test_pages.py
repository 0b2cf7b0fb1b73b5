"""Small things that a reader notices: weight, icons, paper, a page without script, contents, phones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.site.conftest import Page
from tests.test_book import CHAPTERS, LABS

pytestmark = pytest.mark.site
A_CHAPTER = "book/identity/keys"
STYLES_BYTES = 220_000  # what holds up the first line of a page, before compression
SMALLEST_PX = 11

SMALL_TEXT = """[...document.querySelectorAll('figure.hb-figure svg text:not([transform])')]
    .filter(one => one.getBoundingClientRect().width && one.textContent.trim())
    .map(one => {
        const matrix = one.getScreenCTM ? one.getScreenCTM() : null;
        const scale = matrix ? Math.hypot(matrix.a, matrix.b) : 1;
        const size = parseFloat(getComputedStyle(one).fontSize) * scale;
        return [Math.round(10 * size) / 10, one.textContent.trim().slice(0, 20)];
    })
    .filter(([size]) => size < SMALLEST)"""

CUT_OFF = """[...document.querySelectorAll('figure.hb-figure svg text:not([transform])')]
    .filter(one => one.getBoundingClientRect().width && one.textContent.trim())
    .filter(one => {
        const text = one.getBoundingClientRect(), drawing = one.ownerSVGElement.getBoundingClientRect();
        return text.left < drawing.left - 0.5 || text.right > drawing.right + 0.5;
    })
    .map(one => one.textContent)"""


@pytest.fixture
def context(browser: Any) -> Iterator[Any]:
    """`context(**options)` is a fresh window of the browser; all are closed in the end."""
    opened: list[Any] = []

    def make(**options: Any) -> Any:
        opened.append(browser.new_context(viewport={"width": 1280, "height": 900}, **options))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def test_nothing_is_shipped_that_no_page_loads(site: Path) -> None:
    assert not [
        path.name
        for path in (site / "_static").rglob("*")
        if path.suffix in (".map", ".po", ".mo", ".ttf") or "fontawesome" in path.name
    ]


def test_the_styles_of_a_page_are_light_and_only_one_script_holds_it_up(site: Path) -> None:
    page = (site / f"{A_CHAPTER}.html").read_text("utf8")
    sheets = re.findall(r'href="([^"?]+\.css)', page)
    assert (
        sum(((site / A_CHAPTER).parent / sheet).resolve().stat().st_size for sheet in sheets) < STYLES_BYTES
    )
    waited_for = [tag for tag in re.findall(r"<script[^>]*src=[^>]*>", page) if "defer" not in tag]
    assert len(waited_for) == 1
    assert "documentation_options.js" in waited_for[0]


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_every_icon_has_a_shape_and_the_colour_of_the_text(context: Any, site: Path, colours: str) -> None:
    page = context(color_scheme=colours).new_page()
    page.goto((site / f"{A_CHAPTER}.html").as_uri())
    icons = page.locator("i[class*='fa-'], span[class*='fa-']").evaluate_all(
        "all => all.filter(one => one.getBoundingClientRect().width).map(one => {"
        " const style = getComputedStyle(one);"
        " const shaped = style.maskImage.startsWith('url(');"
        " return [one.className, shaped, style.backgroundColor === style.color]; })"
    )
    assert len(icons) >= 6
    assert [icon for icon in icons if not (icon[1] and icon[2])] == []


def test_a_page_without_script_is_highlighted_and_framed(context: Any, site: Path) -> None:
    page = context(java_script_enabled=False, color_scheme="dark").new_page()
    page.goto((site / f"{A_CHAPTER}.html").as_uri())
    html = page.locator("html")
    assert html.get_attribute("data-theme") == "light"
    text = page.locator("html").evaluate  # evaluation by the driver works without the page's own scripts
    keyword, plain, frame = text(
        "root => { const of = (what, name) => getComputedStyle(root.querySelector(what))[name];"
        " return [of('.cell_input .highlight .k', 'color'), of('.cell_input .highlight pre', 'color'),"
        " of('.cell_input', 'borderLeftWidth')]; }"
    )
    assert keyword != plain
    assert float(frame.removesuffix("px")) >= 1


def test_paper_is_white_from_a_dark_page_and_shows_what_is_folded(context: Any, site: Path) -> None:
    page = context(color_scheme="dark").new_page()
    page.goto((site / f"{A_CHAPTER}.html").as_uri())
    assert page.locator("html").get_attribute("data-theme") == "dark"
    folded = page.locator("article details:not([open])")
    before = folded.count()
    assert before
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("html").get_attribute("data-theme") == "light"
    assert folded.count() == 0
    flexes = page.locator(".cell_input div, .cell_output div").evaluate_all(
        "all => all.filter(one => !one.closest('.hb-figure'))"
        ".filter(one => getComputedStyle(one).display === 'flex').length"
    )
    assert flexes == 0, "a row inside a row leaves an empty frame where a page ends"
    assert page.locator("article h1").first.is_visible()
    assert not page.locator("#jb-print-docs-body").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert folded.count() == before


def test_the_contents_light_the_entry_that_was_clicked(context: Any, site: Path) -> None:
    page = context().new_page()
    page.goto((site / f"{A_CHAPTER}.html").as_uri())
    page.wait_for_load_state()
    page.add_style_tag(content="html { scroll-behavior: auto !important }")
    links = page.locator("#pst-page-toc-nav a")
    wrong = []
    for place in range(links.count()):
        link = links.nth(place)
        if not link.is_visible():
            continue
        link.click()
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        lit = page.locator("#pst-page-toc-nav a.active").last
        if lit.get_attribute("href") != link.get_attribute("href"):
            wrong.append(link.text_content())
    assert wrong == []


@pytest.mark.xdist_group("links")  # with the other tests that read all pages
def test_no_page_has_an_id_twice(built: dict[Path, Page]) -> None:
    twice = {}
    for path, page in built.items():
        if again := [name for name, count in Counter(page.ids).items() if count > 1]:
            twice[path.name] = again[:5]
    assert twice == {}


@pytest.mark.xdist_group("links")  # with the other tests that read all pages
def test_exercises_are_numbered_within_their_page(built: dict[Path, Page], site: Path) -> None:
    for name in CHAPTERS:
        text = built[site / f"{name}.html"].text
        titles = re.findall(r'<span class="caption-number">Exercise (\d+) </span>(.*?)</p>', text)
        assert [int(number) for number, _ in titles] == list(range(1, len(titles) + 1)), name
        assert all("hb-effort" in title and "(" not in title.partition("<span")[0][:3] for _, title in titles)


@pytest.mark.xdist_group("links")  # with the other tests that read all pages
def test_the_front_page_says_its_name_once_in_its_title(built: dict[Path, Page], site: Path) -> None:
    title = re.search(r"<title>(.*?)</title>", built[site / "index.html"].text, re.S)
    assert title
    assert title[1].strip() == "The Peer-to-Peer Handbook"


def test_the_logo_leaves_room_for_the_search_field(context: Any, site: Path) -> None:
    page = context().new_page()
    page.goto((site / "index.html").as_uri())
    assert page.locator(".bd-sidebar-primary .search-button-field").bounding_box()["y"] < 130


def test_the_index_fits_a_narrow_desk(context: Any, site: Path) -> None:
    page = context().new_page()
    page.set_viewport_size({"width": 1024, "height": 768})
    page.goto((site / "genindex.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_copy_button_is_seen_where_nothing_hovers(browser: Any, site: Path) -> None:
    phone = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = phone.new_page()
    page.goto((site / f"{A_CHAPTER}.html").as_uri())
    page.wait_for_selector("button.copybtn", state="attached")
    assert float(page.locator("button.copybtn").first.evaluate("one => getComputedStyle(one).opacity")) > 0.5
    phone.close()


@pytest.mark.parametrize("name", [*CHAPTERS, *LABS])
def test_figures_can_be_read_on_a_phone(context: Any, site: Path, name: str) -> None:
    page = context().new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto((site / f"{name}.html").as_uri())
    assert page.evaluate(SMALL_TEXT.replace("SMALLEST", str(SMALLEST_PX - 0.05))) == []


@pytest.mark.parametrize(
    "name", ["book/data/content-addressing", "book/data/dags", "book/discovery/trackers"]
)
def test_letters_that_grow_on_a_phone_stay_in_their_drawing(context: Any, site: Path, name: str) -> None:
    page = context().new_page()
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto((site / f"{name}.html").as_uri())
    assert page.evaluate(CUT_OFF) == []
