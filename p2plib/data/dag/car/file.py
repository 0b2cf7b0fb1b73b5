"""Single blocks out of a CAR file, found through its index.

Rules
    1. The index may lie, and so may the file: what is found is a section with the name that was asked for,
       and its bytes are hashed, or nothing is given.
    2. A file without an index, or of version 1, is gone through once, without hashing, to make one.
    3. An identity CID holds its bytes itself and is not looked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from p2plib.data.dag.block import checked
from p2plib.data.dag.car.format import (
    MAX_HEADER_BYTES,
    MAX_SECTION_BYTES,
    PRAGMA,
    V2_HEADER_BYTES,
    decode_header,
    decode_v2_header,
    split_section,
)
from p2plib.data.dag.car.index import CarIndex, decode_index, make_index
from p2plib.errors import DecodeError, NotFound, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec, varint
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

MAX_INDEX_BYTES = 1 << 28  # of some six million blocks: an index is held in memory


class CarFile:
    """A CAR file of either version, to get blocks from.

    Args:
        file: seekable; it stays open, and nobody else moves in it meanwhile.

    Raises:
        DecodeError: the headers, the index or, where there is none, the sections cannot be read; offsets
            count from the beginning of the payload.
        UsageError: the index is larger than `MAX_INDEX_BYTES`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        size_bytes = file.seek(0, os.SEEK_END)
        head = self._bytes_at(0, len(PRAGMA) + V2_HEADER_BYTES)
        self.version = 2 if head.startswith(PRAGMA) else 1
        self._start, self._end = 0, size_bytes
        index_offset = 0
        if self.version == 2:
            header = decode_v2_header(head[len(PRAGMA) :])
            self._start, self._end = header.data_offset, header.data_offset + header.data_size_bytes
            index_offset = header.index_offset
            if max(self._end, index_offset) > size_bytes:
                raise DecodeError(f"the CAR ends after {size_bytes} bytes, before what its header says")
        raw, self._first_section = self._section(0, MAX_HEADER_BYTES)
        self.roots = decode_header(raw)
        self.has_index = index_offset > 0
        self.index = (
            self._read_index(index_offset, size_bytes) if self.has_index else make_index(self._scan())
        )

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block.

        Args:
            cid: of any version and codec; blocks are found by their digest.

        Raises:
            NotFound: the index does not have it, or leads to sections of other blocks.
            WrongContent: the section has its name and not its bytes.
            DecodeError: the index leads out of the file, or to what is no section.
            UsageError: the hash function is not one that this library computes.
        """
        if cid.multihash.code == multicodec.IDENTITY:
            return cid.multihash.digest
        for offset in self.index.offsets(cid.multihash):
            found, data = split_section(self._section(offset, MAX_SECTION_BYTES)[0])
            if found.multihash == cid.multihash:
                return checked(cid, data).data
        raise NotFound(f"there is no block {cids.to_text(cid)} in this CAR")

    def __contains__(self, cid: Cid) -> bool:
        return cid.multihash.code == multicodec.IDENTITY or bool(self.index.offsets(cid.multihash))

    def _bytes_at(self, offset: int, size_bytes: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size_bytes)

    def _section(self, offset: int, most: int) -> tuple[bytes, int]:
        """The section at an offset of the payload without its size, and the offset of the next one."""
        at = self._start + offset
        if at >= self._end:
            raise DecodeError("there is no section behind the payload's end", offset)
        try:
            size, start = varint.decode(self._bytes_at(at, min(varint.MAX_BYTES, self._end - at)))
        except DecodeError as error:
            raise DecodeError(f"the size of a CAR section: {error.rule}", offset) from None
        if not 0 < size <= most:
            raise DecodeError(f"a CAR section of {size} bytes, where it has 1 to {most}", offset)
        if at + start + size > self._end:
            raise DecodeError(f"a CAR section of {size} bytes, which goes on after the payload", offset)
        return self._bytes_at(at + start, size), offset + start + size

    def _scan(self) -> Iterator[tuple[Multihash, int]]:
        """Where each section begins whose name can be read; the others are passed over."""
        offset = self._first_section
        while self._start + offset < self._end:
            here, (raw, offset) = offset, self._section(offset, MAX_SECTION_BYTES)
            hashed = _name_of(raw)
            if hashed is not None:
                yield hashed, here

    def _read_index(self, offset: int, size_bytes: int) -> CarIndex:
        if size_bytes - offset > MAX_INDEX_BYTES:
            raise UsageError(
                f"a CAR index of {size_bytes - offset} bytes, where {MAX_INDEX_BYTES} is the most"
            )
        return decode_index(self._bytes_at(offset, size_bytes - offset))


def _name_of(raw: bytes) -> Multihash | None:
    """What a section's block should hash to; None where its name proves nothing, so nobody can ask for it."""
    try:
        return split_section(raw)[0].multihash
    except DecodeError:
        return None
