"""Byte layouts: every byte once and in order, folds that say how much they hide, words for all of it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib import figures
from p2plib.errors import UsageError
from p2plib.wire.fields import Field

SVG = "{http://www.w3.org/2000/svg}"


def texts(figure: figures.Figure) -> list[str]:
    return [one.text or "" for one in ET.fromstring(figure.svg).iter(f"{SVG}text")]


def shown_bytes(figure: figures.Figure) -> bytes:
    """What stands in the boxes; offsets and names are in groups of their own."""
    boxes = [g for g in ET.fromstring(figure.svg).iter(f"{SVG}g") if g.get("text-anchor") == "middle"]
    return bytes.fromhex("".join(one.text or "" for box in boxes for one in box))


def test_a_short_message() -> None:
    fields = [Field("length", b"\x02", "2 bytes follow"), Field("text", b"hi")]
    figure = figures.byte_layout(fields, title="A greeting", bytes_per_row=8)
    assert figure.alt == "3 bytes in 2 fields: length, 1 byte (02), 2 bytes follow; text, 2 bytes (68 69)."
    assert shown_bytes(figure) == b"\x02hi"
    assert "2 bytes follow" in texts(figure)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=6), st.integers(1, 16))
def test_bytes_shown_and_bytes_folded_are_all_bytes(raws: list[bytes], bytes_per_row: int) -> None:
    if not any(raws):
        return
    fields = [Field(f"f{chr(103 + i)}", raw) for i, raw in enumerate(raws)]
    figure = figures.byte_layout(fields, title="t", bytes_per_row=bytes_per_row, legend=False)
    raw = shown_bytes(figure)
    hidden = sum(int(m[1]) for text in texts(figure) if (m := re.match(r"⋮  (\d+) more", text)))
    whole = b"".join(raws)
    assert len(raw) + hidden == len(whole)
    if not hidden:
        assert raw == whole


def test_a_long_field_keeps_its_ends() -> None:
    figure = figures.byte_layout(
        [Field("a", b"\xaa"), Field("key", bytes(range(96)))], title="t", legend=False
    )
    raw = shown_bytes(figure)
    assert raw[:16] == b"\xaa" + bytes(range(15))
    assert raw[-1] == 95
    assert "⋮  64 more bytes of key" in texts(figure), "of five whole rows the first is drawn"


def test_rows_that_are_drawn_say_their_offset() -> None:
    figure = figures.byte_layout([Field("key", bytes(7 * 16))], title="t", legend=False)
    assert [text for text in texts(figure) if text in ("0", "16", "96")] == ["0", "96"]


def test_one_colour_per_name() -> None:
    figure = figures.byte_layout([Field("n", b"1"), Field("v", b"2"), Field("n", b"3")], title="t")
    fills = re.findall(r'<path d="[^"]*" fill="(#\w+)"', figure.svg)
    assert fills[0] == fills[2] != fills[1]


@pytest.mark.parametrize(
    ("fields", "title", "bytes_per_row", "words"),
    [
        ([], "t", 16, "at least one field"),
        ([Field("a", b"")], " ", 16, "a title"),
        ([Field("a", b"a")], "t", 17, "1 to 16"),
    ],
)
def test_refusals(fields: list[Field], title: str, bytes_per_row: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        figures.byte_layout(fields, title=title, bytes_per_row=bytes_per_row)
