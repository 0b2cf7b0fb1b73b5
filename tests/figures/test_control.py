"""Figures with sliders or switches: every frame and its words, and the page's script run in a browser."""

from __future__ import annotations

import json
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2plib import figures
from p2plib.errors import UsageError
from p2plib.figures.control import _inside
from tests.figures.gallery import HOSTILE, sliders, switches

K, ALPHA = [2, 8, 20], [1, 3]


def data(html: str) -> dict[str, Any]:
    """What travels to the page's script."""
    block = ET.fromstring(html).find(".//script[@class='hb-data']")
    assert block is not None
    return json.loads(block.text or "")


def pictures(html: str) -> list[str]:
    """The picture of every setting, put together as the page does it."""
    told = data(html)
    lines = told["lines"]
    frames = ["\n".join(line for i, n in runs for line in lines[i : i + n]) for runs in told["frames"]]
    return [frames[i] for i in told["shows"]]


def words(html: str) -> list[str]:
    return ["".join(one.itertext()) for one in ET.fromstring(html).iter("li")]


def knobs(html: str) -> list[dict[str, str]]:
    return [dict(one.attrib) for one in ET.fromstring(html).iter("input")]


def dot(caption: str = "A dot.", body: str = "<circle r='1'/>", alt: str = "A dot.") -> figures.Figure:
    return figures.Figure(body, 10, 10, alt=alt, caption=caption)


# ---- Frames and words


