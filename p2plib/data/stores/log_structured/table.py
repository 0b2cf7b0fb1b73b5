"""A table: a file of entries in the order of their keys, written once and never changed. Codec and reader.

Layout of the file::

    block ...    entries, to about 4 KiB; then CRC-32 u32
    index        one line a block: key size u32 | last key | offset u64 | size u32; then CRC-32 u32
    filter       a Bloom filter of all keys; then CRC-32 u32
    footer       index offset u64 | index size u32 | filter size u32 | entries u64 | CRC-32 u32 | magic

    entry        key size u32 | value size + 1 u32, or 0 for a tombstone | key | value

Numbers are little-endian; sizes include the checksum. A reader keeps index and filter in memory, so that a
key costs one block, or none where the filter says that it is not there.

Rules
    1. Keys rise strictly, in a block and from block to block.
    2. Every byte is under a checksum. One that does not hold is `StoreCorrupt`, never a missing key.
    3. No size is believed before it is compared with the size of the file.
"""

from __future__ import annotations

import errno
import struct
import zlib
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from p2plib.data.stores.files import FileSystem
from p2plib.data.stores.log_structured.bloom import BITS_PER_KEY, BloomFilter
from p2plib.data.stores.log_structured.memtable import Entry
from p2plib.errors import DecodeError, StoreCorrupt, StoreError

BLOCK_BYTES = 4096  # what is read for one key; a larger block makes a smaller index
MAGIC = b"p2ptable"
CACHED_BLOCKS = 64  # in memory, per table: a quarter of a megabyte, and never more than a whole one, for
MAX_CACHED_BYTES = 4 * BLOCK_BYTES  # a block that is larger, because a value is, is read again each time

_CHECKSUM = struct.Struct("<I")
_ENTRY = struct.Struct("<II")
_PLACE = struct.Struct("<QI")
_FOOTER = struct.Struct("<QIIQI8s")
_MAX_SIZE = 2**32 - 1

Block = tuple[list[bytes], list[bytes | None]]


@dataclass(slots=True)
class TableCounts:
    """What reading has cost so far, over all tables of a store."""

    blocks_read: int = 0
    bytes_read: int = 0
    filter_said_no: int = 0
    filter_was_wrong: int = 0


def write_table(
    files: FileSystem,
    name: str,
    entries: Iterable[Entry],
    bits_per_key: int = BITS_PER_KEY,
    salt: bytes = b"",
) -> int:
    """Write a table and wait until it is on the disk; its name is the caller's to sync.

    Its keys, but not its values, are all in memory meanwhile.

    Args:
        files: where to.
        name: of the file, which is not there yet.
        entries: with keys that rise.
        bits_per_key: of the Bloom filter.
        salt: of the Bloom filter.

    Returns:
        The size of the file, in bytes.
    """
    keys: list[bytes] = []
    index: list[bytes] = []
    offset = block_size = 0
    block: list[bytes] = []

    def end_block() -> None:
        nonlocal offset, block_size
        raw = _checked(b"".join(block))
        files.append(name, raw)
        index.append(_CHECKSUM.pack(len(keys[-1])) + keys[-1] + _PLACE.pack(offset, len(raw)))
        offset, block_size = offset + len(raw), 0
        block.clear()

    for key, value in entries:
        block += [_ENTRY.pack(len(key), 0 if value is None else len(value) + 1), key, value or b""]
        block_size += _ENTRY.size + len(key) + len(value or b"")
        keys.append(key)
        if block_size >= BLOCK_BYTES:
            end_block()
    if block:
        end_block()
    raw_index = _checked(b"".join(index))
    raw_filter = _checked(BloomFilter.of(keys, bits_per_key, salt).encode())
    footer = _FOOTER.pack(offset, len(raw_index), len(raw_filter), len(keys), 0, MAGIC)[:-_TAIL_BYTES]
    end = raw_index + raw_filter + _checked(footer) + MAGIC
    files.append(name, end)
    files.sync(name)
    return offset + len(end)


