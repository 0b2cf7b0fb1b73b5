"""LevelDB's tables: files of entries in order. A codec, for reading.

Layout::

    block      entries | where some of them begin, u32 each | how many of those, u32
    in a file  block | compression u8 (0 none, 1 snappy) | checksum u32 (of both, masked)
    entry      shared, unshared, value size (varints) | the unshared end of the key | value
    key        what was written | sequence and kind, u64: sequence * 256 + (1 put, 0 delete)
    footer     48 bytes: place of the metaindex, place of the index, zeros, magic u64
    place      offset, size (varints)

A key leaves out what it shares with the one before it. The index is a block whose values are places of
blocks. Bloom filters stand behind the metaindex; a reader of everything needs none of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from p2plib.data.stores.leveldb_files import snappy
from p2plib.data.stores.leveldb_files.mask import unmasked
from p2plib.data.stores.leveldb_files.records import SequencedEntry
from p2plib.errors import DecodeError
from p2plib.wire import varint
from p2plib.wire.crc32c import crc32c

FOOTER_BYTES = 48
MAGIC = 0xDB4775248B80FB57
MAX_KEY_BYTES = (
    64 * 1024 * 1024
)  # of all keys of a block, written out; each may share a large one with the last
_TRAILER_BYTES = 5  # compression and checksum
_TAG_BYTES = 8
_MAX_64 = 2**64 - 1
_MAX_32 = 2**32 - 1


def read_table(data: bytes) -> Iterator[SequencedEntry]:
    """All entries of a table, in order.

    Args:
        data: the whole file.

    Raises:
        DecodeError: it is no table, a checksum does not hold, or something in it does not fit.
    """
    if len(data) < FOOTER_BYTES or int.from_bytes(data[-8:], "little") != MAGIC:
        raise DecodeError("a table ends with LevelDB's magic number", max(0, len(data) - 8))
    at = len(data) - FOOTER_BYTES
    _, at = _place(data, at)
    index, _ = _place(data, at)
    last, free = b"", 0
    for _, where in entries_of(block_at(data, *index)):
        place, end = _place(where, 0)
        if end != len(where):
            raise DecodeError("bytes are left over after a place in the index", index[0])
        if place[0] < free:  # or one block could be read a million times
            raise DecodeError("the blocks of a table follow one another, each once", index[0])
        free = sum(place) + _TRAILER_BYTES
        for key, value in entries_of(block_at(data, *place)):
            if len(key) < _TAG_BYTES:
                raise DecodeError("a key ends with eight bytes of sequence and kind", place[0])
            name, tag = key[:-_TAG_BYTES], int.from_bytes(key[-_TAG_BYTES:], "little")
            if tag & 0xFF > 1 or name < last:
                raise DecodeError("the keys of a table rise, and are put (1) or deleted (0)", place[0])
            last = name
            yield SequencedEntry(name, tag >> 8, value if tag & 0xFF else None)


def block_at(data: bytes, offset: int, size: int) -> bytes:
    """A block of a table, opened.

    Args:
        data: the whole file.
        offset: of the block.
        size: of the block, without what follows it.

    Raises:
        DecodeError: it is not inside the file, its checksum does not hold, or it cannot be opened.
    """
    end = offset + size
    if end + _TRAILER_BYTES > len(data):
        raise DecodeError(f"a block of {size} bytes is not inside a file of {len(data)}", offset)
    if crc32c(data[offset : end + 1]) != unmasked(int.from_bytes(data[end + 1 : end + 5], "little")):
        raise DecodeError("the checksum of a block does not match", offset)
    compression = data[end]
    if compression > 1:
        raise DecodeError(
            f"a block is compressed in a way (number {compression}) that is not known here", end
        )
    raw = data[offset:end]
    return snappy.decompress(raw) if compression else raw


def entries_of(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a block that was opened.

    Raises:
        DecodeError: something in it does not fit.
    """
    if len(block) < 4:
        raise DecodeError("a block ends with a number", len(block))
    (restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise DecodeError(
            f"a block of {len(block)} bytes has no room for {restarts} restarts", len(block) - 4
        )
    at, key, made = 0, b"", 0
    while at < end:
        begin = at
        shared, at = varint.decode(block, at, maximum=_MAX_32)
        unshared, at = varint.decode(block, at, maximum=_MAX_32)
        size, at = varint.decode(block, at, maximum=_MAX_32)
        if shared > len(key) or at + unshared + size > end:
            raise DecodeError("an entry is longer than its block, or shares more than there is", begin)
        made += shared + unshared
        if made > MAX_KEY_BYTES:
            raise DecodeError(f"the keys of a block take more than {MAX_KEY_BYTES} bytes", begin)
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        yield key, block[at : at + size]
        at += size


def _place(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    offset, at = varint.decode(data, at, maximum=_MAX_64)
    size, at = varint.decode(data, at, maximum=_MAX_64)
    return (offset, size), at
