"""Numbers, escaping, widths and line breaks."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.figures.svg import balance, caption_html, element, escape, number, text_width, wrap, write


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.001, "0"),
        (1.5, "1.5"),
        (2.0, "2"),
        (1 / 3, "0.33"),
        (-12.344, "-12.34"),
        (1e6, "1000000"),
        (100, "100"),
    ],
)
def test_number(value: float, text: str) -> None:
    assert number(value) == text


@given(st.text())
def test_any_text_can_stand_in_xml(text: str) -> None:
    parsed = ET.fromstring(element("t", escape(text) or " ", a=text))
    allowed = "".join(
        c
        if c in "\t\n\r" or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c >= "\U00010000"
        else "\ufffd"
        for c in text
    )
    assert (parsed.text or "") == (allowed.replace("\r\n", "\n").replace("\r", "\n") or " ")


def test_attributes_keep_their_order_and_none_is_left_out() -> None:
    assert (
        element("a", x=1, stroke_width=2.5, class_="b", href=None)
        == '<a x="1" stroke-width="2.5" class="b"/>'
    )


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "Zs"])), st.floats(30, 400))
def test_wrapped_lines_fit_and_nothing_is_lost(text: str, width: float) -> None:
    lines = wrap(text, width, 14)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(text_width(line, 14) <= width or len(line) == 1 for line in lines)


@given(st.text(alphabet="abcdefgh  "), st.floats(60, 300))
def test_balanced_lines_are_as_few_and_no_longer(text: str, width: float) -> None:
    plain, balanced = wrap(text, width, 14), balance(text, width, 14)
    assert len(balanced) == len(plain)
    assert max(text_width(line, 14) for line in balanced) <= max(text_width(line, 14) for line in plain)
    assert " ".join(balanced).split() == " ".join(plain).split()


def test_balance_leaves_no_lonely_word() -> None:
    assert wrap("ping again because nothing came", 200, 14)[-1] == "came"
    assert balance("ping again because nothing came", 200, 14) == ["ping again because", "nothing came"]


def test_wide_letters_are_wide() -> None:
    assert text_width("漢字", 10) == 20
    assert text_width("ab", 10, mono=True) == pytest.approx(12.2)
    assert text_width("iiii", 10) < text_width("mmmm", 10)


def test_text_escapes_what_it_says() -> None:
    assert ET.fromstring(write(1, 2, "<b>&")).text == "<b>&"


def test_a_caption_ends_its_title_once() -> None:
    assert caption_html("Who?", "You.") == "<strong>Who?</strong> You."
    assert caption_html("A key", "") == "<strong>A key.</strong>"
    assert caption_html("", "Only this & that") == "Only this &amp; that"
