"""The write-ahead log: a file of records, each there whole or not at all. Codec, and how to read what is
left.

Layout of a record::

    checksum u32   CRC-32 of all that follows in the record
    size u32       of the payload, in bytes
    number u64     of the record: 1, 2, 3, ... in each log
    synced u64     up to which offset of this file `sync` had returned when the record was written
    payload        a batch

Numbers are little-endian.

Rules
    1. A log is read up to the first record that is not whole. What follows is the *tail*.
    2. A power cut leaves any part of what was not synced, so a tail that was never synced is cut off:
       nobody was promised it. That is so unless
    3. a later record of the tail is whole and says that `synced` was beyond the point where the tail
       begins. Then the disk has changed bytes that it had kept, and the log is corrupt. `StoreCorrupt` says
       so, and nothing is thrown away.

The `synced` field is what tells the two apart. Of the last record that was synced no later one tells; a store
that is closed in order leaves an empty log.

Vocabulary::

    whole   its checksum, its size and its number are right
    tail    the bytes after the last whole record of the unbroken run, for example 17 bytes of half a record
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from p2plib.data.stores.log_structured.batch import MAX_BATCH_BYTES
from p2plib.errors import StoreCorrupt
from p2plib.wire.fields import Field

_HEADER = struct.Struct("<IIQQ")
_NUMBERS = struct.Struct("<QQ")
HEADER_BYTES = _HEADER.size
_NUMBER_AT = 8  # of the number, in a record


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One whole record.

    Args:
        number: counted from 1 in its log.
        synced: up to which offset the log had been synced when this was written.
        payload: a batch.
    """

    number: int
    synced: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class LogContents:
    """What was read of a log.

    Args:
        records: the unbroken run from its beginning.
        size: of that run, in bytes.
        cut_bytes: of the tail after it.
    """

    records: list[LogRecord]
    size: int
    cut_bytes: int


def encode_record(record: LogRecord) -> bytes:
    """The bytes of a record."""
    header = _HEADER.pack(0, len(record.payload), record.number, record.synced)
    checksum = zlib.crc32(record.payload, zlib.crc32(header[4:]))
    return checksum.to_bytes(4, "little") + header[4:] + record.payload


def read_log(data: bytes, path: str) -> LogContents:
    """Read what a log holds, and decide what its tail is.

    Args:
        data: the whole file.
        path: of the file, for what is raised.

    Raises:
        StoreCorrupt: bytes that had been synced are not there any more (rule 3).
    """
    records: list[LogRecord] = []
    at = 0
    while record := _whole(data, at, len(records) + 1):
        if record.synced > at:
            raise StoreCorrupt("a record says that what comes after it was synced", path, at)
        records.append(record)
        at += HEADER_BYTES + len(record.payload)
    for offset, later in _witnesses(data, at, len(records) + 1):
        raise StoreCorrupt(
            f"record {len(records) + 1} of the log is damaged, and had been synced: so says record "
            f"{later.number} at {offset}, which is whole",
            path,
            at,
        )
    return LogContents(records, at, len(data) - at)


def dissect_record(data: bytes) -> list[Field]:
    """The first record of some bytes, field by field; what comes after it is left out.

    Raises:
        StoreCorrupt: it is not whole.
    """
    number = int.from_bytes(data[_NUMBER_AT : _NUMBER_AT + 8], "little")
    record = _whole(data, 0, number)
    if record is None:
        raise StoreCorrupt("there is no whole record here", "these bytes", 0)
    return [
        Field("checksum", data[:4], "CRC-32 of the rest"),
        Field("size", data[4:8], f"{len(record.payload)} bytes of payload"),
        Field("number", data[8:16], f"record {record.number}"),
        Field("synced", data[16:24], f"the first {record.synced} bytes of the log are safe"),
        Field("payload", record.payload, "a batch"),
    ]


def _whole(data: bytes, at: int, number: int) -> LogRecord | None:
    """The record at an offset, if it is whole and has this number."""
    if at + HEADER_BYTES > len(data):
        return None
    checksum, size, found, synced = _HEADER.unpack_from(data, at)
    end = at + HEADER_BYTES + size
    if found != number or end > len(data) or size > MAX_BATCH_BYTES:
        return None
    if zlib.crc32(memoryview(data)[at + 4 : end]) != checksum:
        return None
    return LogRecord(number, synced, data[at + HEADER_BYTES : end])


def _witnesses(data: bytes, begin: int, missing: int) -> Iterator[tuple[int, LogRecord]]:
    """Whole records that say that a damaged one had been synced, as (offset, record), wherever they begin.

    Only places whose number and whose `synced` can be right are looked at, so few checksums are computed.
    """
    most = missing + (len(data) - begin) // HEADER_BYTES
    zeros = b"\0" * 4  # the upper half of a number; a log has no 2**32 records
    at = data.find(zeros, begin + _NUMBER_AT + 4)
    while 0 <= at <= len(data) - 12:
        offset = at - 4 - _NUMBER_AT
        number, synced = _NUMBERS.unpack_from(data, offset + _NUMBER_AT)
        plausible = missing < number <= most and begin < synced <= offset
        if plausible and (record := _whole(data, offset, number)):
            yield offset, record
            at = data.find(zeros, at + HEADER_BYTES + len(record.payload))
        else:
            at = data.find(zeros, at + 1)
