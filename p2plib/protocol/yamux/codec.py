"""yamux's frames: a header of twelve bytes, and for data as many bytes as it says. A codec.

HashiCorp's specification of yamux, as libp2p uses it. Everything is big-endian::

    version 1   0
    type    1   0 data, 1 window update, 2 ping, 3 go away
    flags   2   1 SYN, 2 ACK, 4 FIN, 8 RST
    stream  4   the id of the stream; 0 is the session itself
    length  4   bytes of data that follow; for a window update, how many more may be sent; for a ping, a value
                that comes back; for a go away, the reason

Rules
    1. The version is 0, the type is one of the four, and no other flag is set.
    2. Data and window updates belong to a stream, pings and go aways to stream 0.
    3. A ping has one flag, SYN or ACK; a go away has none.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from p2plib.errors import DecodeError
from p2plib.wire.fields import Field, bytes_follow

HEADER_BYTES = 12
DATA, WINDOW_UPDATE, PING, GO_AWAY = range(4)
SYN, ACK, FIN, RST = 1, 2, 4, 8
TYPE_NAMES = ("data", "window update", "ping", "go away")
FLAG_NAMES = {SYN: "SYN", ACK: "ACK", FIN: "FIN", RST: "RST"}
MAX_UINT32 = 2**32 - 1

NORMAL, PROTOCOL_ERROR, INTERNAL_ERROR = range(3)
REASONS = ("normal", "protocol error", "internal error")

_HEADER = struct.Struct(">BBHII")


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a frame.

    Args:
        kind: `DATA`, `WINDOW_UPDATE`, `PING` or `GO_AWAY`.
        flags: a sum of `SYN`, `ACK`, `FIN` and `RST`.
        stream_id: 0 for the session.
        length: bytes that follow for `DATA`; otherwise a number, 0 to 2^32 - 1.
    """

    kind: int
    flags: int
    stream_id: int
    length: int

    def encode(self) -> bytes:
        """The twelve bytes."""
        return _HEADER.pack(0, self.kind, self.flags, self.stream_id, self.length)

    def __str__(self) -> str:
        flags = " ".join(name for flag, name in FLAG_NAMES.items() if self.flags & flag)
        what = f"{TYPE_NAMES[self.kind]} {self.length}{' ' if flags else ''}{flags}"
        return f"{what} on stream {self.stream_id}" if self.stream_id else what


def decode(raw: bytes | bytearray, offset: int = 0) -> Header:
    """The header that begins at an offset; what follows its twelve bytes is left alone.

    Raises:
        DecodeError: it breaks a rule of this module.
    """
    if len(raw) - offset < _HEADER.size:
        raise DecodeError(f"a header of {_HEADER.size} bytes, where {len(raw) - offset} are left", offset)
    version, kind, flags, stream_id, length = _HEADER.unpack_from(raw, offset)
    if version or kind > GO_AWAY or flags > 15:
        if version:
            raise DecodeError(f"yamux has version 0, not {version}", offset)
        if kind > GO_AWAY:
            raise DecodeError(f"yamux has no frames of type {kind}", offset + 1)
        raise DecodeError(f"yamux has no flags {flags & ~15:#06x}", offset + 2)
    if (stream_id == 0) != (kind >= PING):
        raise DecodeError(f"a {TYPE_NAMES[kind]} cannot be on stream {stream_id}", offset + 4)
    if kind == PING and flags not in (SYN, ACK):
        raise DecodeError("a ping has one flag, SYN or ACK", offset + 2)
    if kind == GO_AWAY and flags:
        raise DecodeError("a go away has no flags", offset + 2)
    return Header(kind, flags, stream_id, length)


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of one frame.

    Raises:
        DecodeError: the bytes are not exactly one frame.
    """
    if len(raw) < HEADER_BYTES:
        raise DecodeError(f"a frame of yamux has at least {HEADER_BYTES} bytes", len(raw))
    header = decode(raw)
    data_bytes = header.length if header.kind == DATA else 0
    if len(raw) != HEADER_BYTES + data_bytes:
        raise DecodeError(
            f"{len(raw) - HEADER_BYTES} bytes of data, where the header says {data_bytes}", HEADER_BYTES
        )
    flags = " ".join(name for flag, name in FLAG_NAMES.items() if header.flags & flag)
    meaning = {
        DATA: bytes_follow(header.length),
        WINDOW_UPDATE: f"{header.length} more bytes may be sent",
        PING: "comes back",
        GO_AWAY: REASONS[header.length] if header.length < len(REASONS) else "a reason that is not defined",
    }
    parts = (
        Field("version", raw[:1]),
        Field("type", raw[1:2], TYPE_NAMES[header.kind]),
        Field("flags", raw[2:4], flags or "none"),
        Field("stream", raw[4:8], str(header.stream_id) if header.stream_id else "the session"),
        Field("length", raw[8:12], meaning[header.kind]),
    )
    return (*parts, Field("data", raw[12:])) if data_bytes else parts
