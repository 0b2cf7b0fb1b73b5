"""Where a feed is kept: the interface, and a feed in memory. `p2plib.data.hypercore.files` has the one on a
disk.

Rules
    1. What `write` has returned from is safe.
    2. A crash within `write` leaves all of the change, or nothing of it.
    3. A node or a block is only asked for when its bit is set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from p2plib.data.hypercore.bitfield import BlockBits
from p2plib.data.hypercore.tree import SignedHead, TreeNode


@dataclass(frozen=True, slots=True)
class CoreChange:
    """What is written together.

    Args:
        nodes: new nodes of the tree.
        contents: blocks that are next to each other, as (offset of the first byte in the feed, bytes).
        head: the signed head that they belong to; None if there is no new one.
        blocks: the numbers of the blocks that are here from now on.
    """

    nodes: Sequence[TreeNode] = ()
    contents: Sequence[tuple[int, bytes]] = ()
    head: SignedHead | None = None
    blocks: Sequence[int] = ()


class CoreStorage(Protocol):
    """Where a feed is kept: which blocks and nodes are here, the longest head, and a name for errors."""

    bits: BlockBits
    head: SignedHead | None
    name: str

    def node(self, index: int) -> TreeNode:
        """A node; only asked for one whose bit is set."""

    def signature(self, length: int) -> bytes:
        """The signature of the head of this length; empty if none was kept."""

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the feed that were written before; fewer if the file was cut."""

    def write(self, change: CoreChange) -> None:
        """Keeps a change, and sets its bits."""

    def erase(self, block: int, offset: int, size: int) -> None:
        """Forgets a block: its bit and its bytes, not its node."""

    def close(self) -> None:
        """Lets go of files and locks."""


class MemoryCore:
    """A feed in memory."""

    name = "memory"

    def __init__(self) -> None:
        self.bits = BlockBits()
        self.head: SignedHead | None = None
        self._nodes = dict[int, TreeNode]()
        self._contents = dict[int, bytes]()
        self._signatures = dict[int, bytes]()

    def node(self, index: int) -> TreeNode:
        """As `CoreStorage` says."""
        return self._nodes[index]

    def signature(self, length: int) -> bytes:
        """As `CoreStorage` says."""
        return self._signatures.get(length, b"")

    def read(self, offset: int, size: int) -> bytes:
        """As `CoreStorage` says: here every block has its own place."""
        return self._contents[offset][:size] if size else b""

    def write(self, change: CoreChange) -> None:
        """As `CoreStorage` says."""
        self._nodes |= {node.index: node for node in change.nodes}
        self._contents |= {offset: content for offset, content in change.contents if content}
        if change.head is not None:
            self._signatures[change.head.length] = change.head.signature
        note_change(self, change)

    def erase(self, block: int, offset: int, size: int) -> None:
        """As `CoreStorage` says."""
        self.bits.set_block(block, False)
        if size:
            self._contents.pop(offset, None)

    def close(self) -> None:
        """There is nothing to let go of."""


def note_change(storage: CoreStorage, change: CoreChange) -> None:
    """Sets the bits of a change that is safe, and the head if it is longer."""
    for node in change.nodes:
        storage.bits.set_node(node.index)
    for block in change.blocks:
        storage.bits.set_block(block)
    if change.head is not None and (storage.head is None or change.head.length > storage.head.length):
        storage.head = change.head


class KnownNodes(Mapping[int, TreeNode]):
    """The nodes of a storage, read when they are asked for."""

    def __init__(self, storage: CoreStorage) -> None:
        self._storage = storage

    def __getitem__(self, index: int) -> TreeNode:
        if index not in self:
            raise KeyError(index)
        return self._storage.node(index)

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and self._storage.bits.has_node(index)

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True


class BothNodes(Mapping[int, TreeNode]):
    """New nodes, and behind them those of the storage."""

    def __init__(self, new: dict[int, TreeNode], old: Mapping[int, TreeNode]) -> None:
        self._new, self._old = new, old

    def __getitem__(self, index: int) -> TreeNode:
        return self._new[index] if index in self._new else self._old[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self._new)

    def __len__(self) -> int:
        return len(self._new)
