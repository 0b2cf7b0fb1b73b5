"""Single blocks from a CAR file (CARv1 or CARv2), found through its index.

Rules
    1. The index may lie, and so may the file: only a section with the CID that was asked for is used, and its
       bytes are hashed before they are returned.
    2. A lie before the truth hides nothing: all offsets that the index has for a digest are tried, up to
       `MAX_PLACES`. Of sections of other blocks only the CID is read.
    3. A file without an index, or of version 1, is scanned once, without hashing, to make one.
    4. An identity CID holds its bytes itself and is not looked up.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO

from p2plib.data.dag.block import checked
from p2plib.data.dag.car.format import (
    MAX_CID_BYTES,
    MAX_HEADER_BYTES,
    MAX_SECTION_BYTES,
    PRAGMA,
    V2_HEADER_BYTES,
    decode_header,
    decode_v2_header,
    split_section,
)
from p2plib.data.dag.car.index import CarIndex, decode_index, make_index
from p2plib.errors import DecodeError, NotFound, WrongContent
from p2plib.wire import cid as cids
from p2plib.wire import multicodec, varint
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash

MAX_INDEX_BYTES = 1 << 28  # of some six million blocks: an index is held in memory
MAX_INDEXED = MAX_INDEX_BYTES // 40  # the same bound where the index is made here
# For one digest. An index may lead anywhere, each time to 2 MiB that look right until they are hashed.
MAX_PLACES = 16


class CarFile:
    """A CAR file of either version, from which to get blocks.

    Args:
        file: seekable; it is not closed, and nobody else may move its position meanwhile.

    Raises:
        DecodeError: the headers, the index or, where there is none, the sections cannot be read, or the index
            would be larger than `MAX_INDEX_BYTES`; offsets count from the beginning of the payload, in the
            index from its own, and in the header of version 2 from that of the file.
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
        size_bytes_at, self._first_section = self._span(0, MAX_HEADER_BYTES)
        raw = self._bytes_at(self._start + size_bytes_at, self._first_section - size_bytes_at)
        self.roots = decode_header(raw, size_bytes_at)
        self.has_index = index_offset > 0
        self.index = (
            self._read_index(index_offset, size_bytes) if self.has_index else make_index(self._scan())
        )

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block.

        Args:
            cid: of any version and codec; blocks are found by their digest.

        Raises:
            NotFound: the index does not have it, or leads only to sections of other blocks.
            WrongContent: a section has its CID but not its bytes, and no section has both.
            DecodeError: the index leads out of the file, or to what is not a section, and never to the block.
            UsageError: the hash function is not one that this library computes.
        """
        if cid.multihash.code == multicodec.IDENTITY:
            return cid.multihash.digest
        first_error: DecodeError | WrongContent | None = None
        for offset in self.index.offsets(cid.multihash, MAX_PLACES):
            try:
                start, end = self._span(offset, MAX_SECTION_BYTES)
                found, start = self._cid_at(start, end)
                if found.multihash == cid.multihash:
                    return checked(cid, self._bytes_at(self._start + start, end - start)).data
            except (DecodeError, WrongContent) as error:
                first_error = first_error or error
        raise first_error or NotFound(f"there is no block {cids.to_text(cid)} in this CAR")

    def __contains__(self, cid: Cid) -> bool:
        return cid.multihash.code == multicodec.IDENTITY or bool(self.index.offsets(cid.multihash))

    def _bytes_at(self, offset: int, size_bytes: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(size_bytes)

    def _span(self, offset: int, most: int) -> tuple[int, int]:
        """Where the section at an offset of the payload begins, after its size, and where it ends."""
        at = self._start + offset
        if at >= self._end:
            raise DecodeError("there is no section after the payload's end", offset)
        try:
            size, start = varint.decode(self._bytes_at(at, min(varint.MAX_BYTES, self._end - at)))
        except DecodeError as error:
            raise DecodeError(f"the size of a CAR section: {error.rule}", offset) from None
        if not 0 < size <= most:
            raise DecodeError(f"a CAR section of {size} bytes, where it has 1 to {most}", offset)
        if at + start + size > self._end:
            raise DecodeError(f"a CAR section of {size} bytes, which goes on after the payload", offset)
        return offset + start, offset + start + size

    def _cid_at(self, start: int, end: int) -> tuple[Cid, int]:
        """The CID of the section that `_span` has found, and where the block's bytes begin."""
        raw = self._bytes_at(self._start + start, min(MAX_CID_BYTES, end - start))
        try:
            cid, rest = split_section(raw)
        except DecodeError as error:
            raise DecodeError(f"no CID in front of a section: {error.rule}", start) from None
        return cid, start + len(raw) - len(rest)

    def _scan(self) -> Iterator[tuple[Multihash, int]]:
        """Where each section begins that `get` may need: those with a CID that proves something.

        Sections with a broken CID or an identity CID are passed over; no block's bytes are read.
        """
        offset = self._first_section
        count = 0
        while self._start + offset < self._end:
            here = offset
            start, offset = self._span(here, MAX_SECTION_BYTES)
            try:
                hashed = self._cid_at(start, offset)[0].multihash
            except DecodeError:
                continue
            if hashed.code == multicodec.IDENTITY:
                continue
            count += 1
            if count > MAX_INDEXED:
                raise DecodeError(f"a CAR of more than {MAX_INDEXED} blocks without an index", here)
            yield hashed, here

    def _read_index(self, offset: int, size_bytes: int) -> CarIndex:
        if size_bytes - offset > MAX_INDEX_BYTES:
            raise DecodeError(
                f"a CAR index of {size_bytes - offset} bytes, where {MAX_INDEX_BYTES} is the most"
            )
        return decode_index(self._bytes_at(offset, size_bytes - offset))
