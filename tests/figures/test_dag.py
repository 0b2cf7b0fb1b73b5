"""Drawings of blocks: every arrow leads down, what is shared is there once, a circle is refused."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from p2plib import figures
from p2plib.errors import UsageError

SVG = "{http://www.w3.org/2000/svg}"
TWO = {"new": ["cat", "dog"], "old": ["cat", "note"], "dog": ["note"]}


def boxes(figure: figures.Figure) -> list[tuple[float, float, float, float]]:
    """Left, top, width and height of what is drawn as a block, in the order of the blocks."""
    found = []
    for rect in ET.fromstring(figure.svg).iter(f"{SVG}rect"):
        if "stroke" in rect.attrib:
            left, top, width, height = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
            found.append((left, top, width, height))
    return found


def arrows(figure: figures.Figure) -> list[tuple[float, ...]]:
    """Where each arrow begins and ends."""
    paths = [path.attrib for path in ET.fromstring(figure.svg).iter(f"{SVG}path") if "stroke" in path.attrib]
    return [tuple(map(float, re.findall(r"-?[\d.]+", path["d"]))) for path in paths]


def test_what_is_shared_is_one_block_and_every_arrow_leads_down() -> None:
    figure = figures.dag(TWO, title="t")
    assert len(boxes(figure)) == 5
    assert len(arrows(figure)) == 5
    assert all(y2 > y1 for _, y1, _, y2 in arrows(figure))


def test_no_two_blocks_touch_and_none_leaves_the_picture() -> None:
    many = {"root": [f"n{i}" for i in range(40)], **{f"n{i}": [f"m{i % 7}"] for i in range(40)}}
    for links in (TWO, many):
        found = boxes(figures.dag(links, title="t", words=dict.fromkeys(links, "")))
        for at, (x, y, w, h) in enumerate(found):
            assert 0 <= x <= 480 - w
            for a, b, c, d in found[:at]:
                assert x >= a + c or a >= x + w or y >= b + d or b >= y + h


def test_the_path_stands_out() -> None:
    plain, read = (figures.dag(TWO, title="t", path=path) for path in ((), ("new", "dog")))
    widths = [
        [float(rect.attrib["stroke-width"]) for rect in ET.fromstring(one.svg).iter(f"{SVG}rect")
         if "stroke" in rect.attrib]
        for one in (plain, read)
    ]  # fmt: skip
    assert [n for n, (a, b) in enumerate(zip(*widths, strict=True)) if b > a] == [0, 2]


def test_words_for_it() -> None:
    tints = {"cat": figures.PALETTE["green"]}
    figure = figures.dag(TWO, title="t", colours=tints, path=["new", "dog"], missing=["note"])
    for said in (
        "5 blocks and 5 links",
        "dog links to note",
        "In green: cat",
        "Read: new, dog",
        "here: note",
    ):
        assert said in figure.alt


@pytest.mark.parametrize(
    ("links", "options", "why"),
    [
        ({"a": ["b"], "b": ["a"]}, {}, "cycle"),
        ({"a": ["a"]}, {}, "cycle"),
        ({}, {}, "not 0"),
        ({"a": [str(n) for n in range(200)]}, {}, "not 201"),
        (TWO, {"path": ["mouse"]}, "'mouse' is not a block"),
        (TWO, {"words": {"mouse": ""}}, "'mouse' is not a block"),
    ],
)
def test_refuses(links: dict[str, list[str]], options: dict[str, object], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        figures.dag(links, title="t", **options)  # type: ignore[arg-type]