_TAIL_BYTES = _CHECKSUM.size + len(MAGIC)


class TableReader:
    """A table that is open for reading.

    Args:
        files: where it is.
        name: of the file.
        counts: where to count what reading costs.
        salt: of the Bloom filter.

    Attributes:
        entries: how many it has, tombstones among them.
        size: of the file, in bytes.

    Raises:
        StoreCorrupt: it is not there, or what a reader must have in memory is damaged.
    """

    def __init__(
        self, files: FileSystem, name: str, counts: TableCounts | None = None, salt: bytes = b""
    ) -> None:
        self.name = name
        self._files = files
        self._counts = counts if counts is not None else TableCounts()
        self._blocks: OrderedDict[int, Block] = OrderedDict()
        try:
            self.size = files.size(name)
        except FileNotFoundError:
            raise StoreCorrupt("a table that the manifest names is not there", self._path()) from None
        if self.size < _FOOTER.size:
            raise StoreCorrupt(f"a table has at least {_FOOTER.size} bytes", self._path(), 0)
        at = self.size - _FOOTER.size
        raw = self._raw(at, _FOOTER.size)
        index_at, index_size, filter_size, self.entries, _, magic = _FOOTER.unpack(raw)
        if magic != MAGIC:
            raise StoreCorrupt("a table ends with its magic bytes", self._path(), self.size - len(MAGIC))
        self._body(raw[: -len(MAGIC)], at)
        if index_at + index_size + filter_size != at:
            raise StoreCorrupt(
                "index and filter do not fill the space between blocks and footer", self._path()
            )
        self._read_index(index_at, index_size)
        try:
            self.filter = BloomFilter.decode(self._piece(index_at + index_size, filter_size), salt)
        except DecodeError as error:
            raise StoreCorrupt(str(error), self._path(), index_at + index_size) from error

    def find(self, key: bytes) -> Entry | None:
        """The entry of a key, which may be a tombstone; None where the table has none.

        Raises:
            StoreCorrupt: the block where it would be is damaged.
        """
        number = bisect_left(self._last_keys, key)
        if number == len(self._last_keys):
            return None
        if not self.filter.may_have(key):
            self._counts.filter_said_no += 1
            return None
        keys, values = self._block(number)
        at = bisect_left(keys, key)
        if at < len(keys) and keys[at] == key:
            return key, values[at]
        self._counts.filter_was_wrong += 1
        return None

    def walk(self, start: bytes = b"", end: bytes | None = None, *, reverse: bool = False) -> Iterator[Entry]:
        """The entries of a range, in order.

        Raises:
            StoreCorrupt: the walk came to a damaged block.
        """
        first = bisect_left(self._last_keys, start)
        last = len(self._last_keys) - 1 if end is None else bisect_left(self._last_keys, end)
        numbers = range(first, min(last, len(self._last_keys) - 1) + 1)
        for number in reversed(numbers) if reverse else numbers:
            keys, values = self._block(number, keep=False)
            begin = bisect_left(keys, start)
            stop = len(keys) if end is None else bisect_left(keys, end)
            pairs = list(zip(keys[begin:stop], values[begin:stop], strict=True))
            yield from reversed(pairs) if reverse else pairs

    def check(self) -> int:
        """Read everything.

        Returns:
            How many entries there are.

        Raises:
            StoreCorrupt: something is damaged, out of order or missing.
        """
        count = 0
        for number in range(len(self._places)):
            keys, _ = self._block(number, keep=False)
            count += len(keys)
            if not all(self.filter.may_have(key) for key in keys):
                raise StoreCorrupt("the filter does not know a key of the table", self._path())
        if count != self.entries:
            raise StoreCorrupt(
                f"the footer counts {self.entries} entries, but there are {count}", self._path()
            )
        return count

    def _read_index(self, at: int, size: int) -> None:
        raw = self._piece(at, size)
        self._last_keys: list[bytes] = []
        self._places: list[tuple[int, int]] = []
        here = expected_offset = 0
        while here < len(raw):
            key_size = int.from_bytes(raw[here : here + 4], "little")
            key = raw[here + 4 : here + 4 + key_size]
            here += 4 + key_size
            if here + _PLACE.size > len(raw):
                raise StoreCorrupt("the index ends inside a line", self._path(), at)
            offset, block_size = _PLACE.unpack_from(raw, here)
            here += _PLACE.size
            if offset != expected_offset or (self._last_keys and key <= self._last_keys[-1]):
                raise StoreCorrupt("the index is out of order", self._path(), at)
            expected_offset += block_size
            self._last_keys.append(key)
            self._places.append((offset, block_size))
        if expected_offset != at:
            raise StoreCorrupt("the blocks of the index do not fill the space before it", self._path(), at)

    def _block(self, number: int, *, keep: bool = True) -> Block:
        """A block, from memory if it was read not long ago; a walk leaves none behind."""
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        offset, size = self._places[number]
        raw = self._piece(offset, size)
        self._counts.blocks_read += 1
        self._counts.bytes_read += size
        try:
            block = _entries(raw)
        except DecodeError as error:
            raise StoreCorrupt(error.rule, self._path(), offset + (error.offset or 0)) from error
        before = self._last_keys[number - 1] if number else b""
        if block[0][0] <= before or block[0][-1] != self._last_keys[number]:
            raise StoreCorrupt("a block is not the one that the index names", self._path(), offset)
        if keep and size <= MAX_CACHED_BYTES:
            self._blocks[number] = block
            if len(self._blocks) > CACHED_BLOCKS:
                self._blocks.popitem(last=False)
        return block

    def _piece(self, offset: int, size: int) -> bytes:
        """Bytes of the file whose checksum holds, without it."""
        return self._body(self._raw(offset, size), offset)

    def _raw(self, offset: int, size: int) -> bytes:
        """Bytes of the file."""
        try:
            return self._files.read(self.name, offset, size)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.ENOENT):  # too many open files, say: nothing is damaged
                raise StoreError(f"the table {self._path()} cannot be read: {error}") from error
            raise StoreCorrupt(f"a table cannot be read: {error}", self._path(), offset) from error

    def _body(self, raw: bytes, offset: int) -> bytes:
        body = raw[: -_CHECKSUM.size]
        if len(raw) < _CHECKSUM.size or zlib.crc32(body) != _CHECKSUM.unpack(raw[-_CHECKSUM.size :])[0]:
            raise StoreCorrupt("a checksum of a table does not match", self._path(), offset)
        return body

    def _path(self) -> str:
        return f"{self._files.path}/{self.name}"


def _checked(body: bytes) -> bytes:
    return body + _CHECKSUM.pack(zlib.crc32(body))


def _entries(raw: bytes) -> Block:
    """The entries of a block, keys and values apart.

    Raises:
        DecodeError: an entry is cut short, or the keys do not rise.
    """
    keys: list[bytes] = []
    values: list[bytes | None] = []
    at = 0
    while at < len(raw):
        if at + _ENTRY.size > len(raw):
            raise DecodeError("a block ends inside an entry", at)
        key_size, value_size = _ENTRY.unpack_from(raw, at)
        at += _ENTRY.size
        middle = at + key_size
        end = middle + max(0, value_size - 1)
        if end > len(raw):
            raise DecodeError("a block ends inside an entry", at)
        key = raw[at:middle]
        if keys and key <= keys[-1]:
            raise DecodeError("the keys of a block rise", at)
        keys.append(key)
        values.append(raw[middle:end] if value_size else None)
        at = end
    if not keys:
        raise DecodeError("a block has at least one entry", 0)
    return keys, values
