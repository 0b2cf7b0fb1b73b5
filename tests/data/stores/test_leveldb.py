"""LevelDB behind the interface: its errors are ours, and a bug of plyvel's is walked around."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.leveldb import LevelDbStore
from p2plib.errors import StoreCorrupt, StoreFull, StoreLocked, UsageError

plyvel = pytest.importorskip("plyvel", reason="plyvel, which has no wheel for every Python, is not installed")


def test_without_plyvel_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plyvel", None)
    with pytest.raises(UsageError, match=r"p2plib\[leveldb\]"):
        LevelDbStore(tmp_path / "db")


def test_a_range_down_to_its_only_key(tmp_path: Path) -> None:
    """plyvel 1.5.1 gives nothing here; the conformance suite found it."""
    with LevelDbStore(tmp_path / "db") as store:
        store.write([Put(b"a", b"1"), Put(b"c", b"2")])
        assert list(store._database.iterator(start=b"a", stop=b"b", reverse=True)) == []
        assert list(store.scan(b"a", b"b", reverse=True)) == [(b"a", b"1")]


@pytest.mark.fault("F122")
def test_it_is_opened_once(tmp_path: Path) -> None:
    with LevelDbStore(tmp_path / "db"), pytest.raises(StoreLocked):
        LevelDbStore(tmp_path / "db")


def test_damage_is_ours(tmp_path: Path) -> None:
    with LevelDbStore(tmp_path / "db") as store:
        store.write([Put(b"k%03d" % number, b"value" * 20) for number in range(500)])
        store._database.compact_range()
    [table] = (tmp_path / "db").glob("*.ldb")
    data = bytearray(table.read_bytes())
    data[100] ^= 1
    table.write_bytes(data)
    with LevelDbStore(tmp_path / "db") as store:
        with pytest.raises(StoreCorrupt, match="LevelDB says"):
            store.get(b"k000")
        with pytest.raises(StoreCorrupt):
            list(store.scan())


def test_where_no_directory_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreFull):
        LevelDbStore(tmp_path / "file" / "db")
