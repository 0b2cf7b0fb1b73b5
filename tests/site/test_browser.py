"""The built book in a real browser, opened from its folder: it asks nobody for anything, works on a phone, in
light and dark, by keyboard, and an accessibility checker has nothing serious to say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.test_book import CHAPTERS, LABS, ROOT

pytestmark = pytest.mark.site
REFERENCE = ["glossary", "bibliography", "api", "api-wire", "api-identity", "api-figures", "api-labs"]
PAGES = ["index", *CHAPTERS, *LABS, *(f"book/reference/{name}" for name in REFERENCE)]
# What the theme does to its own buttons (a label that leaves out the words they show) is not ours to mend.
RULES_OF_THE_THEME = {"label-content-name-mismatch": {"enabled": False}}
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
AXE = ROOT / "tests" / "interop" / "node_modules" / "axe-core" / "axe.min.js"


def visit(
    browser: Any, site: Path, name: str, viewport: dict[str, int], colours: str = "light"
) -> tuple[Any, list[str]]:
    """Open a page from the folder; the page, and whatever went wrong while it loaded."""
    trouble: list[str] = []
    page = browser.new_context(viewport=viewport, color_scheme=colours).new_page()
    page.on(
        "request",
        lambda request: (
            None if request.url.startswith(("file:", "data:", "blob:")) else trouble.append(request.url)
        ),
    )
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    page.goto((site / f"{name}.html").as_uri())
    return page, trouble


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_nobody_for_anything_and_raises_nothing(browser: Any, site: Path, name: str) -> None:
    page, trouble = visit(browser, site, name, DESK)
    page.wait_for_load_state("load")
    assert trouble == []
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_no_page_scrolls_sideways(browser: Any, site: Path, name: str, viewport: dict[str, int]) -> None:
    page, _ = visit(browser, site, name, viewport)
    inner, outer = page.evaluate(
        "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert inner <= outer
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_code_does_not_scroll_sideways_at_a_desk(browser: Any, site: Path, name: str) -> None:
    page, _ = visit(browser, site, name, DESK)
    wide = page.evaluate(
        "[...document.querySelectorAll('div.cell_input pre, div.cell_output pre')]"
        ".filter(p => p.clientWidth && p.scrollWidth > p.clientWidth + 1)"
        ".map(p => p.textContent.slice(0, 80))"
    )
    assert wide == []
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_figures_keep_their_ink_in_the_dark(browser: Any, site: Path, name: str) -> None:
    page, _ = visit(browser, site, name, DESK, "dark")
    pale = page.evaluate(
        """[...document.querySelectorAll('figure.hb-figure')].filter(figure => {
            for (let box = figure; box; box = box.parentElement) {
                const [r, g, b, a = 1] = getComputedStyle(box).backgroundColor.match(/[\\d.]+/g).map(Number);
                if (a > 0.5) return r + g + b > 300;
            }
            return true;
        }).length"""
    )
    assert pale == 0, "a figure stands on a light panel in the dark"
    page.context.close()


def test_a_player_is_led_by_slider_buttons_and_keys(browser: Any, site: Path) -> None:
    page, _ = visit(browser, site, CHAPTERS[0], DESK)
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
    page.context.close()


def test_search_finds_a_word_of_a_chapter_from_the_folder(browser: Any, site: Path) -> None:
    page = browser.new_context(viewport=DESK).new_page()
    page.goto((site / "search.html").as_uri() + "?q=proquint")
    page.wait_for_selector("#search-results li a", timeout=20_000)
    found = page.locator("#search-results li a").all_text_contents()
    assert any("Names" in title for title in found), found
    page.context.close()


def test_the_drawing_on_the_front_page_leads_into_the_book(browser: Any, site: Path) -> None:
    page, _ = visit(browser, site, "index", DESK)
    page.locator("figure.hb-figure svg a").filter(has_text="Identity").first.click()
    page.wait_for_url("**/book/identity/keys.html")
    page.context.close()


@pytest.mark.parametrize("name", ["index", *CHAPTERS, *LABS])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_accessibility(browser: Any, site: Path, name: str, colours: str) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed (npm ci in tests/interop)")
    page, _ = visit(browser, site, name, DESK, colours)
    page.add_script_tag(path=str(AXE))
    report = page.evaluate(
        "rules => axe.run(document.querySelector('main'), {resultTypes: ['violations'], rules})",
        RULES_OF_THE_THEME,
    )
    serious = {
        v["id"]: [node["target"][0] for node in v["nodes"]][:4]
        for v in report["violations"]
        if v["impact"] in ("serious", "critical")
    }
    assert not serious, json.dumps(serious, indent=1)
    page.context.close()
