"""Reading Merkle search trees: nodes within a budget, and a walk in order that need not read everything.

`p2plib.data.dag.search_node` has the specification and the codec of a node.

::

    walk = SearchWalk(NodeReader(store, 1000), root)
    while (token := walk.head()) is not None:
        walk.expand() if isinstance(token, Subtree) and we_want(token) else walk.skip()
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.search_node import ROOT_BOUNDS, SearchBounds, SearchNode, decode_node
from p2plib.errors import DecodeError, OverBudget
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid


class NodeReader:
    """Reads nodes out of a store for one operation.

    Args:
        store: where they are.
        max_nodes: how many may be read.
    """

    def __init__(self, store: BlockStore, max_nodes: int) -> None:
        self.store = store
        self._max_nodes = max_nodes
        self._count = 0

    def read(self, cid: Cid, bounds: SearchBounds = ROOT_BOUNDS) -> SearchNode:
        """A node.

        Args:
            cid: its identifier.
            bounds: where it must fit.

        Raises:
            NotFound: it is not in the store.
            DecodeError: it is not a node that fits there.
            OverBudget: that would be one node too many.
        """
        if self._count == self._max_nodes:
            raise OverBudget(f"more than {self._max_nodes} nodes of a search tree would have to be read")
        if cid.codec != multicodec.DAG_CBOR:
            raise DecodeError(f"a node of a search tree is dag-cbor, not {multicodec.name(cid.codec)}")
        self._count += 1
        return decode_node(self.store.get(cid), bounds)


@dataclass(frozen=True, slots=True)
class Subtree:
    """A part of a tree that has not been read.

    Args:
        cid: the identifier of its root node.
        bounds: where it must fit.
    """

    cid: Cid
    bounds: SearchBounds


class SearchWalk:
    """A tree in order: keys with their values, and subtrees that the caller may read or pass over.

    Args:
        nodes: reads what is expanded.
        root: of the tree.
    """

    def __init__(self, nodes: NodeReader, root: Cid) -> None:
        self._nodes = nodes
        self._ahead: list[Subtree | tuple[bytes, Cid]] = [Subtree(root, ROOT_BOUNDS)]

    def head(self) -> Subtree | tuple[bytes, Cid] | None:
        """What is next: a subtree, or a key and its value; None at the end."""
        return self._ahead[-1] if self._ahead else None

    def skip(self) -> None:
        """Pass over what is next."""
        self._ahead.pop()

    def expand(self) -> None:
        """Replace the subtree that is next by what is in it.

        Raises:
            NotFound: its node is not in the store.
            DecodeError: it is not a node that fits there.
            OverBudget: that would be one node too many.
        """
        subtree = self._ahead.pop()
        assert isinstance(subtree, Subtree)
        node = self._nodes.read(subtree.cid, subtree.bounds)
        for number in range(len(node.keys), -1, -1):
            if number < len(node.keys):
                self._ahead.append((node.keys[number], node.values[number]))
            gap = node.gaps[number]
            if gap is not None:
                self._ahead.append(Subtree(gap, subtree.bounds.of_gap(node, number)))
