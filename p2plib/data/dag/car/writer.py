"""Writing a CAR: version 1 as a stream, version 2, which has an index, into a file.

Version 1 needs to know nothing before it begins, so it can be sent while it is made. The header of version 2
says how large the payload is and where the index begins, which is known only at the end: it needs a seekable
file. `p2plib.data.dag.car.format` has the specification.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from p2plib.data.dag.block import Block
from p2plib.data.dag.car.format import PRAGMA, V2_HEADER_BYTES, CarV2Header, encode_header, encode_section
from p2plib.data.dag.car.index import MULTIHASH_INDEX_SORTED, make_index
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import Multihash


def write_car(roots: Iterable[Cid], blocks: Iterable[Block]) -> Iterator[bytes]:
    """A CAR of version 1, piece by piece.

    Args:
        roots: the blocks to begin with; they need not be among the blocks.
        blocks: in the order in which to write them; one that comes twice is written twice.

    Yields:
        the header, and then each block as a section.

    Raises:
        UsageError: there are too many roots.
    """
    yield encode_header(tuple(roots))
    for block in blocks:
        yield encode_section(block)


def write_car_v2(
    file: BinaryIO,
    roots: Iterable[Cid],
    blocks: Iterable[Block],
    *,
    index_codec: int | None = MULTIHASH_INDEX_SORTED,
) -> CarV2Header:
    """Write a CAR of version 2, with every section in the index.

    Args:
        file: seekable, empty, and at its beginning. It is not closed.
        roots: the blocks to begin with; they need not be among the blocks.
        blocks: in the order in which to write them.
        index_codec: the format of the index, `MULTIHASH_INDEX_SORTED` or `INDEX_SORTED`; None for none.

    Returns:
        the header that was written.

    Raises:
        UsageError: there are too many roots, or there is no such format of an index.
    """
    start = len(PRAGMA) + V2_HEADER_BYTES
    file.write(PRAGMA + bytes(V2_HEADER_BYTES))
    written = file.write(encode_header(tuple(roots)))
    places: list[tuple[Multihash, int]] = []
    for block in blocks:
        places.append((block.cid.multihash, written))
        written += file.write(encode_section(block))
    header = CarV2Header(start, written)
    if index_codec is not None:
        header = CarV2Header(start, written, start + written, is_fully_indexed=True)
        file.write(make_index(places, index_codec).encode())
    file.seek(len(PRAGMA))
    file.write(header.encode())
    file.seek(0, 2)
    return header
