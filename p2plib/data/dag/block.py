"""A block: some bytes, and the content identifier made from them.

A block is the unit in which graphs of content are stored, sent and checked. A block from a stranger is hashed
before anything else looks at it::

    block = block_of(b"hello")                  ours: the identifier is computed
    block = checked(cid, what_a_peer_sent)      theirs: the bytes must be those of the identifier
"""

from __future__ import annotations

from dataclasses import dataclass

from p2plib.data.dag import hashes
from p2plib.errors import UsageError, WrongContent
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid

# What Bitswap's peers accept in one message: a larger block could be stored but never sent.
MAX_BLOCK_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes under their content identifier. Make one with `block_of` or `checked`.

    Args:
        cid: the identifier.
        data: the bytes that it names.
    """

    cid: Cid
    data: bytes


def block_of(
    data: bytes, codec: int = multicodec.RAW, *, version: int = 1, function: int = multicodec.SHA2_256
) -> Block:
    """The block that some bytes make.

    Args:
        data: the bytes, at most `MAX_BLOCK_BYTES`.
        codec: how they are written, a multicodec number.
        version: of the identifier, 0 or 1; 0 is for dag-pb under sha2-256 alone.
        function: the multicodec number of the hash function.

    Raises:
        UsageError: the block is too large, or the function is not in `p2plib.data.dag.hashes`.
        DecodeError: such an identifier cannot have version 0.
    """
    if len(data) > MAX_BLOCK_BYTES:
        raise UsageError(f"a block of {len(data)} bytes, where {MAX_BLOCK_BYTES} is the most")
    data = bytes(data)  # what was hashed is what is kept, even if a buffer is used again
    return Block(Cid(version, codec, hashes.digest(function, data)), data)


def checked(cid: Cid, data: bytes) -> Block:
    """The block of an identifier, if these are its bytes.

    Args:
        cid: what was asked for.
        data: what came.

    Raises:
        WrongContent: they hash to something else, or are more than a block may have.
        UsageError: the identifier's hash function is not in `p2plib.data.dag.hashes`.
    """
    if len(data) > MAX_BLOCK_BYTES:
        raise WrongContent(f"a block of {len(data)} bytes, where {MAX_BLOCK_BYTES} is the most")
    data = bytes(data)
    if not hashes.is_of(cid.multihash, data):
        raise WrongContent(f"{len(data)} bytes that do not hash to {cids.to_text(cid)}")
    return Block(cid, data)
