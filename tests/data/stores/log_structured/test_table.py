"""Tables: what is written is found, every flipped bit is noticed, no size is believed."""

from __future__ import annotations

import errno
import os
from random import Random

import pytest

from p2plib.data.stores.log_structured import table as module
from p2plib.data.stores.log_structured.memtable import Entry
from p2plib.data.stores.log_structured.table import TableCounts, TableReader, write_table
from p2plib.data.stores.simulated_disk import SimulatedDisk
from p2plib.errors import StoreCorrupt, StoreError

ENTRIES: list[Entry] = [
    (b"%05d" % number, None if number % 7 == 0 else b"v%d" % number * (number % 5))
    for number in range(0, 2000, 2)
]


def written(entries: list[Entry], bits_per_key: int = 10) -> SimulatedDisk:
    disk = SimulatedDisk()
    size = write_table(disk, "t", iter(entries), bits_per_key)
    assert size == disk.size("t")
    return disk


def test_every_entry_is_found_and_no_other() -> None:
    counts = TableCounts()
    table = TableReader(written(ENTRIES), "t", counts)
    assert table.entries == len(ENTRIES) == table.check()
    assert all(table.find(key) == (key, value) for key, value in ENTRIES)
    for number in range(-1, 2001, 2):
        assert table.find(b"%05d" % max(0, number) + b"x") is None
    assert table.find(b"") is None
    assert table.find(b"99999") is None
    assert counts.filter_said_no > 900
    assert counts.filter_was_wrong < 40


def test_walks() -> None:
    table = TableReader(written(ENTRIES), "t")
    rng = Random(3)
    for _ in range(60):
        start, end = sorted(b"%05d" % rng.randrange(2000) for _ in range(2))
        wanted = [entry for entry in ENTRIES if start <= entry[0] < end]
        assert list(table.walk(start, end)) == wanted
        assert list(table.walk(start, end, reverse=True)) == wanted[::-1]
    assert list(table.walk(reverse=True)) == ENTRIES[::-1]
    assert list(table.walk(b"99999")) == []


def test_a_block_is_read_once_while_it_is_remembered() -> None:
    counts = TableCounts()
    table = TableReader(written(ENTRIES), "t", counts)
    for _ in range(5):
        table.find(ENTRIES[3][0])
    assert counts.blocks_read == 1


def test_large_and_empty_tables() -> None:
    huge: list[Entry] = [(b"a", bytes(100_000)), (b"b" * 50_000, b"")]
    assert list(TableReader(written(huge), "t").walk()) == huge
    assert TableReader(written([]), "t").check() == 0
    assert TableReader(written(ENTRIES, 0), "t").find(b"00002") == (b"00002", b"v2v2")


@pytest.mark.fault("F121")
def test_every_flipped_bit_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_BYTES", 40)
    entries: list[Entry] = [(b"%d" % number, b"v" * number) for number in range(10)]
    for bit in range(written(entries).size("t") * 8):
        disk = written(entries)
        disk.flip("t", bit)
        with pytest.raises(StoreCorrupt):
            TableReader(disk, "t").check()


@pytest.mark.fault("F121")
def test_a_table_that_was_cut_is_noticed() -> None:
    whole = written(ENTRIES[:20])
    for size in range(whole.size("t")):
        disk = SimulatedDisk()
        disk.append("t", whole.read("t", 0, size))
        with pytest.raises(StoreCorrupt):
            TableReader(disk, "t").check()
    with pytest.raises(StoreCorrupt, match="not there"):
        TableReader(SimulatedDisk(), "t")


def forged(index: bytes, blocks: bytes = b"", filter_bytes: bytes = b"\x01") -> SimulatedDisk:
    """A table whose checksums hold and whose content is a lie."""
    disk = SimulatedDisk()
    raw_index, raw_filter = module._checked(index), module._checked(filter_bytes)
    footer = module._FOOTER.pack(len(blocks), len(raw_index), len(raw_filter), 1, 0, module.MAGIC)[:-12]
    disk.append("t", blocks + raw_index + raw_filter + module._checked(footer) + module.MAGIC)
    return disk


def test_lies_under_right_checksums() -> None:
    place = module._PLACE.pack
    lies = [
        forged(b"\xff\xff\xff\xff"),
        forged(b"\x01\0\0\0a" + place(0, 50)),
        forged(b"\x01\0\0\0a" + place(5, 0)),
        forged(b"", filter_bytes=b"\0"),
        forged(b"\x01\0\0\0b" + place(0, 4) + b"\x01\0\0\0a" + place(4, 4), blocks=bytes(8)),
    ]
    for disk in lies:
        with pytest.raises(StoreCorrupt):
            TableReader(disk, "t")
    for block in (b"", b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\x01\0\0\0\x01\0\0\0b" * 2):
        raw = module._checked(block)
        disk = forged(b"\x01\0\0\0b" + place(0, len(raw)), raw)
        with pytest.raises(StoreCorrupt):
            TableReader(disk, "t").check()


def test_an_index_that_does_not_fit_its_blocks() -> None:
    raw = module._checked(b"\x01\0\0\0\x01\0\0\0b")
    for name in (b"a", b"c"):
        disk = forged(b"\x01\0\0\0" + name + module._PLACE.pack(0, len(raw)), raw)
        with pytest.raises(StoreCorrupt, match=r"where the index says|not the one that the index names"):
            TableReader(disk, "t").check()


def test_bytes_that_belong_to_nothing() -> None:
    whole = written(ENTRIES[:3])
    disk = SimulatedDisk()
    at = whole.size("t") - module._FOOTER.size
    disk.append("t", whole.read("t", 0, at) + b"hidden" + whole.read("t", at))
    with pytest.raises(StoreCorrupt, match="do not fill"):
        TableReader(disk, "t")


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.EIO, StoreCorrupt), (errno.ENOENT, StoreCorrupt), (errno.EMFILE, StoreError)],
)
def test_a_disk_that_cannot_read(number: int, kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many open files is no damage, and nobody should throw the store away for it."""
    disk = written(ENTRIES)
    table = TableReader(disk, "t")

    def broken(name: str, offset: int = 0, size: int | None = None) -> bytes:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(disk, "read", broken)
    for call in (lambda: table.find(b"00002"), lambda: TableReader(disk, "t")):
        with pytest.raises(StoreError, match="cannot be read") as caught:
            call()
        assert type(caught.value) is kind


def test_a_block_in_the_place_of_another() -> None:
    """Its checksum holds, and still it is not the one that was asked for."""
    disk = written([(key, bytes(20)) for key, _ in ENTRIES])
    (first, size), (second, same) = TableReader(disk, "t")._places[:2]
    assert size == same
    raw = disk.read("t")
    swapped = SimulatedDisk()
    swapped.append("t", raw[second : second + size] + raw[first : first + size] + raw[2 * size :])
    table = TableReader(swapped, "t")
    for call in (lambda: table.find(b"00002"), lambda: list(table.walk()), table.check):
        with pytest.raises(StoreCorrupt, match="not the one that the index names"):
            call()


def test_large_blocks_are_not_remembered() -> None:
    counts = TableCounts()
    table = TableReader(written([(b"%d" % number, bytes(100_000)) for number in range(9)]), "t", counts)
    for _ in range(3):
        assert table.find(b"3") == (b"3", bytes(100_000))
    assert (counts.blocks_read, len(table._blocks)) == (3, 0)
