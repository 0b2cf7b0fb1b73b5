"""HAMT: a directory too large for one block, as a tree in which the hash of a name is the way to it. A codec.

Follows the UnixFS specification; hash-array-mapped tries are Bagwell's ("Ideal hash trees", 2001). A node of
the tree, a shard, has up to `fanout` buckets. The hash of a name is cut into pieces of log2(fanout) bits, and
the n-th piece says which bucket of a shard in the n-th level the name is in::

    bucket empty       no bit in the bit field, and no link
    one name in it     the link to its entry, named by the bucket's number (in hexadecimal) and name: "6Ecat"
    several names      the link to a shard of the next level, named by the number alone: "6E"

Rules
    1. Every shard of a directory has the same fanout, and `p2plib.data.dag.unixfs.data` bounds it.
    2. The bit field and the links agree. No bucket has two links.
    3. A name is in the bucket that its hash says. So no entry can be reached by two ways, and a directory
       cannot list more names than it has links, however its shards link to each other.
    4. A shard below the root is not empty, and none is deeper than the hash has bits. So two names
       with equal hashes cannot both be added, and anybody can make such names: adding them is an error.
    5. Names obey the rules of every directory.

Vocabulary::

    way     the buckets from the root to a shard or an entry, for example (0x6E, 0xFF)
    label   a bucket's number in hexadecimal, as many capital digits as the largest one has: "6E"
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from p2plib.data.dag.block import Block
from p2plib.data.dag.dag_pb import PBLink
from p2plib.data.dag.unixfs import nodes
from p2plib.data.dag.unixfs.data import MURMUR3_X64_64, UnixFs, UnixFsKind, UnixTime, fanout_bits
from p2plib.data.dag.unixfs.murmur3 import murmur3_x64_128
from p2plib.data.dag.unixfs.nodes import UnixFsNode
from p2plib.errors import DecodeError, UsageError

HASH_BITS = 64  # of the hash's 128: by accident, what the first implementation used


@dataclass(frozen=True, slots=True)
class HamtBucket:
    """A bucket that is not empty.

    Args:
        number: which one, 0 to the fanout - 1.
        name: of the entry in it; None where it leads to another shard.
        link: to the entry or the shard.
    """

    number: int
    name: str | None
    link: PBLink


def name_way(name: str, fanout: int) -> tuple[int, ...]:
    """The buckets through which a name is found, from the root: as many as its hash has pieces.

    Args:
        name: of an entry.
        fanout: of the directory.

    Raises:
        DecodeError: there is no such fanout.
        UsageError: the name has half a surrogate pair in it.
    """
    bits = fanout_bits(fanout)
    try:
        raw = name.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(f"the name of an entry is text, and {name!r} is not text") from None
    hashed = int.from_bytes(murmur3_x64_128(raw)[:8], "big")
    return tuple(
        hashed >> (HASH_BITS - bits * (level + 1)) & (fanout - 1) for level in range(HASH_BITS // bits)
    )


def label(number: int, fanout: int) -> str:
    """What the link of a bucket begins with.

    Args:
        number: of the bucket, 0 to the fanout - 1.
        fanout: of the directory.
    """
    return f"{number:0{_label_digits(fanout)}X}"


def _label_digits(fanout: int) -> int:
    return len(f"{fanout - 1:X}")


def buckets(
    shard: UnixFsNode, way: tuple[int, ...] = (), fanout: int | None = None
) -> tuple[HamtBucket, ...]:
    """The buckets of a shard that are not empty, in the order of its links.

    Args:
        shard: a node of kind HAMT_SHARD.
        way: through which buckets it was found.
        fanout: of the root; None where this is the root.

    Raises:
        DecodeError: it breaks a rule of the module's head.
    """
    about = shard.about
    if about.kind != UnixFsKind.HAMT_SHARD or about.fanout is None:
        raise DecodeError(f"a shard was expected, and a node of kind {about.kind.name} is there")
    if fanout not in (None, about.fanout):
        raise DecodeError(f"a shard of fanout {about.fanout} in a directory of fanout {fanout}")
    if len(shard.links) > about.fanout:
        raise DecodeError(f"a shard of {about.fanout} buckets has {len(shard.links)} links")
    if way and not shard.links:
        raise DecodeError("a shard below the root is empty")
    if len(way) >= HASH_BITS // fanout_bits(about.fanout):
        raise DecodeError(f"a shard at level {len(way)}, deeper than the hash of a name reaches")
    found = tuple(_bucket(link, way, about.fanout) for link in shard.links)
    field = sum(1 << number for number in {bucket.number for bucket in found})
    if field.bit_count() != len(found):
        raise DecodeError("a bucket of a shard has two links")
    if int.from_bytes(about.data or b"", "big") != field:
        raise DecodeError("the bit field of a shard does not say which buckets have links")
    return found


def _bucket(link: PBLink, way: tuple[int, ...], fanout: int) -> HamtBucket:
    digits, text = _label_digits(fanout), link.name or ""
    number = _parsed(text[:digits], fanout)
    if len(text) == digits:
        return HamtBucket(number, None, link)
    name = text[digits:]
    nodes.demand_name(name)
    if name_way(name, fanout)[: len(way) + 1] != (*way, number):
        raise DecodeError(f"the entry {name!r} is in a bucket that its hash does not lead to")
    return HamtBucket(number, name, link)


def _parsed(text: str, fanout: int) -> int:
    try:
        number = int(text, 16)
    except ValueError:
        number = fanout
    if number >= fanout or text != label(number, fanout):  # int() also takes signs, spaces and small letters
        raise DecodeError(f"{text!r} is not the label of one of {fanout} buckets")
    return number


@dataclass(frozen=True, slots=True)
class _Hashed:
    name: str
    way: tuple[int, ...]
    link: PBLink


def shard_blocks(
    entries: Iterable[PBLink],
    fanout: int,
    *,
    cid_version: int = 1,
    mode: int | None = None,
    mtime: UnixTime | None = None,
) -> tuple[list[Block], int]:
    """The shards of a directory, the root last, and the total size of the root.

    Args:
        entries: links to the entries, each with its name and its total size.
        fanout: a power of two from 8 to 1024.
        cid_version: of the shards' identifiers, 0 or 1.
        mode: of the directory, which its root says.
        mtime: of the directory, which its root says.

    Raises:
        UsageError: two names have the same hash, one cannot be an entry's, or there is no such fanout.
    """
    hashed: list[_Hashed] = []
    try:
        for link in entries:
            name = link.name or ""
            nodes.demand_name(name)
            hashed.append(_Hashed(name, name_way(name, fanout), link))
    except DecodeError as error:
        raise UsageError(error.rule) from None
    blocks: list[Block] = []
    shape = UnixFs(UnixFsKind.HAMT_SHARD, hash_type=MURMUR3_X64_64, fanout=fanout)
    root = dataclasses.replace(shape, mode=mode, mtime=mtime)
    return blocks, _add_shard(blocks, hashed, 0, root, shape, cid_version)


def _add_shard(
    blocks: list[Block], entries: list[_Hashed], level: int, about: UnixFs, below: UnixFs, cid_version: int
) -> int:
    """Appends a shard after those below it, and returns its total size; no deeper than a hash has pieces."""
    if entries and level == len(entries[0].way):
        raise UsageError(f"{entries[0].name!r} and {entries[1].name!r} have the same hash")
    assert about.fanout is not None
    filled: dict[int, list[_Hashed]] = {}
    for entry in entries:
        filled.setdefault(entry.way[level], []).append(entry)
    links = []
    for number in sorted(filled):
        inside, prefix = filled[number], label(number, about.fanout)
        if len(inside) == 1:
            link = inside[0].link
            links.append(PBLink(link.cid, prefix + inside[0].name, link.total_bytes))
        else:
            size = _add_shard(blocks, inside, level + 1, below, below, cid_version)
            links.append(PBLink(blocks[-1].cid, prefix, size))
    field = sum(1 << number for number in filled)
    raw = field.to_bytes(-(-field.bit_length() // 8), "big")
    node = dataclasses.replace(about, data=raw)
    blocks.append(nodes.write_node(node, links, cid_version=cid_version))
    return len(blocks[-1].data) + sum(link.total_bytes or 0 for link in links)
