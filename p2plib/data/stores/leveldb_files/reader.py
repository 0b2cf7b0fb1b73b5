"""A directory of LevelDB's, read: which files count, and what they say together. It locks and writes nothing.

::

    found = read_leveldb(DiskFiles("some-database"))
    found.values[b"key"]

Rules
    1. CURRENT names the manifest, the manifest names the tables and the first log that counts; everything
       else in the directory is left over from before.
    2. Of several states of a key the one with the highest sequence counts, wherever it stands.
    3. An unfinished end of a log is cut and counted, as `records` says. All other damage is `StoreCorrupt`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from p2plib.data.stores.files import FileSystem
from p2plib.data.stores.leveldb_files.edits import LevelDbTable, LevelDbVersion, version_of
from p2plib.data.stores.leveldb_files.records import SequencedEntry, decode_batch, read_records
from p2plib.data.stores.leveldb_files.tables import read_table
from p2plib.errors import DecodeError, StoreCorrupt, StoreError

CURRENT = "CURRENT"
_MANIFEST = re.compile(r"MANIFEST-\d{6,}\n", re.ASCII)
_LOG = re.compile(r"(\d{6,})\.log", re.ASCII)


@dataclass(frozen=True, slots=True)
class LevelDbContents:
    """What a database holds.

    Args:
        values: of all keys, in the order of the keys.
        version: which files count.
        logs: the names of the logs that count, the oldest first.
        last_sequence: the highest of all.
        states: how many entries were read, overruled ones and tombstones among them.
        cut_bytes: of unfinished records.
    """

    values: dict[bytes, bytes]
    version: LevelDbVersion
    logs: tuple[str, ...]
    last_sequence: int
    states: int
    cut_bytes: int


def read_leveldb(files: FileSystem) -> LevelDbContents:
    """Read a database that no program has open.

    Args:
        files: its directory.

    Raises:
        StoreError: there is no database.
        StoreCorrupt: a file that counts is missing, or damaged.
    """
    version, cut = _version(files)
    newest: dict[bytes, SequencedEntry] = {}
    states = 0

    def take(entries: Iterable[SequencedEntry]) -> None:
        nonlocal states
        for entry in entries:
            states += 1
            known = newest.get(entry.key)
            if known is None or entry.sequence >= known.sequence:
                newest[entry.key] = entry

    for table in version.tables.values():
        name, data = _table(files, table)
        try:
            take(read_table(data))
        except DecodeError as error:
            raise _corrupt(files, name, error) from error
    logs = sorted((int(found[1]), name) for name in files.names() if (found := _LOG.fullmatch(name)))
    counting = tuple(
        name for number, name in logs if number >= version.log_number or number == version.previous_log
    )
    for name in counting:
        log = read_records(files.read(name), _path(files, name))
        cut += log.cut_bytes
        for record in log.records:
            try:
                take(decode_batch(record))
            except DecodeError as error:
                raise _corrupt(files, name, error) from error
    values = {key: entry.value for key, entry in sorted(newest.items(), key=_key) if entry.value is not None}
    last = max((entry.sequence for entry in newest.values()), default=0)
    return LevelDbContents(values, version, counting, max(last, version.last_sequence), states, cut)


def _version(files: FileSystem) -> tuple[LevelDbVersion, int]:
    """Which files count, and how much of the manifest's end was cut."""
    try:
        current = files.read(CURRENT, 0, 1000).decode("ascii", "replace")
    except FileNotFoundError:
        raise StoreError(f"{files.path} holds no database of LevelDB's: there is no file {CURRENT}") from None
    if not _MANIFEST.fullmatch(current):
        raise StoreCorrupt(f"{CURRENT} names a manifest and ends with a new line", _path(files, CURRENT))
    name = current.strip()
    try:
        log = read_records(files.read(name), _path(files, name))
        return version_of(log.records), log.cut_bytes
    except FileNotFoundError:
        raise StoreCorrupt("the manifest that CURRENT names is not there", _path(files, name)) from None
    except DecodeError as error:
        raise _corrupt(files, name, error) from error


def _table(files: FileSystem, table: LevelDbTable) -> tuple[str, bytes]:
    """A table's name and bytes; old versions called it .sst."""
    for name in (f"{table.number:06}.ldb", f"{table.number:06}.sst"):
        try:
            data = files.read(name)
        except FileNotFoundError:
            continue
        if len(data) != table.size:
            raise StoreCorrupt(f"a table has {len(data)} bytes, and had {table.size}", _path(files, name))
        return name, data
    raise StoreCorrupt("a table that the manifest names is not there", _path(files, f"{table.number:06}.ldb"))


def _key(item: tuple[bytes, SequencedEntry]) -> bytes:
    return item[0]


def _path(files: FileSystem, name: str) -> str:
    return f"{files.path}/{name}"


def _corrupt(files: FileSystem, name: str, error: DecodeError) -> StoreCorrupt:
    return StoreCorrupt(error.rule, _path(files, name), error.offset)
