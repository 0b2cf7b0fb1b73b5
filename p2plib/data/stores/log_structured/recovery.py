"""What is found when a directory is opened: which files count, what the log still says, what is left.

Rules
    1. The manifest decides. A file that it names and that is not there, or is not what it was, is
       `StoreCorrupt`.
    2. A directory without a manifest is new, unless it has tables or a log with records: then the manifest is
       lost, and nothing is thrown away.
    3. A store that was killed may have *seen* its new manifest without its being kept. So the names are
       synced before a file that the manifest does not name is removed, and before anything is promised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from p2plib.data.stores.files import FileSystem
from p2plib.data.stores.interfaces import Change
from p2plib.data.stores.log_structured import batch
from p2plib.data.stores.log_structured.manifest import (
    MANIFEST,
    NEW_MANIFEST,
    Manifest,
    commit_manifest,
    log_name,
    prepare_manifest,
    read_manifest,
)
from p2plib.data.stores.log_structured.table import TableCounts, TableReader
from p2plib.data.stores.log_structured.wal import LogContents, LogRecord, read_log
from p2plib.errors import DecodeError, StoreCorrupt

_OURS = re.compile(r"\d{6,}\.(log|table)")


@dataclass(slots=True)
class Found:
    """What a directory holds.

    Args:
        manifest: which files count.
        tables: open, the oldest first.
        log: what it still says.
    """

    manifest: Manifest
    tables: list[TableReader]
    log: LogContents


def find(files: FileSystem, counts: TableCounts, salt: bytes = b"") -> Found:
    """Read what a directory holds; one that is empty becomes a new store.

    Args:
        files: the directory, which is locked.
        counts: where to count what reading costs.
        salt: of the logs and Bloom filters of a new store; one that is there has its own.

    Raises:
        StoreCorrupt: something that was kept is not there any more.
        OSError: the disk refuses what is needed to make a new store.
    """
    try:
        manifest = read_manifest(files)
    except FileNotFoundError:
        manifest = _make_new(files, salt)
    tables = []
    for info in manifest.tables:
        table = TableReader(files, info.name, counts, manifest.salt)
        if table.size != info.size:
            path = f"{files.path}/{info.name}"
            raise StoreCorrupt(f"a table has {table.size} bytes, and had {info.size}", path)
        tables.append(table)
    return Found(manifest, tables, read_named_log(files, manifest))


def read_named_log(files: FileSystem, manifest: Manifest) -> LogContents:
    """What the log says that a manifest names.

    Raises:
        StoreCorrupt: it is not there, or damaged where it had been synced.
    """
    path = f"{files.path}/{manifest.log_name}"
    try:
        return read_log(files.read(manifest.log_name), path, manifest.log_salt)
    except FileNotFoundError:
        raise StoreCorrupt("the log that the manifest names is not there", path) from None


def changes_of(record: LogRecord, path: str) -> list[Change]:
    """The batch of a record of the log.

    Raises:
        StoreCorrupt: the record is whole, and what it carries is no batch.
    """
    try:
        return batch.decode(record.payload)
    except DecodeError as error:
        raise StoreCorrupt(f"record {record.number} of the log is no batch: {error.rule}", path) from error


def remove_leftovers(files: FileSystem, manifest: Manifest) -> int:
    """Remove what a crash left behind: files of ours that the manifest does not name. First sync the names.

    Returns:
        How many there were.
    """
    files.sync_directory()
    named = {manifest.log_name, *(table.name for table in manifest.tables)}
    extra = [
        name
        for name in files.names()
        if (_OURS.fullmatch(name) and name not in named) or name == NEW_MANIFEST
    ]
    for name in extra:
        files.remove(name)
    return len(extra)


def _make_new(files: FileSystem, salt: bytes) -> Manifest:
    """A store in a directory that has none: an empty log, and a manifest that names it."""
    for name in files.names():
        if _OURS.fullmatch(name) and (name.endswith(".table") or files.size(name)):
            raise StoreCorrupt(
                f"there is no {MANIFEST}, but there is {name}: the manifest is lost", files.path
            )
    manifest = Manifest(next_number=2, log_number=1, salt=salt)
    files.append(log_name(1), b"")
    files.sync_directory()
    prepare_manifest(files, manifest)
    commit_manifest(files)
    return manifest
