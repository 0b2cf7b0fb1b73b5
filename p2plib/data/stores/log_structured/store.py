"""The log-structured store: write to a log, sort in memory, keep sorted files, merge them now and then.

::

    with LogStructuredStore(DiskFiles("my-store")) as store:
        store.write([Put(b"key", b"value"), Delete(b"other")])
        store.get(b"key")

A write goes to the end of the log, and into the memtable. When the memtable is large it becomes a *table*, a
file in order, and the log begins anew. A read asks the memtable, then the tables from the newest to the
oldest. So that there are few, tables are merged: `fan` of one tier become one of the next, as digits carry.
That happens inside the write that finds the memtable full, so now and then one takes long.

Rules
    1. Nothing that counts is ever changed in place: the log grows at its end, tables are written once, the
       manifest is replaced.
    2. A file is on the disk, with its name, before a manifest names it. What no manifest names is removed
       only after the new one is on the disk.
    3. After a sync that failed, after a write that was broken off, and when it is not known which manifest
       counts, the store takes no more writes; reading goes on. What the log says is written *again*, into a
       table, when the store is opened: the cache may show bytes that the disk never got.
    4. A table that a scan still reads is removed when the last such scan lets go.

Vocabulary::

    flush       make the memtable a table
    compaction  make several tables one
    tier        how often its entries were compacted, for example 0 for a memtable that was flushed
    tombstone   an entry that says "deleted"; dropped when nothing older is left that it could hide
"""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from p2plib.data.stores.base import CheckedStore, Snapshot
from p2plib.data.stores.files import FileSystem
from p2plib.data.stores.interfaces import Change, Put
from p2plib.data.stores.log_structured import batch, recovery
from p2plib.data.stores.log_structured.bloom import BITS_PER_KEY
from p2plib.data.stores.log_structured.manifest import (
    Manifest,
    TableInfo,
    commit_manifest,
    log_name,
    prepare_manifest,
    read_manifest,
    table_name,
)
from p2plib.data.stores.log_structured.memtable import Entry, Memtable
from p2plib.data.stores.log_structured.merge import alive, merged
from p2plib.data.stores.log_structured.table import TableCounts, TableReader, write_table
from p2plib.data.stores.log_structured.wal import LogRecord, encode_record
from p2plib.errors import NotFound, StoreCorrupt, StoreFull, UsageError

MEMTABLE_BYTES = 1024 * 1024  # what recovery may have to read again, and what a table of tier 0 holds
FAN = 4  # tables of one tier that become one; more of them: fewer bytes written, more tables to ask

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(slots=True)
class StoreStats:
    """What a store has done since it was opened, and what was found then. All sizes in bytes.

    Args:
        batches: that were written.
        user_bytes: keys and values in them.
        log_bytes: what they took in the log.
        table_bytes: what flushes and compactions wrote.
        flushes: how often the memtable became a table.
        compactions: how often tables became one.
        failed: flushes and compactions that the disk refused; each is tried again.
        recovered_records: records of the log that were replayed at the opening.
        cut_bytes: a torn end of the log that was cut off then.
        leftovers: files of no use that a crash had left, and that were removed then.
        reads: what reading tables has cost.
        tables: how many there are now, and the tier of each, the oldest first.
        entries: in them, tombstones and overruled ones among them.
        held_bytes: the size of all tables.
    """

    batches: int = 0
    user_bytes: int = 0
    log_bytes: int = 0
    table_bytes: int = 0
    flushes: int = 0
    compactions: int = 0
    failed: int = 0
    recovered_records: int = 0
    cut_bytes: int = 0
    leftovers: int = 0
    reads: TableCounts = field(default_factory=TableCounts)
    tables: tuple[int, ...] = ()
    entries: int = 0
    held_bytes: int = 0