def test_every_setting_has_its_frame_and_its_words() -> None:
    html = sliders().html
    assert words(html) == [f"k = {k}, alpha = {a}: k is {k}, alpha is {a}." for k in K for a in ALPHA]
    for picture, (k, alpha) in zip(pictures(html), [(k, a) for k in K for a in ALPHA], strict=True):
        texts = [one.text for one in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
        assert texts == ["k", str(k), "alpha", f"{alpha} at once"]


def test_every_way_to_set_the_switches() -> None:
    html = switches().html
    assert words(html) == [
        f"Down: {on}. {n} of 3 answer."
        for on, n in [
            ("none", 3), ("Cy", 2), ("Ben", 2), ("Ben, Cy", 1), ("Ana", 2), ("Ana, Cy", 1), ("Ana, Ben", 1),
            ("Ana, Ben, Cy", 0),
        ]
    ]  # fmt: skip


def test_without_a_script_the_start_is_shown_and_told() -> None:
    html = sliders().html
    root = ET.fromstring(html)
    shown = root.find("div[@class='hb-frame']")
    assert shown is not None
    texts = [one.text for one in shown.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["k", "8", "alpha", "3 at once"]
    told = root.find(".//span[@class='hb-step']")
    assert told is not None
    assert told.text == "k = 8, alpha = 3: k is 8, alpha is 3."
    bar = root.find("div[@class='hb-bar']")
    assert bar is not None
    assert bar.attrib["style"].startswith("display:none"), "a slider that does nothing is not shown"


def test_what_a_knob_tells_a_page_that_computes() -> None:
    html = sliders().html
    assert ET.fromstring(html).attrib["data-start"] == "3"
    told = [(one["data-name"], json.loads(one["data-values"]), one["data-stride"]) for one in knobs(html)]
    assert told == [("k", K, "2"), ("alpha", ALPHA, "1")]
    told = [(one["data-name"], one["data-values"], one["data-stride"]) for one in knobs(switches().html)]
    assert told == [
        ("Ana", "[false, true]", "4"),
        ("Ben", "[false, true]", "2"),
        ("Cy", "[false, true]", "1"),
    ]
    assert ["checked" in one for one in knobs(switches().html)] == [False, False, True]


def test_what_a_page_computes_with_are_numbers_whatever_made_them() -> None:
    numpy = pytest.importorskip("numpy")
    (knob,) = knobs(figures.control(lambda k: dot(), k=numpy.arange(3), title="t").html)
    assert json.loads(knob["data-values"]) == [0, 1, 2]


def test_the_first_values_are_the_start_where_none_is_named() -> None:
    seen = []

    def frame(loss: float) -> figures.Figure:
        seen.append(loss)
        return dot()

    made = figures.control(frame, loss=[0.0, 0.05], formats={"loss": "{:.0%}"}, title="t")
    assert seen == [0.0, 0.05], "computed once, in order, when it is made"
    assert made.start == 0
    assert made.words == ["loss = 0%: A dot.", "loss = 5%: A dot."]
    assert seen == [0.0, 0.05], "and never again"


def test_a_setting_is_drawn_anew_also_with_values_that_no_slider_has() -> None:
    size = {"r": 1.5}
    control = figures.control(
        lambda k: dot(f"{k} of them.", f"<circle r='{size['r'] * k}'/>"),
        title="A look-up",
        k=[2, 8],
        formats={"k": "{} peers"},
        start={"k": 8},
    )
    assert control.redrawn({"k": 2}) == (_inside(control.frames[0], control.title), control.words[0])
    assert control.redrawn({}) == (_inside(control.frames[1], control.title), control.words[1])
    html, words = control.redrawn({"k": 5})
    assert words == "k = 5 peers: 5 of them."
    assert "r='7.5'" in html
    size["r"] = 3
    assert "r='15'" in control.redrawn({"k": 5})[0]


def test_switches_are_drawn_anew() -> None:
    control = figures.switches(
        lambda down: dot("Who is down.", f"<text>{'+'.join(down)}</text>"),
        ["ana", "ben"],
        legend="Down",
        title="Who is served?",
        start=["ben"],
    )
    assert control.redrawn({"ana": True, "ben": False}) == (
        _inside(control.frames[2], control.title),
        control.words[2],
    )
    html, words = control.redrawn({"ana": True})
    assert words == "Down: ana, ben. Who is down."
    assert "<text>ana+ben</text>" in html


def test_a_value_is_found_again_after_its_journey_through_the_page() -> None:
    class Level:
        def __str__(self) -> str:
            return "low"

    low, seen = Level(), []

    def frame(level: Any) -> figures.Figure:
        seen.append(level)
        return dot()

    figures.control(frame, title="Levels", level=[low, "high"]).redrawn({"level": "low"})
    assert seen[-1] is low


def test_what_cannot_be_drawn_anew() -> None:
    control = figures.control(lambda k: dot(), title="T", k=[1, 2])
    with pytest.raises(UsageError, match="not among the knobs: k"):
        control.redrawn({"r": 1})
    with pytest.raises(UsageError, match="frames alone"):
        replace(control, draw=None).redrawn({"k": 1})
    with pytest.raises(UsageError, match="must be a Figure"):
        replace(control, draw=lambda k: k).redrawn({"k": 1})


def test_a_figure_without_a_caption_is_told_by_its_alt_text() -> None:
    made = figures.control(lambda n: dot("", alt=f"{n} dots."), n=[1, 2], title="t")
    assert made.words == ["n = 1: 1 dots.", "n = 2: 2 dots."]


def test_text_where_there_is_no_page() -> None:
    assert sliders("Ping")._repr_mimebundle_()["text/plain"].splitlines()[:2] == [
        "Ping:",
        "k = 2, alpha = 1: k is 2, alpha is 1.",
    ]


def test_a_line_travels_once_and_so_does_a_frame() -> None:
    common = "\n".join(f"<path d='M0 {i}'/>" for i in range(400))
    made = figures.control(
        lambda n: dot("Same.", f"{common}\n<g id='{n // 2}'/>"), n=list(range(10)), title="t"
    )
    told = data(made.html)
    assert told["shows"] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert len(told["lines"]) == len(set(told["lines"])) < 400 + 5 * 5
    assert len(made.html) < 3 * len(common) + 4000


def test_ids_of_frames_differ() -> None:
    ids = [re.findall(r' id="([^"]+)"', picture) for picture in pictures(sliders().html)]
    flat = [one for some in ids for one in some]
    assert len(flat) == len(set(flat)) == 2 * 6


def test_hostile_words_stay_words() -> None:
    made = figures.switches(
        lambda on: figures.Table([HOSTILE], [[HOSTILE]], title=HOSTILE, caption=HOSTILE),
        [HOSTILE, "&"], legend=HOSTILE, title=HOSTILE,
    )  # fmt: skip
    scripts = ET.fromstring(made.html).findall(".//script")
    assert [one.get("type") for one in scripts] == ["application/json", None]
    assert not re.search("[<&]", "".join(scripts[0].itertext()) + "".join(scripts[1].itertext()))
    assert "<script>alert" not in "".join(pictures(made.html))
    assert all(HOSTILE[:30] in one for one in words(made.html))


# ---- Refusals


def test_bounds() -> None:
    big = "<path d='" + "M0 0" * 20_000 + "{}'/>"
    with pytest.raises(UsageError, match=r"at most 64 frames, and these values need 72"):
        figures.control(lambda a, b: dot(), a=range(9), b=range(8), title="t")
    with pytest.raises(UsageError, match=r"at most 400000 bytes of its page, and this one takes \d{6}: draw"):
        figures.control(lambda n: dot(body=big.format(n)), n=range(4), title="t")
    figures.control(lambda n: dot(body=big.format(n)), n=range(3), title="t")
    with pytest.raises(UsageError, match="up to 5 switches"):
        figures.switches(lambda on: dot(), "abcdef", legend="On", title="t")
    figures.control(lambda a, b: dot(), a=range(8), b=range(8), title="t")


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        ({"title": "t"}, "one or two sliders, not 0"),
        ({"title": "t", "a": [1, 2], "b": [1, 2], "c": [1, 2]}, "one or two sliders, not 3: a, b, c"),
        ({"title": " ", "a": [1, 2]}, "a title"),
        ({"title": "t", "a": [1]}, "at least two values, all different: 1"),
        ({"title": "t", "a": [0.1, 0.11], "formats": {"a": "{:.1f}"}}, "all different: 0.1, 0.1"),
        ({"title": "t", "a": [1, 2], "start": {"a": 3}}, "a cannot start at 3: choose one of 1, 2"),
        ({"title": "t", "a": {"x", "y"}}, "a has no order"),
        ({"title": "t", "a": [1, 2], "start": {"b": 1}}, "'b' is not one of the sliders: a"),
        ({"title": "t", "a": [1, 2], "labels": {"b": "B"}}, "'b' is not one of the sliders: a"),
        ({"title": "t", "a": [1, 2], "formats": {"b": "B"}}, "'b' is not one of the sliders: a"),
    ],
)
def test_what_sliders_refuse(how: dict[str, Any], rule: str) -> None:
    with pytest.raises(UsageError, match=re.escape(rule)):
        figures.control(lambda **values: dot(), **how)


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        ({"title": "", "legend": "On", "names": "ab"}, "a title"),
        ({"title": "t", "legend": " ", "names": "ab"}, "a legend"),
        ({"title": "t", "legend": "On", "names": ""}, "up to 5 switches"),
        ({"title": "t", "legend": "On", "names": {"a", "b"}}, "names has no order"),
        ({"title": "t", "legend": "On", "names": "aa"}, "each with its own name"),
        (
            {"title": "t", "legend": "On", "names": "ab", "start": "xb"},
            "['x'] are not among the switches: a, b",
        ),
    ],
)
def test_what_switches_refuse(how: dict[str, Any], rule: str) -> None:
    with pytest.raises(UsageError, match=re.escape(rule)):
        figures.switches(lambda on: dot(), **how)


