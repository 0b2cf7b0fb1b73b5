"""Stream: bytes there and bytes back, whatever carries them. The interface, and what carries bytes in memory.

A stream is two pipes of bytes between two peers, one each way. What is written comes out at the other side in
order, in pieces of any size. Everything above it (framing, secure channels, multiplexers, protocols) is
written once for all streams; `p2plib.protocol.conformance` checks that an implementation keeps these rules.

Rules
    1. `read` waits for at least one byte, and gives no bytes (b"") only when the other side has said that
       nothing follows; then it does so forever.
    2. `write` waits until there is room, then hands over the bytes. So a reader that is slow makes its writer
       slow (back-pressure), and what waits in memory is bounded.
    3. A cancelled `read` has taken nothing. A cancelled `write` of up to `PIECE_BYTES` has handed over
       everything or nothing; a longer one may have stopped between two pieces of that size.
    4. `close_write` says that nothing follows, and leaves the other direction alone (half-close).
    5. `reset` gives up both directions at once: the other side's `read` raises `StreamReset`, and never looks
       as if the stream had ended well. `close` ends well: what was written still arrives, then b"", even
       while the other side talks. What it says is thrown away, or its `write` raises `StreamReset`.
    6. After our own `close` or `reset` everything raises `Closed`, and whatever waits is woken with that. All
       three may be called twice. `close` may wait until the other side ends too, but never takes longer than
       `close_timeout_s`; then it resets.
    7. One task reads and one task writes at a time; another one is told so with `UsageError`.

    >>> async with stream:                       # closed at the end; reset if an exception leaves the block
    ...     await stream.write(b"hello")
    ...     await stream.close_write()
    ...     answer = await stream.read_exactly(2)
"""

from __future__ import annotations

import abc
import asyncio
from types import TracebackType
from typing import Self

from p2plib.errors import Closed, StreamReset, Truncated, UsageError
from p2plib.protocol.buffers import Bell, Chunks

PIECE_BYTES = (
    65_024  # handed over at once, and held beyond a limit at most; fits a frame of Noise, yamux within
)
READ_BYTES = 65_536  # what a read takes if nobody says how much
LIMIT_BYTES = 65_536  # how much waits in a buffer before its writer waits too
CLOSE_TIMEOUT_S = 5.0


