"""The UnixFS directories that go-car publishes in archives, walked, read and made again."""

from __future__ import annotations

from pathlib import Path

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.car.reader import CarBlock, CarRoots, read_car
from p2plib.data.dag.unixfs import reading
from p2plib.data.dag.unixfs.directories import add_tree
from p2plib.data.dag.unixfs.profiles import UNIXFS_V0_2015
from p2plib.data.dag.walk import DagWalk, walk_locally, walk_store
from p2plib.errors import NotFound
from p2plib.wire.cid import Cid


def blocks_in(path: Path) -> tuple[MemoryBlocks, Cid, int]:
    """The blocks of an archive with one root, the root, and how many sections there are."""
    store, roots, count = MemoryBlocks(), [], 0
    for event in read_car([path.read_bytes()]):
        if isinstance(event, CarRoots):
            roots += event.roots
        elif isinstance(event, CarBlock):
            store.put([event.block])
            count += 1
    (root,) = roots
    return store, root, count


def tree(store: MemoryBlocks, cid: Cid) -> dict[str, bytes | None]:
    """What is in each file below a directory, by its path; None where a block is missing."""
    found: dict[str, bytes | None] = {}
    folders = [("", cid)]
    while folders:
        prefix, at = folders.pop()
        for entry in reading.listing(store, at):
            path = prefix + entry.name
            try:
                if reading.node_at(store, entry.cid).is_file:
                    found[path] = b"".join(reading.read(store, entry.cid))
                else:
                    folders.append((f"{path}/", entry.cid))
            except NotFound:
                found[path] = None
    return found


SMALL = {
    f"{folder}/{number}/{name}.txt": f"{folder}{number}{name}\n".encode()
    for folder, number, name in ("a1A", "a2B", "a3C", "b4D", "b5E", "b6F", "c7G", "c8H", "c9I")
}
INPUTS = Path("go-car") / "cmd" / "car" / "testdata" / "inputs"


def test_a_directory_of_directories(shared_vectors: Path) -> None:
    store, root, count = blocks_in(shared_vectors / INPUTS / "simple-unixfs.car")
    assert tree(store, root) == SMALL
    assert sum(1 for _ in walk_store(store, DagWalk(root))) == count == 22
    ours = MemoryBlocks()
    assert add_tree(ours, SMALL, UNIXFS_V0_2015).cid == root
    assert set(ours.hashes()) == set(store.hashes())


def test_the_same_with_blocks_missing(shared_vectors: Path) -> None:
    store, root, count = blocks_in(shared_vectors / INPUTS / "simple-unixfs-missing-blocks.car")
    missing = {"b/4": None, "b/6": None, "b/5/E.txt": None}
    assert tree(store, root) == {path: raw for path, raw in SMALL.items() if path[0] != "b"} | missing
    walk = DagWalk(root)
    visits, wanted = walk_locally(store, walk)
    assert (len(visits), len(wanted), count) == (17, 3, 17)


def test_an_archive_of_version_2(shared_vectors: Path) -> None:
    store, root, count = blocks_in(shared_vectors / "go-car" / "v2" / "testdata" / "sample-unixfs-v2.car")
    assert tree(store, root) == {"a/b.txt": b"hello world\n"}
    assert len(list(walk_store(store, DagWalk(root)))) == count == 3
    # Its maker left the total size of "a" at 0, and nothing here relied on it.
    assert [(entry.name, entry.total_bytes) for entry in reading.listing(store, root)] == [("a", 0)]
    ours = add_tree(MemoryBlocks(), {"a/b.txt": b"hello world\n"})
    assert ours.cid != root