def test_a_frame_is_a_figure_with_words() -> None:
    with pytest.raises(UsageError, match=r"n = 1: The frame must be a Figure or a Table, not a str"):
        figures.control(lambda n: "<svg/>", n=[1, 2], title="t")  # type: ignore[arg-type, return-value]
    with pytest.raises(UsageError, match=r"On: a\. The frame needs a caption"):
        figures.switches(
            lambda on: figures.Table(["a"], [], "t", "x" * (not on)), "a", legend="On", title="t"
        )


def test_a_meter_stays_on_its_scale() -> None:
    for value, most in ((-1, 2), (3, 2), (0, 0), (1, math.inf), (math.inf, math.inf), (math.nan, 1)):
        with pytest.raises(UsageError, match="which is not on its scale"):
            figures.Meter("m", value, most)
    with pytest.raises(UsageError, match="at least one number"):
        figures.meters([])
    drawn = figures.meters([figures.Meter("found", 0.25, 1), figures.Meter("seconds", 2, 2, "2.0 s")])
    assert drawn.alt == "found: 0.25; seconds: 2.0 s."
    widths = [float(one) for one in re.findall(r'width="([\d.]+)"', drawn.body)]
    assert widths == [478, 119.5, 478, 478]


# ---- In a browser


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """A page from a file on a phone: sliders, switches, and the same sliders once more."""
    file = tmp_path / "page.html"
    body = "\n".join([sliders("First").html, switches("Second").html, sliders("First").html])
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


