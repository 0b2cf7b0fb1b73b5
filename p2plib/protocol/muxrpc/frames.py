"""The frames of muxrpc: a head of nine bytes, and a body. Codec.

The Scuttlebutt Protocol Guide, "RPC protocol", as npm's `packet-stream-codec` has it::

    flags     1 byte    8 stream   4 end, or error   and the body's type: 0 binary, 1 text (UTF-8), 2 JSON
    length    4 bytes   of the body, big-endian
    request   4 bytes   the number of the call, signed, big-endian
    body      `length` bytes

The side that makes a call numbers it 1, 2, 3 and so on, and everything that comes back carries the negated
number. Nine zero bytes are the goodbye: nothing follows.

Rules
    1. No body is empty. npm takes any head with length 0 for the goodbye, so an empty text or an empty chunk
       of bytes would end the whole connection there. Here it can neither be written nor read.
    2. A body has at most `MAX_BODY_BYTES`, one of JSON `MAX_JSON_BYTES`; the length is checked before
       anything is kept for it.
    3. The four high bits of the flags are zero, there is no type 3, no request has the number 0 or -2**31.
    4. JSON is read by the rules of `p2plib.wire.canonical_json`: as JavaScript reads it, with its depth
       bounded. It is written without spaces.

    >>> encode(Frame(1, True, is_stream=True, is_end=True)).hex(" ")
    '0e 00 00 00 04 00 00 00 01 74 72 75 65'
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeAlias

from p2plib.errors import DecodeError, UsageError
from p2plib.protocol.framing import Found, Framing
from p2plib.wire import canonical_json
from p2plib.wire.canonical_json import Value
from p2plib.wire.fields import Field, bytes_follow

HEAD_BYTES = 9
MAX_BODY_BYTES = 1024 * 1024  # npm has none; a message has 8 KiB, a chunk of a blob 64
# Read, JSON is up to 25 times as large as its text, and nothing else goes on while it is read.
MAX_JSON_BYTES = 256 * 1024
MAX_REQUEST = 2**31 - 1
GOODBYE = bytes(HEAD_BYTES)

STREAM, END, TYPE = 8, 4, 3
BINARY, TEXT, JSON = range(3)
TYPE_NAMES = ("binary", "text", "JSON")

Body: TypeAlias = "Value | bytes"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame that is not the goodbye.

    Args:
        request: the number of the call, negated in what answers it; not 0.
        body: bytes go as binary, a str as text, everything else as JSON.
        is_stream: whether the call is of a kind that streams.
        is_end: whether this ends a stream, or says that a call failed.
    """

    request: int
    body: Body
    is_stream: bool = False
    is_end: bool = False


def encode(frame: Frame) -> bytes:
    """The bytes of a frame.

    Raises:
        UsageError: its body is empty, too large, or nothing that JSON can write; or the number is none.
    """
    if not 1 <= abs(frame.request) <= MAX_REQUEST:
        raise UsageError(f"no call has the number {frame.request}")
    kind, raw = _body_bytes(frame.body)
    most = MAX_JSON_BYTES if kind == JSON else MAX_BODY_BYTES
    if not 1 <= len(raw) <= most:
        raise UsageError(f"a body has 1 to {most} bytes, not {len(raw)}")
    flags = STREAM * frame.is_stream | END * frame.is_end | kind
    return bytes([flags]) + len(raw).to_bytes(4, "big") + frame.request.to_bytes(4, "big", signed=True) + raw


def _body_bytes(body: Body) -> tuple[int, bytes]:
    if isinstance(body, bytes):
        return BINARY, body
    if isinstance(body, str):
        try:
            return TEXT, body.encode()
        except UnicodeEncodeError:
            raise UsageError("a text of half a surrogate pair has no UTF-8") from None
    return JSON, json_bytes(body)


def json_bytes(value: Value) -> bytes:
    """A value as JSON without spaces, its keys in their order.

    Raises:
        UsageError: JSON cannot write it.
    """
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        try:
            return text.encode()
        except UnicodeEncodeError:  # half a surrogate pair can only be written as an escape
            return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"JSON cannot write this: {error}") from None


def decode(raw: bytes) -> Frame | None:
    """What one whole frame says; None for the goodbye.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    if len(raw) < HEAD_BYTES:
        raise DecodeError(f"a frame has at least {HEAD_BYTES} bytes, not {len(raw)}", len(raw))
    if raw == GOODBYE:
        return None
    flags, length = raw[0], int.from_bytes(raw[1:5], "big")
    request = int.from_bytes(raw[5:9], "big", signed=True)
    if flags >= 2 * STREAM:
        raise DecodeError(f"the flags are {flags:#x}, of which the high four bits are not zero", 0)
    if not 1 <= abs(request) <= MAX_REQUEST:
        raise DecodeError(f"no call has the number {request}", 5)
    if not length:
        raise DecodeError("a body is never empty", 1)
    if length != len(raw) - HEAD_BYTES:
        raise DecodeError(f"the head says {length} bytes of body, and there are {len(raw) - HEAD_BYTES}", 1)
    return Frame(request, _body(flags & TYPE, raw[HEAD_BYTES:]), bool(flags & STREAM), bool(flags & END))


def _body(kind: int, raw: bytes) -> Body:
    if kind == BINARY:
        return raw
    if kind == JSON:
        return canonical_json.parse(raw, max_characters=MAX_JSON_BYTES)
    if kind == TEXT:
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise DecodeError("a text is UTF-8", HEAD_BYTES + error.start) from None
    raise DecodeError("there is no body of type 3", 0)


class MuxrpcFraming(Framing):
    """Where a frame ends. What it gives as payload is the whole frame, head and body, for `decode`.

    Args:
        max_bytes: the largest body.
    """

    def __init__(self, max_bytes: int = MAX_BODY_BYTES) -> None:
        super().__init__(max_bytes)

    def _encode(self, payload: bytes) -> bytes:
        return payload

    def _measure(self, buffer: bytes | bytearray, seen: int) -> Found | int:
        if len(buffer) < HEAD_BYTES:
            return HEAD_BYTES - len(buffer)
        size = int.from_bytes(buffer[1:5], "big")
        self._check(size)
        end = HEAD_BYTES + size
        return Found(0, end, end) if len(buffer) >= end else end - len(buffer)


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The parts of one whole frame.

    Raises:
        DecodeError: it is none.
    """
    frame = decode(raw)
    if frame is None:
        return (Field("goodbye", raw, "nothing follows"),)
    names = [name for bit, name in ((STREAM, "stream"), (END, "end")) if raw[0] & bit]
    kind = TYPE_NAMES[raw[0] & TYPE]
    whose = "a call, or more of it" if frame.request > 0 else f"about call {-frame.request}"
    return (
        Field("flags", raw[:1], ", ".join([*names, kind])),
        Field("length", raw[1:5], bytes_follow(len(raw) - HEAD_BYTES)),
        Field("request", raw[5:9], f"{frame.request}: {whose}"),
        Field("body", raw[9:], kind),
    )
