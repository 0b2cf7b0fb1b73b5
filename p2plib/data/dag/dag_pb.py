"""DAG-PB: some bytes and a list of links to other blocks, of which IPFS makes files. A codec.

Follows the IPLD specification of dag-pb (codec 0x70): a Protocol Buffers message, with stricter rules than
such messages have in general::

    node    link*  data?                        field 2 as often as there are links, then field 1
    link    hash  name?  total size?            fields 1, 2 and 3

Rules
    1. The links come before the data, though their field number is the larger one; a link's fields come in
       ascending order. Old blocks have the data first, so `decode` takes that too; links on both sides of the
       data are refused.
    2. Nothing is there twice, of another wire type, or unknown. Every link has a hash, and it is a content
       identifier. Varints are minimal, names are UTF-8.
    3. Links are written in the order of their names' bytes, with a stable sort. `encode` refuses any other
       order; `in_order` sorts. `decode` leaves them as they are: the order of a file's parts is the order of
       its links, whatever wrote them.
    4. No name is not the same as an empty one; both sort first. Equal names are well-formed here; what they
       mean is up to whatever reads the data.
    5. A block of no bytes is a node without links or data.

Vocabulary::

    total size   bytes of all blocks that a link leads to, as claimed by whoever wrote it: nobody can check
                 it without fetching them all, so nothing may rely on it
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from p2plib.data.dag.block import MAX_BLOCK_BYTES
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import varint
from p2plib.wire.cid import Cid
from p2plib.wire.protobuf import MAX_UINT64

# A block of 2 MiB has room for 55,188 links to SHA-256 digests. Shorter links hold identity digests, with
# which an attacker could turn a few bytes into many objects.
MAX_LINKS = 65_536

# Field number << 3 | wire type: each is one byte, so a longer varint cannot stand for any of them.
_NODE_DATA, _NODE_LINK = 0x0A, 0x12
_LINK_HASH, _LINK_NAME, _LINK_SIZE = 0x0A, 0x12, 0x18


@dataclass(frozen=True, slots=True)
class PBLink:
    """A link of a dag-pb node.

    Args:
        cid: the block that it leads to.
        name: what the node calls it; None where it has no name, which is not the same as "".
        total_bytes: size of all blocks below it, as its writer claims, 0 to 2**64 - 1; None where not given.
    """

    cid: Cid
    name: str | None = None
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class PBNode:
    """What is in a dag-pb block.

    Args:
        links: to other blocks, in the order of the block.
        data: any bytes; None where there are none, which is not the same as b"".
    """

    links: tuple[PBLink, ...] = ()
    data: bytes | None = None


def _sort_key(link: PBLink) -> bytes:
    return _name_bytes(link.name or "")


def _name_bytes(name: str) -> bytes:
    try:
        return name.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError("the name of a link is text, and half a surrogate pair is not") from None


def in_order(links: Iterable[PBLink]) -> tuple[PBLink, ...]:
    """Links in the order in which `encode` wants them: by the bytes of their names, stable.

    Raises:
        UsageError: a name cannot be written as UTF-8.
    """
    return tuple(sorted(links, key=_sort_key))


def encode(node: PBNode) -> bytes:
    """The bytes of a node, the links before the data.

    Raises:
        UsageError: the links are not in order (see `in_order`), too many, their sizes or names cannot be
            written, or the block would be larger than `MAX_BLOCK_BYTES`.
    """
    return encode_parts(node.links, None if node.data is None else (node.data,))


def encode_parts(links: Sequence[PBLink], data: Sequence[bytes] | None) -> bytes:
    """As `encode`, for data that comes in parts: each byte of it is copied once, into the block.

    Args:
        links: to other blocks, in order.
        data: joined, they are the data of the node; None where it has none.

    Raises:
        UsageError: see `encode`.
    """
    if len(links) > MAX_LINKS:
        raise UsageError(f"a node has at most {MAX_LINKS} links, not {len(links)}")
    parts: list[bytes] = []
    before = b""
    for link in links:
        name = _sort_key(link)
        if name < before:
            raise UsageError(f"the links of a node are sorted by name, and {link.name!r} comes too late")
        before = name
        raw = _encode_link(link, name)
        parts += (bytes((_NODE_LINK,)), varint.encode(len(raw)), raw)
    if data is not None:
        parts += (bytes((_NODE_DATA,)), varint.encode(sum(map(len, data))), *data)
    size = sum(map(len, parts))
    if size > MAX_BLOCK_BYTES:
        raise UsageError(f"a node of {size} bytes, where a block has at most {MAX_BLOCK_BYTES}")
    return b"".join(parts)


def _encode_link(link: PBLink, name: bytes) -> bytes:
    raw = cids.encode_bytes(link.cid)
    parts = [bytes((_LINK_HASH,)), varint.encode(len(raw)), raw]
    if link.name is not None:
        parts += (bytes((_LINK_NAME,)), varint.encode(len(name)), name)
    if link.total_bytes is not None:
        parts += (bytes((_LINK_SIZE,)), varint.encode(link.total_bytes, maximum=MAX_UINT64))
    return b"".join(parts)


def decode(raw: bytes) -> PBNode:
    """The node that is all of `raw`, links and data in either order.

    Args:
        raw: the block, at most `MAX_BLOCK_BYTES`.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    raw = bytes(raw)
    if len(raw) > MAX_BLOCK_BYTES:
        raise DecodeError(f"a node of {len(raw)} bytes, where a block has at most {MAX_BLOCK_BYTES}")
    links: list[PBLink] = []
    data, links_before_data, offset = None, 0, 0
    while offset < len(raw):
        tag = raw[offset]
        if tag not in (_NODE_DATA, _NODE_LINK):
            raise DecodeError(f"a node has links and data, and no field with the tag {tag:#04x}", offset)
        start, end = _span(raw, offset + 1, len(raw))
        if tag == _NODE_LINK:
            if data is not None and links_before_data:
                raise DecodeError("a node has links on both sides of its data", offset)
            if len(links) == MAX_LINKS:
                raise DecodeError(f"a node of more than {MAX_LINKS} links", offset)
            links.append(_decode_link(raw, start, end))
        elif data is not None:
            raise DecodeError("a node has its data twice", offset)
        else:
            data, links_before_data = raw[start:end], len(links)
        offset = end
    return PBNode(tuple(links), data)


