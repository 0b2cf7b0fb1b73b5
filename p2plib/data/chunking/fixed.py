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
    """A chunk is copied once, out of the piece that it is in; no copy of a whole piece is made.

    Less than a chunk is held. The caller may fill the buffer of a piece again for the next one, so no chunk
    shares its memory.
    """
    held = bytearray()
    for piece in pieces:
        view = memoryview(piece).cast("B")
        while len(held) + len(view) >= size_bytes:
            missing = size_bytes - len(held)
            if held:
                held += view[:missing]
                yield bytes(held)
                held.clear()
            else:
                yield bytes(view[:missing])
            view = view[missing:]
        held += view
    if held:
        yield bytes(held)
