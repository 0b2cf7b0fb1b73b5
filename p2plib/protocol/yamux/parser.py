"""yamux's frames, found in bytes that come in any pieces. A machine; the headers are `codec`'s.

Data is handed on as it comes and never gathered, for a frame may claim to have 4 GiB. So nothing is kept here
but the beginning of an incomplete header.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from p2plib.protocol.yamux import codec
from p2plib.protocol.yamux.codec import DATA, HEADER_BYTES, Header


@dataclass(slots=True)  # not frozen: many are made, and each is looked at once
class Piece:
    """Some of the data that follows a header of kind `DATA`.

    Args:
        header: the frame's header.
        data: empty only if the frame has no data at all.
        is_last: whether it is the end of the frame.
    """

    header: Header
    data: bytes
    is_last: bool


class FrameParser:
    """The bytes of one direction of a connection, as headers and pieces."""

    def __init__(self) -> None:
        self._head = bytearray()  # the beginning of a header
        self._frame: Header | None = None  # the one whose data is coming
        self._missing_bytes = 0  # of it

    def receive(self, data: bytes) -> Iterator[Header | Piece]:
        """Takes bytes as they came; gives each header, and after one of data its pieces.

        Deal with each before you take the next: a header may have to be refused before its data arrives.

        Raises:
            DecodeError: what comes next is not a header; nothing more may be received.
        """
        offset = 0
        while offset < len(data):
            if self._frame is not None:
                piece = data[offset : offset + self._missing_bytes]
                offset += len(piece)
                yield self._piece(self._frame, piece)
            elif not self._head and len(data) - offset >= HEADER_BYTES:
                header = codec.decode(data, offset)
                offset += HEADER_BYTES
                yield from self._begin(header)
            else:
                end = offset + HEADER_BYTES - len(self._head)
                self._head += data[offset:end]
                offset = end
                if len(self._head) == HEADER_BYTES:
                    header = codec.decode(self._head)
                    self._head.clear()
                    yield from self._begin(header)

    def _begin(self, header: Header) -> Iterator[Header | Piece]:
        yield header
        if header.kind == DATA:
            self._frame, self._missing_bytes = header, header.length
            if not header.length:
                yield self._piece(header, b"")

    def _piece(self, header: Header, data: bytes) -> Piece:
        self._missing_bytes -= len(data)
        if not self._missing_bytes:
            self._frame = None
        return Piece(header, data, not self._missing_bytes)
