"""BitTorrent v2's trees: one SHA-256 root for each file, and proofs for any of its blocks. Pure functions.

Follows BEP 52 ("pieces root", "piece layers", and the hash requests of its peer protocol). This is only the
tree: torrent files and messages are elsewhere.

A file is cut into blocks of 16 KiB. Their hashes are the leaves, padded with zeros to a power of two; each
pair is hashed again, up to the root::

    layer 2                root
    layer 1         0              1             a piece of 32 KiB is a node of layer 1: the piece layer
    layer 0      0     1        2     zeros      three blocks, and 32 zero bytes for the fourth
                 |     |        |
    file      16 KiB 16 KiB  the rest            a short last block is hashed unpadded

    >>> tree = Bep52Tree.of(bytes(40_000))
    >>> tree.root.hex()[:16], tree.height
    ('c222145b40178f84', 2)
    >>> ask = HashRange(tree.root, base_layer=0, index=2, length=2, proof_layers=1)
    >>> [len(part) for part in tree.prove(ask)]    # two leaves and one uncle
    [32, 32, 32]

Rules
    1. Zeros are only at the leaves: above them, a missing node is the hash of two missing nodes.
    2. Leaves and inner nodes are hashed alike, so a root alone says nothing about the size: the 64 bytes
       below some root are a file with that very root. The tree is safe because the info dictionary of a
       torrent, which its own hash protects, holds the length of each file beside its root: that fixes how
       many layers there are, and so which one the leaves are. So every function that verifies takes the size.
    3. A range begins at a multiple of its length, and the length is a power of two, at least 2. So a range
       is the lowest layer of a whole subtree, and each layer above it adds one uncle.
    4. Proof layers are counted from the base layer. The first log2(length) - 1 are inside the range and are
       not sent; the root, which everybody has, is not counted.

Vocabulary::

    block     16 KiB of a file; the last may be shorter
    piece     what a torrent counts in: a power of two, 16 KiB or more
    layer     0 is the leaves, `height` the root
    uncle     the sibling of a node on the way up
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from p2plib.errors import InvalidProof, UsageError

BLOCK_BYTES = 16_384
HASH_BYTES = 32
MAX_RANGE = 512  # hashes: BEP 52 says that a request should not be longer
MAX_SIZE_BYTES = 2**50  # of a file
MAX_LAYER = 36  # the root of the largest file


@dataclass(frozen=True, slots=True)
class HashRange:
    """Which hashes are asked for, by the numbers in a hash request.

    Args:
        root: the pieces root of the file, 32 bytes.
        base_layer: the layer of the hashes, 0 for the leaves.
        index: of the first hash in its layer; a multiple of length.
        length: how many hashes: a power of two, 2 to 512.
        proof_layers: how many layers above the base layer are to be proven.
    """

    root: bytes
    base_layer: int
    index: int
    length: int
    proof_layers: int

    def check(self, size_bytes: int) -> None:
        """Raises unless a file has this range.

        Args:
            size_bytes: of the file.

        Raises:
            UsageError: it breaks a rule of BEP 52, or goes beyond the tree. A peer that sends one is refused.
        """
        _check_root(self.root)
        height = height_of(size_bytes)
        if not 2 <= self.length <= MAX_RANGE or self.length & (self.length - 1):
            raise UsageError(f"the length of a range is a power of two, 2 to {MAX_RANGE}, not {self.length}")
        if self.index < 0 or self.index % self.length:
            raise UsageError(f"the index of a range is a multiple of its length, not {self.index}")
        if not 0 <= self.base_layer < height:
            raise UsageError(
                f"a tree of {height} layers above the leaves has no base layer {self.base_layer}"
            )
        if self.index + self.length > 1 << height - self.base_layer:
            raise UsageError(f"layer {self.base_layer} has no {self.length} hashes from {self.index} on")
        if not 0 <= self.proof_layers < height - self.base_layer:
            raise UsageError(f"there are no {self.proof_layers} layers above it and below the root")

    @property
    def top_layer(self) -> int:
        """The layer of the node whose lowest layer the range is."""
        return self.base_layer + self.length.bit_length() - 1

    @property
    def uncles(self) -> int:
        """How many uncles a proof has."""
        return max(0, self.base_layer + self.proof_layers + 1 - self.top_layer)


def height_of(size_bytes: int) -> int:
    """How many layers a file has above its leaves.

    Args:
        size_bytes: of the file, 1 and up: an empty one has no tree.

    Raises:
        UsageError: a file with a tree cannot have this size.
    """
    if not 1 <= size_bytes <= MAX_SIZE_BYTES:
        raise UsageError(f"a file with a tree has 1 to {MAX_SIZE_BYTES} bytes, not {size_bytes}")
    return (-(-size_bytes // BLOCK_BYTES) - 1).bit_length()


@functools.cache
def padding(layer: int) -> bytes:
    """The node of a layer that has only padding below it.

    Args:
        layer: 0 to 36.

    Raises:
        UsageError: no file has such a layer.
    """
    if not 0 <= layer <= MAX_LAYER:
        raise UsageError(f"a layer is 0 to {MAX_LAYER}, not {layer}")
    if layer == 0:
        return bytes(HASH_BYTES)
    return _join(padding(layer - 1), padding(layer - 1))


class Bep52Tree:
    """All hashes of one file, without the padding.

    Args:
        size_bytes: of the file.
        leaves: the SHA-256 of each of its blocks.

    Raises:
        UsageError: the file is empty, there are not as many leaves as it has blocks, or a leaf is not 32
            bytes.
    """

    def __init__(self, size_bytes: int, leaves: Sequence[bytes]) -> None:
        self.height = height_of(size_bytes)
        if len(leaves) != -(-size_bytes // BLOCK_BYTES):
            raise UsageError(f"a file of {size_bytes} bytes does not have {len(leaves)} blocks")
        if any(len(hashed) != HASH_BYTES for hashed in leaves):
            raise UsageError(f"a leaf has {HASH_BYTES} bytes")
        self.size_bytes = size_bytes
        self._layers = [[bytes(hashed) for hashed in leaves]]  # a bytearray could change
        for layer in range(self.height):
            below = self._layers[layer]
            if len(below) % 2:
                below = [*below, padding(layer)]
            self._layers.append([_join(below[at], below[at + 1]) for at in range(0, len(below), 2)])

    @classmethod
    def of(cls, content: bytes | Iterable[bytes]) -> Bep52Tree:
        """The tree of a file.

        Args:
            content: all of it, or its pieces in order; at least one byte.

        Raises:
            UsageError: the file is empty.
        """
        leaves, held, size = list[bytes](), bytearray(), 0
        for piece in [content] if isinstance(content, bytes | bytearray | memoryview) else content:
            held += piece
            size += len(piece)
            whole = len(held) - len(held) % BLOCK_BYTES
            view = bytes(held[:whole])
            del held[:whole]
            leaves += [leaf(view[at : at + BLOCK_BYTES]) for at in range(0, whole, BLOCK_BYTES)]
        if held:
            leaves.append(leaf(bytes(held)))
        return cls(size, leaves)

    @property
    def root(self) -> bytes:
        """The file's pieces root: 32 bytes."""
        return self._layers[-1][0]

    def node(self, layer: int, index: int) -> bytes:
        """One hash, which may be padding.

        Args:
            layer: 0 to the height.
            index: in its layer, 0 and up.

        Raises:
            UsageError: the tree has no such node.
        """
        if not (0 <= layer <= self.height and 0 <= index < 1 << self.height - layer):
            raise UsageError(
                f"a tree of {self.height} layers above the leaves has no node {index} in layer {layer}"
            )
        known = self._layers[layer]
        return known[index] if index < len(known) else padding(layer)

    def piece_layer(self, piece_bytes: int) -> bytes:
        """The hashes of a file's pieces, joined, as a torrent has them under "piece layers".

        A file that is no longer than one piece has no piece layer: its root is the hash of its only piece.

        Args:
            piece_bytes: a power of two, 16,384 and up.

        Raises:
            UsageError: it is not such a power, or the file is not longer than that.
        """
        if piece_bytes < BLOCK_BYTES or piece_bytes & (piece_bytes - 1):
            raise UsageError(f"a piece has a power of two of bytes, {BLOCK_BYTES} or more, not {piece_bytes}")
        if self.size_bytes <= piece_bytes:
            raise UsageError("a file that is not longer than one piece has no piece layer")
        return b"".join(self._layers[(piece_bytes // BLOCK_BYTES).bit_length() - 1])

    def prove(self, asked: HashRange) -> tuple[bytes, ...]:
        """The answer to a request: the hashes of the range, then the uncles, from the lowest to the highest.

        Args:
            asked: which hashes, of this file.

        Raises:
            UsageError: the tree does not have them.
        """
        if asked.root != self.root:
            raise UsageError("this is the tree of another file")
        asked.check(self.size_bytes)
        span = range(asked.index, asked.index + asked.length)
        above, top = asked.index // asked.length, asked.top_layer
        uncles = [self.node(top + step, (above >> step) ^ 1) for step in range(asked.uncles)]
        return tuple([self.node(asked.base_layer, index) for index in span] + uncles)


def leaf(block: bytes) -> bytes:
    """The hash of one block.

    Args:
        block: 1 to 16,384 bytes.

    Raises:
        UsageError: it has another size.
    """
    if not 1 <= len(block) <= BLOCK_BYTES:
        raise UsageError(f"a block has 1 to {BLOCK_BYTES} bytes, not {len(block)}")
    return hashlib.sha256(block).digest()


def verify(
    asked: HashRange,
    size_bytes: int,
    hashes: Sequence[bytes],
    known: Mapping[tuple[int, int], bytes] | None = None,
) -> tuple[bytes, ...]:
    """Verify an answer; returns the hashes of the range.

    Args:
        asked: what was asked for.
        size_bytes: of the file, from the info dictionary. A wrong size proves wrong things; see rule 2.
        hashes: the answer: the range, then the uncles.
        known: nodes that were proven before, by layer and index, for an answer whose uncles do not reach the
            root.

    Raises:
        UsageError: the file has no such range.
        InvalidProof: the answer does not lead to the root, nor to a known node.
    """
    asked.check(size_bytes)
    if len(hashes) != asked.length + asked.uncles:
        expected = f"{asked.length} hashes and {asked.uncles} uncles"
        raise InvalidProof(f"the answer has {len(hashes)} hashes, and {expected} were asked for")
    if any(len(part) != HASH_BYTES for part in hashes):
        raise InvalidProof(f"a hash of the answer does not have {HASH_BYTES} bytes")
    hashes = [bytes(part) for part in hashes]
    wanted, height = tuple(hashes[: asked.length]), height_of(size_bytes)
    _check_padding(asked, size_bytes, wanted)
    layer, index = asked.top_layer, asked.index // asked.length
    made = subtree_root(wanted)
    for uncle in hashes[asked.length :]:
        made = _join(uncle, made) if index & 1 else _join(made, uncle)
        layer, index = layer + 1, index >> 1
    target = asked.root if layer == height else (known or {}).get((layer, index))
    if target is None:
        raise InvalidProof(f"the answer ends at node {index} of layer {layer}, which is not known")
    if made != target:
        raise InvalidProof(f"the answer does not lead to node {index} of layer {layer}")
    return wanted


def verify_piece_layer(root: bytes, size_bytes: int, piece_bytes: int, joined: bytes) -> tuple[bytes, ...]:
    """Verify a file's piece layer from a torrent; returns the hashes of the pieces.

    Args:
        root: the file's pieces root.
        size_bytes: of the file, more than one piece.
        piece_bytes: a power of two, 16,384 and up.
        joined: the layer, 32 bytes for each piece.

    Raises:
        UsageError: the file has no piece layer, or the root has another size.
        InvalidProof: the layer has another length, or does not lead to the root.
    """
    _check_root(root)
    height, layer = height_of(size_bytes), (piece_bytes // BLOCK_BYTES).bit_length() - 1
    if piece_bytes < BLOCK_BYTES or piece_bytes & (piece_bytes - 1) or size_bytes <= piece_bytes:
        raise UsageError(f"a file of {size_bytes} bytes has no layer of pieces of {piece_bytes} bytes")
    pieces = -(-size_bytes // piece_bytes)
    if len(joined) != pieces * HASH_BYTES:
        raise InvalidProof(f"the layer of {pieces} pieces has {pieces * HASH_BYTES} bytes, not {len(joined)}")
    hashes = [bytes(joined[at : at + HASH_BYTES]) for at in range(0, len(joined), HASH_BYTES)]
    row = list(hashes)
    for at in range(layer, height):
        if len(row) % 2:
            row.append(padding(at))
        row = [_join(row[n], row[n + 1]) for n in range(0, len(row), 2)]
    if row != [root]:
        raise InvalidProof("the piece layer does not lead to the pieces root")
    return tuple(hashes)


def subtree_root(hashes: Sequence[bytes]) -> bytes:
    """The root of a full subtree, from one row of its nodes.

    Args:
        hashes: the row; their number is a power of two.

    Raises:
        UsageError: their number is not a power of two.
    """
    if not hashes or len(hashes) & (len(hashes) - 1):
        raise UsageError(f"the hashes of a whole row are a power of two, not {len(hashes)}")
    row = list(hashes)
    while len(row) > 1:
        row = [_join(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def _check_root(root: bytes) -> None:
    if len(root) != HASH_BYTES:
        raise UsageError(f"a pieces root has {HASH_BYTES} bytes, not {len(root)}")


def _check_padding(asked: HashRange, size_bytes: int, wanted: Sequence[bytes]) -> None:
    """Beyond the file's end there is only padding."""
    used = -(-size_bytes // (BLOCK_BYTES << asked.base_layer))
    for index, value in enumerate(wanted, asked.index):
        if index >= used and value != padding(asked.base_layer):
            raise InvalidProof(f"hash {index} of layer {asked.base_layer} is beyond the end, but not padding")


def _join(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(left + right).digest()
