"""Varints: published values, the round trip, and every way to write a number wrongly."""

from __future__ import annotations

import doctest
import importlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import varint

# The examples of the multiformats unsigned-varint specification.
PUBLISHED = {1: "01", 127: "7f", 128: "8001", 255: "ff01", 300: "ac02", 16384: "808001"}


@pytest.mark.parametrize(("value", "raw"), PUBLISHED.items())
def test_published_examples(value: int, raw: str) -> None:
    assert varint.encode(value).hex() == raw
    assert varint.decode(bytes.fromhex(raw)) == (value, len(raw) // 2)


def test_the_largest_takes_nine_bytes() -> None:
    assert varint.encode(2**63 - 1) == b"\xff" * 8 + b"\x7f"
    assert varint.decode(b"\xff" * 8 + b"\x7f") == (2**63 - 1, 9)


@given(st.integers(0, 2**63 - 1), st.binary(max_size=4), st.binary(max_size=4))
def test_round_trip_between_other_bytes(value: int, before: bytes, after: bytes) -> None:
    raw = varint.encode(value)
    assert varint.decode(before + raw + after, len(before)) == (value, len(before + raw))
    assert len(raw) == max(1, -(-value.bit_length() // 7))


@given(st.binary(max_size=12))
def test_what_is_accepted_is_the_one_encoding(data: bytes) -> None:
    try:
        value, end = varint.decode(data)
    except DecodeError:
        return
    assert varint.encode(value) == data[:end]


@pytest.mark.fault("F024")
@pytest.mark.parametrize(
    ("raw", "rule", "offset"),
    [
        ("", "ends inside", 0),
        ("80", "ends inside", 1),
        ("ffff", "ends inside", 2),
        ("8000", "needs fewer", 0),
        ("818000", "needs fewer", 0),
        ("ff" * 9 + "01", "longer than 9 bytes", 0),
        ("80" * 9 + "01", "longer than 9 bytes", 0),
        ("ff" * 1000, "longer than 9 bytes", 0),
    ],
)
def test_malformed(raw: str, rule: str, offset: int) -> None:
    with pytest.raises(DecodeError, match=rule) as caught:
        varint.decode(bytes.fromhex(raw))
    assert caught.value.offset == offset


def test_a_format_may_set_another_maximum() -> None:
    most = 2**64 - 1
    raw = varint.encode(most, maximum=most)
    assert raw == b"\xff" * 9 + b"\x01"
    assert varint.decode(raw, maximum=most) == (most, 10)
    with pytest.raises(DecodeError, match="is the most"):
        varint.decode(b"\xff" * 9 + b"\x02", maximum=most)
    with pytest.raises(DecodeError, match="needs fewer"):
        varint.decode(b"\x80" * 9 + b"\x00", maximum=most)


@pytest.mark.parametrize("value", [-1, 2**63, -(2**20_000)], ids=["negative", "64 bits", "huge"])
def test_numbers_that_do_not_fit(value: int) -> None:
    with pytest.raises(UsageError, match="0 to"):
        varint.encode(value)


def test_an_offset_counts_from_zero() -> None:
    with pytest.raises(UsageError):
        varint.decode(b"\x01", -1)


@pytest.mark.parametrize("name", ["varint", "multibase", "multicodec", "canonical_json"])
def test_examples_in_the_docstrings(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"p2plib.wire.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
