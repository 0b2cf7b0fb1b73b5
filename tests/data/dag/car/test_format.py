"""Headers and sections of CAR files: known bytes, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.dag import dag_cbor
from p2plib.data.dag.block import block_of
from p2plib.data.dag.car import format as car_format
from p2plib.data.dag.car.format import (
    CarV2Header,
    decode_header,
    decode_v2_header,
    encode_header,
    encode_section,
    split_section,
)
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec, multihash
from p2plib.wire.cid import Cid
from tests.data.dag.strategies import LINKS

HELLO = block_of(b"hello")


def test_the_header_of_version_1() -> None:
    # The specification's example has its roots and version in this order, 0xa2 and on.
    raw = encode_header((HELLO.cid,))
    assert raw.hex().startswith("3aa265726f6f747381d82a58250001551220")
    assert raw.endswith(b"gversion\x01")
    assert decode_header(raw[1:]) == (HELLO.cid,)
    assert encode_header(()).hex() == "11a265726f6f7473806776657273696f6e01"
    assert b"\x0a" + dag_cbor.encode({"version": 2}) == car_format.PRAGMA


@given(st.lists(LINKS, max_size=5))
def test_headers_round_trip(roots: list[Cid]) -> None:
    raw = encode_header(tuple(roots))
    assert decode_header(raw[1 if len(raw) < 129 else 2 :]) == tuple(roots)


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ([], "map"),
        ({}, "version"),
        ({"version": 2}, "version 2"),
        ({"version": 42}, "version 42"),
        ({"version": True}, "version"),
        ({"version": 1}, "list of roots"),
        ({"version": 1, "roots": None}, "list"),
        ({"version": 1, "roots": [], "more": 1}, "nothing else"),
        ({"version": 1, "roots": [b""]}, "are links"),
        ({"version": 1.0, "roots": []}, "whole number"),
    ],
)
def test_headers_that_are_refused(value: object, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        decode_header(dag_cbor.encode(value))  # type: ignore[arg-type]


def test_too_many_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(car_format, "MAX_HEADER_BYTES", 100)
    with pytest.raises(UsageError, match="is the most"):
        encode_header((HELLO.cid,) * 3)


@pytest.mark.parametrize(
    "cid",
    [HELLO.cid, block_of(b"", multicodec.DAG_PB, version=0).cid, Cid(1, 0x55, multihash.identity(b"me")),
     block_of(b"x", function=multicodec.SHA2_512).cid],
)  # fmt: skip
def test_a_section_splits_behind_its_cid(cid: Cid) -> None:
    name = cids.encode_bytes(cid)
    assert split_section(name + b"data") == (cid, b"data")
    assert split_section(name) == (cid, b"")
    for size in range(len(name)):
        with pytest.raises(DecodeError):
            split_section(name[:size] + b"")


def test_a_section_with_its_size() -> None:
    assert encode_section(HELLO) == bytes((36 + 5,)) + cids.encode_bytes(HELLO.cid) + b"hello"


@pytest.mark.parametrize(
    "raw", [b"", b"\x01\x55\x12\xff\xff\xff\xff\x7f", b"\x02\x55\x12\x00", b"\x01\x55\x11\x14" + bytes(20)]
)
def test_sections_without_a_cid(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        split_section(raw)


@given(st.integers(51, 2**63), st.integers(1, 2**62), st.integers(0, 2**62), st.booleans(), st.booleans())
def test_the_header_of_version_2(start: int, size: int, gap: int, indexed: bool, full: bool) -> None:
    index = start + size + gap if indexed and start + size + gap < 2**64 else 0
    header = CarV2Header(start, size, index, full)
    assert len(header.encode()) == 40
    assert decode_v2_header(header.encode()) == header


@pytest.mark.parametrize(
    "header",
    [
        CarV2Header(50, 9),
        CarV2Header(0, 9),
        CarV2Header(51, 0),
        CarV2Header(51, 9, 59),
        CarV2Header(51, 9, 1),
    ],
)
def test_parts_that_overlap(header: CarV2Header) -> None:
    with pytest.raises(DecodeError):
        decode_v2_header(header.encode())
    with pytest.raises(DecodeError, match="39 bytes"):
        decode_v2_header(header.encode()[:-1])