def _span(raw: bytes, offset: int, limit: int) -> tuple[int, int]:
    """Where the bytes of the field whose size is at an offset begin and end."""
    size, start = varint.decode(raw, offset)
    if start + size > limit:
        raise DecodeError(f"a field of {size} bytes, where {max(0, limit - start)} are left", offset)
    return start, start + size


def _decode_link(raw: bytes, start: int, end: int) -> PBLink:
    if start == end or raw[start] != _LINK_HASH:
        raise DecodeError("a link begins with its hash", start)
    begin, offset = _span(raw, start + 1, end)
    cid, name, total_bytes = _decode_cid(raw, begin, offset), None, None
    if offset < end and raw[offset] == _LINK_NAME:
        begin, after = _span(raw, offset + 1, end)
        name, offset = _decode_name(raw, begin, after), after
    if offset < end and raw[offset] == _LINK_SIZE:
        total_bytes, after = varint.decode(raw, offset + 1, maximum=MAX_UINT64)
        if after > end:
            raise DecodeError("the total size of a link goes on after the link", offset)
        offset = after
    if offset != end:
        raise DecodeError(
            f"a link has a hash, a name and a size in this order, each once; {raw[offset]:#04x} is not next",
            offset,
        )
    return PBLink(cid, name, total_bytes)


def _decode_cid(raw: bytes, start: int, end: int) -> Cid:
    try:
        return cids.decode_bytes(raw[start:end])
    except DecodeError as error:
        raise DecodeError(f"the hash of a link: {error.rule}", start + (error.offset or 0)) from None


def _decode_name(raw: bytes, start: int, end: int) -> str:
    try:
        return raw[start:end].decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError("the name of a link is not UTF-8", start + error.start) from None
