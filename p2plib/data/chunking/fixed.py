"""Chunks of one size: the simplest cut, and the one that an insertion near the start undoes.

A chunker, here and in the other modules of this package, is any function that takes the bytes of a file in
pieces of any size and yields the chunks in order; joined, they are the same bytes. An empty file has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from p2plib.errors import UsageError

Chunker: TypeAlias = Callable[[Iterable[bytes]], Iterator[bytes]]


def chunks(pieces: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """Cut a stream into chunks of one size; the last may be shorter.

    Args:
        pieces: the bytes of the file in order, in pieces of any size.
        size_bytes: of a chunk, at least 1.

    Raises:
        UsageError: the size is less than 1.
    """
    if size_bytes < 1:
        raise UsageError(f"a chunk cannot have {size_bytes} bytes")
    return _chunks(pieces, size_bytes)


def _chunks(pieces: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """A chunk that is in one piece is copied once, out of it; one that is a piece, and bytes, not at all.

    Less than a chunk is held, in a buffer that grows to the size of a chunk and is then used again: a new one
    for each chunk costs more than the copies do. The caller may fill the buffer of a piece again for the next
    one, so no chunk shares its memory.
    """
    buffer, held = bytearray(), 0  # how many bytes of the next chunk are at the beginning of the buffer
    for piece in pieces:
        view = memoryview(piece).cast("B")
        while held + len(view) >= size_bytes:
            missing = size_bytes - held
            if held:
                _fill(buffer, held, view[:missing])
                yield bytes(buffer)
            else:
                yield piece if len(piece) == missing and type(piece) is bytes else bytes(view[:missing])
            view, held = view[missing:], 0
        _fill(buffer, held, view)
        held += len(view)
    if held:
        yield bytes(buffer[:held])


def _fill(buffer: bytearray, at: int, view: memoryview) -> None:
    """Write into a buffer, which grows where it is too short."""
    end = at + len(view)
    if end > len(buffer):
        buffer += bytes(end - len(buffer))
    memoryview(buffer)[at:end] = view
