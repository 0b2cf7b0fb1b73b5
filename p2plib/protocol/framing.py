"""Framing: where one message ends and the next one begins. Codecs, a machine, and helpers over a `Stream`.

A stream has no message boundaries: what was written in one piece may arrive in many, and what was written in
many in one. So every protocol over streams marks them. Three ways, each a `Framing`::

    VarintFrames   varint(size) ‖ payload          libp2p, Protocol Buffers
    SizedFrames    size as 2 or 4 bytes ‖ payload  Noise (2), many others (4); big-endian
    LineFrames     payload ‖ "\\n"                  old and readable protocols; the payload has no line feed

Rules
    1. A frame's size is checked against `max_bytes` when its prefix has arrived: before anything is kept for
       it. For lines, when that many bytes have come without a line feed.
    2. Where bytes are split on their way makes no difference to what comes out, nor to what is refused.
    3. After a frame that is refused nothing more is read: nobody knows where the next one begins.

    >>> VarintFrames(100).encode(b"hi")
    b'\\x02hi'
    >>> decoder = FrameDecoder(LineFrames(100))
    >>> decoder.receive(b"one\\ntw")
    >>> decoder.next_frame(), decoder.next_frame()
    (b'one', None)
"""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

from p2plib.errors import DecodeError, EndOfStream, Truncated, UsageError
from p2plib.protocol.stream import READ_BYTES, Stream
from p2plib.wire import varint
from p2plib.wire.fields import Field, bytes_follow

MAX_FRAME_BYTES = 1024 * 1024  # a default for protocols that name no limit of their own


@dataclass(frozen=True, slots=True)
class Found:
    """Where a frame lies in a buffer: its payload is `buffer[start:end]`, the next one begins at `after`."""

    start: int
    end: int
    after: int


class Framing(abc.ABC):
    """One way to mark where messages end.

    Args:
        max_bytes: the largest payload, checked when reading and when writing.
    """

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES) -> None:
        if max_bytes < 0:
            raise UsageError(f"no frame has {max_bytes} bytes")
        self.max_bytes = max_bytes

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.max_bytes})"

    def encode(self, payload: bytes) -> bytes:
        """The frame that carries a payload.

        Raises:
            UsageError: it is larger than `max_bytes`, or this framing cannot carry it.
        """
        if len(payload) > self.max_bytes:
            raise UsageError(f"a frame here has at most {self.max_bytes} bytes, not {len(payload)}")
        return self._encode(payload)

    def measure(self, buffer: bytes | bytearray, seen: int = 0) -> Found | int:
        """Where the frame lies that begins a buffer; or, if it is not all there, how many bytes are
        certainly missing. Reading that many never reads into the next frame.

        Args:
            buffer: bytes from the beginning of a frame on.
            seen: how many of them an earlier call has looked at already.

        Raises:
            DecodeError: the frame is larger than `max_bytes`, or its prefix is none.
        """
        return self._measure(buffer, seen)

    def dissect(self, raw: bytes) -> tuple[Field, ...]:
        """The parts of one whole frame.

        Raises:
            DecodeError: it is not exactly one frame.
        """
        found = self.measure(raw)
        if isinstance(found, int) or found.after != len(raw):
            raise DecodeError(
                "these bytes are not one whole frame", 0 if isinstance(found, int) else found.after
            )
        size = found.end - found.start
        parts = (
            Field("size", raw[: found.start], bytes_follow(size)),
            Field("payload", raw[found.start : found.end]),
            Field("line feed", raw[found.end :], "the end"),
        )
        return tuple(part for part in parts if part.raw or part.name == "payload")

    def _check(self, size: int, *, is_whole: bool = True) -> None:
        if size > self.max_bytes:
            more = "" if is_whole else " or more"
            raise DecodeError(f"a frame of {size} bytes{more}, where {self.max_bytes} is the most", 0)

    @abc.abstractmethod
    def _encode(self, payload: bytes) -> bytes: ...

    @abc.abstractmethod
    def _measure(self, buffer: bytes | bytearray, seen: int) -> Found | int: ...


def _sized(start: int, size: int, buffer: bytes | bytearray) -> Found | int:
    end = start + size
    return Found(start, end, end) if len(buffer) >= end else end - len(buffer)


class VarintFrames(Framing):
    """The size as a varint in front (`p2plib.wire.varint`)."""

    def _encode(self, payload: bytes) -> bytes:
        return varint.encode(len(payload)) + payload

    def _measure(self, buffer: bytes | bytearray, seen: int) -> Found | int:
        size = 0
        for at, byte in enumerate(buffer[: varint.MAX_BYTES]):
            size |= (byte & 0x7F) << 7 * at
            self._check(size, is_whole=byte < 0x80)  # more bytes only make it larger
            if byte < 0x80:
                size, start = varint.decode(bytes(buffer[: at + 1]))
                return _sized(start, size, buffer)
        if len(buffer) >= varint.MAX_BYTES:
            raise DecodeError(f"a size of more than {varint.MAX_BYTES} bytes", 0)
        return 1


