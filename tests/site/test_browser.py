"""The built book in a real browser, opened from its folder: it asks nobody for anything, works on a phone, in
light and dark, by keyboard, and an accessibility checker has nothing serious to say."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.site.conftest import in_firefox_too
from tests.test_book import CHAPTERS, LABS, ROOT

pytestmark = pytest.mark.site
REFERENCE = sorted(page.stem for page in (ROOT / "book" / "reference").glob("*.md"))
READING = ["index", "book/how-to-read", "book/teaching", *CHAPTERS, *LABS]
PAGES = [*READING, *(f"book/reference/{name}" for name in REFERENCE)]
# What the theme does to its own buttons (a label that leaves out the words they show) is not ours to mend.
RULES_OF_THE_THEME = {"label-content-name-mismatch": {"enabled": False}}
RULES_OF_COLOURS = ["color-contrast", "link-in-text-block"]  # those that axe-core applies by default
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
AXE = ROOT / "tests" / "interop" / "node_modules" / "axe-core" / "axe.min.js"

WIDE_CODE = """[...document.querySelectorAll('div.cell_input pre, div.cell_output pre')]
    .filter(pre => pre.clientWidth && pre.scrollWidth > pre.clientWidth + 1)
    .map(pre => pre.textContent.slice(0, 80))"""
PALE_FIGURES = """[...document.querySelectorAll('figure.hb-figure')].filter(figure => {
    for (let box = figure; box; box = box.parentElement) {
        const [r, g, b, a = 1] = getComputedStyle(box).backgroundColor.match(/[\\d.]+/g).map(Number);
        if (a > 0.5) return r + g + b > 300;
    }
    return true;
}).length"""

OF_ONE_THEME = "document.querySelectorAll('main .only-dark, main .only-light').length"


def overflow(page: Any) -> int:
    """By how many pixels a page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


def assert_accessible(page: Any, **only: Any) -> None:
    """The checker axe-core has nothing serious to say of the page's own part.

    Args:
        page: the page.
        only: options that leave out rules; by default all are applied.
    """
    if not AXE.exists():
        assert not os.environ.get("CI"), "CI must have axe-core: .ci/run installs it"
        pytest.skip("all but accessibility was checked: axe-core is not installed (npm ci in tests/interop)")
    page.add_script_tag(path=str(AXE))
    report = page.evaluate(
        "options => axe.run(document.querySelector('main'), options)",
        {"resultTypes": ["violations"], "rules": RULES_OF_THE_THEME, **only},
    )
    serious = {
        broken["id"]: [node["target"][0] for node in broken["nodes"]][:4]
        for broken in report["violations"]
        if broken["impact"] in ("serious", "critical")
    }
    assert not serious, json.dumps(serious, indent=1)


@pytest.fixture
def look(browser: Any, site: Path) -> Iterator[Any]:
    """`look(name, viewport, colours)` opens a page from the folder: the page, and what went wrong in it."""
    opened = []

    def open_page(name: str, viewport: dict[str, int], colours: str = "light") -> tuple[Any, list[str]]:
        trouble: list[str] = []

        def asked(request: Any) -> None:
            if not request.url.startswith(("file:", "data:", "blob:")):
                trouble.append(request.url)

        def said(message: Any) -> None:
            if message.type == "error":
                trouble.append(message.text)

        page = browser.new_context(viewport=viewport, color_scheme=colours).new_page()
        opened.append(page)
        page.on("request", asked)
        page.on("console", said)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto((site / f"{name}.html").as_uri())
        return page, trouble

    yield open_page
    for page in opened:
        page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_at_a_desk(look: Any, name: str) -> None:
    page, trouble = look(name, DESK)
    assert trouble == [], "it asks somebody for something, or raises an error"
    assert overflow(page) <= 0, "it scrolls sideways"
    assert page.evaluate(WIDE_CODE) == [], "code scrolls sideways in its box"
    if name in READING:
        assert_accessible(page)


@pytest.mark.parametrize("name", READING)
def test_a_page_in_the_dark(look: Any, name: str) -> None:
    page, _ = look(name, DESK, "dark")
    assert page.evaluate(PALE_FIGURES) == 0, "a figure stands on a light panel"
    assert page.evaluate(OF_ONE_THEME) == 0, (
        "a page has the same elements, so the same rules but colours, in both"
    )
    assert_accessible(page, runOnly=RULES_OF_COLOURS)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_on_a_phone(look: Any, name: str) -> None:
    page, _ = look(name, PHONE)
    assert overflow(page) <= 0, "it scrolls sideways"


@in_firefox_too
def test_a_player_is_led_by_slider_buttons_and_keys(look: Any) -> None:
    page, _ = look("book/introduction/roles", DESK)
    player = page.locator("figure.hb-player").first
    slider, words = player.locator("input[type=range]"), player.locator(".hb-step")
    steps = int(slider.get_attribute("max") or 0) + 1
    assert steps >= 3
    captions = player.locator("details li").all_text_contents()
    assert len(captions) == steps
    assert words.text_content() == captions[0]
    player.locator(".hb-on").click()
    assert words.text_content() == captions[1]
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert words.text_content() == captions[2]
    page.keyboard.press("End")
    assert words.text_content() == captions[-1]
    page.keyboard.press("Home")
    assert words.text_content() == captions[0]


@in_firefox_too
def test_a_control_shows_what_its_sliders_say(look: Any) -> None:
    page, trouble = look("book/topology/kademlia", PHONE)
    control = page.locator("figure.hb-control").first
    told = control.locator("details li").all_text_contents()
    k, alpha = control.get_by_role("slider").all()
    each = int(alpha.get_attribute("max") or 0) + 1
    assert len(told) == (int(k.get_attribute("max") or 0) + 1) * each
    for keys, setting in (
        (("Home", "Home"), 0),
        (("Home", "End"), each - 1),
        (("End", "End"), len(told) - 1),
    ):
        k.press(keys[0])
        alpha.press(keys[1])
        assert control.locator(".hb-step").text_content() == told[setting]
    in_sight = control.locator(".hb-frame > div").evaluate_all(
        "all => all.filter(one => getComputedStyle(one).visibility === 'visible').length"
    )
    assert in_sight == 1
    assert trouble == []


@in_firefox_too
def test_search_finds_a_word_of_a_chapter_from_the_folder(browser: Any, site: Path) -> None:
    page = browser.new_context(viewport=DESK).new_page()
    page.goto((site / "search.html").as_uri() + "?q=proquint")
    page.wait_for_selector("#search-results .hb-result a", timeout=20_000)
    where = page.locator("#search-results .hb-result .hb-where").all_text_contents()
    assert any("Names" in title for title in where), where


def test_the_drawing_on_the_front_page_leads_into_the_book(look: Any) -> None:
    page, _ = look("index", DESK)
    page.locator("figure.hb-figure svg a").filter(has_text="Identity").first.click()
    page.wait_for_url("**/book/identity/keys.html")
    page.context.close()
