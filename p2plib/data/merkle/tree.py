"""A tree of hashes that grows at one end: one hash for the whole tree, at any size it ever had. A structure.

The hashes are those of RFC 6962 (section 2.1) and of RFC 9162, its successor, with SHA-256. `‖`
concatenates::

    leaf       SHA-256(00 ‖ data)
    node       SHA-256(01 ‖ left ‖ right)
    empty      SHA-256 of nothing, the root of a tree without leaves

The first byte keeps leaves and nodes apart. Without it, the two hashes of a node, 64 bytes, could be passed
off as the data of a leaf, and a tree of two leaves would have the root of a tree of one.

A tree of n leaves has on its left the largest full tree that is smaller than n, and the rest on its right;
both parts follow the same rule. So the shape depends only on n, and a full node never changes again::

    7 leaves    ((0 1) (2 3)) ((4 5) 6)

What it costs, with n leaves so far::

    append     one hash of a leaf and on average one of a node; log2 n of a node at worst
    root       at most log2 n hashes, at this size or at any earlier one
    memory     64 bytes a leaf: 32 for its own hash, and as many for the full nodes above

Leaves are not kept. `Frontier` keeps only the roots of the full trees side by side: log2 n hashes, enough to
append and to know the root, but not to prove anything.

Vocabulary::

    size       how many leaves a tree has, such as 7
    index      which leaf, counted from 0
    subtree    leaves start to end (not included) that are one node of some tree: start is a multiple of the
               smallest power of two that is not below end - start, for example [4, 7)
    level      0 for leaves; a full node of level k has 2 ** k leaves below it
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from p2plib.errors import UsageError

HASH_BYTES = 32
MAX_SIZE = 2**64 - 1  # leaves; RFC 9162 writes a size in 8 bytes
EMPTY_ROOT = hashlib.sha256().digest()

_LEAF, _NODE = b"\x00", b"\x01"
_BUFFERS = (bytes, bytearray, memoryview)


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf.

    >>> leaf_hash(b"").hex()[:16]
    '6e340b9cffb37a98'

    Args:
        data: of the leaf, any bytes.
    """
    return hashlib.sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node.

    Args:
        left: the hash of what is on its left, 32 bytes.
        right: the hash of what is on its right, 32 bytes.
    """
    return hashlib.sha256(_NODE + left + right).digest()


def need_numbers(*numbers: int) -> None:
    """Raises unless each may be a size or an index; the error shows no number: one may have a million digits.

    Args:
        numbers: what to check.

    Raises:
        UsageError: one is not from 0 to `MAX_SIZE`.
    """
    for number in numbers:
        if not 0 <= number <= MAX_SIZE:
            raise UsageError(f"sizes and indexes are from 0 to {MAX_SIZE}")


def is_subtree(start: int, end: int) -> bool:
    """Whether some leaves are one node of a tree that is large enough.

    >>> is_subtree(4, 7), is_subtree(3, 5)
    (True, False)

    Args:
        start: the first of them.
        end: the leaf after the last of them.
    """
    return 0 <= start < end <= MAX_SIZE and start % (1 << (end - start - 1).bit_length()) == 0


class AppendOnlyTree:
    """A tree that remembers the hashes of all its full nodes.

    >>> tree = AppendOnlyTree([b"a", b"b", b"c"])
    >>> tree.root() == node_hash(node_hash(leaf_hash(b"a"), leaf_hash(b"b")), leaf_hash(b"c"))
    True

    Args:
        leaves: the data of its first leaves, in order.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels = [bytearray()]  # of each level, the hashes of its full nodes, end to end
        for data in leaves:
            self.append(data)

    def __len__(self) -> int:
        return len(self._levels[0]) // HASH_BYTES

    def append(self, data: bytes) -> int:
        """Adds a leaf at the end.

        Args:
            data: of the leaf, any bytes.

        Returns:
            its index.
        """
        return self.append_hash(leaf_hash(data))

    def append_hash(self, leaf: bytes) -> int:
        """Adds a leaf of which only the hash is known.

        Args:
            leaf: its hash, 32 bytes.

        Returns:
            its index.

        Raises:
            UsageError: it is not 32 bytes; the tree is as it was.
        """
        if not isinstance(leaf, _BUFFERS) or len(leaf := bytes(leaf)) != HASH_BYTES:
            raise UsageError(f"the hash of a leaf is {HASH_BYTES} bytes")
        levels, index = self._levels, len(self)
        hashes, node, place, level = levels[0], leaf, index, 0
        hashes += node
        while place & 1:  # a right child: with its sibling it makes a full node of the next level
            node = node_hash(bytes(hashes[-2 * HASH_BYTES : -HASH_BYTES]), node)
            place, level = place >> 1, level + 1
            if level == len(levels):
                levels.append(bytearray())
            hashes = levels[level]
            hashes += node
        return index

    def leaf(self, index: int) -> bytes:
        """The hash of a leaf.

        Args:
            index: 0 and up, below the size.

        Raises:
            UsageError: there is no such leaf.
        """
        return self.subtree(index, index + 1)

    def subtree(self, start: int, end: int) -> bytes:
        """The hash of some leaves that are one node, as `is_subtree` says.

        Args:
            start: the first of them.
            end: the leaf after the last of them, up to the size.

        Raises:
            UsageError: they are not one node, or not in the tree.
        """
        need_numbers(start, end)
        if not is_subtree(start, end) or end > len(self):
            raise UsageError(f"leaves {start} to {end} are not one node of a tree with {len(self)} leaves")
        joined = b""
        while end > start:  # the full trees side by side, from the right: one for each bit of the count
            count = (end - start) & (start - end)
            end -= count
            at = end // count * HASH_BYTES
            full = bytes(self._levels[count.bit_length() - 1][at : at + HASH_BYTES])
            joined = node_hash(full, joined) if joined else full
        return joined

    def root(self, size: int | None = None) -> bytes:
        """The hash of the whole tree, as it is now or as it was when it was smaller.

        Args:
            size: how many leaves it had; None for the present size.

        Raises:
            UsageError: it never had that many.
        """
        size = len(self) if size is None else size
        return self.subtree(0, size) if size else EMPTY_ROOT


class Frontier:
    """The root of a growing tree, from the roots of its full trees alone: at most 64 hashes.

    >>> frontier = Frontier()
    >>> for data in (b"a", b"b", b"c"):
    ...     frontier.append(data)
    >>> frontier.root() == AppendOnlyTree([b"a", b"b", b"c"]).root(), len(frontier.hashes)
    (True, 2)
    """

    __slots__ = ("hashes", "size")

    def __init__(self) -> None:
        self.size = 0
        self.hashes: list[bytes] = []  # the largest first: one for each bit of the size that is 1

    def append(self, data: bytes) -> None:
        """Adds a leaf at the end.

        Args:
            data: of the leaf, any bytes.
        """
        node, place = leaf_hash(data), self.size
        while place & 1:
            node, place = node_hash(self.hashes.pop(), node), place >> 1
        self.hashes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """The hash of the whole tree."""
        if not self.hashes:
            return EMPTY_ROOT
        joined = self.hashes[-1]
        for full in reversed(self.hashes[:-1]):
            joined = node_hash(full, joined)
        return joined
