"""Hypercore: an append-only log whose every block proves itself under the author's key. A data structure.

The heart of npm's hypercore 9, in memory or in files (`p2plib.data.hypercore.files`). The author appends;
others have as many blocks as they like, in any order, and the nodes of the tree that prove them. A peer that
has a block and its nodes can prove it to the next.

Rules
    1. Only the author appends. An append of many blocks is one: it has one signature, and happens whole or
       not at all.
    2. No length is signed twice. What a crash left unsigned was never shown; what was signed is on the disk.
    3. A block is stored with the nodes that prove it, and only after they did.
    4. A feed of our own that is longer elsewhere was restored from an old copy: to append now would fork it.
       `append` raises `WouldFork` while a peer claims to have more: until its newest block was fetched, or
       the peer is gone.

Vocabulary::

    length   how many blocks the longest signed head that we know has
    block    the number of a block, from 0, and not its content
    digest   what somebody who asks for a block has of the nodes that prove it, as one number: see `digest_of`

    >>> from p2plib.identity.keys import SecretKey
    >>> author = SecretKey.from_seed(bytes(32))
    >>> core = Hypercore.create(author)
    >>> core.append([b"moss", b"fern", b"reed", b"sedge", b"rush"])
    0
    >>> proof = core.prove(3)
    >>> [node.index for node in proof.nodes]
    [4, 1, 8]
    >>> reader = Hypercore(author.public)
    >>> reader.put(3, b"sedge", proof)
    True
    >>> reader.length, reader.get(3), reader.has(2)
    (5, b'sedge', False)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from p2plib.data.hypercore import flat_tree, tree
from p2plib.data.hypercore.digest import digest_of, known_by_digest
from p2plib.data.hypercore.storage import BothNodes, CoreChange, CoreStorage, KnownNodes, MemoryCore
from p2plib.data.hypercore.tree import MAX_LENGTH, BlockProof, SignedHead, TreeNode
from p2plib.errors import (
    InvalidEntry,
    NotFound,
    RemoteError,
    SignatureError,
    StoreCorrupt,
    UsageError,
    WouldFork,
)
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.identity.secret import need_bytes

# A message of hypercore's protocol has 8 MiB at most, and a block travels in one, with its proof around it.
MAX_BLOCK_BYTES = 8 * 1024 * 1024 - 16 * 1024


class Hypercore:
    """A feed: its author's, or somebody else's copy, whole or in part. `close` it, or use it with `with`.

    Args:
        key: the author's.
        storage: where it is kept; in memory unless another is given.
        secret: the author's key pair; None for a copy, which cannot append.

    Raises:
        UsageError: the two keys are not a pair.
    """

    def __init__(
        self, key: PublicKey, storage: CoreStorage | None = None, secret: SecretKey | None = None
    ) -> None:
        if secret is not None and secret.public != key:
            raise UsageError(f"{secret!r} is not the author of the feed {key!r}")
        self.key = key
        self.storage: CoreStorage = storage or MemoryCore()
        self._secret = secret
        self._nodes = KnownNodes(self.storage)
        self.claims = dict[
            object, int
        ]()  # the length that each peer says the feed has, as long as it is there

    @classmethod
    def create(cls, secret: SecretKey, storage: CoreStorage | None = None) -> Hypercore:
        """A feed of our own, empty or as it stands in the storage."""
        return cls(secret.public, storage, secret)

    def __repr__(self) -> str:
        return f"Hypercore({self.key!r}, {self.count} of {self.length} blocks, in {self.storage.name})"

    @property
    def is_writable(self) -> bool:
        """Whether we are the author."""
        return self._secret is not None

    @property
    def head(self) -> SignedHead | None:
        """The longest head that the author is known to have signed; None for an empty feed."""
        return self.storage.head

    @property
    def length(self) -> int:
        """How many blocks it has, here or elsewhere."""
        return 0 if self.head is None else self.head.length

    @property
    def byte_length(self) -> int:
        """How many bytes they have together."""
        return 0 if self.head is None else self.head.byte_length

    @property
    def count(self) -> int:
        """How many blocks are here."""
        return self.storage.bits.count()

    @property
    def discovery_key(self) -> bytes:
        """The name under which the feed is looked for, 32 bytes."""
        return tree.discovery_key(self.key)

    def has(self, block: int) -> bool:
        """Whether a block is here."""
        return self.storage.bits.has_block(block)

    def append(self, contents: Iterable[bytes] | bytes) -> int:
        """Appends blocks, all or none.

        Args:
            contents: the blocks, or a single one.

        Returns:
            The number of the first.

        Raises:
            UsageError: we are not the author, or a block is longer than 8,372,224 bytes.
            WouldFork: a peer says that the feed is longer than what is here. Fetch its newest block first.
            StoreFull: there is no room, and nothing was appended.
        """
        if self._secret is None:
            raise UsageError(f"only its author appends to {self!r}")
        blocks = [contents] if isinstance(contents, bytes) else list(contents)
        if any(len(need_bytes(content, "a block")) > MAX_BLOCK_BYTES for content in blocks):
            raise UsageError(f"a block has at most {MAX_BLOCK_BYTES} bytes")
        first = self.length
        if max(self.claims.values(), default=0) > first:
            raise WouldFork(
                f"a peer says that {self!r} is longer: was it restored from an old copy? "
                "Fetch its newest block, then append"
            )
        if first + len(blocks) > MAX_LENGTH:
            raise UsageError(f"a feed has at most {MAX_LENGTH} blocks")
        if not blocks:
            return first
        roots, nodes = tree.grow(self.head.roots if self.head else (), blocks)
        head = tree.sign(self._secret, roots, first + len(blocks))
        offset, placed = self.byte_length, list[tuple[int, bytes]]()
        for content in blocks:
            placed.append((offset, content))
            offset += len(content)
        self.storage.write(CoreChange(nodes, placed, head, range(first, head.length)))
        return first

    def get(self, block: int) -> bytes:
        """The content of a block that is here.

        Raises:
            NotFound: it is not.
            StoreCorrupt: what is stored is not what was proven.
        """
        if not self.has(block):
            raise NotFound(f"block {block} of {self!r} is not here")
        offset, size = self.place(block)
        content = self.storage.read(offset, size)
        if tree.leaf(block, content) != self._nodes[flat_tree.of_block(block)]:
            raise StoreCorrupt(f"block {block} is not what was proven", self.storage.name, offset)
        return content

    def place(self, block: int) -> tuple[int, int]:
        """Where a block stands in the feed, as (offset of its first byte, size in bytes).

        Raises:
            NotFound: too little of the tree is known.
        """
        return self._place(block, self._nodes)

    def _place(self, block: int, nodes: Mapping[int, TreeNode]) -> tuple[int, int]:
        try:
            before = sum(nodes[index].size for index in flat_tree.full_roots(block))
            return before, nodes[flat_tree.of_block(block)].size
        except KeyError:
            raise NotFound(f"where block {block} of {self!r} stands is not known here") from None

    def seek(self, offset: int) -> tuple[int, int]:
        """Which block has a byte of the feed, as (number of the block, place of the byte in it).

        Args:
            offset: the byte, counted from 0.

        Raises:
            NotFound: the feed is shorter, or too little of the tree is known.
        """
        rest = offset
        for root in self.head.roots if self.head else ():
            if 0 <= rest < root.size:
                return self._seek_below(root.index, rest)
            rest -= root.size
        raise NotFound(f"{self!r} has {self.byte_length} bytes, and no byte {offset}")

    def _seek_below(self, index: int, rest: int) -> tuple[int, int]:
        while flat_tree.depth(index):
            left, right = flat_tree.children(index)
            if left not in self._nodes:
                raise NotFound(f"the sizes of the blocks below node {index} of {self!r} are not known here")
            size = self._nodes[left].size
            index, rest = (left, rest) if rest < size else (right, rest - size)
        return index // 2, rest

    def prove(self, block: int, digest: int = 0, *, wants_hash: bool = False) -> BlockProof:
        """What proves a block that is here to somebody else.

        Args:
            block: its number.
            digest: what they have already, as `digest_of` says it; 0 for a stranger.
            wants_hash: whether the proof is to begin with the node of the block itself, for hypercore's
                requests of a hash without its block.

        Raises:
            NotFound: neither the block nor its node is here, or they ask for what we cannot prove.
        """
        bottom = flat_tree.of_block(block)
        if bottom not in self._nodes:
            raise NotFound(f"block {block} of {self!r} is not here")
        nodes = [bottom] if wants_hash else []
        theirs = known_by_digest(bottom, digest)
        here = bottom
        while here not in theirs:
            beside = flat_tree.sibling(here)
            if beside not in self._nodes:
                return self._prove_root(block, here, nodes, theirs)
            if beside not in theirs:
                nodes.append(beside)
            here = flat_tree.parent(here)
        return BlockProof(block, tuple(self._nodes[index] for index in nodes))

    def _prove_root(self, block: int, root: int, nodes: list[int], theirs: set[int]) -> BlockProof:
        length = self._signed_length(root)
        nodes += [index for index in flat_tree.full_roots(length) if index != root and index not in theirs]
        found = tuple(self._nodes[index] for index in nodes)
        return BlockProof(block, found, self.storage.signature(length))

    def _signed_length(self, root: int) -> int:
        """The length of a head that we can prove and in which a node is a full root."""
        head = self.head
        if head is not None and any(node.index == root for node in head.roots):
            return head.length
        # An old root: the roots beside it, ever smaller, may have been kept, and the signature of some
        # length.
        end = flat_tree.right_span(root) // 2 + 1
        lengths = [end]
        for level in reversed(range(flat_tree.depth(root))):
            if flat_tree.index(level, end >> level) in self._nodes:
                end += 1 << level
                lengths.append(end)
        for length in reversed(lengths):
            if self.storage.signature(length) and all(r in self._nodes for r in flat_tree.full_roots(length)):
                return length
        raise NotFound(f"no head of {self!r} is known in which node {root} is a root")

    def digest(self, block: int) -> int:
        """What we have of the nodes that prove a block, for whoever is asked for it: see `digest_of`."""
        return digest_of(flat_tree.of_block(block), self.storage.bits, self.length)

    def put(self, block: int, content: bytes, proof: BlockProof) -> bool:
        """Stores a block that somebody sent, if it proves itself.

        Args:
            block: the number that was asked for.
            content: the block.
            proof: what came with it.

        Returns:
            Whether it was new.

        Raises:
            InvalidEntry: it is another block than the one that was asked for, or it is forged.
            SignatureError: the author has not signed it.
            Forked: the author has signed two feeds.
            StoreFull: there is no room for it.
            StoreCorrupt: it does not fit what is stored, which is no longer what the author signed. So
                nobody else is to blame.
        """
        if proof.block != block:
            raise InvalidEntry(f"block {proof.block} was sent where {block} was asked for")
        if len(content) > MAX_BLOCK_BYTES:
            raise InvalidEntry(f"a block has at most {MAX_BLOCK_BYTES} bytes, not {len(content)}")
        try:
            proven = tree.verify(self.key, content, proof, self._nodes, self.head)
        except RemoteError:
            self._check_way(block)
            raise
        is_new = not self.has(block)
        if not is_new and not proven.nodes and proven.head is None:
            return False
        together = {node.index: node for node in proven.nodes}
        offset, _ = self._place(block, BothNodes(together, self._nodes))
        self.storage.write(CoreChange(proven.nodes, [(offset, content)], proven.head, [block]))
        return is_new

    def _check_way(self, block: int) -> None:
        """Returns if what is stored on the way up from a block, and beside it, is what the author signed."""
        here = flat_tree.of_block(block)
        while flat_tree.left_span(here) or flat_tree.right_span(here) < 2 * self.length:
            for index in (here, flat_tree.sibling(here)):
                if index in self._nodes:
                    self._check_node(index)
            here = flat_tree.parent(here)

    def _check_node(self, index: int) -> None:
        top = self._nodes[index]
        while (beside := flat_tree.sibling(top.index)) in self._nodes:
            top = tree.join(top, self._nodes[beside])
        try:
            length = self._signed_length(top.index)
            roots = [top if root == top.index else self._nodes[root] for root in flat_tree.full_roots(length)]
            tree.verify_head(self.key, SignedHead(length, tuple(roots), self.storage.signature(length)))
        except (NotFound, SignatureError):
            raise StoreCorrupt(f"node {index} is not what was proven", self.storage.name) from None

    def clear(self, block: int) -> None:
        """Erases the content of a block. Its nodes stay, so that the others still prove themselves."""
        if self.has(block):
            self.storage.erase(block, *self.place(block))

    def audit(self) -> list[int]:
        """The numbers of the blocks that are no longer what was proven, or that we can no longer prove: every
        block that is here is read, and proven as if to a stranger."""
        wrong = []
        for block in self.storage.bits.blocks():
            try:
                tree.verify(self.key, self.get(block), self.prove(block))
            except (StoreCorrupt, NotFound, InvalidEntry, SignatureError):
                wrong.append(block)
        return wrong

    def close(self) -> None:
        """Lets go of the storage; repeating it does nothing."""
        self.storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
