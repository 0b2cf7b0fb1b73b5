"""A file becomes blocks: chunks are the leaves, and a tree of nodes leads to them. A machine.

Follows the UnixFS specification; `p2plib.data.dag.unixfs.layouts` says which trees there are::

    builder = UnixFsBuilder(UNIXFS_V1_2025)
    for chunk in chunks(pieces, 1_048_576):
        keep(builder.add(chunk))          the blocks that are finished now
    blocks, root = builder.finish()

It holds one chunk, and no more links than the tree needs, however long the file is. `add_file` is these lines
over a store.

Rules
    1. A file of one chunk is its leaf. A file of no bytes is an empty leaf.
    2. A node is made only when its place is needed for the next one, so the last to be made is known to be
       the root: only the root has a mode and a time. A single raw leaf has no room for them, so it becomes a
       dag-pb node then.
    3. The size in a link counts all blocks below it; a block that is there twice counts twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from p2plib.data.blocks.store import BlockStore
from p2plib.data.chunking.fixed import Chunker, chunks
from p2plib.data.dag.block import Block, block_of
from p2plib.data.dag.dag_pb import MAX_LINKS, PBLink
from p2plib.data.dag.unixfs import layouts, nodes
from p2plib.data.dag.unixfs.data import UnixFs, UnixFsKind, UnixTime
from p2plib.data.dag.unixfs.profiles import UNIXFS_V1_2025, UnixFsProfile
from p2plib.errors import UsageError
from p2plib.wire.cid import Cid

# Put into the store at a time. More would be fewer batches of syncs, which no disk we measured rewards; and
# where the store lets go of its blocks, glibc returns so much memory at once to the system and has to ask for
# it again, which halves the speed.
BATCH_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class UnixFsRoot:
    """What was added: a file, a directory or a symbolic link.

    Args:
        cid: its identifier.
        total_bytes: of its block and all blocks below, as a link to it says.
        file_bytes: of the file itself; 0 for what is not a file.
    """

    cid: Cid
    total_bytes: int
    file_bytes: int = 0

    def link(self, name: str | None = None) -> PBLink:
        """A link to it.

        Args:
            name: what the node with the link calls it.
        """
        return PBLink(self.cid, name, self.total_bytes)


class UnixFsBuilder:
    """Makes the blocks of one file from its chunks.

    Args:
        profile: how chunks become leaves, and leaves a tree.
        mode: permissions; None to leave them out.
        mtime: when it was last modified; None to leave it out.

    Raises:
        UsageError: the width of the profile makes no tree.
    """

    def __init__(
        self,
        profile: UnixFsProfile = UNIXFS_V1_2025,
        *,
        mode: int | None = None,
        mtime: UnixTime | None = None,
    ) -> None:
        if not 2 <= profile.width <= MAX_LINKS:
            raise UsageError(f"a node of a file has 2 to {MAX_LINKS} links, not up to {profile.width}")
        self._profile = profile
        self._mode, self._mtime = mode, mtime
        self._tree = layouts.leaf_tree(profile.layout, profile.width, self._node)
        self._made: list[Block] = []
        self._first: bytes | None = None  # held back: the only chunk of a file is its root
        self._first_leaf: Block | None = None
        self._is_finished = False

    def add(self, chunk: bytes) -> tuple[Block, ...]:
        """Take the next chunk of the file, and return the blocks that are finished now.

        Args:
            chunk: at least one byte, and few enough for a block.

        Raises:
            UsageError: it is empty or too large, or the file is finished.
        """
        self._demand_open()
        if not chunk:
            raise UsageError("a chunk of a file has at least one byte")
        chunk = bytes(chunk)  # a buffer might be filled again while the first one is held back
        leaf = self._leaf(chunk)  # before anything changes: it may be too large
        if self._first is None:
            self._first, self._first_leaf = chunk, leaf
            return ()
        if self._first_leaf is not None:
            self._add_leaf(self._first_leaf, len(self._first))
            self._first, self._first_leaf = b"", None
        self._add_leaf(leaf, len(chunk))
        return self._take_made()

    def finish(self) -> tuple[tuple[Block, ...], UnixFsRoot]:
        """End the file: returns the remaining blocks, the root's last, and what was added.

        Raises:
            UsageError: the file is finished, or its only chunk leaves no room for its mode and time.
        """
        self._demand_open()
        self._is_finished = True
        if self._first is None or self._first_leaf is not None:
            root = self._only_leaf(self._first or b"")
        else:
            root = self._node(self._tree.finish(), self._mode, self._mtime)
        return self._take_made(), root

    def _demand_open(self) -> None:
        if self._is_finished:
            raise UsageError("this file is finished: make another builder for the next one")

    def _take_made(self) -> tuple[Block, ...]:
        made, self._made = tuple(self._made), []
        return made

    def _leaf(self, chunk: bytes) -> Block:
        if self._profile.has_raw_leaves:
            return block_of(chunk)
        return self._wrapped(UnixFs(UnixFsKind.FILE, chunk, len(chunk)))

    def _add_leaf(self, leaf: Block, size_bytes: int) -> None:
        self._made.append(leaf)
        self._tree.add(UnixFsRoot(leaf.cid, len(leaf.data), size_bytes))

    def _only_leaf(self, chunk: bytes) -> UnixFsRoot:
        if self._first_leaf is not None and self._mode is None and self._mtime is None:
            leaf = self._first_leaf
        elif self._profile.has_raw_leaves and self._mode is None and self._mtime is None:
            leaf = block_of(chunk)
        else:
            about = UnixFs(UnixFsKind.FILE, chunk or None, len(chunk), mode=self._mode, mtime=self._mtime)
            leaf = self._wrapped(about)
        self._made.append(leaf)
        return UnixFsRoot(leaf.cid, len(leaf.data), len(chunk))

    def _wrapped(self, about: UnixFs, links: Iterable[PBLink] = ()) -> Block:
        return nodes.write_node(about, links, cid_version=self._profile.cid_version)

    def _node(
        self, parts: list[UnixFsRoot], mode: int | None = None, mtime: UnixTime | None = None
    ) -> UnixFsRoot:
        sizes = tuple(part.file_bytes for part in parts)
        about = UnixFs(UnixFsKind.FILE, None, sum(sizes), sizes, mode=mode, mtime=mtime)
        node = self._wrapped(about, [part.link("") for part in parts])
        self._made.append(node)
        total = len(node.data) + sum(part.total_bytes for part in parts)
        return UnixFsRoot(node.cid, total, sum(sizes))


def add_file(
    store: BlockStore,
    pieces: Iterable[bytes],
    profile: UnixFsProfile = UNIXFS_V1_2025,
    *,
    chunker: Chunker | None = None,
    mode: int | None = None,
    mtime: UnixTime | None = None,
    durable: bool = True,
) -> UnixFsRoot:
    """Put a file into a store.

    Args:
        store: where its blocks go, `BATCH_BYTES` at a time.
        pieces: its bytes in order, in pieces of any size.
        profile: how it becomes blocks.
        chunker: how it is cut; None for chunks of the profile's size.
        mode: permissions; None to leave them out.
        mtime: when it was last modified; None to leave it out.
        durable: whether every block would survive a power failure when this returns.

    Raises:
        UsageError: the chunker made a chunk that is empty or too large for a block.
        StoreFull: there is no room; some blocks may be there, but not the root.
    """
    builder = UnixFsBuilder(profile, mode=mode, mtime=mtime)
    batch: list[Block] = []
    held_bytes = 0
    cut = chunker(pieces) if chunker else chunks(pieces, profile.chunk_bytes)
    for chunk in cut:
        made = builder.add(chunk)
        batch += made
        held_bytes += sum(len(block.data) for block in made)
        if held_bytes >= BATCH_BYTES:
            store.put(batch, durable=durable)
            batch, held_bytes = [], 0
    made, root = builder.finish()
    store.put([*batch, *made], durable=durable)
    return root
