"""SQLite behind the interface of an ordered store: one table, in write-ahead mode. No package is needed for
it.

A durable write waits for the disk (`synchronous = FULL`), any other does not (`NORMAL`, which never tears a
batch). Where the disk fails while it is written to, nobody knows what it has kept, and what SQLite would
write after that could be lost: no more is written, as the contract says (rule 6). SQLite has no checksum over
its pages: a bit that the disk flips inside a value is not noticed, and `StoreCorrupt` tells of broken pages
alone.

A scan reads through a connection of its own, whose read transaction is the snapshot. The folder is
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
        StoreFull: the disk refuses to be written or locked.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        files = DiskFiles(path)
        super().__init__(files.path)
        self._file = str(Path(files.path) / FILE)
        self._refusal = ""
        self._turn = False
        with contextlib.ExitStack() as undo:
            try:
                undo.callback(files.lock())
            except OSError as error:
                raise StoreFull(f"the disk of the store {self.name} cannot be locked: {error}") from error
            self._connection = undo.enter_context(contextlib.closing(self._connect()))
            with self._translated():
                self._connection.execute("PRAGMA journal_mode = WAL")
                for pragma in ("fullfsync", "checkpoint_fullfsync"):  # or macOS keeps it in the disk's cache
                    self._connection.execute(f"PRAGMA {pragma} = ON")
                self._connection.execute(
                    "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB NOT NULL)"
                    " WITHOUT ROWID"
                )
            self._undo = undo.pop_all()

    def _connect(self) -> sqlite3.Connection:
        with self._translated():
            # From one thread at a time, says the contract, and not always from the same.
            return sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        raise AssertionError

    def _get(self, key: bytes) -> bytes:
        with self._translated():
            row = self._connection.execute("SELECT value FROM entries WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise NotFound(f"the store {self.name} has no key {key!r:.60}")
        value: bytes = row[0]
        return value

    def _write(self, changes: list[Change], durable: bool) -> None:
        if self._refusal:
            raise StoreFull(f"the store {self.name} takes no more writes: {self._refusal}; open it again")
        run, before = self._connection.execute, self._connection.total_changes
        with self._refusing_from_now_on(), self._translated():
            run(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            run("BEGIN IMMEDIATE")
            try:
                for change in changes:
                    if isinstance(change, Put):
                        run("INSERT OR REPLACE INTO entries VALUES (?, ?)", (change.key, change.value))
                    else:
                        run("DELETE FROM entries WHERE key = ?", (change.key,))
                if durable and self._connection.total_changes == before:
                    # SQLite does not sync a transaction that wrote nothing, and earlier ones wait for it
                    self._turn = not self._turn
                    run(f"PRAGMA user_version = {int(self._turn)}")
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
    def _refusing_from_now_on(self) -> Iterator[None]:
        """What the disk fails to do here leaves it unknown what it has kept."""
        try:
            yield
        except StoreFull as error:
            if _code(error.__cause__) == sqlite3.SQLITE_IOERR:
                self._refusal = str(error)
            raise

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """SQLite's errors in our words."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._meaning(error) from error

    def _meaning(self, error: sqlite3.Error) -> P2PError:
        code = _code(error)
        if code in _CORRUPT:
            return StoreCorrupt(f"SQLite says: {error}", self._file)
        if code in _REFUSED:
            return StoreFull(f"the disk of the store {self.name} refuses: {error}")
        return StoreError(f"SQLite cannot use the store {self.name}: {error}")


def _code(error: BaseException | None) -> int:
    """SQLite's number of an error, without the upper bits, which say more and differ by version."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