class Stream(abc.ABC):
    """One duplex stream of bytes. Implementations fill in the methods with an underscore.

    Args:
        remote: what is at the other side, in words, for the sentences of errors: "127.0.0.1:4001".
    """

    close_timeout_s: float = CLOSE_TIMEOUT_S

    def __init__(self, remote: str) -> None:
        self.remote = remote
        self._gone = ""  # once we closed or reset it: which of them
        self._is_finishing = False
        self._has_ended_writing = False
        self._is_reading = False
        self._is_writing = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.remote}{', ' + self._gone if self._gone else ''})"

    # What callers use.

    @property
    def is_closed(self) -> bool:
        """Whether we closed or reset it."""
        return bool(self._gone)

    async def read(self, max_bytes: int = READ_BYTES) -> bytes:
        """The next bytes, 1 to `max_bytes` of them; b"" when the other side has said that nothing follows.

        Raises:
            StreamReset: the other side broke it off, or what carries it broke.
            Closed: we closed it.
            UsageError: `max_bytes` is below 1, or another task is reading.
        """
        if max_bytes < 1:
            raise UsageError(f"a read asks for at least one byte, not {max_bytes}")
        if self._is_reading:
            raise UsageError(f"another task is reading from {self.remote}")
        self._is_reading = True
        try:
            self._check_open()
            return await self._read(max_bytes)
        finally:
            self._is_reading = False

    async def read_exactly(self, size_bytes: int) -> bytes:
        """The next `size_bytes` bytes. If it is cancelled, what it had read so far is lost.

        Raises:
            Truncated: the stream ended before; and what `read` raises.
        """
        if size_bytes < 0:
            raise UsageError(f"nobody can read {size_bytes} bytes")
        parts: list[bytes] = []
        missing = size_bytes
        while missing:
            part = await self.read(missing)
            if not part:
                raise Truncated(f"{self.remote} ended after {size_bytes - missing} of {size_bytes} bytes")
            parts.append(part)
            missing -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def write(self, data: bytes) -> None:
        """Hands over bytes, when there is room for them. No bytes are nothing, and wait for nothing.

        Raises:
            StreamReset: the other side broke it off, or does not read any more.
            Closed: we closed it, or ended our writing.
            UsageError: these are no bytes, or another task is writing.
        """
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise UsageError(f"a stream carries bytes, not {type(data).__name__}")
        if self._is_writing:
            raise UsageError(f"another task is writing to {self.remote}")
        self._is_writing = True
        try:
            self._check_writable()
            data = bytes(data)
            pieces = -(-len(data) // PIECE_BYTES) or 1  # of one size: no crumb at the end of each write
            size = -(-len(data) // pieces) or 1
            for at in range(0, len(data), size):
                await self.drain()
                self.send(data if pieces == 1 else data[at : at + size])
        finally:
            self._is_writing = False

    async def drain(self) -> None:
        """Waits until there is room to write; raises as `write` does."""
        self._check_writable()
        await self._drain()
        self._check_writable()

    def send(self, data: bytes) -> None:
        """Hands over a piece, with what layers above have put around it, without waiting; at most 64 KiB.

        Layers call `drain` first. Between the two they turn the bytes into frames, and no cancellation can
        come in between.
        """
        self._check_writable()
        self._send(data)

    async def close_write(self) -> None:
        """Says to the other side that nothing follows what was written; it does not wait."""
        if not self._gone and not self._has_ended_writing:
            self._has_ended_writing = True
            self._end_writing()

    def reset(self) -> None:
        """Gives the stream up in both directions, at once. The other side is told where that is possible."""
        if not self._gone or self._is_finishing:
            self._gone = "reset"
            self._is_finishing = False
            self._abort()

    async def close(self) -> None:
        """Ends the stream well: what was written arrives, and nothing more is read. Bounded in time.

        If it is cancelled, or takes longer than `close_timeout_s`, the stream is reset.
        """
        if self._gone:
            return
        await self.close_write()
        self._gone = "closed"
        self._is_finishing = True
        try:
            async with asyncio.timeout(self.close_timeout_s):
                await self._finish()
            self._is_finishing = False
        except TimeoutError:
            pass
        finally:
            if self._is_finishing:
                self.reset()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.reset()
        await self.close()

    def _check_open(self) -> None:
        if self._gone:
            raise Closed(f"we {self._gone} the stream to {self.remote}")

    def _check_writable(self) -> None:
        self._check_open()
        if self._has_ended_writing:
            raise Closed(f"we ended our writing to {self.remote}")

    # What implementations fill in. Whoever waits in them must be woken by `_finish` and `_abort`, and then
    # call `_check_open`.

    @abc.abstractmethod
    async def _read(self, max_bytes: int) -> bytes:
        """As `read`."""

    @abc.abstractmethod
    async def _drain(self) -> None:
        """Waits until there is room; StreamReset if there will never be."""

    @abc.abstractmethod
    def _send(self, data: bytes) -> None:
        """Takes what `send` is given, however full it is. StreamReset if the other side is gone."""

    @abc.abstractmethod
    def _end_writing(self) -> None:
        """Sees to it that the other side reads b"" after what was sent. Called once."""

    @abc.abstractmethod
    async def _finish(self) -> None:
        """Wakes our reader, waits until what was sent is on its way, and releases everything. Called once."""

    @abc.abstractmethod
    def _abort(self) -> None:
        """Wakes everybody and releases everything, at once; may be called during or after `_finish`."""


class _Pipe:
    """One direction of a stream in memory."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.buffer = Chunks()
        self.has_ended = False  # the writer said that nothing follows
        self.is_broken = False  # one of the sides gave it up
        self.changed = Bell()

    def end(self) -> None:
        self.has_ended = True
        self.changed.ring()

    def stop_reading(self) -> None:
        """The reader is gone: what waits is dropped, and the writer is told."""
        self.is_broken = True
        self.buffer.clear()
        self.changed.ring()


class MemoryStream(Stream):
    """One end of a pair that `memory_pair` makes."""

    def __init__(self, remote: str, incoming: _Pipe, outgoing: _Pipe) -> None:
        super().__init__(remote)
        self._in = incoming
        self._out = outgoing

    @property
    def buffered_bytes(self) -> int:
        """How many bytes wait to be read from this end."""
        return len(self._in.buffer)

    async def _read(self, max_bytes: int) -> bytes:
        pipe = self._in
        while not pipe.buffer and not pipe.is_broken and not pipe.has_ended:
            await pipe.changed.wait()
            self._check_open()
        if pipe.is_broken:
            raise StreamReset(f"{self.remote} broke the stream off")
        if not pipe.buffer:
            return b""
        data = pipe.buffer.take(max_bytes)
        pipe.changed.ring()
        return data

    async def _drain(self) -> None:
        pipe = self._out
        while len(pipe.buffer) >= pipe.limit_bytes and not pipe.is_broken:
            await pipe.changed.wait()
            self._check_writable()
        if pipe.is_broken:
            raise StreamReset(f"{self.remote} does not read any more")

    def _send(self, data: bytes) -> None:
        if self._out.is_broken:
            raise StreamReset(f"{self.remote} does not read any more")
        self._out.buffer.append(data)
        self._out.changed.ring()

    def _end_writing(self) -> None:
        self._out.end()

    async def _finish(self) -> None:
        self._in.stop_reading()
        self._out.changed.ring()

    def _abort(self) -> None:
        self._in.stop_reading()
        self._out.stop_reading()


def memory_pair(
    *, limit_bytes: int = LIMIT_BYTES, names: tuple[str, str] = ("left", "right")
) -> tuple[MemoryStream, MemoryStream]:
    """Two ends of one stream that stays in this process.

    Args:
        limit_bytes: how much may wait in each direction before its writer waits, at least 1.
        names: what the two ends are called in errors.
    """
    if limit_bytes < 1:
        raise UsageError(f"a pipe has room for at least one byte, not {limit_bytes}")
    there, back = _Pipe(limit_bytes), _Pipe(limit_bytes)
    return MemoryStream(names[1], back, there), MemoryStream(names[0], there, back)
