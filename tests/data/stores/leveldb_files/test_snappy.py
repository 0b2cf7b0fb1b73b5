"""Snappy: each kind of element typed in, and each lie refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.stores.leveldb_files import snappy
from p2plib.data.stores.leveldb_files.snappy import decompress
from p2plib.errors import DecodeError
from p2plib.wire import varint


def literal(data: bytes) -> bytes:
    size = len(data) - 1
    if size < 60:
        return bytes([size << 2]) + data
    extra = (size.bit_length() + 7) // 8
    return bytes([59 + extra << 2]) + size.to_bytes(extra, "little") + data


def sized(size: int, *elements: bytes) -> bytes:
    return varint.encode(size) + b"".join(elements)


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        (sized(0), b""),
        (sized(3, literal(b"abc")), b"abc"),
        (
            sized(13, literal(b"abc"), bytes([(10 - 4) << 2 | 1, 3])),
            b"abcabcabcabca",
        ),  # 2-byte copy, over itself
        (sized(4, literal(b"a"), bytes([2 << 2 | 2, 1, 0])), b"aaaa"),
        (sized(67, literal(b"abc"), bytes([63 << 2 | 3, 2, 0, 0, 0])), b"a" + b"bc" * 33),
        (
            sized(300 + 4, literal(b"x" + b"y" * 299), bytes([0 << 2 | 1 | 1 << 5, 44])),
            b"x" + b"y" * 299 + b"xyyy",
        ),
        (sized(70_000, literal(bytes(70_000))), bytes(70_000)),
    ],
)
def test_elements(raw: bytes, meant: bytes) -> None:
    assert decompress(raw) == meant


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "ends inside a varint"),
        (sized(3), "announced 3"),
        (sized(2, literal(b"abc")), "more than the 2"),
        (sized(3, literal(b"abc")[:-1]), "inside a literal"),
        (sized(100, b"\xf4\x01"), "size of a literal"),
        (sized(8, literal(b"abc"), b"\x05"), "inside a copy"),
        (sized(8, literal(b"abc"), bytes([1 << 2 | 1, 4])), "4 bytes back"),
        (sized(8, literal(b"abc"), bytes([1 << 2 | 1, 0])), "0 bytes back"),
        (sized(4, literal(b"abc"), bytes([63 << 2 | 2, 1, 0])), "more than the 4"),
        (varint.encode(2**32 - 1) + literal(b"a"), "at most"),
    ],
)
def test_lies(raw: bytes, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        decompress(raw)


@given(st.binary(max_size=80))
def test_anything_is_refused_or_bounded(raw: bytes) -> None:
    try:
        made = decompress(raw, max_bytes=1000)
    except DecodeError:
        return
    assert len(made) <= 1000


def test_a_bomb_is_not_opened() -> None:
    copies = bytes([63 << 2 | 2, 1, 0]) * 3000
    with pytest.raises(DecodeError, match="more than the 100"):
        decompress(sized(100, literal(b"a"), copies))
    assert snappy.MAX_BYTES >= 1024 * 1024
