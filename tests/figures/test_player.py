"""Figures in steps: the parts of each step, and the page's script run for real in a browser."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from p2plib import figures
from p2plib.errors import UsageError
from tests.figures.gallery import player

SVG = "{http://www.w3.org/2000/svg}"


def hidden(html: str) -> dict[str, bool]:
    """The texts of the parts that belong to some steps only, and whether they begin hidden."""
    groups = [one for one in ET.fromstring(html).iter(f"{SVG}g") if "data-from" in one.attrib]
    return {"".join(one.itertext()): one.get("display") == "none" for one in groups}


def test_without_a_script_the_last_step_is_shown() -> None:
    assert hidden(player().html) == {
        "only in step 1": True,
        "from step 1 to the last but one": True,
        "only in step 2": True,
        "only in step 3": False,
        "in the last step": False,
    }
    assert 'class="hb-bar" style="display:none' in player().html, "buttons that do nothing are not shown"


def test_every_step_is_told() -> None:
    html = player("Ping").html
    items = ["".join(one.itertext()) for one in ET.fromstring(html).iter("li")]
    assert items == ["Ping: step 1.", "Ping: step 2.", "Ping: step 3."]
    assert player("Ping")._repr_mimebundle_()["text/plain"] == (
        "Ping: 1. Ping: step 1. 2. Ping: step 2. 3. Ping: step 3."
    )


def test_refusals() -> None:
    p = figures.Player("t")
    with pytest.raises(UsageError, match="at least one step"):
        _ = p.html
    with pytest.raises(UsageError, match="begin a step first"):
        p.show("<g/>")
    with pytest.raises(UsageError, match="caption for every step"):
        p.step(" ")
    token = p.keep("<g/>")
    p.step("one")
    p.step("two")
    p.drop(token)
    with pytest.raises(UsageError, match="gone already"):
        p.drop(token)
    with pytest.raises(UsageError, match="a title"):
        figures.Player("")


def test_a_part_dropped_in_the_step_that_brought_it_is_never_there() -> None:
    p = figures.Player("t")
    p.step("one")
    p.step("two")
    p.drop(p.keep("<text>never</text>"))
    assert "never" not in p.html


# ---- In a browser


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """A page from a file, with three players: two different ones, and the first once more."""
    file = tmp_path / "page.html"
    body = "\n".join([player("First").html, player("Second", steps=4).html, player("First").html])
    file.write_text(
        f"<!DOCTYPE html><html lang='en'><meta charset='utf8'><title>t</title><body>{body}", "utf8"
    )
    opened = browser.new_page(viewport={"width": 390, "height": 800})
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on(
        "request", lambda request: faults.append(request.url) if not request.url.startswith("file:") else None
    )
    opened.goto(file.as_uri())
    yield opened
    opened.close()
    assert not faults


def state(page: Any, n: int) -> tuple[list[str], str, str]:
    """What a player shows: the texts in sight, the caption, the counter."""
    one = page.locator("figure.hb-player").nth(n)
    texts = one.evaluate(
        "f => [...f.querySelectorAll('[data-from] text')]"
        ".filter(t => t.getClientRects().length).map(t => t.textContent)"
    )
    return texts, one.locator(".hb-step").inner_text(), one.locator("output").inner_text()


def test_it_begins_at_the_first_step(page: Any) -> None:
    for n in (0, 2):
        assert state(page, n) == (
            ["only in step 1", "from step 1 to the last but one"],
            "First: step 1.",
            "1 / 3",
        )
    assert state(page, 1)[2] == "1 / 4"


def test_buttons(page: Any) -> None:
    first = page.locator("figure.hb-player").nth(0)
    back, on = first.get_by_label("Previous step"), first.get_by_label("Next step")
    assert back.is_disabled()
    on.click()
    assert state(page, 0) == (
        ["from step 1 to the last but one", "only in step 2"],
        "First: step 2.",
        "2 / 3",
    )
    on.click()
    assert state(page, 0) == (["only in step 3", "in the last step"], "First: step 3.", "3 / 3")
    assert on.is_disabled()
    back.click()
    assert state(page, 0)[2] == "2 / 3"
    box = on.bounding_box()
    assert min(box["width"], box["height"]) >= 40, "a finger needs room"


def test_arrow_keys_on_the_slider(page: Any) -> None:
    slider = page.locator("figure.hb-player").nth(1).locator("input")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert state(page, 1)[2] == "2 / 4"
    assert slider.get_attribute("aria-valuetext") == "Step 2 of 4"
    page.keyboard.press("End")
    assert state(page, 1)[1] == "Second: step 4."
    page.keyboard.press("ArrowLeft")
    assert state(page, 1)[2] == "3 / 4"
    page.keyboard.press("Home")
    assert state(page, 1)[2] == "1 / 4"


def test_the_tab_key_reaches_every_control(page: Any) -> None:
    reached = []
    for _ in range(3):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('aria-label')"))
    assert reached[:2] == ["Step of: First", "Next step"], "the first button is off at the first step"


def test_players_do_not_know_of_one_another(page: Any) -> None:
    before = state(page, 1), state(page, 2)
    page.locator("figure.hb-player").nth(0).get_by_label("Next step").click()
    assert (state(page, 1), state(page, 2)) == before


def test_the_caption_is_announced(page: Any) -> None:
    assert page.locator("figure.hb-player").nth(0).locator(".hb-step").get_attribute("aria-live") == "polite"


def test_paper_shows_the_last_step_and_the_screen_comes_back(page: Any) -> None:
    page.locator("figure.hb-player").nth(0).get_by_label("Next step").click()
    page.emulate_media(media="print")
    page.wait_for_function("document.querySelector('output').textContent === '3 / 3'")
    assert state(page, 0)[1] == "First: step 3."
    assert page.locator("details").nth(0).get_attribute("open") is not None
    page.emulate_media(media="screen")
    page.wait_for_function("document.querySelector('output').textContent === '2 / 3'")
    assert page.locator("details").nth(0).get_attribute("open") is None


def test_a_printed_page_holds_the_last_step(page: Any) -> None:
    caption = page.locator(".hb-step").nth(0)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    printed = caption.inner_text()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert [printed, caption.inner_text()] == ["First: step 3.", "First: step 1."]


def test_nothing_is_wider_than_a_phone(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_javascript(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "still.html"
    file.write_text(f"<!DOCTYPE html><meta charset='utf8'>{player().html}", "utf8")
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(file.as_uri())
    assert opened.get_by_text("in the last step").is_visible()
    assert not opened.get_by_text("only in step 1").is_visible()
    assert not opened.locator(".hb-bar").is_visible()
    context.close()


def test_the_script_keeps_the_page_well_formed() -> None:
    script = re.search(r"<script>(.*)</script>", player().html, re.S)
    assert script
    assert not re.search("[<&]", script[1])


def test_a_picture_takes_the_place_of_the_one_before_and_keeps_what_lies_below() -> None:
    drawn = figures.Player("Three pictures", 100, 100)
    for caption, parts in (("One.", "ab"), ("Two.", "axb"), ("Three.", "axb"), ("Four.", "a")):
        drawn.picture(caption, [f"<g id='{part}'/>" for part in parts])
    spans = [(part.svg[7], part.first, part.last) for part in drawn._parts]
    # What is above a change is drawn again: b lies above x. What is as it was stays.
    assert spans == [("a", 0, None), ("b", 0, 0), ("x", 1, 2), ("b", 1, 2)]
    with pytest.raises(UsageError, match="a caption"):
        drawn.picture("", [])
