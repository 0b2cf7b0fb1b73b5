"""What holds for every figure: well-formed, worded, the same every time, no network, legible on a phone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from p2plib import figures
from p2plib.errors import UsageError
from tests.figures.gallery import HOSTILE, digests, everything

SVG = "{http://www.w3.org/2000/svg}"
PHONE_PX = 362  # a phone of 390 px without the book's margins
FIGURES = everything()
TABLES = [name for name, figure in FIGURES.items() if "<table" in figure.html]
SHOWN = pytest.mark.parametrize("name", list(FIGURES))
DRAWN = pytest.mark.parametrize("name", [name for name in FIGURES if name not in TABLES])


def parsed(name: str) -> ET.Element:
    return ET.fromstring(FIGURES[name].html)


def drawing(name: str) -> ET.Element:
    svg = parsed(name).find(f".//{SVG}svg")
    assert svg is not None
    return svg


def drawing_text(name: str) -> str:
    figure = FIGURES[name]
    return figure.svg if isinstance(figure, figures.Figure) else figure.html


@SHOWN
def test_is_well_formed_and_a_figure(name: str) -> None:
    root = parsed(name)
    assert root.tag == "figure"
    assert "hb-figure" in root.attrib["class"].split()


@DRAWN
def test_has_a_title_and_a_description_that_are_announced(name: str) -> None:
    svg = drawing(name)
    by_id = {one.attrib["id"]: one for one in svg.iter() if "id" in one.attrib}
    title, description = (by_id[one] for one in svg.attrib["aria-labelledby"].split())
    assert title.tag == f"{SVG}title"
    assert (title.text or "").strip()
    assert description.tag == f"{SVG}desc"
    assert (description.text or "").strip()
    links = svg.findall(f".//{SVG}a")
    assert svg.attrib["role"] == ("group" if links else "img"), "what is inside an image cannot be reached"


@SHOWN
def test_ids_are_unique_and_every_reference_has_its_target(name: str) -> None:
    text, root = FIGURES[name].html, parsed(name)
    ids = [one.attrib["id"] for one in root.iter() if "id" in one.attrib]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([\w-]+)', text)) <= set(ids)


def test_ids_differ_between_figures() -> None:
    ids = [one.attrib["id"] for name in FIGURES for one in parsed(name).iter() if "id" in one.attrib]
    assert len(ids) == len(set(ids))


@SHOWN
def test_hostile_words_stay_words(name: str) -> None:
    root = parsed(name)
    scripts, blocks = root.findall(".//script"), root.findall(".//script[@type='application/json']")
    run = [script for script in scripts if script not in blocks]
    assert len(run) == (1 if name.startswith(("player", "control")) else 0)
    assert len(blocks) == (1 if name.startswith("control") else 0)
    assert all("alert" not in (script.text or "") for script in run)
    assert all("<" not in (block.text or "") for block in blocks), "nothing in it can end it"
    attributes = [key for one in root.iter() for key in one.attrib]
    assert not [key for key in attributes if key.startswith("on")]


def test_hostile_words_are_all_there() -> None:
    shown = "".join(drawing("ring").itertext())
    assert HOSTILE.replace("\x00", "\ufffd").replace("\ud800", "\ufffd") in shown


@SHOWN
def test_loads_nothing(name: str) -> None:
    text = FIGURES[name].html.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//[a-z]|@import|<link|<img|<image|src=", text.replace(HOSTILE, ""))


@DRAWN
def test_numbers_have_at_most_two_decimals(name: str) -> None:
    for one in drawing(name).iter():
        for key, value in one.attrib.items():
            assert key == "style" or not re.search(r"\d\.\d{3}|\de-\d", value), (one.tag, key, value)


@DRAWN
def test_ink_follows_the_page(name: str) -> None:
    svg = drawing(name)
    assert svg.attrib["fill"] == "currentColor"
    for one in svg.iter():
        looks = " ".join(one.attrib.get(key, "") for key in ("fill", "stroke", "style"))
        assert not re.search(r"#0{3,6}\b|#f{3,6}\b|\bblack\b|\bwhite\b", looks), looks


@DRAWN
def test_letters_stay_legible_on_a_phone(name: str) -> None:
    if name == "player, one step":
        return
    svg = drawing(name)
    width = float(svg.attrib["viewBox"].split()[2])
    least = re.search(r"min-width:([\d.]+)px", svg.attrib["style"])
    scale = min(1.0, max(PHONE_PX, float(least[1]) if least else 0.0) / width)
    for one in svg.iter(f"{SVG}text"):
        size = (
            one.attrib.get("font-size")
            or re.findall(r"font-size:\s*([\d.]+)", one.attrib.get("style", ""))[:1]
        )
        if size:
            pixels = float(size if isinstance(size, str) else size[0])
            assert pixels * scale >= (10 if name != "plot" else 9.5), (
                f"{one.text!r} is {pixels * scale:.1f} px"
            )


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_a_name_and_heads_that_are_announced(name: str) -> None:
    table = parsed(name).find(".//table")
    assert table is not None
    assert table.attrib["aria-label"].strip()
    assert {one.attrib["scope"] for one in table.findall("thead/tr/th")} == {"col"}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("width", [PHONE_PX, 800])
def test_a_table_fits_the_page_or_scrolls_in_its_frame(name: str, width: int, browser: Any) -> None:
    page = browser.new_page(viewport={"width": width, "height": 500})
    page.set_content(f"<!DOCTYPE html><body style='margin:0'>{FIGURES[name].html}</body>")
    outside = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    page.close()
    assert outside <= 0


@DRAWN
def test_everything_stands_inside_the_frame(name: str, browser: Any) -> None:
    """Measured by a browser, letters too; the sheet of loose shapes is where its caller puts them."""
    if name == "shapes":
        return
    page = browser.new_page()
    page.set_content(f"<!DOCTYPE html><body style='width:800px'>{drawing_text(name)}</body>")
    outside = page.evaluate(
        """() => {
            const svg = document.querySelector('svg'), frame = svg.getBoundingClientRect();
            return [...svg.querySelectorAll('text, rect, circle')].filter(one => {
                if (one.closest('defs') || !one.getClientRects().length) return false;
                const box = one.getBoundingClientRect();
                return box.left < frame.left - 2 || box.right > frame.right + 2
                    || box.top < frame.top - 2 || box.bottom > frame.bottom + 2;
            }).map(one => one.outerHTML);
        }"""
    )
    page.close()
    assert not outside


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_every_process_draws_the_same_bytes(seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.figures.gallery"],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf8:backslashreplace"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == digests()


@SHOWN
def test_jupyter_gets_html_and_words(name: str) -> None:
    bundle = FIGURES[name]._repr_mimebundle_()
    assert bundle["text/html"] == FIGURES[name].html
    assert bundle["text/plain"].strip()


@pytest.mark.parametrize("alt", ["", "   ", "\n"])
def test_no_figure_without_words(alt: str) -> None:
    with pytest.raises(UsageError, match="alt text"):
        figures.Figure("<g/>", 10, 10, alt=alt)
    with pytest.raises(UsageError, match="alt text"):
        figures.drawing("<g/>", height=10, alt=alt)
    fig, _ = figures.subplots()
    with pytest.raises(UsageError, match="alt text"):
        figures.plot(fig, alt=alt)
    figures.plot(fig, alt="An empty plot.")  # closes it


def test_importing_figures_brings_neither_matplotlib_nor_ipython() -> None:
    code = "import sys, p2plib.figures; print({'matplotlib', 'IPython', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
