"""Reading a CAR of either version as it comes, in pieces of any size. A machine.

::

    reader = CarReader()
    for piece in what_comes:
        reader.receive(piece)
        for event in reader.events():
            match event: ...            CarRoots once, then CarBlock and CarRefused
    reader.finish()                     raises if the end was cut off

Rules
    1. Every block is hashed. One that does not hash to its CID, or whose CID proves nothing or names a hash
       function that this library does not compute, is a `CarRefused`, and reading goes on: it is certain
       where that section ends.
    2. What makes the end of a section uncertain ends the reading with a DecodeError that says where: a size
       that is zero, over the limit, or not a varint; a bad header; and, from `finish`, an end inside a
       section. What came before is still good, as each block was checked by itself.
    3. At most one section is held, and no size is believed before its bytes are there.
    4. Of version 2 only the payload is read; what comes before and after it is passed over. The index is of
       no use when everything is read, and nobody has checked it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from p2plib.data.dag.block import Block, checked
from p2plib.data.dag.car.format import (
    MAX_HEADER_BYTES,
    MAX_SECTION_BYTES,
    PRAGMA,
    V2_HEADER_BYTES,
    decode_header,
    decode_v2_header,
    split_section,
)
from p2plib.data.dag.hashes import FUNCTIONS
from p2plib.errors import DecodeError, UsageError, WrongContent
from p2plib.wire import varint
from p2plib.wire.cid import Cid


@dataclass(frozen=True, slots=True)
class CarRoots:
    """The header: which blocks to begin with, as whoever wrote the file says.

    Args:
        version: 1 or 2.
        roots: identifiers; their blocks may be missing.
    """

    version: int
    roots: tuple[Cid, ...]


@dataclass(frozen=True, slots=True)
class CarBlock:
    """A block that hashes to its CID.

    Args:
        block: checked.
        offset: where its section begins, in bytes from the beginning of the payload.
    """

    block: Block
    offset: int


@dataclass(frozen=True, slots=True)
class CarRefused:
    """A section that is not a valid block: keep nothing of it.

    Args:
        offset: where it begins, in bytes from the beginning of the payload.
        cid: what it should have hashed to; None where that cannot be read.
        error: why: `WrongContent` or `DecodeError`.
    """

    offset: int
    cid: Cid | None
    error: WrongContent | DecodeError


CarEvent: TypeAlias = CarRoots | CarBlock | CarRefused


class CarReader:
    """Reads a CAR; see the module's head.

    Args:
        max_section_bytes: the largest section to hold.
    """

    def __init__(self, *, max_section_bytes: int = MAX_SECTION_BYTES) -> None:
        self._max_section_bytes = max_section_bytes
        self._buffer = bytearray()
        self._at = 0  # where the buffer begins, from the beginning of the file
        self._payload_at = 0
        self._payload_end: int | None = None  # known in version 2
        self._version = 0  # 0 until the first bytes have shown it
        self._has_header = False
        self._is_over = False
        self._waiting: CarEvent | None = None  # found by `finish`, and not taken yet

    def receive(self, piece: bytes) -> None:
        """Take bytes that follow those of the call before; then ask for `events`.

        Args:
            piece: any number of bytes.

        Raises:
            UsageError: the reading has ended, with an error or with `finish`.
        """
        if self._is_over:
            raise UsageError("the reading of this CAR has ended; what follows has no meaning")
        self._buffer += piece

    def events(self) -> Iterator[CarEvent]:
        """What is in the bytes so far, each event once.

        Yields:
            one `CarRoots`, then a `CarBlock` or a `CarRefused` for each section.

        Raises:
            DecodeError: the file cannot be read on; the offset counts from the beginning of the payload, or
                of the file where the header of version 2 is at fault.
        """
        try:
            while (event := self._waiting or self._next()) is not None:
                self._waiting = None
                yield event
        except DecodeError:
            self._is_over = True
            self._buffer.clear()
            raise

    def finish(self) -> None:
        """Say that no more bytes come.

        Raises:
            DecodeError: the file ends inside something, or before the payload's end.
            UsageError: events are left; take them, then call this again.
        """
        if self._is_over:
            return
        self._waiting = next(self.events(), None)
        if self._waiting is not None:
            raise UsageError("take all events before the end")
        self._is_over = True
        where = self._at - self._payload_at
        if not self._has_header:
            raise DecodeError("the CAR ends inside its header", len(self._buffer))
        if self._payload_end is not None and self._at < self._payload_end:
            raise DecodeError("the CAR ends inside its payload", where)
        if self._payload_end is None and self._buffer:
            raise DecodeError("the CAR ends inside a section", where)

    def _next(self) -> CarEvent | None:
        if self._version == 0 and not self._find_payload():
            return None
        if self._at < self._payload_at:
            self._drop(min(len(self._buffer), self._payload_at - self._at))
            if self._at < self._payload_at:
                return None
        if self._payload_end is not None and self._at >= self._payload_end:
            self._drop(len(self._buffer))
            return None
        offset = self._at - self._payload_at
        most = self._max_section_bytes if self._has_header else MAX_HEADER_BYTES
        raw = self._section(most, offset)
        if raw is None:
            return None
        if not self._has_header:
            self._has_header = True
            size_bytes = self._at - self._payload_at - len(raw)
            return CarRoots(self._version, decode_header(raw, size_bytes))
        return _judge(raw, offset)

    def _find_payload(self) -> bool:
        """Find out which version this is. The payload of version 1 is the whole file."""
        if PRAGMA.startswith(self._buffer):
            return False  # it may become version 2
        if not self._buffer.startswith(PRAGMA):
            self._version = 1
            return True
        if len(self._buffer) < len(PRAGMA) + V2_HEADER_BYTES:
            return False
        header = decode_v2_header(bytes(self._buffer[len(PRAGMA) : len(PRAGMA) + V2_HEADER_BYTES]))
        self._version = 2
        self._payload_at = header.data_offset
        self._payload_end = header.data_offset + header.data_size_bytes
        return True

    def _section(self, most: int, offset: int) -> bytes | None:
        """The next section without its size, or None while it is not all there."""
        what = "section" if self._has_header else "header"
        head = bytes(self._buffer[: varint.MAX_BYTES])
        if len(head) < varint.MAX_BYTES and all(byte & 0x80 for byte in head):
            return None
        try:
            size, start = varint.decode(head)
        except DecodeError as error:
            raise DecodeError(f"the size of a CAR {what}: {error.rule}", offset) from None
        if size == 0:
            raise DecodeError(f"a CAR {what} of no bytes", offset)
        if size > most:
            raise DecodeError(f"a CAR {what} of {size} bytes, where {most} is the most", offset)
        if self._payload_end is not None and self._at + start + size > self._payload_end:
            raise DecodeError(f"a CAR {what} of {size} bytes, which goes on after the payload", offset)
        if len(self._buffer) < start + size:
            return None
        raw = bytes(self._buffer[start : start + size])
        self._drop(start + size)
        return raw

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._at += count


def _judge(raw: bytes, offset: int) -> CarBlock | CarRefused:
    try:
        cid, data = split_section(raw)
    except DecodeError as error:
        return CarRefused(offset, None, DecodeError(f"no CID in front of a section: {error.rule}", offset))
    if cid.multihash.code not in FUNCTIONS:
        rule = f"{cid.multihash.name} is not a hash function that this library computes"
        return CarRefused(offset, cid, DecodeError(rule, offset))
    try:
        return CarBlock(checked(cid, data), offset)
    except WrongContent as error:
        return CarRefused(offset, cid, error)


def read_car(pieces: Iterable[bytes], *, max_section_bytes: int = MAX_SECTION_BYTES) -> Iterator[CarEvent]:
    """What is in a CAR of either version.

    Args:
        pieces: the file's bytes in order, in pieces of any size.
        max_section_bytes: the largest section to hold.

    Yields:
        one `CarRoots`, then a `CarBlock` or a `CarRefused` for each section.

    Raises:
        DecodeError: the file cannot be read on, or its end is missing; what was yielded stays good.
    """
    reader = CarReader(max_section_bytes=max_section_bytes)
    for piece in pieces:
        reader.receive(piece)
        yield from reader.events()
    reader.finish()
