"""LevelDB's logs: records in blocks of 32 KiB, and the batches that they carry. A codec, for reading.

Layout::

    fragment   checksum u32 (of kind and data, masked) | size u16 | kind u8 | data
    kind       1 the whole record, 2 its first part, 3 a middle part, 4 its last
    batch      sequence u64 | count u32 | change ...
    change     1 | key | value, or 0 | key; both with their size as a varint before them

Numbers are little-endian. No fragment crosses the end of a block; where less than 7 bytes of one are left,
they are zeros.

Rules
    1. A file that ends inside a fragment or a record was being written when its process died: the unfinished
       record is cut, and how many bytes that were is told. So are zeros up to the end of the file.
    2. Anything else that does not fit is `StoreCorrupt`: a checksum that does not hold although the
       fragment is all there, parts in the wrong order. LevelDB itself, unless told otherwise, drops such
       records in silence.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from p2plib.data.stores.leveldb_files.mask import unmasked
from p2plib.errors import DecodeError, StoreCorrupt
from p2plib.wire import varint
from p2plib.wire.crc32c import crc32c
from p2plib.wire.fields import Field

BLOCK_BYTES = 32 * 1024
_HEADER = struct.Struct("<IHB")
_BATCH = struct.Struct("<QI")
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_KINDS = {
    _WHOLE: "the whole record",
    _FIRST: "its first part",
    _MIDDLE: "a middle part",
    _LAST: "its last part",
}
_MAX_32 = 2**32 - 1


@dataclass(frozen=True, slots=True)
class LevelDbLog:
    """What was read of a log or a manifest.

    Args:
        records: whole, in order.
        cut_bytes: of an unfinished record at the end of the file.
    """

    records: list[bytes]
    cut_bytes: int


@dataclass(frozen=True, slots=True)
class SequencedEntry:
    """One state of one key.

    Args:
        key: as it was written.
        sequence: later ones overrule earlier ones.
        value: None for a tombstone.
    """

    key: bytes
    sequence: int
    value: bytes | None

    @property
    def internal_key(self) -> bytes:
        """The key as tables and manifests have it: with the eight bytes of sequence and kind."""
        return self.key + (self.sequence << 8 | (self.value is not None)).to_bytes(8, "little")


def read_records(data: bytes, path: str) -> LevelDbLog:
    """The records of a file.

    Args:
        data: the whole file.
        path: of the file, for what is raised.

    Raises:
        StoreCorrupt: something other than an unfinished end.
    """
    records: list[bytes] = []
    parts: list[bytes] = []
    whole_up_to = 0
    for kind, body, begin, end in _fragments(data, path):
        if (kind in (_WHOLE, _FIRST)) == bool(parts):
            raise StoreCorrupt(f"{_KINDS[kind]} of a record is in the wrong place", path, begin)
        parts.append(body)
        if kind in (_WHOLE, _LAST):
            records.append(b"".join(parts))
            parts.clear()
            whole_up_to = end
    rest = data[whole_up_to:]
    return LevelDbLog(records, len(rest) if rest.strip(b"\0") else 0)


def _fragments(data: bytes, path: str) -> Iterator[tuple[int, bytes, int, int]]:
    """Kind, data, begin and end of each fragment, up to the unfinished end."""
    at = 0
    while at < len(data):
        left = BLOCK_BYTES - at % BLOCK_BYTES
        if left < _HEADER.size:
            at += left
            continue
        if at + _HEADER.size > len(data):
            return
        stored, size, kind = _HEADER.unpack_from(data, at)
        end = at + _HEADER.size + size
        if not kind and not size and not stored:
            if data[at:].strip(b"\0"):
                raise StoreCorrupt("zeros in the middle of a log", path, at)
            return
        if size > left - _HEADER.size:
            raise StoreCorrupt(f"a fragment of {size} bytes does not fit into its block", path, at)
        if end > len(data):
            return
        if crc32c(data[at + _HEADER.size - 1 : end]) != unmasked(stored):
            raise StoreCorrupt("the checksum of a fragment does not match", path, at)
        if kind not in _KINDS:
            raise StoreCorrupt(f"a fragment is of kind 1 to 4, not {kind}", path, at)
        yield kind, data[at + _HEADER.size : end], at, end
        at = end


def decode_batch(record: bytes) -> list[SequencedEntry]:
    """The changes of a record of a log.

    Raises:
        DecodeError: it is cut short, has bytes left over, or an unknown kind of change.
    """
    if len(record) < _BATCH.size:
        raise DecodeError(f"a batch begins with {_BATCH.size} bytes", len(record))
    sequence, count = _BATCH.unpack_from(record)
    if count > len(record):
        raise DecodeError(f"a batch of {len(record)} bytes has no room for {count} changes", 8)
    entries, at = [], _BATCH.size
    for number in range(count):
        if at >= len(record) or record[at] > 1:
            raise DecodeError("a change is a put (1) or a delete (0)", at)
        is_put = record[at]
        key, at = slice_of(record, at + 1)
        value = None
        if is_put:
            value, at = slice_of(record, at)
        entries.append(SequencedEntry(key, sequence + number, value))
    if at != len(record):
        raise DecodeError("bytes are left over after the last change of a batch", at)
    return entries


def slice_of(data: bytes, at: int) -> tuple[bytes, int]:
    """Bytes with their size before them, and the offset of what follows.

    Raises:
        DecodeError: the data end inside them.
    """
    size, at = varint.decode(data, at, maximum=_MAX_32)
    if size > len(data) - at:
        raise DecodeError(f"the data end inside {size} bytes", at)
    return data[at : at + size], at + size


def dissect(data: bytes) -> list[Field]:
    """The first fragment of a log, field by field; a batch in it, too, if it is a whole record.

    Raises:
        StoreCorrupt: there is no fragment.
        DecodeError: the record in it is no batch.
    """
    kind, body, begin, _ = next(_fragments(data, "these bytes"), (0, b"", 0, 0))
    if not kind:
        raise StoreCorrupt("there is no whole fragment here", "these bytes", 0)
    head = data[begin : begin + _HEADER.size]
    fields = [
        Field("checksum", head[:4], f"CRC-32C {unmasked(int.from_bytes(head[:4], 'little')):08x}, masked"),
        Field("size", head[4:6], f"{len(body)} bytes follow the kind"),
        Field("kind", head[6:], _KINDS[kind]),
    ]
    if kind != _WHOLE:
        return [*fields, Field("data", body, "")]
    fields += [
        Field("sequence", body[:8], f"change number {int.from_bytes(body[:8], 'little')} is the first")
    ]
    fields += [Field("count", body[8:12], "changes in this batch")]
    at = _BATCH.size
    for entry in decode_batch(body):
        fields.append(Field("kind of change", body[at : at + 1], "delete" if entry.value is None else "put"))
        at += 1
        for name, value in (("key", entry.key), ("value", entry.value)):
            if value is not None:
                size = len(varint.encode(len(value)))
                fields.append(Field(f"{name} size", body[at : at + size], ""))
                fields += [Field(name, value, "")] if value else []
                at += size + len(value)
    return fields
