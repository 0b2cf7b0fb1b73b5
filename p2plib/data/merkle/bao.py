"""Bao: encodings in which every kilobyte of a file is proven the moment it arrives. A codec.

Follows the Bao specification (O'Connor, docs/spec.md of the project bao). With the BLAKE3 hash of a file one
can take it, or any part of it, from a stranger, because the inner nodes of BLAKE3's tree travel with it.
All encodings begin with the size of the content, 8 bytes, little-endian; then the nodes follow in pre-order:
a parent, its left subtree, its right subtree::

    combined    size | root: 2 values | parent: 2 values | chunk 0 | chunk 1 | chunk 2
    outboard    size | root: 2 values | parent: 2 values          and the content in a file of its own
    slice       size | root: 2 values | parent: 2 values | chunk 1          what bytes 1024 to 2047 need

    >>> content = bytes(2049)
    >>> encoded, root = encode(content), BaoTree.of(content).root
    >>> len(encoded), len(outboard(content)), len(slice_of(content, 1024, 1))
    (2185, 136, 1160)

`p2plib.data.merkle.bao_verifier` is the receiving side, and has the rules of what it believes.

Vocabulary::

    value     what a node hashes to, 32 bytes; a parent is sent as the values of its two children
    content   the file itself; `start` is an offset in it
    ReadAt    how a file is read: a function of an offset and a size
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from p2plib.data.merkle import blake3
from p2plib.data.merkle.blake3 import BATCH_CHUNKS, Engine, chunk_node, parent_node
from p2plib.data.merkle.blake3_lanes import CHUNK_BYTES, VALUE_BYTES
from p2plib.errors import DecodeError, UsageError
from p2plib.wire.fields import Field

HEADER_BYTES = 8
MAX_SLICED_BYTES = 1 << 62  # no file system has larger files, and no offset in an encoding gets to 2**63
PARENT_BYTES = 2 * VALUE_BYTES

ReadAt: TypeAlias = Callable[[int, int], bytes]


def left_size(size: int) -> int:
    """How many bytes of a parent's content are below its left child: the largest full tree that leaves some.

    Args:
        size: of the content below the parent, more than 1,024.
    """
    chunks = -(-size // CHUNK_BYTES)
    return CHUNK_BYTES << (chunks - 1).bit_length() - 1


def wanted(start: int, length_bytes: int, size: int) -> tuple[int, int]:
    """The range of bytes that a slice proves at least, as (start, end). Never empty: rule 3 of the verifier.

    Args:
        start: where the slice was asked to begin.
        length_bytes: how many bytes were asked for.
        size: of the content.
    """
    if start >= size:
        return max(0, size - 1), size
    return start, min(size, start + max(1, length_bytes))


def check_asked(start: int, length_bytes: int) -> None:
    """Raises unless there can be such a slice, of whatever content.

    Args:
        start: where it begins.
        length_bytes: how many bytes it has.

    Raises:
        UsageError: a number is negative.
    """
    if start < 0 or length_bytes < 0:
        raise UsageError(f"a slice cannot begin at {start} and have {length_bytes} bytes")


def nodes(size: int, low: int, high: int) -> Iterator[tuple[int, int, int]]:
    """The nodes that some bytes need, in pre-order: start, size, and how many parents come before in all.

    Args:
        size: of the content.
        low: where the bytes begin.
        high: where they end.
    """
    stack = [(0, size, 0)]
    while stack:
        start, below, parents = stack.pop()
        yield start, below, parents
        if below > CHUNK_BYTES:
            left = left_size(below)
            if start + left < high:
                stack.append((start + left, below - left, parents + left // CHUNK_BYTES))
            if low < start + left:
                stack.append((start, left, parents + 1))


class BaoTree:
    """All values of the tree over some content, layer by layer: 64 bytes for each KiB of content.

    Args:
        size: of the content, in bytes.
        layers: the values of the chunks, 32 bytes each, then of their parents, and so on; an odd one moves
            up unchanged. The last layer has at most two.
        root: the BLAKE3 hash of the content.
    """

    def __init__(self, size: int, layers: list[bytes], root: bytes) -> None:
        self.size, self.root, self._layers = size, root, layers

    @classmethod
    def of(cls, content: bytes | Iterable[bytes], engine: Engine | None = None) -> BaoTree:
        """The tree of some content.

        Args:
            content: all of it, or its pieces in order.
            engine: "numpy" or "numbers"; by default the faster one available.

        Raises:
            UsageError: the engine cannot be used.
        """
        held, size, parts = bytearray(), 0, list[bytes]()
        blake3.check_engine(engine)
        for piece in [content] if isinstance(content, bytes | bytearray | memoryview) else content:
            held += piece
            if len(held) > BATCH_CHUNKS * CHUNK_BYTES:
                # The last chunk stays, whole or not: it may be the root.
                whole = (len(held) - 1) // CHUNK_BYTES * CHUNK_BYTES
                parts.append(blake3.chunk_values(bytes(held[:whole]), size // CHUNK_BYTES, engine=engine))
                del held[:whole]
                size += whole
        if size + len(held) <= CHUNK_BYTES:
            return cls(len(held), [], chunk_node(bytes(held), 0).root_bytes())
        parts.append(blake3.chunk_values(bytes(held), size // CHUNK_BYTES, engine=engine))
        layers = [b"".join(parts)]
        while len(layers[-1]) > PARENT_BYTES:
            layers.append(blake3.joined(layers[-1], engine=engine))
        top = parent_node(layers[-1][:VALUE_BYTES], layers[-1][VALUE_BYTES:])
        return cls(size + len(held), layers, top.root_bytes())

    def pair(self, start: int, size: int) -> bytes:
        """The values of a parent's two children, as they are sent: 64 bytes.

        Args:
            start: the offset of the content below the parent.
            size: how many bytes that is, more than 1,024.
        """
        level = (-(-size // CHUNK_BYTES) - 1).bit_length()
        at = (start // CHUNK_BYTES >> level) * PARENT_BYTES
        return self._layers[level - 1][at : at + PARENT_BYTES]

    def outboard(self) -> bytes:
        """The outboard encoding: the size, and every parent."""
        every = nodes(self.size, 0, self.size)
        pairs = (self.pair(start, below) for start, below, _ in every if below > CHUNK_BYTES)
        return _header(self.size) + b"".join(pairs)

    def encoded(self, content: ReadAt, start: int, length_bytes: int) -> Iterator[bytes]:
        """A slice, or the combined encoding if it covers everything, in pieces.

        Args:
            content: how the content is read.
            start: where the slice begins, 0 and up.
            length_bytes: how many bytes it has.

        Raises:
            UsageError: the start or the length is negative.
            DecodeError: the content is not as long as it was when the tree was made.
        """
        check_asked(start, length_bytes)
        yield _header(self.size)
        for at, below, _ in nodes(self.size, *wanted(start, length_bytes, self.size)):
            yield self.pair(at, below) if below > CHUNK_BYTES else _read(content, at, below)


def dissect(outboard: bytes) -> list[Field]:
    """The fields of an outboard encoding.

    Args:
        outboard: all of it.

    Raises:
        DecodeError: it is not as long as the size in its header demands.
    """
    if len(outboard) < HEADER_BYTES:
        raise DecodeError(f"an encoding begins with {HEADER_BYTES} bytes of size, not {len(outboard)}", 0)
    size = int.from_bytes(outboard[:HEADER_BYTES], "little")
    expected = HEADER_BYTES + PARENT_BYTES * (max(1, -(-size // CHUNK_BYTES)) - 1)
    if len(outboard) != expected:
        raise DecodeError(f"the outboard encoding of {size} bytes has {expected}, not {len(outboard)}", 0)
    fields, at = [Field("size", outboard[:HEADER_BYTES], f"{size:,} bytes of content")], HEADER_BYTES
    for start, below, _ in nodes(size, 0, size):
        if below <= CHUNK_BYTES:
            continue
        middle, end = start + left_size(below), start + below
        for name, low, high in (("left value", start, middle), ("right value", middle, end)):
            fields.append(Field(name, outboard[at : at + VALUE_BYTES], f"of bytes {low:,} to {high - 1:,}"))
            at += VALUE_BYTES
    return fields


def reader(data: bytes) -> ReadAt:
    """How bytes in memory are read.

    Args:
        data: what is read.
    """
    return lambda offset, size: data[offset : offset + size]


def encode(content: bytes, engine: Engine | None = None) -> bytes:
    """The combined encoding of some content.

    Args:
        content: any bytes.
        engine: "numpy" or "numbers"; by default the faster one available.

    Raises:
        UsageError: the engine cannot be used.
    """
    return slice_of(content, 0, len(content), engine)


def outboard(content: bytes, engine: Engine | None = None) -> bytes:
    """The outboard encoding of some content.

    Args:
        content: any bytes.
        engine: "numpy" or "numbers"; by default the faster one available.

    Raises:
        UsageError: the engine cannot be used.
    """
    return BaoTree.of(content, engine).outboard()


def slice_of(content: bytes, start: int, length_bytes: int, engine: Engine | None = None) -> bytes:
    """A slice of some content. To send many, keep the `BaoTree` or an encoding.

    Args:
        content: any bytes.
        start: where the slice begins, 0 and up.
        length_bytes: how many bytes it has.
        engine: "numpy" or "numbers"; by default the faster one available.

    Raises:
        UsageError: the start or the length is negative, or the engine cannot be used.
    """
    return b"".join(BaoTree.of(content, engine).encoded(reader(content), start, length_bytes))


def slice_combined(encoded: ReadAt, start: int, length_bytes: int) -> Iterator[bytes]:
    """A slice from a combined encoding, reading no more of it than the slice has.

    Args:
        encoded: how the encoding is read.
        start: where the slice begins, 0 and up.
        length_bytes: how many bytes it has.

    Raises:
        UsageError: the start or the length is negative.
        DecodeError: the encoding ends too early, or its header promises more than a file can have. The
            encoding is not verified: the receiver of the slice does that.
    """
    check_asked(start, length_bytes)
    size = _promised(encoded)
    yield _header(size)
    for at, below, parents in nodes(size, *wanted(start, length_bytes, size)):
        offset = HEADER_BYTES + PARENT_BYTES * parents + at
        yield _read(encoded, offset, PARENT_BYTES if below > CHUNK_BYTES else below)


def slice_outboard(outboard: ReadAt, content: ReadAt, start: int, length_bytes: int) -> Iterator[bytes]:
    """A slice from an outboard encoding and the content, reading no more of them than the slice has.

    This is also how an outboard encoding from a stranger is verified: give the slice to a `BaoVerifier`.

    Args:
        outboard: how the encoding is read.
        content: how the content is read.
        start: where the slice begins, 0 and up.
        length_bytes: how many bytes it has.

    Raises:
        UsageError: the start or the length is negative.
        DecodeError: a source ends too early, or the header promises more than a file can have.
    """
    check_asked(start, length_bytes)
    size = _promised(outboard)
    yield _header(size)
    for at, below, parents in nodes(size, *wanted(start, length_bytes, size)):
        if below > CHUNK_BYTES:
            yield _read(outboard, HEADER_BYTES + PARENT_BYTES * parents, PARENT_BYTES)
        else:
            yield _read(content, at, below)


def _header(size: int) -> bytes:
    return size.to_bytes(HEADER_BYTES, "little")


def _promised(encoded: ReadAt) -> int:
    size = int.from_bytes(_read(encoded, 0, HEADER_BYTES), "little")
    if size > MAX_SLICED_BYTES:
        raise DecodeError(f"the header promises {size} bytes, more than any file has", 0)
    return size


def _read(source: ReadAt, offset: int, size: int) -> bytes:
    data = source(offset, size)
    if len(data) > size:
        raise DecodeError(f"{len(data)} bytes were read where a node has {size}", offset)
    if len(data) < size:
        raise DecodeError(f"the file ends {size - len(data)} bytes before the end of a node", offset)
    return data
