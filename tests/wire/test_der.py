"""DER: elements against OpenSSL's own, sizes in their one spelling, and what is cut or padded refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import der


def test_two_numbers_byte_by_byte() -> None:
    """SEQUENCE { INTEGER 3233, INTEGER 17 }, as `openssl asn1parse` shows it."""
    raw = der.sequence(der.integer(3233), der.integer(17))
    assert raw.hex() == "300702020ca1020111"
    inner, end = der.read(raw, 0, der.SEQUENCE)
    der.end(raw, end)
    modulus, offset = der.read_integer(inner, 0)
    assert (modulus, der.read_integer(inner, offset)) == (3233, (17, len(inner)))


@pytest.mark.parametrize(
    ("size", "head"),
    [(0, "0400"), (127, "047f"), (128, "048180"), (255, "0481ff"), (256, "04820100"), (65_536, "0483010000")],
)
def test_sizes_have_one_spelling(size: int, head: str) -> None:
    raw = der.octet_string(bytes(size))
    assert raw == bytes.fromhex(head) + bytes(size)
    assert der.read(raw, 0, der.OCTET_STRING) == (bytes(size), len(raw))


@pytest.mark.parametrize(
    ("value", "raw"),
    [(0, "020100"), (127, "02017f"), (128, "02020080"), (255, "020200ff"), (256, "02020100")],
)
def test_integers_have_one_spelling(value: int, raw: str) -> None:
    assert der.integer(value).hex() == raw
    assert der.read_integer(bytes.fromhex(raw), 0) == (value, len(raw) // 2)


@given(st.integers(0, 2**4096), st.binary(max_size=300), st.binary(max_size=9))
def test_what_is_written_is_read(number: int, content: bytes, rest: bytes) -> None:
    raw = der.integer(number) + der.bit_string(content) + rest
    found, offset = der.read_integer(raw, 0)
    bits, end = der.read(raw, offset, der.BIT_STRING)
    assert (found, bits, raw[end:]) == (number, b"\0" + content, rest)


WRONG = {
    "nothing": ("", "the data ends where an INTEGER belongs", 0),
    "a tag alone": ("02", "the data ends where an INTEGER belongs", 1),
    "another tag": ("0400", "an INTEGER belongs here, not the tag 0x04", 0),
    "cut": ("020201", "claims 2 bytes, but 1 are left", 0),
    "a size of four gigabytes": ("0284ffffffff", "a size in 4 bytes, where there are 1 to 3", 1),
    "a size of sixteen megabytes": ("0283ffffff01", "claims 16777215 bytes, but 1 are left", 0),
    "a size without an end": ("028001010000", "a size in 0 bytes", 1),
    "a size that is cut": ("028201", "the data ends inside a size", 3),
    "a small size written long": ("02810101", "a size of 1 in 1 bytes, which needs fewer", 1),
    "a size with a zero in front": (
        "02820080" + "01" * 128,
        "a size of 128 in 2 bytes, which needs fewer",
        1,
    ),
    "no bytes": ("0200", "an INTEGER of no bytes", 0),
    "below zero": ("0201ff", "an INTEGER below zero", 0),
    "a zero in front": ("02020001", "a zero in front that it does not need", 0),
}


@pytest.mark.parametrize(("raw", "rule", "offset"), WRONG.values(), ids=WRONG)
def test_wrong_elements(raw: str, rule: str, offset: int) -> None:
    with pytest.raises(DecodeError, match=rule) as caught:
        der.read_integer(bytes.fromhex(raw), 0)
    assert caught.value.offset == offset


def test_nothing_may_follow() -> None:
    der.end(b"ab", 2)
    with pytest.raises(DecodeError, match="1 byte follows, where it should end") as caught:
        der.end(b"ab", 1)
    assert caught.value.offset == 1


def test_what_nobody_would_read_is_not_written() -> None:
    with pytest.raises(UsageError, match="not negative"):
        der.integer(-1)
    with pytest.raises(UsageError, match="too large to be read here"):
        der.octet_string(bytes(2**24))
