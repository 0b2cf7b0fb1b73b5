"""SQLite behind the interface of an ordered store: one table, in write-ahead mode. No package is needed for
it.

A durable write waits for the disk (`synchronous = FULL`), any other does not (`NORMAL`, which never tears a
batch). A scan reads through a connection of its own, whose read transaction is the snapshot. The folder is
locked for one opener, as the other stores are, although SQLite itself would let many in.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from p2plib.data.stores.base import CheckedStore, Pair, Snapshot
from p2plib.data.stores.files import DiskFiles
from p2plib.data.stores.interfaces import Change, Put
from p2plib.errors import NotFound, P2PError, StoreCorrupt, StoreError, StoreFull

FILE = "store.sqlite"
STEP = 256  # pairs that a scan fetches at a time
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_REFUSED = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}


class SqliteStore(CheckedStore):
    """An `OrderedStore` in an SQLite database.

    Args:
        path: of a folder, which is made if it is not there.

    Raises:
        StoreLocked: another store has the folder open.
        StoreCorrupt: the file in it is no database, or a damaged one.
        StoreFull: the disk refuses to be written.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        files = DiskFiles(path)
        super().__init__(files.path)
        self._file = str(Path(files.path) / FILE)
        with contextlib.ExitStack() as undo:
            undo.callback(files.lock())
            self._connection = undo.enter_context(contextlib.closing(self._connect()))
            with self._translated():
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute(
                    "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL)"
                    " WITHOUT ROWID"
                )
            self._undo = undo.pop_all()

    def _connect(self) -> sqlite3.Connection:
        with self._translated():
            return sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        raise AssertionError

    def _get(self, key: bytes) -> bytes:
        with self._translated():
            row = self._connection.execute("SELECT value FROM entries WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise NotFound(f"the store {self.name} has no key {key!r:.60}")
        return bytes(row[0])

    def _write(self, changes: list[Change], durable: bool) -> None:
        run = self._connection.execute
        with self._translated():
            run(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            run("BEGIN IMMEDIATE")
            try:
                for change in changes:
                    if isinstance(change, Put):
                        run("INSERT OR REPLACE INTO entries VALUES (?, ?)", (change.key, change.value))
                    else:
                        run("DELETE FROM entries WHERE key = ?", (change.key,))
                run("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    run("ROLLBACK")
                raise

    def _snapshot(self, start: bytes, end: bytes | None, reverse: bool, limit: int | None) -> Snapshot:
        reader = self._connect()
        try:
            with self._translated():
                reader.execute("BEGIN")
                rows = reader.execute(
                    "SELECT key, value FROM entries WHERE key >= ?"
                    + ("" if end is None else " AND key < ?")
                    + f" ORDER BY key {'DESC' if reverse else 'ASC'}",
                    (start,) if end is None else (start, end),
                )
                first = rows.fetchmany(STEP)  # the transaction begins with the first read
        except BaseException:
            reader.close()
            raise

        def release() -> None:
            rows.close()  # or the connection lives on until the cursor is gone
            reader.close()

        return self._pairs(first, rows), release

    def _pairs(self, some: list[tuple[bytes, bytes]], rows: sqlite3.Cursor) -> Iterator[Pair]:
        while some:
            yield from some
            with self._translated():
                some = rows.fetchmany(STEP)

    def _close(self) -> None:
        self._undo.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """SQLite's errors in our words."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._meaning(error) from error

    def _meaning(self, error: sqlite3.Error) -> P2PError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the upper bits say more, and differ by version
        if code in _CORRUPT:
            return StoreCorrupt(f"SQLite says: {error}", self._file)
        if code in _REFUSED:
            return StoreFull(f"the disk of the store {self.name} refuses: {error}")
        return StoreError(f"SQLite cannot use the store {self.name}: {error}")