def state(page: Any, n: int) -> tuple[list[str], str]:
    """What a control shows: the texts in sight, and the words that are announced."""
    one = page.locator("figure.hb-control").nth(n)
    texts = one.evaluate(
        "f => [...f.querySelectorAll('.hb-frame text, .hb-frame td')]"
        ".filter(t => getComputedStyle(t).visibility === 'visible').map(t => t.textContent)"
    )
    return texts, one.locator("[aria-live=polite]").inner_text()


def test_it_begins_at_its_start(page: Any) -> None:
    for n in (0, 2):
        assert state(page, n) == (
            ["k", "8", "alpha", "3 at once"],
            "k = 8, alpha = 3: k is 8, alpha is 3.",
        )
    assert state(page, 1) == (["Ana", "yes", "Ben", "yes", "Cy", "no"], "Down: Cy. 2 of 3 answer.")


def test_arrow_keys_on_the_sliders(page: Any) -> None:
    first = page.locator("figure.hb-control").nth(0)
    k, alpha = first.get_by_role("slider", name="k, contacts"), first.get_by_role("slider", name="alpha")
    k.focus()
    page.keyboard.press("ArrowRight")
    assert state(page, 0) == (["k", "20", "alpha", "3 at once"], "k = 20, alpha = 3: k is 20, alpha is 3.")
    assert k.get_attribute("aria-valuetext") == "20"
    assert first.locator("output").nth(0).inner_text() == "20"
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    assert state(page, 0)[1] == "k = 20, alpha = 1: k is 20, alpha is 1."
    assert alpha.get_attribute("aria-valuetext") == "1"
    k.focus()
    page.keyboard.press("Home")
    assert state(page, 0) == (["k", "2", "alpha", "1 at once"], "k = 2, alpha = 1: k is 2, alpha is 1.")


def test_the_space_bar_and_a_finger_on_the_switches(page: Any) -> None:
    second = page.locator("figure.hb-control").nth(1)
    second.get_by_label("Ana").focus()
    page.keyboard.press("Space")
    assert state(page, 1)[1] == "Down: Ana, Cy. 1 of 3 answer."
    second.locator(".hb-bar").get_by_text("Cy").click()
    assert state(page, 1) == (["Ana", "no", "Ben", "yes", "Cy", "yes"], "Down: Ana. 2 of 3 answer.")
    box = second.locator("label").nth(0).bounding_box()
    assert box["height"] >= 40, "a finger needs room"


def test_controls_do_not_know_of_one_another(page: Any) -> None:
    before = state(page, 1), state(page, 2)
    page.locator("figure.hb-control").nth(0).get_by_role("slider", name="alpha").press("Home")
    assert (state(page, 1), state(page, 2)) == before


