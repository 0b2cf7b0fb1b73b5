"""CBOR: the examples of RFC 8949, appendix A, round trips, and bytes that break a rule."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cbor

# RFC 8949, appendix A: the rows whose encoding is deterministic and whose values we have.
EXAMPLES: list[tuple[Any, str]] = [
    (0, "00"),
    (1, "01"),
    (10, "0a"),
    (23, "17"),
    (24, "1818"),
    (25, "1819"),
    (100, "1864"),
    (1000, "1903e8"),
    (1000000, "1a000f4240"),
    (1000000000000, "1b000000e8d4a51000"),
    (18446744073709551615, "1bffffffffffffffff"),
    (-18446744073709551616, "3bffffffffffffffff"),
    (-1, "20"),
    (-10, "29"),
    (-100, "3863"),
    (-1000, "3903e7"),
    (0.0, "f90000"),
    (-0.0, "f98000"),
    (1.0, "f93c00"),
    (1.1, "fb3ff199999999999a"),
    (1.5, "f93e00"),
    (65504.0, "f97bff"),
    (100000.0, "fa47c35000"),
    (3.4028234663852886e38, "fa7f7fffff"),
    (1.0e300, "fb7e37e43c8800759c"),
    (5.960464477539063e-8, "f90001"),
    (0.00006103515625, "f90400"),
    (-4.0, "f9c400"),
    (-4.1, "fbc010666666666666"),
    (math.inf, "f97c00"),
    (-math.inf, "f9fc00"),
    (False, "f4"),
    (True, "f5"),
    (None, "f6"),
    (b"", "40"),
    (bytes.fromhex("01020304"), "4401020304"),
    ("", "60"),
    ("a", "6161"),
    ("IETF", "6449455446"),
    ('"\\', "62225c"),
    ("\u00fc", "62c3bc"),
    ("\u6c34", "63e6b0b4"),
    ("\U00010151", "64f0908591"),
    ([], "80"),
    ([1, 2, 3], "83010203"),
    ([1, [2, 3], [4, 5]], "8301820203820405"),
    (list(range(1, 26)), "98190102030405060708090a0b0c0d0e0f101112131415161718181819"),
    ({}, "a0"),
    ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
    (["a", {"b": "c"}], "826161a161626163"),
    (dict(zip("abcde", "ABCDE", strict=True)), "a56161614161626142616361436164614461656145"),
]


@pytest.mark.parametrize(("value", "encoded"), EXAMPLES, ids=[encoded for _, encoded in EXAMPLES])
def test_the_examples_of_the_specification(value: Any, encoded: str) -> None:
    assert cbor.encode(value).hex() == encoded
    found = cbor.decode(bytes.fromhex(encoded))
    assert (found, type(found)) == (value, type(value))
    if value == 0:
        assert math.copysign(1, found) == math.copysign(1, value)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(VALUES)
def test_round_trips(value: Any) -> None:
    assert cbor.decode(cbor.encode(value)) == value


@given(st.binary(max_size=40))
def test_there_is_one_encoding(raw: bytes) -> None:
    try:
        value = cbor.decode(raw)
    except DecodeError:
        return
    assert cbor.encode(value) == raw


@pytest.mark.fault("F025")
@pytest.mark.parametrize(
    ("raw", "rule", "offset"),
    [
        ("", "the bytes end", 0),
        ("1817", "can be shorter", 0),
        ("1900ff", "can be shorter", 0),
        ("1a0000ffff", "can be shorter", 0),
        ("1b00000000ffffffff", "can be shorter", 0),
        ("f90000 00", "follows the value", 3),
        ("fa3fc00000", "this float can be shorter", 0),
        ("fb3ff8000000000000", "this float can be shorter", 0),
        ("f97e01", "this float can be shorter", 0),
        ("fa7fc00000", "this float can be shorter", 0),
        ("9f01ff", "indefinite length", 0),
        ("5f4101ff", "indefinite length", 0),
        ("1c", "no argument coded 28", 0),
        ("c11a514b67b0", "tags are not allowed", 0),
        ("f7", "the only simple values", 0),
        ("f818", "the only simple values", 0),
        ("62c328", "UTF-8", 1),
        ("63616263 61"[:6], "text of 3 bytes, where 2 follow", 1),
        ("5bffffffffffffffff", "bytes of 18446744073709551615 bytes, where 0 follow", 9),
        ("9bffffffffffffffff", "18446744073709551615 items, where 0 bytes follow", 0),
        ("bbffffffffffffffff", "items, where 0 bytes follow", 0),
        ("a2616201616102", "before a smaller one", 4),
        ("a2616101616102", "is there twice", 4),
        ("a10101", "keys of a map must be text", 1),
        ("81" * 129 + "00", "nested deeper than 128", 128),
    ],
)
def test_what_breaks_a_rule_says_which_and_where(raw: str, rule: str, offset: int) -> None:
    with pytest.raises(DecodeError, match=rule) as caught:
        cbor.decode(bytes.fromhex(raw))
    assert caught.value.offset == offset


def test_nesting_to_the_limit() -> None:
    raw = b"\x81" * 128 + b"\x00"
    assert cbor.encode(cbor.decode(raw)) == raw


def test_what_there_is_not_in_cbor() -> None:
    deep: Any = 0
    for _ in range(130):
        deep = [deep]
    endless: list[Any] = []
    endless.append(endless)
    for wrong, rule in (
        (2**64, "a whole number"),
        (-(2**64) - 1, "a whole number"),
        ({1: 2}, "keys of a map must be text"),
        (object(), "no form here for object"),
        ({1, 2}, "no form here for set"),
        ("\ud800", "surrogate"),
        (deep, "nested deeper"),
        (endless, "nested deeper"),
    ):
        with pytest.raises(UsageError, match=rule):
            cbor.encode(wrong)


def test_not_a_number_has_one_form_and_tuples_are_lists() -> None:
    assert cbor.encode(math.nan).hex() == "f97e00"
    assert math.isnan(cbor.decode(bytes.fromhex("f97e00")))  # type: ignore[arg-type]
    assert cbor.encode((1, 2)) == cbor.encode([1, 2])  # type: ignore[arg-type]
    assert cbor.encode(bytearray(b"x")) == cbor.encode(memoryview(b"x")) == b"\x41x"  # type: ignore[arg-type]
