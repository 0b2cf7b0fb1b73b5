"""The codecs that an identifier may name: how to read a block, to write one, and to find its links. A table.

    >>> from p2plib.wire import multicodec
    >>> raw = encode(multicodec.DAG_CBOR, {"a": 1})
    >>> decode(multicodec.DAG_CBOR, raw)
    {'a': 1}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from p2plib.data.dag import dag_cbor, dag_json
from p2plib.data.dag.block import Block, block_of
from p2plib.data.dag.values import DagValue, links_in
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid


@dataclass(frozen=True, slots=True)
class DagCodec:
    """One row of the table.

    Args:
        decode: from bytes to a value; raises DecodeError.
        encode: from a value to bytes; raises UsageError.
    """

    decode: Callable[[bytes], DagValue]
    encode: Callable[[DagValue], bytes]


def _raw_encode(value: DagValue) -> bytes:
    if not isinstance(value, bytes):
        raise UsageError(f"a raw block is bytes, not {type(value).__name__}")
    return value


CODECS: dict[int, DagCodec] = {
    multicodec.RAW: DagCodec(bytes, _raw_encode),
    multicodec.DAG_CBOR: DagCodec(dag_cbor.decode, dag_cbor.encode),
    multicodec.DAG_JSON: DagCodec(dag_json.decode, dag_json.encode),
}


def decode(codec: int, data: bytes) -> DagValue:
    """The value of a block.

    Args:
        codec: a multicodec number in `CODECS`.
        data: the block's bytes.

    Raises:
        DecodeError: the bytes break a rule of the codec, or nobody here can read it.
    """
    if codec not in CODECS:
        raise DecodeError(f"{multicodec.name(codec)} is not a codec that this library reads")
    return CODECS[codec].decode(data)


def encode(codec: int, value: DagValue) -> bytes:
    """The bytes of a value.

    Args:
        codec: a multicodec number in `CODECS`.
        value: what the codec can write.

    Raises:
        UsageError: the codec is unknown, or has no form for this value.
    """
    if codec not in CODECS:
        raise UsageError(f"{multicodec.name(codec)} is not a codec that this library writes")
    return CODECS[codec].encode(value)


def block_from(value: DagValue, codec: int = multicodec.DAG_CBOR) -> Block:
    """The block that a value makes, under sha2-256 and an identifier of version 1.

    Args:
        value: what the codec can write.
        codec: a multicodec number in `CODECS`.

    Raises:
        UsageError: the codec is unknown, has no form for this value, or it makes too large a block.
    """
    return block_of(encode(codec, value), codec)


def links(block: Block) -> tuple[Cid, ...]:
    """The blocks that a block names, in the order in which it names them; one named twice is there twice.

    Args:
        block: whose identifier says how it is written.

    Raises:
        DecodeError: the bytes break a rule of the codec, or nobody here can read it.
    """
    if block.cid.codec == multicodec.RAW:
        return ()
    return tuple(links_in(decode(block.cid.codec, block.data)))
