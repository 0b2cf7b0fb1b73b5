"""BLAKE3: a hash that is a Merkle tree inside. Pure functions, and a hasher for data that comes in pieces.

Follows the BLAKE3 paper (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020). The input is cut into chunks of
1 KiB. Each is compressed block after block of 64 bytes, from the key to its chaining value; the values are
joined in pairs, in a binary tree whose left side is always full; and the last compression of all gives the
hash::

                    root               flags ROOT | PARENT
                   /    \\
             parent      chunk 2       a node without a sibling moves up unchanged
             /    \\
        chunk 0  chunk 1               1,024 bytes each, numbered; the last may be shorter

Rules that keep the parts apart
    1. Chunks, parents and the root are compressed with different flags: no chunk can pass for a parent, and
       no inner node for the whole. BEP 52's tree has no such flags (`p2plib.data.merkle.bep52`).
    2. A chunk's number goes into its blocks, so that equal chunks in different places are different nodes.
    3. The last block's size goes in as well: data and the same data with a zero byte at its end differ.

The key is a constant (`digest`), 32 bytes from the caller (`keyed_digest`), or the hash of a text that the
programmer chose (`derive_key`); flags keep the three apart. The output may be of any length: the root is
compressed once for each 64 bytes of output, with their number, and a short output is the start of a long one.

Three engines give the same bytes: the package `blake3` where it is installed, numpy, or Python's integers.

    >>> digest(b"hello").hex()
    'ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f'
    >>> hasher = Blake3()
    >>> hasher.update(b"he")
    >>> hasher.update(b"llo")
    >>> hasher.digest(4).hex()
    'ea8f163d'
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from p2plib.data.merkle import blake3_arrays, blake3_lanes
from p2plib.data.merkle.blake3_lanes import (
    BLOCK_BYTES,
    CHUNK_BYTES,
    CHUNK_END,
    CHUNK_START,
    DERIVE_KEY_CONTEXT,
    DERIVE_KEY_MATERIAL,
    IV,
    KEYED_HASH,
    PARENT,
    ROOT,
    VALUE_BYTES,
    WORD_MASK,
    Lanes,
)
from p2plib.errors import UsageError

KEY_BYTES = 32
MAX_CHUNKS = 1 << 54  # the paper hashes less than 2**64 bytes
DIGEST_BYTES = 32
BATCH_CHUNKS = 4096  # a power of two, so that a full batch is a whole subtree

Engine: TypeAlias = Literal["package", "numpy", "numbers"]


@dataclass(frozen=True, slots=True)
class Blake3Mode:
    """The mode of a hash: plain, keyed or key derivation.

    Args:
        key: 8 words.
        flags: those of the mode.
    """

    key: tuple[int, ...] = IV
    flags: int = 0


HASH = Blake3Mode()


@dataclass(frozen=True, slots=True)
class Blake3Node:
    """A node of the tree before its last compression, when it is not yet known whether it is the root.

    Args:
        value: the chaining value that goes in, 8 words.
        block: 64 bytes.
        size: how many bytes of the block count.
        counter: the number of the chunk; 0 for a parent.
        flags: without ROOT.
    """

    value: Sequence[int]
    block: bytes
    size: int
    counter: int
    flags: int

    def _compressed(self, counter: int, flags: int) -> bytes:
        words = blake3_lanes.to_words(self.block)
        halves = counter & WORD_MASK, counter >> 32
        return blake3_lanes.to_bytes(
            blake3_lanes.compress(self.value, words, halves, self.size, self.flags | flags, Lanes.of(1))
        )

    def chaining_value(self) -> bytes:
        """What goes into the node's parent: 32 bytes."""
        return self._compressed(self.counter, 0)[:VALUE_BYTES]

    def root_bytes(self, length_bytes: int = DIGEST_BYTES) -> bytes:
        """The hash, of any length, if this node is the root.

        Args:
            length_bytes: 0 and up.

        Raises:
            UsageError: the length is negative.
        """
        _check_length(length_bytes)
        blocks = range(-(-length_bytes // BLOCK_BYTES))
        return b"".join(self._compressed(number, ROOT) for number in blocks)[:length_bytes]


def chunk_node(chunk: bytes, number: int, mode: Blake3Mode = HASH) -> Blake3Node:
    """A chunk as a node.

    Args:
        chunk: 1 to 1,024 bytes; 0 where the whole input is empty.
        number: which one it is, from 0 to 2**54 - 1.
        mode: that of the hash.

    Raises:
        UsageError: the chunk is longer, or its number is out of range.
    """
    if len(chunk) > CHUNK_BYTES:
        raise UsageError(f"a chunk has at most {CHUNK_BYTES} bytes, not {len(chunk)}")
    _check_numbers(number, 1)
    value: Sequence[int] = mode.key
    counter = number & WORD_MASK, number >> 32
    last = max(0, len(chunk) - 1) // BLOCK_BYTES * BLOCK_BYTES  # where the last block begins
    for at in range(0, last, BLOCK_BYTES):
        words = blake3_lanes.to_words(chunk[at : at + BLOCK_BYTES])
        flags = mode.flags | (CHUNK_START if at == 0 else 0)
        value = blake3_lanes.compress(value, words, counter, BLOCK_BYTES, flags, Lanes.of(1))[:8]
    block = bytes(chunk[last:])
    flags = mode.flags | CHUNK_END | (CHUNK_START if last == 0 else 0)
    return Blake3Node(value, block.ljust(BLOCK_BYTES, b"\0"), len(block), number, flags)


def parent_node(left: bytes, right: bytes, mode: Blake3Mode = HASH) -> Blake3Node:
    """Two nodes joined.

    Args:
        left: the chaining value of the left child, 32 bytes.
        right: of the right one.
        mode: that of the hash.

    Raises:
        UsageError: a value does not have 32 bytes.
    """
    if len(left) != VALUE_BYTES or len(right) != VALUE_BYTES:
        raise UsageError(f"a chaining value has {VALUE_BYTES} bytes, not {len(left)} or {len(right)}")
    return Blake3Node(mode.key, bytes(left) + bytes(right), BLOCK_BYTES, 0, mode.flags | PARENT)


def chunk_values(data: bytes, first: int, mode: Blake3Mode = HASH, engine: Engine | None = None) -> bytes:
    """The chaining values of chunks that follow each other, 32 bytes for each.

    Args:
        data: any number of chunks, of which the last may be shorter than 1,024 bytes.
        first: the number of the first chunk, from 0; none is 2**54 or more.
        mode: that of the hash.
        engine: "numpy" or "numbers"; by default the faster one for this much data.

    Raises:
        UsageError: a number is out of range, or the engine cannot be used.
    """
    _check_numbers(first, -(-len(data) // CHUNK_BYTES))
    whole = len(data) // CHUNK_BYTES
    made = b""
    if whole:
        engine_used = blake3_arrays if _takes_arrays(engine, whole) else blake3_lanes
        made = engine_used.chunk_values(data[: whole * CHUNK_BYTES], first, mode.key, mode.flags)
    if len(data) > whole * CHUNK_BYTES:
        made += chunk_node(data[whole * CHUNK_BYTES :], first + whole, mode).chaining_value()
    return made


def joined(values: bytes, mode: Blake3Mode = HASH, engine: Engine | None = None) -> bytes:
    """The next layer up: the parent's value for every pair of values, and an odd one unchanged.

    Args:
        values: 32 bytes for each node.
        mode: that of the hash.
        engine: "numpy" or "numbers"; by default the faster one for this many.

    Raises:
        UsageError: the values are not a multiple of 32 bytes, or the engine cannot be used.
    """
    if len(values) % VALUE_BYTES:
        raise UsageError(f"values have {VALUE_BYTES} bytes for each node, not {len(values)} in all")
    pairs = len(values) // BLOCK_BYTES
    if not pairs:
        return bytes(values)
    engine_used = blake3_arrays if _takes_arrays(engine, pairs) else blake3_lanes
    made = engine_used.parent_values(values[: pairs * BLOCK_BYTES], mode.key, mode.flags)
    return bytes(made) + values[pairs * BLOCK_BYTES :]


class Blake3:
    """A hasher: takes data in pieces, and keeps one value for each full subtree.

    It holds back up to 4 MiB of data, because the root is compressed with other flags.

    Args:
        mode: that of the hash; see also `keyed` and `derive_key`.
        engine: "numpy" or "numbers"; by default the faster one available.

    Raises:
        UsageError: the engine cannot be used.
    """

    def __init__(self, mode: Blake3Mode = HASH, engine: Engine | None = None) -> None:
        check_engine(engine)
        self._mode, self._engine = mode, engine
        self._held = bytearray()
        self._batches = 0
        self._stack: list[bytes] = []  # the values of full subtrees, from left to right

    def update(self, data: bytes) -> None:
        """Take more data.

        Args:
            data: any bytes.
        """
        size, view = BATCH_CHUNKS * CHUNK_BYTES, memoryview(data).cast("B")  # its length counts bytes
        while len(self._held) + len(view) > size:  # not at equality: the batch could be the whole tree
            missing = size - len(self._held)
            batch = bytes(self._held) + view[:missing]
            view = view[missing:]
            self._held.clear()
            self._push(batch)
        self._held += view

    def _push(self, batch: bytes) -> None:
        values = chunk_values(batch, self._batches * BATCH_CHUNKS, self._mode, self._engine)
        while len(values) > VALUE_BYTES:
            values = joined(values, self._mode, self._engine)
        self._batches += 1
        left = self._batches
        while left % 2 == 0:  # once for each subtree that is full now
            values = parent_node(self._stack.pop(), values, self._mode).chaining_value()
            left //= 2
        self._stack.append(values)

    def _root(self) -> Blake3Node:
        held, first = bytes(self._held), self._batches * BATCH_CHUNKS
        if len(held) <= CHUNK_BYTES:
            node = chunk_node(held, first, self._mode)
        else:
            values = chunk_values(held, first, self._mode, self._engine)
            while len(values) > 2 * VALUE_BYTES:
                values = joined(values, self._mode, self._engine)
            node = parent_node(values[:VALUE_BYTES], values[VALUE_BYTES:], self._mode)
        for left in reversed(self._stack):
            node = parent_node(left, node.chaining_value(), self._mode)
        return node

    def digest(self, length_bytes: int = DIGEST_BYTES) -> bytes:
        """The hash of what was taken so far; more may follow.

        Args:
            length_bytes: 0 and up.

        Raises:
            UsageError: the length is negative.
        """
        return self._root().root_bytes(length_bytes)


def digest(data: bytes, length_bytes: int = DIGEST_BYTES, engine: Engine | None = None) -> bytes:
    """The BLAKE3 hash of some data.

    Args:
        data: any bytes.
        length_bytes: of the hash, 0 and up.
        engine: what computes it; by default the fastest one available.

    Raises:
        UsageError: the length is negative, or the engine cannot be used.
    """
    _check_length(length_bytes)
    if _takes_package(engine):
        return bytes(_package().blake3(memoryview(data).cast("B")).digest(length_bytes))
    return _hashed(data, HASH, length_bytes, engine)


def keyed_digest(
    key: bytes, data: bytes, length_bytes: int = DIGEST_BYTES, engine: Engine | None = None
) -> bytes:
    """The hash under a key, which nobody can compute without it: a message authentication code.

    Args:
        key: 32 bytes.
        data: any bytes.
        length_bytes: of the hash, 0 and up.
        engine: what computes it; by default the fastest one available.

    Raises:
        UsageError: the key does not have 32 bytes, the length is negative, or the engine cannot be used.
    """
    mode = keyed_mode(key)
    _check_length(length_bytes)
    if _takes_package(engine):
        made = _package().blake3(memoryview(data).cast("B"), key=bytes(key))
        return bytes(made.digest(length_bytes))
    return _hashed(data, mode, length_bytes, engine)


def keyed_mode(key: bytes) -> Blake3Mode:
    """The mode for a hasher with a key.

    Args:
        key: 32 bytes.

    Raises:
        UsageError: the key does not have 32 bytes.
    """
    if len(key) != KEY_BYTES:
        raise UsageError(f"a key of BLAKE3 has {KEY_BYTES} bytes, not {len(key)}")
    return Blake3Mode(tuple(blake3_lanes.to_words(key)), KEYED_HASH)


def derive_key(
    context: str, material: bytes, length_bytes: int = KEY_BYTES, engine: Engine | None = None
) -> bytes:
    """A key for one purpose out of a secret.

    Args:
        context: the purpose, a constant of the program: unique, and never taken from input.
        material: the secret, any bytes; a password is not good enough.
        length_bytes: of the key, 0 and up.
        engine: what computes it; by default the fastest one available.

    Raises:
        UsageError: the length is negative, or the engine cannot be used.
    """
    _check_length(length_bytes)
    if _takes_package(engine):
        made = _package().blake3(memoryview(material).cast("B"), derive_key_context=context)
        return bytes(made.digest(length_bytes))
    key = _hashed(context.encode(), Blake3Mode(IV, DERIVE_KEY_CONTEXT), KEY_BYTES, engine)
    mode = Blake3Mode(tuple(blake3_lanes.to_words(key)), DERIVE_KEY_MATERIAL)
    return _hashed(material, mode, length_bytes, engine)


def check_engine(engine: Engine | None) -> None:
    """Raises unless an engine can compute the nodes of a tree here; None stands for any that can.

    Args:
        engine: what was asked for.

    Raises:
        UsageError: there is no such engine, it is not installed, or it is the package.
    """
    if engine not in (None, "package", "numpy", "numbers"):
        raise UsageError(f"there is no engine {engine}")
    if engine == "package":
        raise UsageError("the package blake3 hashes whole inputs, and does not show the nodes of the tree")
    if engine == "numpy" and blake3_arrays.numpy() is None:
        raise UsageError("numpy is not installed")


def _check_length(length_bytes: int) -> None:
    if length_bytes < 0:
        raise UsageError(f"a hash has 0 bytes or more, not {length_bytes}")


def _check_numbers(first: int, count: int) -> None:
    if first < 0 or first + count > MAX_CHUNKS:
        raise UsageError(f"there is no chunk {first if first < 0 else first + count - 1} in any input")


def _hashed(data: bytes, mode: Blake3Mode, length_bytes: int, engine: Engine | None) -> bytes:
    hasher = Blake3(mode, engine)
    hasher.update(data)
    return hasher.digest(length_bytes)


@functools.cache
def _package() -> Any:
    """The package `blake3`; None where it is not installed."""
    try:
        return importlib.import_module("blake3")
    except ModuleNotFoundError:
        return None


def _takes_package(engine: Engine | None) -> bool:
    if engine == "package" and _package() is None:
        raise UsageError("the package blake3 is not installed")
    return engine == "package" or (engine is None and _package() is not None)


def _takes_arrays(engine: Engine | None, count: int) -> bool:
    check_engine(engine)
    enough = count >= blake3_arrays.MIN_ROWS and blake3_arrays.numpy() is not None
    return engine == "numpy" or (engine is None and enough)
