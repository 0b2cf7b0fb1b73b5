"""The manifest: typed in, strict, and replaced whole whenever the power fails."""

from __future__ import annotations

import zlib
from random import Random

import pytest

from p2plib.data.stores.log_structured.manifest import (
    MANIFEST,
    Manifest,
    TableInfo,
    commit_manifest,
    prepare_manifest,
    read_manifest,
)
from p2plib.data.stores.simulated_disk import Fault, PowerCut, SimulatedDisk
from p2plib.errors import DecodeError, StoreCorrupt

OLD = Manifest(9, 8, (TableInfo(3, 1, 52417), TableInfo(7, 0, 13122)))
NEW = Manifest(12, 11, (TableInfo(10, 2, 99),))
TEXT = b"p2plib store 1\nnext 9\nlog 8\ntable 3 1 52417\ntable 7 0 13122\n"


def sealed(text: bytes) -> bytes:
    return text + b"crc32 %08x\n" % zlib.crc32(text)


def test_typed_in() -> None:
    assert OLD.encode() == sealed(TEXT)
    assert Manifest.decode(sealed(TEXT)) == OLD
    salted = Manifest(9, 8, OLD.tables, b"\x0a\xff")
    text = TEXT.replace(b"next", b"salt 0aff\nnext")
    assert salted.encode() == sealed(text)
    assert Manifest.decode(sealed(text)) == salted
    assert (OLD.log_name, OLD.tables[0].name) == ("000008.log", "000003.table")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        TEXT.replace(b"store 1", b"store 2"),
        TEXT.replace(b"next 9", b"next 7"),
        TEXT.replace(b"log 8", b"log 7"),
        TEXT.replace(b"3 1 5", b"3 0 5").replace(b"7 0 1", b"7 1 1"),
        TEXT + b"more\n",
        TEXT.replace(b"next", b"salt 0af\nnext"),
        TEXT.replace(b"next", b"salt " + b"00" * 65 + b"\nnext"),
        TEXT.replace(b"next 9\n", b""),
        TEXT.replace(b"9", "９".encode()),
    ],
)
def test_what_cannot_be_right(text: bytes) -> None:
    with pytest.raises(DecodeError):
        Manifest.decode(sealed(text))


@pytest.mark.fault("F121")
def test_every_flipped_bit_and_every_cut_is_noticed() -> None:
    raw = OLD.encode()
    for bit in range(len(raw) * 8):
        data = bytearray(raw)
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(DecodeError):
            Manifest.decode(bytes(data))
    for size in range(len(raw)):
        with pytest.raises(DecodeError):
            Manifest.decode(raw[:size])


def test_it_is_the_old_one_or_the_new_one_whenever_the_power_fails() -> None:
    def disk_with_old(faults: dict[int, Fault]) -> SimulatedDisk:
        disk = SimulatedDisk(faults, sector_bytes=16)
        prepare_manifest(disk, OLD)
        commit_manifest(disk)
        return disk

    begin = len(disk_with_old({}).steps)
    seen = set()
    for step in range(begin, begin + 5):
        for fault in (Fault.CUT_BEFORE, Fault.CUT_DURING):
            for seed in range(20):
                disk = disk_with_old({step: fault})
                try:
                    prepare_manifest(disk, NEW)
                    commit_manifest(disk)
                except PowerCut:
                    pass
                found = read_manifest(disk.after_power_cut(Random(seed)))
                assert found in (OLD, NEW)
                seen.add(found)
    assert seen == {OLD, NEW}


def test_reading_one() -> None:
    disk = SimulatedDisk()
    with pytest.raises(FileNotFoundError):
        read_manifest(disk)
    disk.append(MANIFEST, b"nonsense")
    with pytest.raises(StoreCorrupt, match="MANIFEST"):
        read_manifest(disk)
