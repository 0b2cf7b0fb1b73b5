"""The three kinds of feed of this book behind one interface.

ChainFeed   one writer's signed chain: Scuttlebutt's message (`p2plib.data.log`)
GraphFeed   many writers' graph of hashes: hyperlog (`p2plib.data.hyperlog`)
TreeFeed    one writer's blocks under a signed tree: hypercore (`p2plib.data.hypercore`)
"""

from __future__ import annotations

from collections.abc import Iterator

from p2plib.data.feeds.interface import ReplicatedFeed
from p2plib.data.hypercore import messages as core_messages
from p2plib.data.hypercore.core import Hypercore
from p2plib.data.hypercore.messages import BlockData
from p2plib.data.hypercore.tree import BlockProof
from p2plib.data.hyperlog import messages as graph_messages
from p2plib.data.hyperlog.graph import Hyperlog
from p2plib.data.hyperlog.messages import HyperlogSend
from p2plib.data.hyperlog.nodes import check as check_node
from p2plib.data.log.feed import Added, ErasedEntry, Feed
from p2plib.data.log.validate import ClassicFormat
from p2plib.data.stores.memory import MemoryStore
from p2plib.errors import DecodeError, InvalidEntry, NotFound, UsageError
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.wire.canonical_json import Value

TYPE = "note"  # of the messages that carry contents


class ChainFeed:
    """One writer's signed chain. A parcel is a message; its content is text.

    Args:
        writer: whose feed it is; with the secret key we are the writer.
        timestamp_ms: of the first entry; each next one is a millisecond later.
    """

    def __init__(self, writer: SecretKey | PublicKey, *, timestamp_ms: int = 1_500_000_000_000) -> None:
        self._secret = writer if isinstance(writer, SecretKey) else None
        key = writer.public if isinstance(writer, SecretKey) else writer
        self.log = Feed(MemoryStore(), key, ClassicFormat())
        self._timestamp_ms = timestamp_ms

    @property
    def head(self) -> str:
        """The id of the last message."""
        return self.log.head.id if self.log.head else ""

    def __len__(self) -> int:
        return len(self.log)

    def append(self, content: bytes) -> int:
        """Signs a message that says this; see `ReplicatedFeed`."""
        if self._secret is None:
            raise UsageError("only its writer appends to a chain")
        said: Value = {"type": TYPE, "text": content.decode("latin-1")}
        entry = self.log.format.create(self._secret, self.log.head, said, self._timestamp_ms + len(self))
        self.log.add(entry.raw)
        return len(self)

    def contents(self, start: int = 1) -> Iterator[bytes]:
        """The texts; see `ReplicatedFeed`. Erased entries are left out."""
        for entry in self.log.entries(start):
            if not isinstance(entry, ErasedEntry) and isinstance(entry.content, dict):
                yield str(entry.content.get("text", "")).encode("latin-1", "replace")

    def parcel(self, number: int) -> bytes:
        """The message as JSON."""
        return self.log.entry(number).raw

    def receive(self, parcel: bytes) -> bool:
        """Checks chain and signature; see `ReplicatedFeed`."""
        return self.log.add(parcel) is Added.NEW


class GraphFeed:
    """One replica of a graph of many writers. A parcel is hyperlog's node message.

    Args:
        graph: the replica.
    """

    def __init__(self, graph: Hyperlog) -> None:
        self.graph = graph

    @property
    def head(self) -> str:
        """The keys of all heads, in order."""
        return " ".join(sorted(self.graph.heads()))

    def __len__(self) -> int:
        return self.graph.changes

    def append(self, content: bytes) -> int:
        """Links to everything that is here; see `ReplicatedFeed`."""
        self.graph.append(content)
        return len(self)

    def contents(self, start: int = 1) -> Iterator[bytes]:
        """The values, causes before effects; see `ReplicatedFeed`."""
        return (node.value for node in self.graph.walk(start - 1))

    def parcel(self, number: int) -> bytes:
        """The node message, with its frame."""
        if not 1 <= number <= len(self):
            raise NotFound(f"there is no entry {number} here")
        node = next(self.graph.walk(number - 1))
        return graph_messages.frame(HyperlogSend(node, number))

    def receive(self, parcel: bytes) -> bool:
        """Checks the key and that all causes are here; see `ReplicatedFeed`."""
        message = graph_messages.decode(graph_messages.FRAMES.dissect(parcel)[1].raw)
        if not isinstance(message, HyperlogSend):
            raise DecodeError("a parcel of a graph is a node")
        node = message.node
        check_node(node)
        if self.graph.has_entry(node):
            return False
        if self.graph.missing(node) or node.seq != self.graph.head_seq(node.log) + 1:
            raise InvalidEntry(f"number {node.seq} of {node.log} came before what it follows")
        return self.graph.insert(node) is not None


class TreeFeed:
    """One writer's blocks under a signed tree. A parcel is hypercore's data message: block, proof, signature.

    Args:
        core: the replica, writable or not.
    """

    def __init__(self, core: Hypercore) -> None:
        self.core = core

    @property
    def head(self) -> str:
        """Length and signature."""
        head = self.core.head
        return "" if head is None else f"{head.length} {head.signature.hex()}"

    def __len__(self) -> int:
        return self.core.length

    def append(self, content: bytes) -> int:
        """Signs a new root; see `ReplicatedFeed`."""
        return self.core.append(content) + 1

    def contents(self, start: int = 1) -> Iterator[bytes]:
        """The blocks that are here; see `ReplicatedFeed`."""
        return (self.core.get(block) for block in range(start - 1, len(self)) if self.core.has(block))

    def parcel(self, number: int) -> bytes:
        """The data message for a reader that has nothing."""
        if number < 1:
            raise NotFound(f"there is no entry {number} here")
        proof = self.core.prove(number - 1)
        return core_messages.encode(
            0, BlockData(number - 1, self.core.get(number - 1), proof.nodes, proof.signature)
        )

    def receive(self, parcel: bytes) -> bool:
        """Checks the way up to the signature; see `ReplicatedFeed`. Any entry may come at any time."""
        payload = core_messages.FRAMES.dissect(parcel)[1].raw
        _, message = core_messages.decode(payload)
        if not isinstance(message, BlockData) or message.value is None:
            raise DecodeError("a parcel of a tree is a block with its proof")
        proof = BlockProof(message.block, message.nodes, message.signature)
        return self.core.put(message.block, message.value, proof)


def replicas(kind: str, writer: SecretKey) -> tuple[ReplicatedFeed, ReplicatedFeed]:
    """A writer's empty replica of one kind, and a reader's that belongs to it.

    Args:
        kind: "chain", "graph" or "tree".
        writer: its key; a graph does not use it.
    """
    if kind == "chain":
        return ChainFeed(writer), ChainFeed(writer.public)
    if kind == "tree":
        return TreeFeed(Hypercore.create(writer)), TreeFeed(Hypercore(writer.public))
    if kind == "graph":
        return GraphFeed(Hyperlog("writer")), GraphFeed(Hyperlog("reader"))
    raise UsageError(f"there is no kind {kind!r}; there are {', '.join(KINDS)}")


KINDS = ("chain", "graph", "tree")
