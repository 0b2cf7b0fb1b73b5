"""Files, byte ranges, directories and paths of UnixFS, read from a store of blocks. Pure functions.

What a block says is compared with what led to it, and every difference is a `DecodeError`: a part of a file
that is longer or shorter than its parent says, a directory where a part of a file should be, an entry in the
wrong bucket. A range of bytes reads the blocks on the way to it and no others.

Rules
    1. A path is names with slashes between them. "." is the directory itself, ".." the one above, and no path
       leads above its root. Empty names are left out, so "a//b/" is "a/b".
    2. A symbolic link is read and never followed: there is no agreement on what following it means.
    3. Nothing recurses. A file is at most `MAX_DEPTH` nodes deep and has at most `MAX_UNREAD` parts known and
       not yet read, which is enough for any file that a program makes; more than that is `OverBudget`.

Where blocks come from strangers, a walk (`p2plib.data.dag.walk`) with a selector of
`p2plib.data.dag.unixfs.selecting` first fetches the same blocks that the functions here read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.unixfs import hamt, nodes
from p2plib.data.dag.unixfs.data import UnixFsKind
from p2plib.data.dag.unixfs.nodes import UnixFsNode
from p2plib.errors import DecodeError, NotFound, OverBudget, UsageError
from p2plib.wire import cid as cids
from p2plib.wire.cid import Cid

MAX_DEPTH = 128  # a balanced tree of two links a node would hold 2**128 chunks
MAX_UNREAD = 262_144  # four nodes with the most links there can be: 2**64 parts in a balanced tree
MAX_NAMES = 1_000  # of a path


@dataclass(frozen=True, slots=True)
class UnixFsEntry:
    """An entry of a directory.

    Args:
        name: what the directory calls it.
        cid: what it is.
        total_bytes: size of all its blocks, as the directory claims, unchecked; None where it does not say.
    """

    name: str
    cid: Cid
    total_bytes: int | None


@dataclass(frozen=True, slots=True)
class FilePart:
    """A part of a file, and which bytes of the part are asked for.

    Args:
        cid: of the part.
        file_bytes: how many bytes its parent says that it has; None where it has no parent.
        start: the first byte asked for, counted from the beginning of the part.
        end: the first byte after those asked for; None for the end of the file.
    """

    cid: Cid
    file_bytes: int | None = None
    start: int = 0
    end: int | None = None


def file_part(part: FilePart, raw: bytes) -> tuple[bytes, tuple[FilePart, ...]]:
    """Those of the bytes asked for that are in the block itself, and the parts below that have the rest.

    Args:
        part: which block, and which of its bytes.
        raw: its bytes.

    Raises:
        DecodeError: it is not a part of a file, does not have the size it should, or breaks a rule of UnixFS.
    """
    node = nodes.read_node(part.cid, raw)
    if not node.is_file:
        raise DecodeError(f"a file was expected, and a node of kind {node.kind.name} is there")
    size = node.file_bytes
    if part.file_bytes not in (None, size):
        raise DecodeError(f"a part of a file has {size} bytes, and its parent says {part.file_bytes}")
    start, end = part.start, size if part.end is None else min(part.end, size)
    own = node.about.data or b""
    below, at = [], len(own)
    for link, length in zip(node.links, node.about.block_bytes, strict=True):
        first, last = max(start, at), min(end, at + length)
        if first < last:
            below.append(FilePart(link.cid, length, first - at, last - at))
        at += length
    return own[start:end], tuple(below)


def check_range(start: int, end: int | None) -> None:
    """Raises unless there can be such a range of bytes, in whatever file.

    Args:
        start: the first byte, counted from 0.
        end: the first byte after the range; None for the end of the file.

    Raises:
        UsageError: the range begins before 0, or ends before it begins.
    """
    if start < 0 or (end is not None and end < start):
        raise UsageError(f"a range of bytes goes from 0 up, not from {start} to {end}")


def read(store: BlockStore, cid: Cid, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The bytes of a file, or a range of them, in pieces; only the blocks that have them are read.

    Args:
        store: where the blocks are.
        cid: of the file.
        start: the first byte, counted from 0.
        end: the first byte after the range, which may be past the end of the file; None for the end.

    Raises:
        NotFound: a block is not there; what comes before it is yielded first.
        DecodeError: a block is not what its parent says; what comes before it is yielded first.
        OverBudget: the file is more than `MAX_DEPTH` nodes deep, or has more than `MAX_UNREAD` parts waiting.
        UsageError: the range ends before it begins.
    """
    check_range(start, end)
    return _read(store, FilePart(cid, None, start, end))


def _read(store: BlockStore, part: FilePart) -> Iterator[bytes]:
    stack = [(part, 0)]
    while stack:
        part, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise OverBudget(f"a file more than {MAX_DEPTH} nodes deep")
        own, below = file_part(part, store.get(part.cid))
        if own:
            yield own
        if len(stack) + len(below) > MAX_UNREAD:
            raise OverBudget(f"a file of which more than {MAX_UNREAD} parts are known and not yet read")
        stack += ((each, depth + 1) for each in reversed(below))


def node_at(store: BlockStore, cid: Cid) -> UnixFsNode:
    """What a block is, and how large; for a file or a directory, only the root is read.

    Raises:
        NotFound: the block is not there.
        DecodeError: it is not a node of UnixFS.
    """
    return nodes.read_node(cid, store.get(cid))


