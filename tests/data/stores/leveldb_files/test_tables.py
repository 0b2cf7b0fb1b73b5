"""LevelDB's tables: bytes that it wrote, plain and compressed; flipped bits; lies under right checksums."""

from __future__ import annotations

from itertools import islice

import pytest

from p2plib.data.stores.leveldb_files.mask import masked
from p2plib.data.stores.leveldb_files.records import SequencedEntry
from p2plib.data.stores.leveldb_files.tables import MAGIC, MAX_KEY_BYTES, entries_of, read_table
from p2plib.errors import DecodeError
from p2plib.wire import varint
from p2plib.wire.crc32c import crc32c
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
    raw = b""
    for shared, key, value in entries:
        raw += varint.encode(shared) + varint.encode(len(key)) + varint.encode(len(value)) + key + value
    return raw + bytes(4) + (1).to_bytes(4, "little")


def table_of(data_block: bytes, place: bytes | None = None, compression: int = 0) -> bytes:
    """A table with one block and right checksums."""

    def in_file(raw: bytes, kind: int = 0) -> bytes:
        return raw + bytes([kind]) + masked(crc32c(raw + bytes([kind]))).to_bytes(4, "little")

    first = in_file(data_block, compression)
    return table_with(first, block((0, b"z", place or b"\0" + varint.encode(len(data_block)))))


def table_with(blocks: bytes, index: bytes) -> bytes:
    """A table with this index over these blocks."""
    checked = index + b"\0" + masked(crc32c(index + b"\0")).to_bytes(4, "little")
    places = bytes(2) + varint.encode(len(blocks)) + varint.encode(len(index))
    return blocks + checked + places.ljust(40, b"\0") + MAGIC.to_bytes(8, "little")


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


def test_a_block_that_the_index_names_again_and_again() -> None:
    """A small file would be hours of work: each block is read once."""
    data = block((0, b"a" + PUT, b"1"))
    whole = table_of(data)
    blocks = whole[: len(data) + 5]
    place = bytes([0, len(data)])
    assert len(list(read_table(table_with(blocks, block((0, b"z", place)))))) == 1
    with pytest.raises(DecodeError, match="each once"):
        list(read_table(table_with(blocks, block((0, b"y", place), (0, b"z", place)))))


def test_keys_that_share_a_large_one() -> None:
    """Twelve bytes an entry, and each makes a key of a hundred thousand: 600 kB would be 5 GB."""
    large = b"k" * 100_000
    entries = [(0, large, b"")] + [
        (len(large) - 8, b"%08d" % number, b"") for number in range(10**7, 10**7 + 2000)
    ]
    sizes = (len(key) for key, _ in entries_of(block(*entries)))
    assert sum(islice(sizes, 671)) <= MAX_KEY_BYTES
    with pytest.raises(DecodeError, match="keys of a block take more"):
        next(sizes)
    assert len(list(entries_of(block(*entries[:600])))) == 600