class SizedFrames(Framing):
    """The size as a whole number in front, big-endian.

    Args:
        size_bytes: 2 or 4.
        max_bytes: the largest payload; at most what the size can say.
    """

    def __init__(self, size_bytes: int, max_bytes: int | None = None) -> None:
        if size_bytes not in (2, 4):
            raise UsageError(f"the size of a frame takes 2 or 4 bytes here, not {size_bytes}")
        self.size_bytes = size_bytes
        largest = 256**size_bytes - 1
        if max_bytes is None:
            max_bytes = min(largest, MAX_FRAME_BYTES)
        if max_bytes > largest:
            raise UsageError(f"a size of {size_bytes} bytes cannot say {max_bytes}")
        super().__init__(max_bytes)

    def _encode(self, payload: bytes) -> bytes:
        return len(payload).to_bytes(self.size_bytes, "big") + payload

    def _measure(self, buffer: bytes | bytearray, seen: int) -> Found | int:
        start = self.size_bytes
        if len(buffer) < start:
            return start - len(buffer)
        size = int.from_bytes(buffer[:start], "big")
        self._check(size)
        return _sized(start, size, buffer)


class LineFrames(Framing):
    """A line feed behind."""

    def _encode(self, payload: bytes) -> bytes:
        if b"\n" in payload:
            raise UsageError("a line cannot carry a line feed")
        return payload + b"\n"

    def _measure(self, buffer: bytes | bytearray, seen: int) -> Found | int:
        end = buffer.find(b"\n", seen, self.max_bytes + 1)
        if end >= 0:
            return Found(0, end, end + 1)
        if len(buffer) > self.max_bytes:
            raise DecodeError(f"no line feed in {self.max_bytes + 1} bytes; lines here are shorter", 0)
        return 1


class FrameDecoder:
    """Cuts what arrives into frames. A machine: give `receive` whatever came, then ask `next_frame` until it
    gives None. When the stream ends, call `end_of_stream`."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._buffer = bytearray()
        self._seen = 0
        self._problem: DecodeError | None = None

    @property
    def buffered_bytes(self) -> int:
        """How many bytes wait for the rest of their frame, or to be asked for."""
        return len(self._buffer)

    def receive(self, data: bytes) -> None:
        """Takes bytes as they came; none are taken after a frame that was refused."""
        if self._problem is None:
            self._buffer += data

    def next_frame(self) -> bytes | None:
        """The payload of the next frame; None if more bytes are needed first.

        Raises:
            DecodeError: the frame is refused; so is every one after it.
        """
        if self._problem is not None:
            raise self._problem.with_traceback(None)
        try:
            found = self._framing.measure(self._buffer, self._seen)
        except DecodeError as error:
            self._problem = error
            self._buffer.clear()
            raise
        if isinstance(found, int):
            self._seen = len(self._buffer)
            return None
        payload = bytes(memoryview(self._buffer)[found.start : found.end])
        del self._buffer[: found.after]
        self._seen = 0
        return payload

    def end_of_stream(self) -> None:
        """Returns if the stream may end here.

        Raises:
            Truncated: it ended inside a frame.
        """
        if self._buffer:
            raise Truncated(f"the stream ended inside a frame, of which {len(self._buffer)} bytes had come")


async def write_frame(stream: Stream, framing: Framing, payload: bytes) -> None:
    """Writes one frame; raises as `Framing.encode` and `Stream.write` do."""
    await stream.write(framing.encode(payload))


async def read_frame(stream: Stream, framing: Framing) -> bytes:
    """Reads one frame, and not a byte of what follows it: for a stream that is handed on afterwards.

    Raises:
        EndOfStream: the stream ended before it.
        Truncated: inside it.
        DecodeError: it is refused.
    """
    buffer = bytearray()
    while True:
        found = framing.measure(buffer, max(0, len(buffer) - 1))
        if not isinstance(found, int):
            return bytes(memoryview(buffer)[found.start : found.end])
        part = await stream.read(min(found, READ_BYTES))
        if not part and buffer:
            raise Truncated(f"{stream.remote} ended inside a frame, of which {len(buffer)} bytes had come")
        if not part:
            raise EndOfStream(f"{stream.remote} ended, and a frame was waited for")
        buffer += part


class FramedStream:
    """A stream of messages: reads ahead, so that small frames cost little. The stream must not be read by
    anybody else from then on.

        async for message in FramedStream(stream, VarintFrames()):
            ...
    """

    def __init__(self, stream: Stream, framing: Framing) -> None:
        self.stream = stream
        self.framing = framing
        self._decoder = FrameDecoder(framing)

    async def send(self, payload: bytes) -> None:
        """Writes one message; raises as `write_frame`."""
        await write_frame(self.stream, self.framing, payload)

    async def receive(self) -> bytes:
        """The next message; raises as `read_frame`. A cancelled call loses nothing."""
        while (payload := self._decoder.next_frame()) is None:
            data = await self.stream.read()
            if not data:
                self._decoder.end_of_stream()
                raise EndOfStream(f"{self.stream.remote} ended, and a frame was waited for")
            self._decoder.receive(data)
        return payload

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            try:
                payload = await self.receive()
            except EndOfStream:
                return
            yield payload

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stream.__aexit__(*error)  # type: ignore[arg-type]
