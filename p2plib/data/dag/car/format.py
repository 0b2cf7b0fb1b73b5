"""The parts of a CAR file as bytes: headers and sections. A codec.

Follows the IPLD specifications of CARv1 and CARv2 (content addressable archives). A file of version 1 is::

    varint(size) ‖ header        DAG-CBOR: {"roots": [link, ...], "version": 1}
    section ...                  varint(size) ‖ CID ‖ the block's bytes; the size counts both

and version 2 wraps one of those, and says where it begins and ends and where its index is::

    pragma                       11 bytes: a section's size and the DAG-CBOR of {"version": 2}
    header                       16 bytes of characteristics, then the data's offset, the data's size and the
                                 index's offset (or 0), each in 8 bytes, little-endian
    ... data ... index           a file of version 1, and what `p2plib.data.dag.car.index` reads

Rules
    1. A header is strict DAG-CBOR with these keys and no others. There may be no roots, and they may name
       blocks that are not in the file.
    2. A size of zero is refused, and so is one over a limit, before anything is read.
    3. In version 2, the data begins after the header, and the index after the data.

Vocabulary::

    section    a block in the file, with its identifier before it
    payload    the part of a file of version 2 that is a file of version 1: offsets of sections count from
               its beginning
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from p2plib.data.dag import dag_cbor
from p2plib.data.dag.block import MAX_BLOCK_BYTES, Block
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec, varint
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import MAX_DIGEST_BYTES

MAX_HEADER_BYTES = 1 << 20  # some 25,000 roots, or five times as many that are shorter; files have a few
MAX_CID_BYTES = 4 * varint.MAX_BYTES + MAX_DIGEST_BYTES
MAX_SECTION_BYTES = MAX_BLOCK_BYTES + MAX_CID_BYTES

PRAGMA = bytes.fromhex("0aa16776657273696f6e02")
V2_HEADER_BYTES = 40
FULLY_INDEXED = 0x80  # of the first byte of the characteristics: identity CIDs are in the index too

_V2_HEADER = struct.Struct("<16sQQQ")


@dataclass(frozen=True, slots=True)
class CarV2Header:
    """The header of version 2, which follows the pragma.

    Args:
        data_offset: where the payload begins, in bytes from the beginning of the file.
        data_size_bytes: how large the payload is.
        index_offset: where the index begins, in bytes from the beginning of the file; 0 where there is none.
        is_fully_indexed: whether the index has every section, even those of identity CIDs.
    """

    data_offset: int
    data_size_bytes: int
    index_offset: int = 0
    is_fully_indexed: bool = False

    def encode(self) -> bytes:
        """The header as 40 bytes."""
        characteristics = bytes((FULLY_INDEXED * self.is_fully_indexed,)) + bytes(15)
        return _V2_HEADER.pack(characteristics, self.data_offset, self.data_size_bytes, self.index_offset)


def decode_v2_header(raw: bytes) -> CarV2Header:
    """The header of version 2 in the 40 bytes after the pragma. Unknown characteristics are passed over.

    Raises:
        DecodeError: it is cut off, or the parts of the file would overlap.
    """
    if len(raw) != V2_HEADER_BYTES:
        raise DecodeError(f"a CARv2 header of {len(raw)} bytes, where it has {V2_HEADER_BYTES}", len(PRAGMA))
    characteristics, data_offset, size_bytes, index_offset = _V2_HEADER.unpack(raw)
    if data_offset < len(PRAGMA) + V2_HEADER_BYTES:
        raise DecodeError(f"CARv2 data at {data_offset}, inside its header", len(PRAGMA) + 16)
    if size_bytes == 0:
        raise DecodeError("CARv2 data of no bytes, where it begins with a header", len(PRAGMA) + 24)
    if 0 < index_offset < data_offset + size_bytes:
        raise DecodeError(f"a CARv2 index at {index_offset}, inside or before the data", len(PRAGMA) + 32)
    return CarV2Header(data_offset, size_bytes, index_offset, bool(characteristics[0] & FULLY_INDEXED))


def encode_header(roots: tuple[Cid, ...]) -> bytes:
    """The header of version 1 with its size in front.

    Args:
        roots: the blocks to begin with; any number that fits `MAX_HEADER_BYTES`.

    Raises:
        UsageError: there are too many.
    """
    raw = dag_cbor.encode({"roots": list(roots), "version": 1})
    if len(raw) > MAX_HEADER_BYTES:
        raise UsageError(f"a CAR header of {len(raw)} bytes, where {MAX_HEADER_BYTES} is the most")
    return varint.encode(len(raw)) + raw


def decode_header(raw: bytes, offset: int = 0) -> tuple[Cid, ...]:
    """The roots in a header of version 1.

    Args:
        raw: the header without the size in front.
        offset: where it is in the file; offsets in errors count from the file's beginning.

    Raises:
        DecodeError: it breaks rule 1.
    """
    try:
        value = dag_cbor.decode(raw)
    except DecodeError as error:
        raise DecodeError(f"a CAR header: {error.rule}", offset + (error.offset or 0)) from None
    version = value.get("version") if isinstance(value, dict) else None
    if type(version) is not int:
        raise DecodeError("a CAR header is a map with a version, a whole number")
    assert isinstance(value, dict)
    if version != 1:
        raise DecodeError(f"this is CAR version {version}, where 1 is expected")
    roots = value.get("roots")
    if value.keys() != {"roots", "version"} or not isinstance(roots, list):
        raise DecodeError("a CAR header has a version and a list of roots, and nothing else")
    found = tuple(root for root in roots if isinstance(root, Cid))
    if len(found) < len(roots):
        raise DecodeError("the roots of a CAR header are links")
    return found


def encode_section(block: Block) -> bytes:
    """A block as a section, its size in front."""
    name = cids.encode_bytes(block.cid)
    return varint.encode(len(name) + len(block.data)) + name + block.data


def split_section(raw: bytes) -> tuple[Cid, bytes]:
    """The identifier that a section begins with, and the bytes after it, which are not checked here.

    Args:
        raw: the section without the size in front.

    Raises:
        DecodeError: it does not begin with a CID that this library reads; the offset counts from its
            beginning.
    """
    raw = bytes(raw)
    if raw[:2] == b"\x12\x20":
        end = cids.V0_BYTES
    else:
        _, offset = varint.decode(raw)
        _, offset = varint.decode(raw, offset)
        code, offset = varint.decode(raw, offset)
        size, offset = varint.decode(raw, offset)
        if size > MAX_DIGEST_BYTES:
            raise DecodeError(f"a {multicodec.name(code)} digest of {size} bytes is too long", offset)
        end = offset + size
    if end > len(raw):
        raise DecodeError(f"a section of {len(raw)} bytes, where its CID alone has {end}", 0)
    return cids.decode_bytes(raw[:end]), raw[end:]