def read_symlink(store: BlockStore, cid: Cid) -> str:
    """Where a symbolic link leads: any text, unchecked.

    Raises:
        NotFound: the block is not there.
        DecodeError: it is not a symbolic link, or its target is not UTF-8.
    """
    node = node_at(store, cid)
    if node.kind != UnixFsKind.SYMLINK:
        raise DecodeError(f"a symbolic link was expected, and a node of kind {node.kind.name} is there")
    try:
        return (node.about.data or b"").decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError("where a symbolic link leads is not UTF-8") from None


def listing(store: BlockStore, cid: Cid) -> Iterator[UnixFsEntry]:
    """The entries of a directory; all its shards are read.

    They come in the order of the links; those in a shard before those in the shards below it.

    Raises:
        NotFound: a shard is not there.
        DecodeError: it is not a directory, or breaks a rule of one.
    """
    node = node_at(store, cid)
    if node.kind == UnixFsKind.DIRECTORY:
        for link in node.links:
            yield UnixFsEntry(link.name or "", link.cid, link.total_bytes)
        return
    if node.kind != UnixFsKind.HAMT_SHARD:
        raise DecodeError(f"a directory was expected, and a node of kind {node.kind.name} is there")
    stack = [HamtShard(cid)]
    while stack:
        shard = stack.pop()
        entries, below = shard_part(shard, store.get(shard.cid))
        yield from entries
        stack += reversed(below)


@dataclass(frozen=True, slots=True)
class HamtShard:
    """A shard of a directory, and how it was reached.

    Args:
        cid: of the shard.
        way: through which buckets.
        fanout: of the root; None where this is the root.
    """

    cid: Cid
    way: tuple[int, ...] = ()
    fanout: int | None = None


def shard_part(shard: HamtShard, raw: bytes) -> tuple[tuple[UnixFsEntry, ...], tuple[HamtShard, ...]]:
    """The entries in a shard, and the shards below it.

    Args:
        shard: which one.
        raw: its bytes.

    Raises:
        DecodeError: it breaks a rule of `p2plib.data.dag.unixfs.hamt`.
    """
    node = nodes.read_node(shard.cid, raw)
    entries, below = [], []
    for bucket in hamt.buckets(node, shard.way, shard.fanout):
        link = bucket.link
        if bucket.name is None:
            below.append(HamtShard(link.cid, (*shard.way, bucket.number), node.about.fanout))
        else:
            entries.append(UnixFsEntry(bucket.name, link.cid, link.total_bytes))
    return tuple(entries), tuple(below)


def towards(shard: HamtShard, raw: bytes, name: str) -> UnixFsEntry | HamtShard:
    """Where a name is found: its entry, or the next shard on the way to it.

    Args:
        shard: the directory, or the shard of it that was reached.
        raw: its bytes.
        name: of the entry.

    Raises:
        NotFound: the directory has no such entry, or is a file or a symbolic link.
        DecodeError: it breaks a rule of its kind.
    """
    node = nodes.read_node(shard.cid, raw)
    if fault := nodes.name_fault(name):
        raise NotFound(f"there is no {name!r} in any directory: it {fault}")
    entries: tuple[UnixFsEntry, ...] = ()
    if node.kind == UnixFsKind.HAMT_SHARD:
        entries, below = shard_part(shard, raw)
        way = hamt.name_way(name, node.about.fanout or 0)
        for each in below:
            if way[: len(each.way)] == each.way:
                return each
    elif shard.way:
        raise DecodeError(f"a shard was expected, and a node of kind {node.kind.name} is there")
    elif node.kind == UnixFsKind.DIRECTORY:
        entries = tuple(UnixFsEntry(link.name or "", link.cid, link.total_bytes) for link in node.links)
    else:
        raise NotFound(f"nothing is below a node of kind {node.kind.name}, so there is no {name!r} in it")
    for entry in entries:
        if entry.name == name:
            return entry
    raise NotFound(f"there is no {name!r} in the directory {cids.to_text(shard.cid)}")


def split_path(path: str) -> tuple[str, ...]:
    """The names that a path leads through.

    Raises:
        UsageError: it leads above its root, or through more than `MAX_NAMES` names.
    """
    names: list[str] = []
    for name in path.split("/"):
        if name == "..":
            if not names:
                raise UsageError(f"the path {path!r} leads above its root")
            names.pop()
        elif name not in ("", "."):
            names.append(name)
    if len(names) > MAX_NAMES:
        raise UsageError(f"a path through more than {MAX_NAMES} names")
    return tuple(names)


def parse_path(text: str) -> tuple[Cid, str]:
    """The root and the rest of a path such as "/ipfs/bafy.../album/cat.jpg", with "/ipfs/" or without.

    Raises:
        DecodeError: it does not begin with a content identifier.
    """
    root, _, path = text.removeprefix("/ipfs/").partition("/")
    return cids.parse_text(root), path


def resolve(store: BlockStore, root: Cid, path: str) -> Cid:
    """What a path from a directory leads to.

    Args:
        store: where the blocks on the way are.
        root: where the path begins.
        path: names with slashes between them; "" for the root itself.

    Raises:
        NotFound: there is no such entry, or a block on the way is not there.
        DecodeError: a block on the way breaks a rule.
        UsageError: see `split_path`.
    """
    cid = root
    for name in split_path(path):
        at: UnixFsEntry | HamtShard = HamtShard(cid)
        while isinstance(at, HamtShard):
            at = towards(at, store.get(at.cid), name)
        cid = at.cid
    return cid
