"""LevelDB's tables: bytes that it wrote, plain and compressed; flipped bits; lies under right checksums."""

from __future__ import annotations

import pytest

from p2plib.data.stores.leveldb_files.crc32c import crc32c, masked
from p2plib.data.stores.leveldb_files.records import SequencedEntry
from p2plib.data.stores.leveldb_files.tables import MAGIC, entries_of, read_table
from p2plib.errors import DecodeError
from tests.data.stores.leveldb_files.samples import COMPRESSED_TABLE, SMALL


def test_what_leveldb_wrote() -> None:
    assert list(read_table(SMALL["000005.ldb"])) == [
        SequencedEntry(b"ada", 1, b"1815"),
        SequencedEntry(b"ben", 2, b"old"),
        SequencedEntry(b"cy", 3, b""),
    ]


def test_what_leveldb_compressed() -> None:
    found = list(read_table(COMPRESSED_TABLE))
    assert [entry.key for entry in found] == [b"key%03d" % number for number in range(40)]
    assert {entry.value for entry in found} == {b"the quick brown fox " * 3}


@pytest.mark.fault("F121")
@pytest.mark.parametrize("table", [SMALL["000005.ldb"], COMPRESSED_TABLE])
def test_every_flipped_bit_is_noticed_or_means_nothing(table: bytes) -> None:
    """What stands behind the metaindex, and the padding of the footer, are not read."""
    wanted = list(read_table(table))
    unnoticed = 0
    for bit in range(len(table) * 8):
        data = bytearray(table)
        data[bit // 8] ^= 1 << bit % 8
        try:
            assert list(read_table(bytes(data))) == wanted
            unnoticed += 1
        except DecodeError:
            continue
    assert unnoticed < 0.6 * len(table) * 8


def block(*entries: tuple[int, bytes, bytes]) -> bytes:
    raw = b"".join(bytes([shared, len(key), len(value)]) + key + value for shared, key, value in entries)
    return raw + bytes(4) + (1).to_bytes(4, "little")


def table_of(data_block: bytes, place: bytes | None = None, compression: int = 0) -> bytes:
    """A table with one block and right checksums."""

    def in_file(raw: bytes, kind: int = 0) -> bytes:
        return raw + bytes([kind]) + masked(crc32c(raw + bytes([kind]))).to_bytes(4, "little")

    first = in_file(data_block, compression)
    index = block((0, b"z", place or bytes([0, len(data_block)])))
    footer = bytes([0, 0, len(first), len(index)]).ljust(40, b"\0") + MAGIC.to_bytes(8, "little")
    return first + in_file(index) + footer


PUT = (1 << 8 | 1).to_bytes(8, "little")


def test_a_table_made_by_hand() -> None:
    made = table_of(block((0, b"a" + PUT, b"1"), (0, b"ab" + PUT, b"2"), (2, PUT, b"older")))
    assert [(entry.key, entry.value) for entry in read_table(made)] == [
        (b"a", b"1"),
        (b"ab", b"2"),
        (b"ab", b"older"),
    ]


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        (b"", "magic"),
        (bytes(48), "magic"),
        (table_of(block((0, b"short", b""))), "eight bytes"),
        (table_of(block((0, b"b" + PUT, b""), (0, b"a" + PUT, b""))), "rise"),
        (table_of(block((0, b"a" + b"\x02" + bytes(7), b""))), "rise"),
        (table_of(block((1, b"a" + PUT, b""))), "shares more"),
        (table_of(bytes(4) + b"\xff\xff\xff\xff"), "no room"),
        (table_of(b"ab"), "ends with a number"),
        (table_of(block(), place=b"\0\x7f"), "not inside"),
        (table_of(block(), place=b"\0\x08\0"), "left over"),
        (table_of(block(), compression=2), "not known"),
        (table_of(b"\xff\xff\xff\xff\x0f", compression=1), "at most"),
    ],
)
def test_lies(table: bytes, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        list(read_table(table))


def test_an_empty_block() -> None:
    assert list(entries_of(bytes(4))) == []
