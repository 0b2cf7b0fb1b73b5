"""LevelDB's manifest: a log of *edits*, each a change to the set of tables. A codec, for reading.

An edit is fields, each a number that says which (a varint), and what it has::

    1 comparator     the name of the order of keys
    2 log            logs with a smaller number are done with
    3 next           the next number of a file
    4 last sequence  of all changes so far
    5 pointer        where compaction of a level goes on: level, key
    6 removed        level, file
    7 added          level, file, size, smallest key, largest key
    9 previous log   an older log that still counts, in old versions

The edits from first to last make the set of files that counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from p2plib.data.stores.leveldb_files.records import slice_of
from p2plib.errors import DecodeError
from p2plib.wire import varint

COMPARATOR = b"leveldb.BytewiseComparator"  # keys in the order of their bytes; we know no other
LEVELS = 7
_MAX_64 = 2**64 - 1


@dataclass(frozen=True, slots=True)
class LevelDbTable:
    """One table of a database.

    Args:
        number: of its file.
        level: 0 for one that was a memtable; those of a level from 1 on do not overlap.
        size: of the file, in bytes.
        smallest: the first of its keys, with the eight bytes of sequence and kind.
        largest: the last one.
    """

    number: int
    level: int
    size: int
    smallest: bytes
    largest: bytes


@dataclass(slots=True)
class LevelDbVersion:
    """The set of files that counts.

    Args:
        log_number: the first log that counts.
        previous_log: an older one that counts besides; 0 for none.
        next_number: of the next file.
        last_sequence: of all changes in tables.
        tables: by number.
    """

    log_number: int = 0
    previous_log: int = 0
    next_number: int = 0
    last_sequence: int = 0
    tables: dict[int, LevelDbTable] = field(default_factory=dict)


def version_of(edits: Iterable[bytes]) -> LevelDbVersion:
    """What the records of a manifest add up to, from the first to the last.

    Raises:
        DecodeError: one is cut short, has an unknown field, or another order of keys than ours.
    """
    version = LevelDbVersion()
    for edit in edits:
        _apply(version, edit)
    return version


def _apply(version: LevelDbVersion, edit: bytes) -> None:
    at = 0
    added: list[LevelDbTable] = []
    while at < len(edit):
        begin = at
        tag, at = _number(edit, at)
        match tag:
            case 1:
                name, at = slice_of(edit, at)
                if name != COMPARATOR:
                    raise DecodeError(f"the keys are in the order {name!r}, which is not known here", begin)
            case 2:
                version.log_number, at = _number(edit, at)
            case 3:
                version.next_number, at = _number(edit, at)
            case 4:
                version.last_sequence, at = _number(edit, at)
            case 5:
                _, at = _level(edit, at)
                _, at = slice_of(edit, at)
            case 6:
                _, at = _level(edit, at)
                number, at = _number(edit, at)
                version.tables.pop(number, None)
            case 7:
                table, at = _added(edit, at)
                added.append(table)
            case 9:
                version.previous_log, at = _number(edit, at)
            case _:
                raise DecodeError(f"an edit has no field {tag}", begin)
    version.tables.update((table.number, table) for table in added)


def _added(edit: bytes, at: int) -> tuple[LevelDbTable, int]:
    level, at = _level(edit, at)
    number, at = _number(edit, at)
    size, at = _number(edit, at)
    smallest, at = slice_of(edit, at)
    largest, at = slice_of(edit, at)
    return LevelDbTable(number, level, size, smallest, largest), at


def _level(edit: bytes, at: int) -> tuple[int, int]:
    level, after = _number(edit, at)
    if level >= LEVELS:
        raise DecodeError(f"there are levels 0 to {LEVELS - 1}, not {level}", at)
    return level, after


def _number(edit: bytes, at: int) -> tuple[int, int]:
    return varint.decode(edit, at, maximum=_MAX_64)
