"""The run-length code: npm's bytes, the way back, and codes that would take a machine down."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.hypercore import rle
from p2plib.errors import DecodeError
from p2plib.wire import varint

# What npm bitfield-rle 2.2.1 writes.
ANSWERS = {
    "": "",
    "00": "",
    "ff": "07",
    "ffff00": "0b",
    "0102": "040102",
    "00" * 40 + "80": "a1010280",
    "ff" * 1024: "8320",
    "ff" * 100 + "f8": "930302f8",
    "01" + "00" * 3 + "02": "02010d0202",
    "ff07ffffffff0000000000000001": "070207131d0201",
    "00000000ff": "1107",
}


@pytest.mark.parametrize(("bits", "code"), ANSWERS.items())
def test_known_answers(bits: str, code: str) -> None:
    assert rle.encode(bytes.fromhex(bits)).hex() == code
    assert rle.decode(bytes.fromhex(code), 2000) == bytes.fromhex(bits).rstrip(b"\x00")


@given(st.lists(st.sampled_from([0, 0, 0, 255, 255, 7, 128]), max_size=200).map(bytes))
def test_there_and_back(bits: bytes) -> None:
    code = rle.encode(bits)
    assert rle.decode(code, len(bits)) == bits.rstrip(b"\x00")
    assert len(code) <= len(bits) + 2


@given(st.binary(max_size=30))
def test_any_bytes_are_read_or_refused(code: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert len(rle.decode(code, 1000)) <= 1000


@pytest.mark.parametrize("kind", [1, 3])
def test_a_huge_run_is_refused_before_it_is_made(kind: int) -> None:
    with pytest.raises(DecodeError, match="more than 131072 bytes"):
        rle.decode(varint.encode(2**60 | kind), 131072)


@pytest.mark.parametrize("code", ["02", "0401", "80", "04ff8080"])
def test_a_cut_code_is_refused(code: str) -> None:
    with pytest.raises(DecodeError):
        rle.decode(bytes.fromhex(code), 1000)
