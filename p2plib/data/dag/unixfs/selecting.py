"""Selectors: what a walk (`p2plib.data.dag.walk`) follows for a path, a range or a listing of UnixFS.

    DagWalk(root, path_selector("album/cat.jpg", range_selector(0, 65_536)))

wants the blocks on the way to the picture and those with its first bytes, and no others. They are the blocks
that the functions of `p2plib.data.dag.unixfs.reading` read, found by the same rules.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace

from p2plib.data.dag.unixfs import nodes, reading
from p2plib.data.dag.unixfs.data import UnixFsKind
from p2plib.data.dag.unixfs.reading import FilePart, HamtShard, UnixFsEntry
from p2plib.data.dag.walk import DagStep, Selector, every_link
from p2plib.wire.cid import Cid


def range_selector(start: int = 0, end: int | None = None) -> Selector:
    """The blocks of a file that have a range of its bytes.

    Args:
        start: the first byte, counted from 0.
        end: the first byte after the range; None for the end of the file.

    Raises:
        UsageError: the range ends before it begins.
    """
    reading.check_range(start, end)

    def select(cid: Cid, raw: bytes, note: Hashable) -> Iterator[DagStep]:
        part = note if isinstance(note, FilePart) else FilePart(cid, None, start, end)
        _, below = reading.file_part(part, raw)
        for each in below:
            yield DagStep(each.cid, each)

    return select


def listing_selector() -> Selector:
    """The blocks of a directory itself, and none of those of its entries."""

    def select(cid: Cid, raw: bytes, note: Hashable) -> Iterator[DagStep]:
        if not isinstance(note, HamtShard) and nodes.read_node(cid, raw).kind == UnixFsKind.DIRECTORY:
            return
        _, below = reading.shard_part(note if isinstance(note, HamtShard) else HamtShard(cid), raw)
        for each in below:
            yield DagStep(each.cid, each)

    return select


@dataclass(frozen=True, slots=True)
class _OnTheWay:
    names: tuple[str, ...]
    shard: HamtShard


@dataclass(frozen=True, slots=True)
class _Arrived:
    note: Hashable


def path_selector(path: str, then: Selector = every_link) -> Selector:
    """The blocks on the way to what a path leads to, and those that another selector chooses from there.

    Args:
        path: names with slashes between them; "" for the root itself.
        then: applied to what the path leads to, without a note.

    Raises:
        UsageError: see `p2plib.data.dag.unixfs.reading.split_path`.
    """
    names = reading.split_path(path)

    def select(cid: Cid, raw: bytes, note: Hashable) -> Iterable[DagStep]:
        if isinstance(note, _Arrived):
            return [replace(step, note=_Arrived(step.note)) for step in then(cid, raw, note.note)]
        way = note if isinstance(note, _OnTheWay) else _OnTheWay(names, HamtShard(cid))
        if not way.names:
            return select(cid, raw, _Arrived(None))
        at = reading.towards(way.shard, raw, way.names[0])
        if isinstance(at, UnixFsEntry):
            return [DagStep(at.cid, _OnTheWay(way.names[1:], HamtShard(at.cid)))]
        return [DagStep(at.cid, replace(way, shard=at))]

    return select
