"""Digests: what somebody has of the nodes that prove a block, as one number. A codec.

A request of hypercore says in its field `nodes` what the one who asks has already, so that it is not sent
again. The number is read from its lowest bit up::

    bit 0       1: the way up from the block reaches a node that is here (the highest 1 bit of all says where)
    bit 1       1: the sibling of the block is here
    bit 2       1: the sibling of its parent is here; and so on
    1 alone     nothing is needed but the block

    >>> sorted(known_by_digest(0, 0b1101))    # for block 0: its uncle 5, and the way up from node 3 on
    [3, 5]
"""

from __future__ import annotations

from p2plib.data.hypercore import flat_tree
from p2plib.data.hypercore.bitfield import BlockBits


def digest_of(index: int, bits: BlockBits, length: int) -> int:
    """What is here of the nodes that prove a node, as the number that hypercore's requests carry in `nodes`.

    From the second bit up, a bit for each sibling on the way up: 1 if it is here. The highest bit of all
    stands for a node of the way itself that is here, where the way ends, and then the first bit is 1, too. 1
    alone says that nothing is needed: only the block.

    Args:
        index: of the node.
        bits: which nodes are here.
        length: how many blocks the feed is known to have.
    """
    if bits.has_node(index):
        return 1
    digest, bit, here = 0, 2, index
    end = 2 * max(length, index // 2 + 2)
    while flat_tree.right_span(here) < end or flat_tree.left_span(here) > 0:
        if bits.has_node(flat_tree.sibling(here)):
            digest |= bit
        here = flat_tree.parent(here)
        if bits.has_node(here):
            digest |= 2 * bit | 1
            return 1 if digest + 1 == 4 * bit else digest
        bit *= 2
    return digest


def known_by_digest(index: int, digest: int) -> set[int]:
    """The nodes that a peer with this digest has; see `digest_of`.

    Args:
        index: of the node that they ask about.
        digest: 0 and up, below 2^64.
    """
    if digest == 1:
        return {index}
    known, here, rest = set[int](), index, digest >> 1
    while rest:
        if rest == 1 and digest & 1:
            known.add(here)
            break
        if rest & 1:
            known.add(flat_tree.sibling(here))
        here = flat_tree.parent(here)
        rest >>= 1
    return known