class LogStructuredStore(CheckedStore):
    """An `OrderedStore` in files of its own kind.

    Args:
        files: the directory, which this store locks.
        memtable_bytes: how large the memtable grows before it becomes a table.
        fan: how many tables of one tier become one of the next, 2 or more.
        bits_per_key: of the Bloom filters; 0 for none.
        salt: of a new store, which keeps it: 16 random bytes where strangers choose keys or values.

    Raises:
        StoreLocked: another store has the directory open.
        StoreCorrupt: what was kept there is not there any more, or not as it was.
        StoreFull: the disk refuses what is needed to make a new store.
        UsageError: a number is too small.
    """

    def __init__(
        self,
        files: FileSystem,
        *,
        memtable_bytes: int = MEMTABLE_BYTES,
        fan: int = FAN,
        bits_per_key: int = BITS_PER_KEY,
        salt: bytes = b"",
    ) -> None:
        if memtable_bytes < 1 or fan < 2 or bits_per_key < 0:
            raise UsageError("a memtable has 1 byte or more, a fan is 2 or more, a filter has 0 bits or more")
        if not isinstance(salt, bytes) or len(salt) > 64:
            raise UsageError("a salt is at most 64 bytes")
        super().__init__(files.path)
        self._files = files
        self._memtable_bytes, self._fan, self._bits_per_key = memtable_bytes, fan, bits_per_key
        self._stats = StoreStats()
        self._memtable = Memtable()
        self._pins: Counter[str] = Counter()
        self._doomed: set[str] = set()
        self._fresh: list[str] = []  # files of a flush or compaction that is under way
        self._refusal = ""
        self._record = self._log_size = self._synced = 0
        with contextlib.ExitStack() as undo:
            undo.callback(files.close)
            undo.callback(self._refusing(files.lock, "cannot be locked"))
            self._recover(salt)
            self._undo = undo.pop_all()

    def flush(self) -> None:
        """Make the memtable a table, and merge tables where a tier has enough of them.

        Raises:
            StoreFull: the disk refuses it; nothing is lost, and a later write tries again.
            StoreCorrupt: a table that was to be merged is damaged; the memtable is a table all the same.
        """
        self._require_open()
        self._require_writable()
        if len(self._memtable):
            self._refusing(self._flush, "takes no new table")
        self._merge_due()

    def compact(self) -> None:
        """Make everything one table; no tombstone and no overruled value is left.

        Raises:
            StoreFull: the disk refuses it.
            StoreCorrupt: a table is damaged.
        """
        self.flush()
        if self._tables:
            self._refusing(lambda: self._compact(0, self._manifest.tables[0].tier), "takes no new table")

    def check(self) -> int:
        """Read every byte that is kept.

        Returns:
            How many entries the tables have.

        Raises:
            StoreCorrupt: something is damaged: the manifest, the log, or a table.
        """
        self._require_open()
        try:
            kept = read_manifest(self._files)
        except FileNotFoundError:
            raise StoreCorrupt("the manifest is not there any more", self.name) from None
        if not self._refusal:
            if kept != self._manifest:
                raise StoreCorrupt("the manifest is not the one that this store wrote", self.name)
            kept_log = recovery.read_named_log(self._files, self._manifest)
            if (kept_log.size, kept_log.cut_bytes) != (self._log_size, 0):
                raise StoreCorrupt("the log is not what this store wrote", self.name, kept_log.size)
        return sum(table.check() for table in self._tables)

    def stats(self) -> StoreStats:
        """What was done and found; the object goes on counting."""
        self._stats.tables = tuple(info.tier for info in self._manifest.tables)
        self._stats.entries = sum(table.entries for table in self._tables)
        self._stats.held_bytes = sum(table.size for table in self._tables)
        return self._stats

    # What `CheckedStore` asks for

    def _get(self, key: bytes) -> bytes:
        found = self._memtable.find(key)
        for table in reversed(self._tables) if found is None else ():
            found = table.find(key)
            if found is not None:
                break
        if found is None or found[1] is None:
            raise NotFound(f"the store {self.name} has no key {key!r:.60}")
        return found[1]

    def _write(self, changes: list[Change], durable: bool) -> None:
        self._require_writable()
        payload = batch.encode(changes)
        if max(self._memtable.size_bytes, self._log_size) >= self._memtable_bytes:
            self._make_room()
        with self._unless_broken_off("it is not known how much of it was written"):
            if changes:
                record = LogRecord(self._record + 1, self._synced, payload)
                self._append(encode_record(record, self._manifest.log_salt))
            if durable and self._synced < self._log_size:
                self._sync()
            self._memtable.apply(changes)
        self._stats.batches += 1
        self._stats.user_bytes += sum(
            len(change.key) + (len(change.value) if isinstance(change, Put) else 0) for change in changes
        )

    def _snapshot(self, start: bytes, end: bytes | None, reverse: bool, limit: int | None) -> Snapshot:
        newest = self._memtable.entries(start, end)
        walks: list[Iterator[Entry]] = [iter(newest[::-1] if reverse else newest)]
        pinned = [table.name for table in self._tables]
        walks += [table.walk(start, end, reverse=reverse) for table in reversed(self._tables)]
        self._pins.update(pinned)
        return alive(merged(walks, reverse=reverse)), lambda: self._unpin(pinned)

    def _close(self) -> None:
        with self._undo:
            if self._refusal or not self._log_size:
                return
            try:
                self._refusing(self._flush, "takes no new table")
            except StoreFull:
                self._sync()  # what the log says is safe then, and is read at the next opening

    # Opening

    def _recover(self, salt: bytes) -> None:
        found = self._refusing(
            lambda: recovery.find(self._files, self._stats.reads, salt), "does not let it be opened"
        )
        self._manifest, self._tables = found.manifest, found.tables
        self._next_number = found.manifest.next_number
        self._stats.recovered_records = len(found.log.records)
        self._stats.cut_bytes = found.log.cut_bytes
        for record in found.log.records:
            self._memtable.apply(recovery.changes_of(record, self.name))
        self._record, self._log_size = len(found.log.records), found.log.size
        try:
            self._stats.leftovers = recovery.remove_leftovers(self._files, found.manifest)
            if found.log.size or found.log.cut_bytes:
                self._flush()
        except (OSError, StoreFull) as error:
            self._count_failure("recovery", error)
            self._refusal = f"what its log says could not be written again ({error}); open it again"
        try:
            self._merge_due()
        except (StoreCorrupt, StoreFull) as error:
            self._count_failure("compaction", error)

    # Writing

    def _append(self, raw: bytes) -> None:
        """Puts a record at the end of the log, or nothing."""
        try:
            self._files.append(self._manifest.log_name, raw)
        except OSError as error:
            with self._or_refuse():
                self._files.truncate(self._manifest.log_name, self._log_size)
            raise _full(self.name, "takes no more bytes", error) from error
        self._record += 1
        self._log_size += len(raw)
        self._stats.log_bytes += len(raw)

    def _sync(self) -> None:
        with self._or_refuse():
            self._files.sync(self._manifest.log_name)
            self._synced = self._log_size

    def _make_room(self) -> None:
        """The memtable becomes a table; that another table is damaged is no reason to refuse a write."""
        try:
            self.flush()
        except StoreCorrupt as error:
            self._count_failure("compaction", error)

    def _flush(self) -> None:
        """The memtable becomes a table, and the log begins anew."""
        with self._new_files():
            tables = (*self._manifest.tables, *self._write_table(iter(self._memtable.entries()), tier=0))
            number = self._take_number(log_name)
            self._files.append(log_name(number), b"")
            self._install(number, tables)
        self._stats.flushes += 1

    def _due(self) -> int:
        """How many of the newest tables are to be merged now: those of one tier, if they are enough."""
        tiers = [info.tier for info in self._manifest.tables]
        count = tiers.count(tiers[-1]) if tiers else 0
        return count if count >= self._fan else 0

    def _merge_due(self) -> None:
        """Merges tables as long as a tier has enough of them. What the disk refuses is tried again later."""
        try:
            while not self._refusal and (count := self._due()):
                begin = len(self._tables) - count
                self._compact(begin, self._manifest.tables[begin].tier + 1)
        except OSError as error:
            self._count_failure("compaction", error)

    def _compact(self, begin: int, tier: int) -> None:
        """The tables from one on to the newest become one."""
        entries = merged([table.walk() for table in reversed(self._tables[begin:])])
        if not begin:  # nothing older is left that a tombstone could hide
            entries = (entry for entry in entries if entry[1] is not None)
        with self._new_files():
            made = self._write_table(entries, tier)
            kept = self._manifest.tables[:begin]
            self._install(self._manifest.log_number, (*kept, *made))
        self._stats.compactions += 1

    def _write_table(self, entries: Iterator[Entry], tier: int) -> Sequence[TableInfo]:
        """A table of some entries; none where there are no entries."""
        first = next(entries, None)
        if first is None:
            return ()
        info = TableInfo(self._take_number(table_name), tier, 0)
        size = write_table(
            self._files, info.name, _with(first, entries), self._bits_per_key, self._manifest.salt
        )
        self._stats.table_bytes += size
        return (TableInfo(info.number, tier, size),)

    def _install(self, log_number: int, infos: tuple[TableInfo, ...]) -> None:
        """Makes a new manifest the one that counts, and lets go of what the old one named."""
        manifest = Manifest(self._next_number, log_number, infos, self._manifest.salt)
        with self._or_refuse():
            self._files.sync_directory()  # the files that it names have their names before it has
        prepare_manifest(self._files, manifest)
        known = {table.name: table for table in self._tables}
        tables = [
            known.get(info.name) or TableReader(self._files, info.name, self._stats.reads, manifest.salt)
            for info in manifest.tables
        ]
        with self._unless_broken_off("it is not known which manifest counts"), self._or_refuse():
            commit_manifest(self._files)
            old, self._manifest, self._tables = self._manifest, manifest, tables
            if old.log_number != log_number:
                self._memtable = Memtable()
                self._record = self._log_size = self._synced = 0
        named = {info.name for info in manifest.tables}
        gone = [info.name for info in old.tables if info.name not in named]
        gone += [old.log_name] if old.log_name != manifest.log_name else []
        self._doomed.update(gone)
        self._bury()

    def _take_number(self, name: Callable[[int], str]) -> int:
        """A number that no file has, not even one that was written in part."""
        self._fresh.append(name(self._next_number))
        self._next_number += 1
        return self._next_number - 1

    @contextlib.contextmanager
    def _new_files(self) -> Iterator[None]:
        """If something fails here, the files that were begun are removed: the disk may be full."""
        self._fresh.clear()
        try:
            yield
        except (OSError, StoreCorrupt):
            self._doomed.update(set(self._fresh) & set(self._files.names()))
            self._bury()
            raise

    def _unpin(self, names: list[str]) -> None:
        self._pins.subtract(names)
        self._bury()

    def _bury(self) -> None:
        """Removes the files that no manifest names and no scan reads; the next opening, those that stay."""
        for name in [name for name in list(self._doomed) if self._pins[name] <= 0]:
            self._doomed.discard(name)
            self._pins.pop(name, None)
            try:
                self._files.remove(name)
            except OSError as error:
                self._count_failure(f"removal of {name}", error)

    # When the disk refuses

    def _require_writable(self) -> None:
        if self._refusal:
            raise StoreFull(f"the store {self.name} takes no more writes: {self._refusal}")

    def _refusing(self, doing: Callable[[], T], what: str) -> T:
        """Does something, and says what the disk refuses in the store's own words."""
        try:
            return doing()
        except OSError as error:
            raise _full(self.name, what, error) from error

    @contextlib.contextmanager
    def _or_refuse(self) -> Iterator[None]:
        """What the disk refuses here leaves the store in doubt: it takes no more writes."""
        try:
            yield
        except OSError as error:
            self._refusal = f"the disk said {error}, and what it has kept is not known; open it again"
            log.info("the store %s takes no more writes: %s", self.name, self._refusal)
            raise StoreFull(f"the store {self.name} takes no more writes: {self._refusal}") from error

    @contextlib.contextmanager
    def _unless_broken_off(self, doubt: str) -> Iterator[None]:
        """What breaks off here, as Ctrl-C does, leaves the store in doubt; an error that was met does not."""
        try:
            yield
        except StoreFull:
            raise
        except BaseException:
            self._refusal = f"a write was broken off, and {doubt}; open it again"
            raise

    def _count_failure(self, what: str, error: Exception) -> None:
        self._stats.failed += 1
        log.info("the store %s: the disk refuses the %s: %s", self.name, what, error)


def _with(first: Entry, rest: Iterator[Entry]) -> Iterator[Entry]:
    yield first
    yield from rest


def _full(name: str, what: str, error: OSError) -> StoreFull:
    return StoreFull(f"the disk of the store {name} {what}: {error}")
