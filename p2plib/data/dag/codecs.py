"""The codecs that an identifier may name: how to read and write a block, and find its links. A table.

A node of dag-pb is the value `{"Data": bytes, "Links": [{"Hash": link, "Name": text, "Tsize": size}]}`, where
only "Links" and "Hash" must be there.

    >>> from p2plib.wire import multicodec
    >>> raw = encode(multicodec.DAG_CBOR, {"a": 1})
    >>> decode(multicodec.DAG_CBOR, raw)
    {'a': 1}
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from p2plib.data.dag import dag_cbor, dag_json, dag_pb
from p2plib.data.dag.block import Block, block_of
from p2plib.data.dag.dag_pb import PBLink, PBNode
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


def node_value(node: PBNode) -> DagValue:
    """A node of dag-pb as a value.

    Args:
        node: as `dag_pb.decode` gives it.
    """
    links: list[DagValue] = []
    for link in node.links:
        shown: dict[str, DagValue] = {"Hash": link.cid}
        if link.name is not None:
            shown["Name"] = link.name
        if link.total_bytes is not None:
            shown["Tsize"] = link.total_bytes
        links.append(shown)
    return {"Links": links} if node.data is None else {"Data": node.data, "Links": links}


def node_from_value(value: DagValue) -> PBNode:
    """The node of dag-pb that a value stands for.

    Args:
        value: in the shape that the module's head shows.

    Raises:
        UsageError: it has another shape, or a size outside 0 to 2^64 - 1.
    """
    if not isinstance(value, dict) or not {"Links"} <= value.keys() <= {"Data", "Links"}:
        raise UsageError("a dag-pb node is a map of Links and perhaps Data, and nothing else")
    data, links = value.get("Data", b""), value["Links"]
    if not isinstance(data, bytes) or not isinstance(links, list):
        raise UsageError("the Data of a dag-pb node are bytes, and its Links a list")
    return PBNode(tuple(map(_link_from_value, links)), data if "Data" in value else None)


def _link_from_value(value: DagValue) -> PBLink:
    if not isinstance(value, dict) or not {"Hash"} <= value.keys() <= {"Hash", "Name", "Tsize"}:
        raise UsageError("a link of dag-pb is a map of Hash and perhaps Name and Tsize, and nothing else")
    cid, name, size = value["Hash"], value.get("Name", ""), value.get("Tsize", 0)
    if not isinstance(cid, Cid) or not isinstance(name, str) or type(size) is not int:
        raise UsageError("a link of dag-pb has a link as Hash, text as Name and a whole number as Tsize")
    if not 0 <= size < 2**64:
        raise UsageError("the Tsize of a link of dag-pb is 0 to 2^64 - 1")
    return PBLink(cid, name if "Name" in value else None, size if "Tsize" in value else None)


CODECS: dict[int, DagCodec] = {
    multicodec.RAW: DagCodec(bytes, _raw_encode),
    multicodec.DAG_PB: DagCodec(
        lambda data: node_value(dag_pb.decode(data)), lambda value: dag_pb.encode(node_from_value(value))
    ),
    multicodec.DAG_CBOR: DagCodec(dag_cbor.decode, dag_cbor.encode),
    multicodec.DAG_JSON: DagCodec(dag_json.decode, dag_json.encode),
}


def decode(codec: int, data: bytes) -> DagValue:
    """The value of a block.

    Args:
        codec: a multicodec number in `CODECS`.
        data: the block's bytes.

    Raises:
        DecodeError: the bytes break a rule of the codec, or this library does not read it.
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
        UsageError: the codec is unknown, has no form for this value, or the block would be too large.
    """
    return block_of(encode(codec, value), codec)


def links(block: Block) -> tuple[Cid, ...]:
    """The blocks that a block names, in the order in which it names them; one named twice is there twice.

    Args:
        block: whose identifier says how it is written.

    Raises:
        DecodeError: the bytes break a rule of the codec, or this library does not read it.
    """
    if block.cid.codec == multicodec.RAW:
        return ()
    if block.cid.codec == multicodec.DAG_PB:
        return tuple(link.cid for link in dag_pb.decode(block.data).links)
    return tuple(links_in(decode(block.cid.codec, block.data)))
