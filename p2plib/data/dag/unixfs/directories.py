"""Directories and symbolic links become blocks. Pure functions over a store.

A directory is one node whose links are its entries. When that node would be too large for one block, it
becomes a tree of shards (`p2plib.data.dag.unixfs.hamt`); a profile says above which size, so that the same
entries always have the same identifier. The specification is that of UnixFS.
"""

from __future__ import annotations

from collections.abc import Mapping

from p2plib.data.blocks.store import BlockStore
from p2plib.data.dag.dag_pb import PBLink
from p2plib.data.dag.unixfs import data, hamt, nodes
from p2plib.data.dag.unixfs.data import UnixFs, UnixFsKind, UnixTime
from p2plib.data.dag.unixfs.importing import UnixFsRoot, add_file
from p2plib.data.dag.unixfs.profiles import UNIXFS_V1_2025, SplitRule, UnixFsProfile
from p2plib.errors import UsageError
from p2plib.wire import cid as cids
from p2plib.wire import varint

MAX_DEPTH = 128  # of nested folders in `add_tree`


def add_directory(
    store: BlockStore,
    entries: Mapping[str, UnixFsRoot],
    profile: UnixFsProfile = UNIXFS_V1_2025,
    *,
    mode: int | None = None,
    mtime: UnixTime | None = None,
) -> UnixFsRoot:
    """Put a directory into a store, as one block or as a tree of shards.

    Args:
        store: where its blocks go; those of its entries may be there already, or come later.
        entries: what is in it, by name.
        profile: when it is sharded, and into how many buckets.
        mode: permissions; None to leave them out.
        mtime: when it was last modified; None to leave it out.

    Raises:
        UsageError: a name cannot be part of a path, or two names of a sharded directory have the same hash.
    """
    for name in entries:
        _demand_name(name)
    links = [root.link(name) for name, root in entries.items()]
    about = UnixFs(UnixFsKind.DIRECTORY, mode=mode, mtime=mtime)
    if _size(links, about, profile.split_rule) > profile.split_bytes:
        blocks, total_bytes = hamt.shard_blocks(
            links, profile.fanout, cid_version=profile.cid_version, mode=mode, mtime=mtime
        )
    else:
        blocks = [nodes.write_node(about, links, cid_version=profile.cid_version)]
        total_bytes = len(blocks[0].data) + sum(root.total_bytes for root in entries.values())
    store.put(blocks)
    return UnixFsRoot(blocks[-1].cid, total_bytes)


def _demand_name(name: str) -> None:
    if fault := nodes.name_fault(name):
        raise UsageError(f"an entry {name!r} of a directory {fault}")


def _size(links: list[PBLink], about: UnixFs, rule: SplitRule) -> int:
    """What a profile compares with its threshold; computed, as the block itself may be too large to make."""
    total = 0
    for link in links:
        name, cid = len((link.name or "").encode("utf-8")), len(cids.encode_bytes(link.cid))
        if rule is SplitRule.LINKS_BYTES:
            total += name + cid
        else:
            size_field = 1 + len(varint.encode(link.total_bytes or 0))
            total += _field(_field(cid) + _field(name) + size_field)
    return total if rule is SplitRule.LINKS_BYTES else total + _field(len(data.encode(about)))


def _field(size_bytes: int) -> int:
    """The size of an encoded field with this many bytes in it: its tag, the length, and the bytes."""
    return 1 + len(varint.encode(size_bytes)) + size_bytes


def add_symlink(
    store: BlockStore,
    target: str,
    profile: UnixFsProfile = UNIXFS_V1_2025,
    *,
    mtime: UnixTime | None = None,
) -> UnixFsRoot:
    """Put a symbolic link into a store.

    Args:
        store: where its block goes.
        target: where it leads: a path that this library never follows.
        profile: which version its identifier has.
        mtime: when it was last modified; None to leave it out.

    Raises:
        UsageError: the target is empty, has half a surrogate pair in it, or is too long for a block.
    """
    try:
        raw = target.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(f"a symbolic link leads to text, and {target!r} is not text") from None
    about = UnixFs(UnixFsKind.SYMLINK, raw, mtime=mtime)
    block = nodes.write_node(about, cid_version=profile.cid_version)
    store.put([block])
    return UnixFsRoot(block.cid, len(block.data))


def add_tree(
    store: BlockStore, files: Mapping[str, bytes], profile: UnixFsProfile = UNIXFS_V1_2025
) -> UnixFsRoot:
    """Put a directory with all that is below it into a store; nothing at all if a path is invalid.

    Args:
        store: where the blocks go.
        files: what is in each file, by its path from the directory: "album/cat.jpg".
        profile: how files and directories become blocks.

    Raises:
        UsageError: a path is empty or too deep, has a name that no entry can have, or is both a file and a
            directory; or two names of a sharded directory have the same hash, which is found at the end.
    """
    top: _Folder = {}
    for path, content in files.items():
        *folders, name = path.split("/")
        if len(folders) > MAX_DEPTH:
            raise UsageError(f"a path through more than {MAX_DEPTH} directories")
        at = top
        for each in (*folders, name):
            _demand_name(each)
        for folder in folders:
            below = at.setdefault(folder, {})
            if not isinstance(below, dict):
                raise UsageError(f"{folder!r} in {path!r} is a file already")
            at = below
        if name in at:
            raise UsageError(f"{path!r} is a directory already")
        at[name] = content
    return _add_folder(store, top, profile)


_Folder = dict[str, "bytes | _Folder"]


def _add_folder(store: BlockStore, folder: _Folder, profile: UnixFsProfile) -> UnixFsRoot:
    entries = {
        name: _add_folder(store, below, profile)
        if isinstance(below, dict)
        else add_file(store, [below], profile)
        for name, below in folder.items()
    }
    return add_directory(store, entries, profile)
