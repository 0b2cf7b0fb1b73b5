"""What streams are made of: bytes that wait to be read, and a bell for tasks that wait for them.

Vocabulary::

    chunk   bytes as they came, for example one TCP segment's
    piece   what a reader asked for: a chunk, or the first part of one
"""

from __future__ import annotations

import asyncio
from collections import deque

# Chunks below this are joined: a peer that sends single bytes must not make us keep an object for each.
SMALL_BYTES = 4096
_JOINED_BYTES = 65_536


class Total:
    """How many bytes wait in several `Chunks` together.

    Attributes:
        size_bytes: how many; the `Chunks` keep it up to date.
    """

    __slots__ = ("size_bytes",)

    def __init__(self) -> None:
        self.size_bytes = 0


class Chunks:
    """Bytes in the order in which they came. Large chunks are neither copied nor joined.

    Args:
        total: where they are counted together with those of others; what is counted is nearly all that they
            keep, then.
    """

    def __init__(self, total: Total | None = None) -> None:
        self._total = total
        self._chunks: deque[bytes | bytearray] = deque()
        self._offset = 0  # how much of the first chunk has been taken
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def append(self, data: bytes) -> None:
        """Adds bytes at the end."""
        if not data:
            return
        self._size += len(data)
        if self._total is not None:
            self._total.size_bytes += len(data)
        if len(data) >= SMALL_BYTES:
            self._chunks.append(data)
            return
        last = self._chunks[-1] if self._chunks else None
        if isinstance(last, bytearray) and len(last) < _JOINED_BYTES:
            last += data
        else:
            self._chunks.append(bytearray(data))

    def take(self, max_bytes: int) -> bytes:
        """Removes and returns the first piece, at most `max_bytes`; b"" if there is nothing."""
        if not self._chunks:
            return b""
        return bytes(self._first(max_bytes))

    def take_exactly(self, size_bytes: int) -> bytes:
        """Removes and returns so many bytes, which must be there, copied once wherever they lay."""
        if not size_bytes:
            return b""
        parts, missing = [self._first(size_bytes)], size_bytes
        while missing := missing - len(parts[-1]):
            parts.append(self._first(missing))
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def _first(self, max_bytes: int) -> bytes | memoryview:
        """Removes the first piece; what is returned is for use at once."""
        head, start = self._chunks[0], self._offset
        end = start + max_bytes
        piece: bytes | memoryview
        if end >= len(head):
            self._chunks.popleft()
            self._offset = 0
            piece = head if start == 0 and isinstance(head, bytes) else memoryview(head)[start:]
        else:
            self._offset = end
            piece = memoryview(head)[start:end]
            if self._total is not None and (len(head) - end) * 4 < len(head) > SMALL_BYTES:
                self._chunks[0] = bytearray(memoryview(head)[end:])  # a little must not keep much in memory
                self._offset = 0
        self._size -= len(piece)
        if self._total is not None:
            self._total.size_bytes -= len(piece)
        return piece

    def clear(self) -> None:
        """Forgets everything."""
        self._chunks.clear()
        if self._total is not None:
            self._total.size_bytes -= self._size
        self._offset = self._size = 0


class Bell:
    """Something has changed: `ring` wakes every task that waits now. Each looks again for itself."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []

    async def wait(self) -> None:
        """Waits for the next `ring`."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            await future
        finally:
            if future in self._waiting:
                self._waiting.remove(future)

    def ring(self) -> None:
        """Wakes every task that waits; if none does, nothing happens."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)
