"""SQLite behind the interface: its errors are ours, its scans are snapshots, nothing of it stays open."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from p2plib.data.stores.interfaces import Put
from p2plib.data.stores.sqlite import FILE, SqliteStore
from p2plib.errors import StoreCorrupt, StoreError, StoreFull, StoreLocked


def test_a_durable_write_waits_and_another_does_not(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        store.write([Put(b"k", b"v")])
        assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)
        store.write([Put(b"k", b"w")], durable=False)
        assert store._connection.execute("PRAGMA synchronous").fetchone() == (1,)
        assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreCorrupt, match="SQLite says") as caught:
        SqliteStore(tmp_path)
    assert caught.value.path.endswith(FILE)
    (tmp_path / FILE).unlink()
    SqliteStore(tmp_path).close()  # the lock was given back


def test_a_damaged_page(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        store.write([Put(b"%d" % number, bytes(200)) for number in range(200)])
    data = bytearray((tmp_path / FILE).read_bytes())
    data[4096:4120] = b"\xff" * 24
    (tmp_path / FILE).write_bytes(data)
    with SqliteStore(tmp_path) as store, pytest.raises(StoreCorrupt):
        list(store.scan())


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        store.write([Put(b"before", b"1")])
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreFull):
            store.write([Put(b"before", b"2"), Put(b"large", bytes(100_000))])
        assert list(store.scan()) == [(b"before", b"1")]
        store.write([Put(b"before", b"3")])


def test_threads_may_take_turns(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store, ThreadPoolExecutor(1) as other:
        other.submit(store.write, [Put(b"k", b"v")]).result()
        scan = store.scan()
        assert other.submit(list, scan).result() == [(b"k", b"v")]


@pytest.mark.fault("F122")
def test_it_is_opened_once(tmp_path: Path) -> None:
    with SqliteStore(tmp_path), pytest.raises(StoreLocked):
        SqliteStore(tmp_path)


def test_other_errors_and_scans_that_are_left(tmp_path: Path) -> None:
    with SqliteStore(tmp_path) as store:
        assert isinstance(store._meaning(sqlite3.OperationalError("strange")), StoreError)
        store.write([Put(b"%04d" % number, b"") for number in range(1000)])
        scan = store.scan()
        next(scan)
        scan.close()
        assert next(scan, None) is None
    assert not list(tmp_path.glob("*-wal"))  # the last connection has folded it in: none was left open
