"""One block as a node of UnixFS, with its links checked against what it says. A codec.

Follows the UnixFS specification. A raw block is a part of a file and nothing else; a dag-pb block has in its
data what `p2plib.data.dag.unixfs.data` reads.

Rules
    1. A file has one block size for each link, in the same order, and its links have no names.
    2. The names of a directory are there once each, and each can be part of a path: text that is not empty,
       not "." or "..", and has no "/" and no zero byte. Code that unpacks a directory onto a disk may rely on
       that, and on no more: names that differ only in case, in their Unicode normal form or in a final dot
       are different entries here, and one file on some disks. About a name that is there twice, the
       specification says both to refuse it and to take the first entry; this module refuses it.
    3. A symbolic link has no links, nor does a node of the old kind RAW.
    4. The rules of a shard are in `p2plib.data.dag.unixfs.hamt`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from p2plib.data.dag import dag_pb
from p2plib.data.dag.block import Block, block_of
from p2plib.data.dag.dag_pb import PBLink
from p2plib.data.dag.unixfs import data
from p2plib.data.dag.unixfs.data import FILE_KINDS, UnixFs, UnixFsKind
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid


@dataclass(frozen=True, slots=True)
class UnixFsNode:
    """What is in one block.

    Args:
        about: what the node says about itself; for a raw block, that it is a file with these bytes.
        links: to other blocks, in the order of the block.
    """

    about: UnixFs
    links: tuple[PBLink, ...] = ()

    @property
    def kind(self) -> UnixFsKind:
        """What it is."""
        return self.about.kind

    @property
    def is_file(self) -> bool:
        """Whether it is a file, or a part of one."""
        return self.about.kind in FILE_KINDS

    @property
    def file_bytes(self) -> int:
        """How many bytes of a file it stands for; 0 where it is not a file."""
        return self.about.file_bytes or 0 if self.is_file else 0


def name_fault(name: str) -> str:
    """Why a name cannot be that of an entry of a directory, as the end of a sentence; "" if it can."""
    if name in ("", ".", ".."):
        return "cannot name an entry"
    if "/" in name or "\0" in name:
        return "has a slash or a zero byte in it"
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:  # as Python decodes file names that are not UTF-8
        return "has half a surrogate pair in it, and so is not text"
    return ""


def demand_name(name: str) -> None:
    """Raises unless a name can be that of an entry of a directory.

    Raises:
        DecodeError: it cannot be part of a path.
    """
    if fault := name_fault(name):
        raise DecodeError(f"a directory has an entry {name!r}, which {fault}")


def read_node(cid: Cid, raw: bytes) -> UnixFsNode:
    """The node that a block is.

    Args:
        cid: which says how the block is written: raw or dag-pb.
        raw: its bytes, which hash to the identifier.

    Raises:
        DecodeError: the block has another codec, or breaks a rule of the module's head.
    """
    if cid.codec == multicodec.RAW:
        return UnixFsNode(UnixFs(UnixFsKind.FILE, raw, len(raw)))
    if cid.codec != multicodec.DAG_PB:
        raise DecodeError(f"UnixFS is made of raw and dag-pb blocks, not of {multicodec.name(cid.codec)}")
    node = dag_pb.decode(raw)
    if node.data is None:
        raise DecodeError("a dag-pb node without data is not a node of UnixFS")
    found = UnixFsNode(data.decode(node.data), node.links)
    _check_links(found)
    return found


def _check_links(node: UnixFsNode) -> None:
    if node.kind == UnixFsKind.DIRECTORY:
        names: set[str] = set()
        for link in node.links:
            name = link.name or ""
            demand_name(name)
            if name in names:
                raise DecodeError(f"a directory has two entries {name!r}")
            names.add(name)
    elif node.kind == UnixFsKind.FILE:
        if len(node.links) != len(node.about.block_bytes):
            raise DecodeError(f"a file has {len(node.links)} links and {len(node.about.block_bytes)} sizes")
        if any(link.name for link in node.links):
            raise DecodeError("the parts of a file have no names")
    elif node.kind != UnixFsKind.HAMT_SHARD and (node.links or node.about.block_bytes):
        raise DecodeError(f"a node of kind {node.kind.name} has no links")


def write_node(about: UnixFs, links: Iterable[PBLink] = (), *, cid_version: int = 1) -> Block:
    """The block of a node; its links are sorted by name.

    Args:
        about: what it says about itself.
        links: to other blocks.
        cid_version: of its identifier, 0 or 1.

    Raises:
        UsageError: it would break a rule of the module's head, or be larger than a block can be.
    """
    node = UnixFsNode(about, dag_pb.in_order(links))
    encoded = data.encode_parts(about)
    try:
        _check_links(node)
    except DecodeError as error:
        raise UsageError(error.rule) from None
    raw = dag_pb.encode_parts(node.links, encoded)
    return block_of(raw, multicodec.DAG_PB, version=cid_version)
