"""LevelDB's manifest: bytes that it wrote, and edits typed in."""

from __future__ import annotations

import pytest

from p2plib.data.stores.leveldb_files.edits import LevelDbTable, version_of
from p2plib.data.stores.leveldb_files.records import read_records
from p2plib.errors import DecodeError
from tests.data.stores.leveldb_files.samples import SMALL


def test_what_leveldb_wrote() -> None:
    version = version_of(read_records(SMALL["MANIFEST-000002"], "manifest").records)
    assert (version.log_number, version.previous_log, version.next_number, version.last_sequence) == (
        4,
        0,
        6,
        3,
    )
    ada, cy = b"ada" + bytes([1, 1]) + bytes(6), b"cy" + bytes([1, 3]) + bytes(6)
    assert version.tables == {5: LevelDbTable(5, 2, 149, ada, cy)}


def test_files_come_and_go() -> None:
    added = bytes.fromhex("07 01 05 0a 0161 0162")
    assert 5 in version_of([added]).tables
    assert version_of([added, bytes.fromhex("06 01 05")]).tables == {}
    moved = bytes.fromhex("06 01 05 07 02 05 0a 0161 0162")
    assert version_of([added, moved]).tables[5].level == 2
    assert version_of([bytes.fromhex("05 01 0161")]).tables == {}


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        ("08 01", "no field 8"),
        ("01 03 616263", "order"),
        ("07 07 05 0a 0161 0162", "levels 0 to 6"),
        ("07 01 05 0a 0161", "ends inside"),
        ("02", "ends inside"),
        ("05 01 ff01 61", "end inside"),
    ],
)
def test_what_is_refused(edit: str, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        version_of([bytes.fromhex(edit)])
