"""LevelDB's logs: bytes that it wrote, fragments over blocks, torn ends, damage in the middle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.stores.leveldb_files.mask import masked
from p2plib.data.stores.leveldb_files.records import (
    BLOCK_BYTES,
    SequencedEntry,
    decode_batch,
    dissect,
    read_records,
)
from p2plib.errors import DecodeError, StoreCorrupt
from p2plib.wire.crc32c import crc32c
from tests.data.stores.leveldb_files.samples import SMALL

LOG = SMALL["000004.log"]


def fragment(kind: int, data: bytes) -> bytes:
    crc = masked(crc32c(bytes([kind]) + data))
    return crc.to_bytes(4, "little") + len(data).to_bytes(2, "little") + bytes([kind]) + data


def log_of(*records: bytes) -> bytes:
    """A log as LevelDB's writer makes it (its log_format.md)."""
    out = b""
    for record in records:
        rest, is_first = record, True
        while is_first or rest:
            left = BLOCK_BYTES - len(out) % BLOCK_BYTES
            if left < 7:
                out += bytes(left)
                continue
            part, rest = rest[: left - 7], rest[left - 7 :]
            out += fragment({(1, 1): 1, (1, 0): 2, (0, 0): 3, (0, 1): 4}[int(is_first), int(not rest)], part)
            is_first = False
    return out


def test_what_leveldb_wrote() -> None:
    found = read_records(LOG, "log")
    assert [decode_batch(record) for record in found.records] == [
        [SequencedEntry(b"ben", 4, b"new")],
        [SequencedEntry(b"ada", 5, None)],
    ]
    assert found.cut_bytes == 0
    fields = dissect(LOG)
    assert b"".join(field.raw for field in fields) == LOG[:28]
    assert [field.name for field in fields][-4:] == ["key size", "key", "value size", "value"]


@given(st.lists(st.integers(0, 3 * BLOCK_BYTES), max_size=5))
def test_records_over_blocks(sizes: list[int]) -> None:
    records = [bytes([number]) * size for number, size in enumerate(sizes)]
    assert read_records(log_of(*records), "log").records == records


def test_a_trailer_of_every_size() -> None:
    for size in range(BLOCK_BYTES - 20, BLOCK_BYTES + 1):
        assert read_records(log_of(bytes(size), b"next"), "log").records == [bytes(size), b"next"]


def test_torn_at_every_byte() -> None:
    log = log_of(b"a" * 10, b"b" * 20)
    for size in range(len(log) + 1):
        found = read_records(log[:size], "log")
        count = (size >= 17) + (size >= 44)
        assert len(found.records) == count
        left = size - (0, 17, 44)[count]
        assert found.cut_bytes == left or not log[size - left : size].strip(b"\0")
    large = log_of(b"a", b"b" * 100_000)
    found = read_records(large[:70_000], "log")
    assert (found.records, found.cut_bytes) == ([b"a"], 70_000 - 8)


@pytest.mark.fault("F121")
def test_every_flipped_bit_is_noticed_or_looks_like_a_torn_end() -> None:
    log = log_of(b"a" * 10, b"b" * 20, b"c" * 5)
    for bit in range(len(log) * 8):
        data = bytearray(log)
        data[bit // 8] ^= 1 << bit % 8
        try:
            found = read_records(bytes(data), "log")
        except StoreCorrupt:
            continue
        assert found.cut_bytes >= 12  # a size that reaches past the end: told, not silent


def test_zeros_at_the_end_and_in_the_middle() -> None:
    whole = log_of(b"abc")
    assert read_records(whole + bytes(500), "log") == read_records(whole, "log")
    with pytest.raises(StoreCorrupt, match="zeros"):
        read_records(whole + bytes(20) + log_of(b"x"), "log")


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (fragment(4, b"x"), "wrong place"),
        (fragment(3, b"x"), "wrong place"),
        (fragment(2, b"x") + fragment(1, b"y"), "wrong place"),
        (fragment(5, b"x"), "kind 1 to 4"),
        (fragment(1, b"x")[:4] + b"\xff\xff\x01" + bytes(70_000), "fit"),
    ],
)
def test_fragments_that_do_not_fit(raw: bytes, rule: str) -> None:
    with pytest.raises(StoreCorrupt, match=rule):
        read_records(raw, "log")


@pytest.mark.parametrize(
    "raw",
    ["", "00" * 11, "00" * 8 + "ffffffff", "00" * 8 + "01000000", "00" * 8 + "01000000 02 0161",
     "00" * 8 + "01000000 01 0161", "00" * 8 + "01000000 00 ffffff7f 61", "00" * 8 + "00000000 00"],
)  # fmt: skip
def test_what_is_no_batch(raw: str) -> None:
    with pytest.raises(DecodeError):
        decode_batch(bytes.fromhex(raw))


def test_dissecting_other_fragments() -> None:
    assert [field.name for field in dissect(fragment(2, b"x"))] == ["checksum", "size", "kind", "data"]
    with pytest.raises(StoreCorrupt):
        dissect(b"")
