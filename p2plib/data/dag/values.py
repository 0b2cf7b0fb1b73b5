"""The values that blocks are written in, whatever the codec: what JSON has, and bytes, and links.

Follows the IPLD data model. A link is a `Cid`, so a value can name other blocks,
which makes its block a node of a graph.

    >>> from p2plib.data.dag.block import block_of
    >>> leaf = block_of(b"hello").cid
    >>> list(links_in({"name": "greeting", "parts": [leaf, leaf]})) == [leaf, leaf]
    True
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from p2plib.wire.cid import Cid

DagValue: TypeAlias = "bool | int | float | str | bytes | list[DagValue] | dict[str, DagValue] | Cid | None"

MAX_DEPTH = 128  # of nested lists and maps; both codecs read and write this deep and no deeper
# Lists and maps in one value; both codecs keep to this too. One byte of a block can be an empty list, which
# takes 64 bytes of memory, and three can be a map, which takes 200: a block of 2 MiB full of them would fill
# 150 MB. No other kind takes more than some 20 times its encoded size.
MAX_CONTAINERS = 2**18
MIN_INTEGER, MAX_INTEGER = -(2**64), 2**64 - 1  # the range of CBOR's integers


def links_in(value: DagValue) -> Iterator[Cid]:
    """The links in a value, in the order in which they are written; one that is there twice comes twice.

    Args:
        value: of any shape and depth; tuples count as lists, as for the codecs.
    """
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if type(each) is Cid:
            yield each
        elif isinstance(each, dict):
            waiting.extend(reversed(each.values()))
        elif isinstance(each, (list, tuple)):
            waiting.extend(reversed(each))
