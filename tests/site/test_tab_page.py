"""The run mode of a page as a reader meets it: served over HTTP, in a real browser, Python in the tab."""

from __future__ import annotations

import functools
import http.server
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.site.conftest import in_firefox_too
from tests.site.test_browser import assert_accessible, overflow

pytestmark = pytest.mark.site
CHAPTER, LAB, NEXT_LAB = "book/identity/keys", "labs/lab01_identity", "labs/lab02_neighbours"
WITH_CONTROL = "book/discovery/dns"
LONG_MS = 240_000  # for a cell on a busy machine; nothing waits that long where nothing is wrong
DESK, SMALL_PHONE = {"width": 1280, "height": 900}, {"width": 320, "height": 700}
PAPER = {"width": 680, "height": 900}  # A4 without its margins
STUB = "raise NotImplementedError"
TASK, CHECK = "def first_collision(", 'check("first_collision"'
RIGHT = """seen = set()
    while (name := draw()) not in seen:
        seen.add(name)
    return len(seen) + 1"""
CUT_OFF = """[...document.querySelectorAll('.hb-tab-editor')]
    .filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)"""
IDLE = "document.querySelector('.hb-tab-now')?.hidden === true"
IN_PRINT = """[...document.querySelectorAll('[class*=hb-tab-]')]
    .filter(one => !one.matches('body, .hb-tab-editor')
    && getComputedStyle(one).display !== 'none' && one.getClientRects().length).map(one => one.className)"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the site and prints nothing."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@dataclass
class Reader:
    """Somebody at a page."""

    page: Any
    address: str
    asked: list[str] = field(default_factory=list)

    def open(self, name: str) -> Reader:
        """Go to a page of the book."""
        self.page.goto(f"{self.address}{name}.html")
        return self

    def cell(self, text: str) -> Any:
        """The cell whose code has a text, in run mode or before."""
        found = self.page.evaluate(
            """text => [...document.querySelectorAll('[data-cell]')].find(cell =>
            (cell.querySelector('textarea')?.value ?? cell.querySelector('.cell_input')?.textContent ?? '')
            .includes(text))?.dataset.cell""",
            text,
        )
        assert found, text
        return self.page.locator(f"[data-cell='{found}']")

    def idle(self) -> None:
        """Wait until Python has nothing to do."""
        self.page.wait_for_function(IDLE, timeout=LONG_MS)

    def begin(self) -> None:
        """Ask for Python, and wait for it."""
        self.page.locator(".hb-tab-start").click()
        self.page.wait_for_selector("body.hb-tab-on", timeout=LONG_MS)
        self.idle()

    def run(self, cell: Any) -> None:
        """Press the button of a cell, and wait for it and what must run before it."""
        cell.locator(".hb-tab-bar button").first.click()
        self.settle(cell)

    def settle(self, cell: Any) -> None:
        """Wait until a cell has run."""
        cell.locator("textarea").wait_for(timeout=LONG_MS)
        self.idle()

    def write(self, cell: Any, old: str, new: str) -> None:
        """Change a cell's text, and run it with the keyboard."""
        area = cell.locator("textarea")
        text = area.input_value()
        assert old in text
        area.fill(text.replace(old, new))
        area.press("Shift+Enter")
        self.idle()

    def output(self, cell: Any) -> str:
        """What a cell gave in the tab, where that is shown beside what is stored."""
        return str(cell.locator(".hb-tab-output").inner_text())

    def state(self, cell: Any) -> str:
        """The line under a cell's code."""
        return str(cell.locator(".hb-tab-state").inner_text())