def test_nothing_moves_when_another_frame_is_shown(page: Any) -> None:
    second = page.locator("figure.hb-control").nth(1)
    heights = set()
    for name in ("Ana", "Ben", "Cy", "Ana", "Ben"):
        second.get_by_label(name).click()
        heights.add(second.bounding_box()["height"])
    assert len(heights) == 1


def test_frames_and_words_lie_in_one_place(page: Any) -> None:
    for box in (".hb-frame", ".hb-words"):
        tallest, height = (
            page.locator(f"figure.hb-control {box}")
            .nth(1)
            .evaluate(
                "one => [Math.max(...[...one.children].map(in_it => in_it.offsetHeight)), one.offsetHeight]"
            )
        )
        assert height == tallest > 0


def test_settings_that_share_a_frame(browser: Any) -> None:
    opened = browser.new_page()
    made = figures.control(
        lambda n: figures.meters([figures.Meter("half", n // 2, 2)], caption="Half."),
        n=[0, 1, 2, 3],
        title="t",
    )
    opened.set_content(f"<!DOCTYPE html><body>{made.html}</body>")
    shown = []
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowRight"):
        opened.get_by_role("slider").press(key)
        shown.append((state(opened, 0)[0][1], state(opened, 0)[1]))
    opened.close()
    assert shown == [
        ("0", "n = 0: Half."),
        ("0", "n = 1: Half."),
        ("1", "n = 2: Half."),
        ("1", "n = 3: Half."),
    ]


def test_words_and_knobs_have_names(page: Any) -> None:
    tree = page.locator("figure.hb-control").nth(1).aria_snapshot()
    assert 'group "Down: Second"' in tree
    assert tree.count("checkbox") == 3
    assert tree.count('text: "Down: ') == 1, "the room kept for other words is not read out"


def test_paper_keeps_what_was_chosen_and_unfolds_the_words(page: Any) -> None:
    page.locator("figure.hb-control").nth(0).get_by_role("slider", name="alpha").press("Home")
    chosen = state(page, 0)
    page.emulate_media(media="print")
    page.wait_for_function("document.querySelector('details').open")
    assert state(page, 0) == chosen
    page.emulate_media(media="screen")
    page.wait_for_function("!document.querySelector('details').open")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details").nth(0).get_attribute("open") is not None
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert state(page, 0) == chosen


def test_nothing_is_wider_than_a_phone(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_letters_on_a_phone(page: Any) -> None:
    """Measured as drawn, in sight or not."""
    smallest = page.evaluate(
        """() => Math.min(...[...document.querySelectorAll('.hb-frame text')].map(text => {
            const svg = text.ownerSVGElement;
            return parseFloat(getComputedStyle(text).fontSize)
                * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        }))"""
    )
    assert smallest >= 11


def test_in_a_page_that_puts_it_in_later(browser: Any) -> None:
    """JupyterLab sets the HTML of a trusted output and then runs copies of its scripts."""
    opened = browser.new_page()
    opened.set_content("<!DOCTYPE html><body></body>")
    opened.evaluate(
        """html => {
            document.body.innerHTML = html;
            for (const old of document.querySelectorAll('script')) {
                const copy = document.createElement('script');
                for (const one of old.attributes) copy.setAttribute(one.name, one.value);
                copy.textContent = old.textContent;
                old.replaceWith(copy);
            }
        }""",
        sliders().html,
    )
    opened.get_by_role("slider", name="alpha").press("Home")
    assert state(opened, 0)[1] == "k = 8, alpha = 1: k is 8, alpha is 1."
    opened.close()


def test_without_javascript(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "still.html"
    file.write_text(f"<!DOCTYPE html><meta charset='utf8'>{sliders().html}", "utf8")
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(file.as_uri())
    assert opened.get_by_text("3 at once", exact=True).is_visible()
    assert opened.get_by_text("k = 8, alpha = 3: k is 8").first.is_visible()
    assert not opened.locator("input").first.is_visible()
    opened.get_by_text("All 6 settings in words").click()
    assert opened.get_by_text("k = 2, alpha = 1: k is 2, alpha is 1.").is_visible()
    context.close()
