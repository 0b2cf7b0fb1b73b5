"""A node of a Merkle search tree, as a block. A codec; `p2plib.data.dag.merkle_search_tree` is the tree.

Follows the AT Protocol's repository specification, version 3. A block is DAG-CBOR::

    {"l": link or None, "e": [{"p": size, "k": bytes, "v": link, "t": link or None}, ...]}

    l   the subtree of all keys before the first one here
    e   the entries: a key, its value, and the subtree of all keys between this one and the next
    p   how many bytes the key has in common with the key before it in this node
    k   the rest of the key

Rules
    1. A key's layer is half the number of zero bits that its SHA-256 begins with, rounded down. All keys of a
       node have the node's layer, and its subtrees are nodes of the layer below. So of the keys of a
       layer and above, a quarter are above it; and one set of keys has one tree, in whatever order they came.
    2. Keys are in ascending order, and within the bounds that the nodes above set. So nothing can be in a
       tree twice, and a walk over a few blocks cannot go on without end.
    3. A node without entries has a subtree, and is not the root; only the root of an empty tree has neither.
       Nodes of layer 0 have no subtrees.
    4. "p" counts all common bytes, so that a node has one form.
    5. A key has 1 to `MAX_KEY_BYTES` bytes, and a node at most `MAX_NODE_KEYS` of them. Without the second
       limit, one byte of a block that repeats the key before it could take a thousand of memory.

    >>> [layer_of(key) for key in (b"asdf", b"blue", b"88bfafc7", b"app.bsky.feed.post/9adeb165882c")]
    [0, 1, 4, 8]
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any

from p2plib.data.dag import dag_cbor
from p2plib.data.dag.values import DagValue
from p2plib.errors import DecodeError, UsageError
from p2plib.wire.cid import Cid

MAX_KEY_BYTES = 1024  # the AT Protocol's
# Four are usual; no node will ever have 200 by chance.
MAX_NODE_KEYS = 2**14


def layer_of(key: bytes) -> int:
    """The layer that a key belongs to, 0 to 128."""
    return (256 - int.from_bytes(hashlib.sha256(key).digest()).bit_length()) // 2


@dataclass(frozen=True, slots=True)
class SearchNode:
    """What is in a node.

    Args:
        layer: of its keys, and of all nodes beside it.
        keys: in ascending order.
        values: one for each key.
        gaps: one more than there are keys: the subtree before each key, and the one after the last; None
            where there is none.
    """

    layer: int
    keys: tuple[bytes, ...]
    values: tuple[Cid, ...]
    gaps: tuple[Cid | None, ...]


@dataclass(frozen=True, slots=True)
class SearchBounds:
    """Where a node must fit, as the nodes above it say.

    Args:
        layer: of the node; None for the root, whose keys determine it.
        low: every key of the node is larger; b"" for no bound.
        high: every key of the node is smaller; None for no bound.
    """

    layer: int | None = None
    low: bytes = b""
    high: bytes | None = None

    def of_gap(self, node: SearchNode, number: int) -> SearchBounds:
        """The bounds of the subtree in one of a node's gaps; these are the node's own.

        Args:
            node: read within these bounds.
            number: of the gap, from 0.
        """
        low = node.keys[number - 1] if number else self.low
        high = node.keys[number] if number < len(node.keys) else self.high
        return SearchBounds(node.layer - 1, low, high)


ROOT_BOUNDS = SearchBounds()


def check_key(key: bytes) -> None:
    """Raises unless this can be a key.

    Raises:
        UsageError: it is not bytes, empty, or too long.
    """
    if not isinstance(key, bytes) or not 1 <= len(key) <= MAX_KEY_BYTES:
        raise UsageError(f"a key of a search tree is bytes, 1 to {MAX_KEY_BYTES} of them")


def encode_node(node: SearchNode) -> bytes:
    """The bytes of a node.

    Raises:
        UsageError: it has more than `MAX_NODE_KEYS` keys.
    """
    if len(node.keys) > MAX_NODE_KEYS:
        raise UsageError(f"a node of {len(node.keys)} keys, where {MAX_NODE_KEYS} is the most")
    entries: list[DagValue] = []
    before = b""
    for key, value, after in zip(node.keys, node.values, node.gaps[1:], strict=True):
        shared = _shared(before, key)
        entries.append({"p": shared, "k": key[shared:], "v": value, "t": after})
        before = key
    return dag_cbor.encode({"l": node.gaps[0], "e": entries})


def decode_node(raw: bytes, bounds: SearchBounds) -> SearchNode:
    """The node that is all of `raw`.

    Args:
        raw: the block.
        bounds: where it must fit.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    value = dag_cbor.decode(raw)
    if not isinstance(value, dict) or value.keys() != {"l", "e"} or not isinstance(value["e"], list):
        raise DecodeError("a node of a search tree is a map of l and a list e")
    if len(value["e"]) > MAX_NODE_KEYS:
        raise DecodeError(f"a node of {len(value['e'])} keys, where {MAX_NODE_KEYS} is the most")
    keys: list[bytes] = []
    values: list[Cid] = []
    gaps = [_subtree(value["l"])]
    layer = bounds.layer
    before = b""
    for entry in value["e"]:
        key, target, after = _entry(entry, before)
        if not (before or bounds.low) < key or (bounds.high is not None and key >= bounds.high):
            raise DecodeError(f"the key {key[:40]!r} is out of order")
        if layer is None:
            layer = layer_of(key)
        elif layer_of(key) != layer:
            raise DecodeError(f"the key {key[:40]!r} of layer {layer_of(key)} in a node of layer {layer}")
        keys.append(key)
        values.append(target)
        gaps.append(after)
        before = key
    if not keys and (gaps[0] is None) != (bounds.layer is None):
        raise DecodeError("a node without keys has a subtree, and the root of a tree has none without keys")
    if layer == 0 and any(gaps):
        raise DecodeError("a node of layer 0 has no subtrees")
    return SearchNode(layer or 0, tuple(keys), tuple(values), tuple(gaps))


def _entry(entry: Any, before: bytes) -> tuple[bytes, Cid, Cid | None]:
    if not isinstance(entry, dict) or entry.keys() != {"p", "k", "v", "t"}:
        raise DecodeError("an entry of a search tree is a map of p, k, v and t")
    shared, rest, target = entry["p"], entry["k"], entry["v"]
    if type(shared) is not int or not isinstance(rest, bytes) or not isinstance(target, Cid):
        raise DecodeError("in an entry of a search tree, p is a number, k bytes and v a link")
    if not 0 <= shared <= len(before) or not 1 <= shared + len(rest) <= MAX_KEY_BYTES:
        raise DecodeError(f"a key of {shared} bytes from the one before and {len(rest)} of its own")
    key = before[:shared] + rest
    if shared < len(before) and rest[:1] == before[shared : shared + 1]:
        raise DecodeError(f"the key {key[:40]!r} has more in common with the one before than it says")
    return key, target, _subtree(entry["t"])


def _subtree(value: Any) -> Cid | None:
    if value is None or isinstance(value, Cid):
        return value
    raise DecodeError("a subtree is a link or None")


def _shared(one: bytes, other: bytes) -> int:
    return len(os.path.commonprefix((one, other)))