def of_chromium(one: Reader, why: str) -> None:
    """Skip a test for a reader with another browser."""
    if one.page.context.browser.browser_type.name != "chromium":
        pytest.skip(why)


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The built book on a port of this machine."""
    if not (site / "_static" / "tab" / "pieces" / "pieces.json").exists():
        assert not os.environ.get("CI"), "CI must have Node: .ci/run installs it"
        pytest.skip("the book was built without Python for the browser: Node and npm are not installed")
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def reader(browser: Any, address: str) -> Iterator[Any]:
    """`reader(**options)` is somebody with a browser of their own; the options are those of its context."""
    contexts = []

    def arrive(**options: Any) -> Reader:
        context = browser.new_context(**{"viewport": DESK, "accept_downloads": True, **options})
        contexts.append(context)
        one = Reader(context.new_page(), address)
        one.page.on("request", lambda request: one.asked.append(request.url))
        return one

    yield arrive
    for context in contexts:
        context.close()


def test_nothing_is_fetched_unasked_and_nothing_from_elsewhere_ever(reader: Any, address: str) -> None:
    one = reader().open(CHAPTER)
    of_chromium(one, "playwright never finds Firefox's network idle")
    one.page.wait_for_load_state("networkidle")
    of_the_mode = {url.partition("?")[0].removeprefix(address) for url in one.asked if "/tab/" in url}
    assert of_the_mode == {"_static/tab/page.js", "_static/tab/page.css"}
    assert not [url for url in one.asked if "_sources" in url]
    first, second = one.page.locator("[data-cell]:has(> .cell_input)").all()[:2]
    one.run(second)
    assert one.state(first).startswith("same bytes"), "the cell above ran first"
    assert one.state(second).startswith("same bytes")
    assert second.locator(".hb-tab-output").is_hidden(), "what is stored stands for it"
    assert [url for url in one.asked if "pieces/pyodide" in url]
    assert not [url for url in one.asked if not url.startswith((address, "blob:", "data:"))]


def test_a_change_is_run_shown_beside_the_stored_output_and_taken_back(reader: Any) -> None:
    one = reader().open(CHAPTER)
    one.begin()
    cell = one.page.locator("[data-cell]:has(> .cell_input):has(> .cell_output)").first
    area, code = cell.locator("textarea"), cell.locator(".cell_input pre")
    stored, shown = area.input_value(), code.inner_text()
    area.fill(stored + "\nprint('a reader', 6 * 7)")
    assert one.state(cell) == "changed by you, not run yet"
    area.press("Shift+Enter")
    one.idle()
    assert one.state(cell).startswith("changed by you")
    assert "a reader 42" in one.output(cell)
    assert "print('a reader', 6 * 7)" in code.inner_text(), "the colours are those of the new text"
    assert area.evaluate("one => one === document.activeElement"), "the focus stays"
    cell.get_by_role("button", name="Stored output").click()
    assert cell.locator(".cell_output").first.is_visible()
    area.fill("nobody_knows_this")
    area.press("Control+Enter")
    one.idle()
    assert "NameError" in one.state(cell)
    assert one.output(cell).count("\n") < 8, "short"
    cell.get_by_role("button", name="Reset").click()
    assert area.input_value() == stored
    assert code.inner_text() == shown
    assert cell.locator(".hb-tab-output").is_hidden()


@in_firefox_too
def test_a_labs_answers_are_checked_kept_and_used_in_the_next_lab(reader: Any) -> None:
    one = reader().open(LAB)
    one.begin()
    task, check = one.cell(TASK), one.cell(CHECK)
    one.write(task, STUB, "return 5")
    assert "[x] first_collision, case 1" in one.output(check), "the check runs with its task"
    assert one.state(check).startswith("not right yet")
    one.write(task, "return 5", RIGHT)
    assert "[v] first_collision" in one.output(check)
    assert one.state(check).startswith("passed")
    one.write(check, CHECK, "keep(first_collision=first_collision) or " + CHECK)
    assert "kept first_collision in my_peer/identity.py" in one.output(check)

    one.page.reload()
    assert "still in this browser" in one.page.locator(".hb-tab-says").inner_text()
    one.begin()
    assert RIGHT in one.cell(TASK).locator("textarea").input_value()
    assert "keep(" in one.cell(CHECK).locator("textarea").input_value()

    one.open(NEXT_LAB)
    one.begin()
    first = one.page.locator("[data-cell]:has(textarea)").first
    mine = "from p2plib.labs import lab01_identity\nmine = lab01_identity.mine('first_collision')"
    first.locator("textarea").fill(mine)
    one.run(first)
    assert "first_collision: yours, from my_peer/identity.py" in one.output(first)


@in_firefox_too
def test_a_lab_is_saved_as_a_valid_notebook_and_opened_by_another_browser(
    reader: Any, site: Path, tmp_path: Path
) -> None:
    one = reader().open(LAB)
    one.begin()
    one.write(one.cell(TASK), STUB, RIGHT)
    one.page.locator(".hb-tab-note").fill("Two followers part ways.")
    with one.page.expect_download() as saved:
        one.page.get_by_role("button", name="Save as notebook").click()
    file = tmp_path / saved.value.suggested_filename
    saved.value.save_as(file)
    assert file.name == "lab01_identity.ipynb"
    made = nbformat.read(file, as_version=4)
    nbformat.validate(made)
    original = json.loads((site / "_sources" / f"{LAB}.ipynb").read_text("utf8"))
    assert made.metadata == original["metadata"]
    assert [(cell.id, cell.metadata) for cell in made.cells] == [
        (cell["id"], cell["metadata"]) for cell in original["cells"]
    ]
    changed = [
        cell.source
        for cell, before in zip(made.cells, original["cells"], strict=True)
        if cell.source != "".join(before["source"])
    ]
    assert len(changed) == 2
    assert RIGHT in changed[0]
    assert changed[1] == "Two followers part ways."
    printed = [cell.outputs[0] for cell in made.cells if CHECK in cell.source]
    assert printed[0].text.startswith("[v] first_collision")

    other = reader().open(LAB)
    other.begin()
    other.page.locator("input[type=file]").set_input_files(file)
    other.page.wait_for_function(
        "document.querySelector('.hb-tab-says').textContent.includes('cells are now as in')"
    )
    assert RIGHT in other.cell(TASK).locator("textarea").input_value()
    assert other.page.locator(".hb-tab-note").input_value() == "Two followers part ways."
    broken = tmp_path / "letter.ipynb"
    broken.write_text("Dear reader")
    other.page.locator("input[type=file]").set_input_files(broken)
    other.page.wait_for_function(
        "document.querySelector('.hb-tab-says').textContent.includes('is not a notebook')"
    )


@in_firefox_too
def test_a_control_computes_a_value_that_its_slider_does_not_have(reader: Any) -> None:
    one = reader().open(WITH_CONTROL)
    cell = one.page.locator("[data-cell]:has(figure.hb-control)").first
    control = cell.locator("figure.hb-control")
    assert control.locator(".hb-tab-value").count() == 0, "from the stored page it is a picture show"
    cell.locator(".hb-tab-bar button").first.click()
    one.page.wait_for_selector(".hb-tab-value", timeout=LONG_MS)
    one.idle()
    slider, box = control.locator("input[type=range]").first, control.locator(".hb-tab-value").first
    name, values = slider.get_attribute("data-name"), json.loads(slider.get_attribute("data-values") or "")
    between = next(value for value in range(values[0], values[-1]) if value not in values)
    box.press_sequentially("many")  # as a reader does: an edit by a script is no change to Firefox
    box.press("Enter")
    assert control.locator(".hb-tab-trouble").inner_text() == "many is not a number."
    box.press("Control+A")
    box.press_sequentially(str(between))
    box.press("Enter")
    words = control.locator(".hb-step")
    one.page.wait_for_function(
        "wanted => document.querySelector('.hb-control .hb-step').textContent.includes(wanted)",
        arg=f"{name} = {between}",
        timeout=LONG_MS,
    )
    in_sight = "all => all.filter(one => getComputedStyle(one).visibility === 'visible').length"
    assert control.locator(".hb-frame > div").evaluate_all(in_sight) == 1
    slider.press("Home")
    assert f"{name} = {values[0]}" in words.inner_text(), "the slider goes back to the frames of the page"
    assert box.input_value() == ""
    assert control.locator(".hb-frame > div").evaluate_all(in_sight) == 1


def test_an_endless_loop_is_named_and_stopped(reader: Any) -> None:
    one = reader()
    one.page.clock.install()
    one.open(CHAPTER)
    one.begin()
    above, cell = one.page.locator("[data-cell]:has(> .cell_input)").all()[:2]
    cell.locator("textarea").fill("while True:\n    pass")
    button = cell.locator(".hb-tab-bar button").first
    button.click()
    one.page.wait_for_function(
        "[...document.querySelectorAll('[data-tab=running]')].some(c => c.querySelector('textarea')"
        "?.value.startsWith('while True'))",
        timeout=LONG_MS,
    )
    assert button.inner_text() == "Stop"
    one.page.clock.fast_forward(21_000)
    one.page.wait_for_function(
        "document.querySelector('.hb-tab-now').textContent.includes('is still running after 2')"
    )
    one.page.locator(".hb-tab-now button").click()
    one.page.wait_for_function(
        "document.querySelector('.hb-tab-says').textContent.startsWith('Python is ready')", timeout=LONG_MS
    )
    assert one.state(above) == "not run since Python was stopped"
    cell.locator("textarea").fill("print('free again')")
    one.run(cell)
    assert "free again" in one.output(cell)
    assert one.state(above).startswith("same bytes")


@in_firefox_too
def test_the_keyboard_alone_is_enough_and_is_never_trapped(reader: Any) -> None:
    one = reader().open(CHAPTER)
    keys = one.page.keyboard

    def tab_to(selector: str, most: int = 200, key: str = "Tab") -> None:
        for _ in range(most):
            keys.press(key)
            if one.page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{key} does not lead to {selector}")

    tab_to(".hb-tab-start")
    keys.press("Enter")
    one.page.wait_for_selector("body.hb-tab-on", timeout=LONG_MS)
    one.idle()
    tab_to("textarea")
    tab_to(".hb-tab-bar button", most=2)  # past the button that copies
    tab_to("textarea", most=2, key="Shift+Tab")
    keys.press("Control+Home")
    keys.type("print(1)\nif 1:\nprint(2)\n")
    keys.press("Tab")
    keys.type("print(3)\n")
    text = one.page.evaluate("document.activeElement.value")
    assert text.startswith("print(1)\nif 1:\n    print(2)\n        print(3)\n"), "Enter and Tab indent"
    keys.press("Escape")
    tab_to(".hb-tab-bar button", most=2)
    keys.press("Enter")
    one.idle()
    assert one.page.evaluate("document.activeElement.matches('.hb-tab-bar button')"), "the focus stays"
    assert "IndentationError" in one.page.locator(".hb-tab-unseen[role=status]").inner_text(), (
        "it is announced"
    )


def test_nothing_of_it_is_printed(reader: Any) -> None:
    one = reader().open(CHAPTER)
    of_chromium(one, "playwright cannot have Firefox show a page as it is printed")
    one.page.emulate_media(media="print")
    assert one.page.evaluate(IN_PRINT) == []
    one.page.emulate_media(media="screen")
    one.begin()
    cell = one.page.locator("[data-cell]:has(> .cell_input):has(> .cell_output)").first
    stored = cell.locator(".cell_input pre").inner_text()
    cell.locator("textarea").fill("print('mine')")
    one.run(cell)
    one.page.emulate_media(media="print")
    one.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert one.page.evaluate(IN_PRINT) == []
    one.page.set_viewport_size(PAPER)
    assert one.page.evaluate(CUT_OFF) == [], "code is broken at the edge of the paper, not cut off"
    assert cell.locator(".cell_output").first.is_visible(), "paper has what is stored"
    assert cell.locator(".cell_input pre").inner_text() == stored
    one.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert "mine" in cell.locator(".cell_input pre").inner_text()


def test_from_a_folder_a_sentence_stands_in_the_buttons_place(browser: Any, site: Path) -> None:
    page = browser.new_context().new_page()
    page.goto((site / f"{CHAPTER}.html").as_uri())
    assert "opened from a folder, they can only be read" in page.locator(".hb-tab-strip").inner_text()
    assert page.locator(".hb-tab-button").count() == 0
    page.goto((site / "index.html").as_uri())
    assert page.locator(".hb-tab-strip").count() == 0, "only where there are cells"
    page.context.close()


def test_a_browser_that_keeps_nothing_works_and_says_so(reader: Any) -> None:
    one = reader()
    one.page.add_init_script("Storage.prototype.setItem = () => { throw new DOMException('full') }")
    one.open(LAB)
    one.begin()
    task, check = one.cell(TASK), one.cell(CHECK)
    one.write(task, STUB, RIGHT)
    assert "[v] first_collision" in one.output(check)
    assert "does not keep what you write" in one.page.locator(".hb-tab-says").inner_text()


def test_a_changed_lab_loses_no_answer(reader: Any) -> None:
    one = reader().open(LAB)
    answers = {
        "form": 1,
        "cells": {
            "lab01_identity-001": {"text": "mine = 1", "over": f"{TASK}dice):\n    {STUB}"},
            "lab01_identity-900": {"text": "mine = 2", "over": "a cell that is gone"},
        },
        "old": [],
    }
    one.page.evaluate(
        "([page, answers]) => localStorage.setItem(`handbook / ${page}`, answers)", [LAB, json.dumps(answers)]
    )
    one.begin()
    task, gone = one.cell(TASK), one.page.locator(".hb-tab-strip + .hb-tab-old")
    assert STUB in task.locator("textarea").input_value(), "nothing is put in unasked"
    assert "mine = 2" in gone.inner_text()
    one.page.reload()
    one.begin()
    task.get_by_role("button", name="Use it here").click()
    assert task.locator("textarea").input_value() == "mine = 1"
    gone.get_by_role("button", name="Forget it").click()
    one.page.reload()
    one.begin()
    assert one.cell("mine = 1").locator("textarea").input_value() == "mine = 1"
    assert one.page.locator(".hb-tab-old").count() == 0


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_it_fits_a_small_phone_and_an_accessibility_checker_agrees(reader: Any, colours: str) -> None:
    one = reader(viewport=SMALL_PHONE, has_touch=True, color_scheme=colours).open(LAB)
    assert_accessible(one.page)
    assert overflow(one.page) <= 0
    one.begin()
    task = one.cell(TASK)
    one.write(task, STUB, f"return {5 * '0123456789'}")
    one.write(task, "from collections", "print('wide ' * 99)\nraise ValueError('no')\nfrom collections")
    assert overflow(one.page) <= 0
    assert_accessible(one.page)
