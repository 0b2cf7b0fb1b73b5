"""Strings of JSON: each escape, what is refused and where, and Python's json as a judge."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError
from p2plib.wire import json_string

ANY_TEXT = st.text(st.characters(), max_size=20) | st.text('"\\/\b\f\n\r\t\0\x1f\ud83d\ude80aé\U0001f680')


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('""', ""), ('"a/é"', "a/é"), (r'"\"\\\/\b\f\n\r\t"', '"\\/\b\f\n\r\t'), (r'"\u00e9\u00E9"', "éé"),
        (r'"\ud83d\ude80"', "\U0001f680"), (r'"\ud83d"', "\ud83d"), (r'"\ude80\ud83d"', "\ude80\ud83d"),
        ('"\U0001f680"', "\U0001f680"), ('"\x7f"', "\x7f"), (r'"\ud83d\u0061"', "\ud83da"),
    ],
)  # fmt: skip
def test_reads(text: str, value: str) -> None:
    assert json_string.read(text, 0) == (value, len(text))
    assert json_string.read("[1," + text + ',"x"]', 3) == (value, 3 + len(text))


@pytest.mark.parametrize(
    ("text", "rule", "offset"),
    [
        ('"', "cut off", 1), ('"abc', "cut off", 4), (r'"\"', "cut off", 3),
        ('"a\nb"', "must be escaped", 2), ('"\x00"', "must be escaped", 1), ('"\x1f"', "must be escaped", 1),
        ('"a\ud83d"', "must be escaped", 2), ('"\\', "not a JSON escape", 1), (r'"a\x41"', "not a JSON", 2),
        (r'"\u12"', "not a JSON escape", 1), (r'"\u12g4"', "not a JSON", 1), (r'"\U0041"', "not a JSON", 1),
        ('"\\\n"', "not a JSON escape", 1), ('"\\u\uff10041"', "not a JSON escape", 1),
    ],
)  # fmt: skip
def test_refuses(text: str, rule: str, offset: int) -> None:
    with pytest.raises(DecodeError, match=rule) as raised:
        json_string.read(text, 0)
    assert raised.value.offset == offset


@given(ANY_TEXT)
def test_what_is_written_is_read_by_both(text: str) -> None:
    written = json_string.write(text)
    as_units = text.encode("utf-16-le", "surrogatepass")
    found, end = json_string.read(written, 0)
    assert (found.encode("utf-16-le", "surrogatepass"), end) == (as_units, len(written))
    assert json.loads(written).encode("utf-16-le", "surrogatepass") == as_units
    assert not json_string.has_lone_half(written)


@given(ANY_TEXT)
def test_what_python_writes_is_read(text: str) -> None:
    written = json.dumps(text)
    assert json_string.read(written, 0) == (json.loads(written), len(written))


def test_no_escape_that_is_not_needed() -> None:
    assert json_string.write("/é\u2028\x7f\U0001f680") == '"/é\u2028\x7f\U0001f680"'
    assert json_string.write("\x0b\ud83d") == r'"\u000b\ud83d"'
    assert json_string.write("\ud83d\ude80") == '"\U0001f680"'


@pytest.mark.parametrize(
    ("text", "has"), [("", False), ("é\U0001f680", False), ("a\ud83d", True), ("\ude80", True)]
)
def test_lone_halves(text: str, has: bool) -> None:
    assert json_string.has_lone_half(text) is has
