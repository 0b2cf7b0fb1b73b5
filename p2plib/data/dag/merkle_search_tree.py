"""Merkle search tree: an ordered map from keys to links; comparing copies costs only what they differ by.

Follows Auvolat and Taiani, "Merkle Search Trees" (2019), in the form of the AT Protocol's repositories
(version 3), each of which keeps all of a person's records in one tree. `p2plib.data.dag.search_node` is the
codec of a node's block.

The place of a key follows from its hash, so the same keys give the same root, in whatever order they are
added. Where two trees differ, only the nodes on the paths to the differences have different identifiers, and
`p2plib.data.dag.search_diff` reads nothing else: one more key among a million is a dozen blocks to fetch.

A tree is immutable: `add` and `remove` return another tree over the same store, which shares all nodes but
those on one path from the root, and the old tree is still there.

::

    tree = build_tree(store, {b"app.example.post/3k2a": post})
    tree = tree.add(b"app.example.post/3k2b", another)
    for change in diff(theirs, tree): ...

Rules
    1. Nodes come from strangers, so decoding is strict. A `DecodeError` says that this is not a tree, even if
       its root hashes as it should.
    2. Every operation reads at most `max_nodes` nodes, or ends with `OverBudget`.
    3. A node that the store does not have is `NotFound`: only a part of a copy may be there.

Whoever chooses the keys can make a bad tree: adjacent keys of one layer are one large node, and finding such
keys costs a few hashes each. A block that becomes too large is refused when it is written.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping

from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.block import Block, block_of
from p2plib.data.dag.search_node import (
    ROOT_BOUNDS,
    SearchBounds,
    SearchNode,
    check_key,
    encode_node,
    layer_of,
)
from p2plib.data.dag.search_walk import NodeReader, SearchWalk, Subtree
from p2plib.errors import NotFound
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid

MAX_NODES = 1_000_000  # of three million keys

EMPTY_NODE = SearchNode(0, (), (), (None,))


class _Edit(NodeReader):
    """Reads nodes for one operation, and holds the ones it makes until `keep`."""

    def __init__(self, store: BlockStore, max_nodes: int) -> None:
        super().__init__(store, max_nodes)
        self._made: dict[Cid, tuple[Block, SearchNode]] = {}

    def read(self, cid: Cid, bounds: SearchBounds = ROOT_BOUNDS) -> SearchNode:
        return self._made[cid][1] if cid in self._made else super().read(cid, bounds)

    def add(self, node: SearchNode) -> Cid:
        block = block_of(encode_node(node), multicodec.DAG_CBOR)
        self._made[block.cid] = (block, node)
        return block.cid

    def add_unless_empty(self, node: SearchNode) -> Cid | None:
        return self.add(node) if node.keys or node.gaps[0] is not None else None

    def lifted(self, cid: Cid | None, layer: int, wanted: int) -> Cid | None:
        """A node of the wanted layer that leads to this one, of a lower layer, and to nothing else."""
        for above in range(layer + 1, wanted + 1):
            cid = None if cid is None else self.add(SearchNode(above, (), (), (cid,)))
        return cid

    def keep(self, root: Cid) -> None:
        """Store the nodes that were made and are in the tree of this root, children before parents."""
        wanted, blocks = [root], []
        while wanted:
            made = self._made.pop(wanted.pop(), None)
            if made is not None:
                blocks.append(made[0])
                wanted += [gap for gap in made[1].gaps if gap is not None]
        self.store.put(reversed(blocks))


def _replaced(node: SearchNode, number: int, gap: Cid | None) -> SearchNode:
    """The node with another subtree in one of its gaps."""
    gaps = (*node.gaps[:number], gap, *node.gaps[number + 1 :])
    return SearchNode(node.layer, node.keys, node.values, gaps)


class SearchTree:
    """An ordered map from keys, which are bytes, to links. It never changes; see the module's head.

    Args:
        store: where its nodes are.
        root: the identifier of its root node, from `build_tree` or from a peer.
        max_nodes: how many nodes one operation may read.
    """

    def __init__(self, store: BlockStore, root: Cid, *, max_nodes: int = MAX_NODES) -> None:
        self.store = store
        self.root = root
        self.max_nodes = max_nodes

    def reader(self) -> NodeReader:
        """A reader of its nodes, for one operation."""
        return NodeReader(self.store, self.max_nodes)

    def get(self, key: bytes) -> Cid:
        """What a key is mapped to.

        Args:
            key: 1 to 1024 bytes.

        Raises:
            UsageError: this cannot be a key.
            NotFound: the key is not in the tree, or a node on the path is not in the store.
            DecodeError: a node on the path is invalid.
            OverBudget: the path is longer than `max_nodes`.
        """
        check_key(key)
        nodes, cid, bounds = self.reader(), self.root, ROOT_BOUNDS
        while True:
            node = nodes.read(cid, bounds)
            number = bisect.bisect_left(node.keys, key)
            if number < len(node.keys) and node.keys[number] == key:
                return node.values[number]
            below = node.gaps[number]
            if below is None or node.layer <= layer_of(key):
                raise NotFound(f"the key {key[:40]!r} is not in this tree")
            cid, bounds = below, bounds.of_gap(node, number)

    def items(self, start: bytes = b"", end: bytes | None = None) -> Iterator[tuple[bytes, Cid]]:
        """Keys in order, with what they are mapped to. Subtrees outside the range are not read.

        Args:
            start: the lowest key in the range.
            end: the first key after the range; None for no end.

        Yields:
            a key and its link.

        Raises:
            NotFound: a node is not in the store.
            DecodeError: a node is invalid.
            OverBudget: there are too many nodes in the range.
        """
        walk = SearchWalk(self.reader(), self.root)
        while (token := walk.head()) is not None:
            if isinstance(token, Subtree):
                high = token.bounds.high
                if high is not None and high <= start:
                    walk.skip()
                else:
                    walk.expand()
                continue
            if end is not None and token[0] >= end:
                return
            walk.skip()
            if token[0] >= start:
                yield token

    def add(self, key: bytes, value: Cid) -> SearchTree:
        """The tree with one more key, or with another value for a key that is there.

        Args:
            key: 1 to 1024 bytes.
            value: what to map it to.

        Raises:
            UsageError: this cannot be a key, or a node would become too large.
            NotFound: a node on the path is not in the store.
            DecodeError: a node on the path is invalid.
            OverBudget: more than `max_nodes` would have to be read.
            StoreFull: the store has no room for the new nodes.
        """
        check_key(key)
        nodes = _Edit(self.store, self.max_nodes)
        layer = layer_of(key)
        top = nodes.read(self.root)
        if top == EMPTY_NODE:
            return self._with_root(nodes, nodes.add(SearchNode(layer, (key,), (value,), (None, None))))
        if layer <= top.layer:
            return self._with_root(nodes, _put(nodes, top, ROOT_BOUNDS, key, layer, value))
        halves = _split(nodes, top, ROOT_BOUNDS, key)
        gaps = tuple(nodes.lifted(half, top.layer, layer - 1) for half in halves)
        return self._with_root(nodes, nodes.add(SearchNode(layer, (key,), (value,), gaps)))

    def remove(self, key: bytes) -> SearchTree:
        """The tree without a key.

        Args:
            key: one that is in it.

        Raises:
            UsageError: this cannot be a key, or a node would become too large.
            NotFound: the key is not in the tree, or a node on the path is not in the store.
            DecodeError: a node on the path is invalid.
            OverBudget: more than `max_nodes` would have to be read.
            StoreFull: the store has no room for the new nodes.
        """
        check_key(key)
        nodes = _Edit(self.store, self.max_nodes)
        top = nodes.read(self.root)
        root, layer = _take(nodes, top, ROOT_BOUNDS, key, layer_of(key)), top.layer
        while root is not None:  # a root without keys gives way to the one node it leads to
            node = nodes.read(root, SearchBounds(layer))
            if node.keys:
                break
            root, layer = node.gaps[0], layer - 1
        return self._with_root(nodes, nodes.add(EMPTY_NODE) if root is None else root)

    def _with_root(self, nodes: _Edit, root: Cid) -> SearchTree:
        nodes.keep(root)
        return SearchTree(self.store, root, max_nodes=self.max_nodes)


def _put(nodes: _Edit, node: SearchNode, bounds: SearchBounds, key: bytes, layer: int, value: Cid) -> Cid:
    """The node with a key of its own layer or below, added or given another value."""
    number = bisect.bisect_left(node.keys, key)
    gap, inner = node.gaps[number], bounds.of_gap(node, number)
    if layer < node.layer:
        if gap is None:
            made = nodes.add(SearchNode(layer, (key,), (value,), (None, None)))
            return nodes.add(_replaced(node, number, nodes.lifted(made, layer, node.layer - 1)))
        return nodes.add(
            _replaced(node, number, _put(nodes, nodes.read(gap, inner), inner, key, layer, value))
        )
    values = (*node.values[:number], value)
    if number < len(node.keys) and node.keys[number] == key:
        return nodes.add(SearchNode(layer, node.keys, values + node.values[number + 1 :], node.gaps))
    halves = (None, None) if gap is None else _split(nodes, nodes.read(gap, inner), inner, key)
    return nodes.add(
        SearchNode(
            layer,
            (*node.keys[:number], key, *node.keys[number:]),
            values + node.values[number:],
            (*node.gaps[:number], *halves, *node.gaps[number + 1 :]),
        )
    )


def _split(nodes: _Edit, node: SearchNode, bounds: SearchBounds, key: bytes) -> tuple[Cid | None, Cid | None]:
    """The parts of a node before and after a key of a higher layer."""
    number = bisect.bisect_left(node.keys, key)
    gap, inner = node.gaps[number], bounds.of_gap(node, number)
    left, right = (None, None) if gap is None else _split(nodes, nodes.read(gap, inner), inner, key)
    before = SearchNode(node.layer, node.keys[:number], node.values[:number], (*node.gaps[:number], left))
    after = SearchNode(
        node.layer, node.keys[number:], node.values[number:], (right, *node.gaps[number + 1 :])
    )
    return nodes.add_unless_empty(before), nodes.add_unless_empty(after)


def _take(nodes: _Edit, node: SearchNode, bounds: SearchBounds, key: bytes, layer: int) -> Cid | None:
    """The node without a key; None where nothing is left of it."""
    number = bisect.bisect_left(node.keys, key)
    gap, inner = node.gaps[number], bounds.of_gap(node, number)
    if layer < node.layer and gap is not None:
        left = _take(nodes, nodes.read(gap, inner), inner, key, layer)
        return nodes.add_unless_empty(_replaced(node, number, left))
    if layer != node.layer or node.keys[number : number + 1] != (key,):
        raise NotFound(f"the key {key[:40]!r} is not in this tree")
    joined = _join(nodes, gap, inner, node.gaps[number + 1], bounds.of_gap(node, number + 1))
    return nodes.add_unless_empty(
        SearchNode(
            layer,
            node.keys[:number] + node.keys[number + 1 :],
            node.values[:number] + node.values[number + 1 :],
            (*node.gaps[:number], joined, *node.gaps[number + 2 :]),
        )
    )


def _join(
    nodes: _Edit, one: Cid | None, one_bounds: SearchBounds, other: Cid | None, other_bounds: SearchBounds
) -> Cid | None:
    """Two neighbouring subtrees of one layer, as one: the key between them is gone."""
    if one is None or other is None:
        return one or other
    left, right = nodes.read(one, one_bounds), nodes.read(other, other_bounds)
    middle = _join(
        nodes,
        left.gaps[-1],
        one_bounds.of_gap(left, len(left.keys)),
        right.gaps[0],
        other_bounds.of_gap(right, 0),
    )
    return nodes.add(
        SearchNode(
            left.layer,
            left.keys + right.keys,
            left.values + right.values,
            (*left.gaps[:-1], middle, *right.gaps[1:]),
        )
    )


def build_tree(store: BlockStore, content: Mapping[bytes, Cid], *, max_nodes: int = MAX_NODES) -> SearchTree:
    """The tree of some keys, made in one go: the same as if they were added one by one.

    Args:
        store: where to put its nodes.
        content: keys of 1 to 1024 bytes, and what to map them to; may be empty.
        max_nodes: how many nodes one operation on the tree may read.

    Raises:
        UsageError: a key is empty or too long, or a node would become too large.
        StoreFull: the store has no room for the nodes.
    """
    for key in content:
        check_key(key)
    keys = sorted(content)
    layers = [layer_of(key) for key in keys]
    nodes = _Edit(store, max_nodes)

    def build(start: int, end: int, layer: int) -> Cid | None:
        if start == end:
            return None
        here = [number for number in range(start, end) if layers[number] == layer]
        gaps = [
            build(before + 1, after, layer - 1)
            for before, after in zip([start - 1, *here], [*here, end], strict=True)
        ]
        chosen = tuple(keys[number] for number in here)
        return nodes.add(SearchNode(layer, chosen, tuple(content[key] for key in chosen), tuple(gaps)))

    root = build(0, len(keys), max(layers, default=0)) or nodes.add(EMPTY_NODE)
    nodes.keep(root)
    return SearchTree(store, root, max_nodes=max_nodes)
