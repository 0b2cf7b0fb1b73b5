"""Onto the disk: what comes back, and what no stranger's directory can do to it."""

from __future__ import annotations

import os
import stat
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag import dag_pb
from p2plib.data.dag.block import block_of
from p2plib.data.dag.dag_pb import PBLink, PBNode
from p2plib.data.dag.unixfs import data, nodes
from p2plib.data.dag.unixfs.data import UnixFs, UnixFsKind, UnixTime
from p2plib.data.dag.unixfs.directories import add_directory, add_symlink, add_tree
from p2plib.data.dag.unixfs.extracting import DiskBudget, leads_inside, name_fault, write_path
from p2plib.data.dag.unixfs.importing import UnixFsRoot, add_file
from p2plib.data.dag.unixfs.profiles import UNIXFS_V1_2025
from p2plib.data.dag.unixfs.reading import UnixFsEntry
from p2plib.data.dag.unixfs.scanning import add_path
from p2plib.errors import DecodeError, NotFound, OverBudget, StoreError
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid

FILES = {"z": b"last", "a/b/c.txt": b"deep", "a/ä": b"", "long": bytes(range(256)) * 20}
TINY = replace(UNIXFS_V1_2025, chunk_bytes=100, width=3)


def below(path: Path) -> dict[str, bytes]:
    """All that is in a folder; of links, where they lead."""
    return {
        str(each.relative_to(path)): os.readlink(each).encode() if each.is_symlink() else each.read_bytes()
        for each in sorted(path.rglob("*"))
        if each.is_symlink() or not each.is_dir()
    }


@pytest.mark.parametrize("split_bytes", [0, 262_144], ids=["shards", "flat"])
def test_a_tree_comes_back(tmp_path: Path, split_bytes: int) -> None:
    store = MemoryBlocks()
    root = add_tree(store, FILES, replace(TINY, split_bytes=split_bytes))
    write_path(store, root.cid, str(tmp_path / "top"))
    assert below(tmp_path / "top") == FILES
    file = add_file(store, [b"alone"])
    write_path(store, file.cid, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"alone"
    write_path(store, add_directory(store, {}).cid, tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []


def hostile(store: MemoryBlocks, name: str, inside: UnixFsRoot) -> UnixFsRoot:
    """A directory with a name that `add_directory` would refuse."""
    raw = dag_pb.encode(PBNode((inside.link(name),), data.encode(UnixFs(UnixFsKind.DIRECTORY))))
    block = block_of(raw, multicodec.DAG_PB)
    store.put([block])
    return UnixFsRoot(block.cid, len(raw))


@pytest.mark.parametrize("name", ["..", ".", "", "../x", "/tmp/x", "a/b", "a\0b"])
def test_names_that_lead_elsewhere(tmp_path: Path, name: str) -> None:
    store = MemoryBlocks()
    root = hostile(store, name, add_file(store, [b"x"]))
    with pytest.raises(DecodeError, match="a directory has an entry"):
        write_path(store, root.cid, tmp_path / "top")
    assert below(tmp_path) == {}


@pytest.mark.parametrize(
    "name",
    [
        "a\\b",
        "C:",
        "C:x",
        "x:stream",
        "nul",
        "COM1.txt",
        "dot.",
        "space ",
        "?",
        "\x01",
        "COM\xb9",
        "lpt\xb3.x",
        "CONIN$",
        "conout$.txt",
        "NUL .txt",
        "nul.",
    ],
)
def test_names_that_mean_something_to_windows(name: str) -> None:
    assert name_fault(name, on_windows=True)
    assert not name_fault(name, on_windows=False)


def test_names_that_mean_nothing_to_windows() -> None:
    assert not any(
        name_fault(name, on_windows=True)
        for name in ("a b", ".x", "nul1", "common", "ä", "x.con", "COM12", "COM\u0663", "CON$")
    )


def test_names_that_are_too_long_for_any_disk(tmp_path: Path) -> None:
    store = MemoryBlocks()
    for name in ("n" * 256, "n" * 1_000_000):
        root = add_directory(store, {name: add_symlink(store, "x")})
        with pytest.raises(StoreError, match="more than 255 characters"):
            write_path(store, root.cid, tmp_path / "top")
    write_path(store, add_tree(store, {"n" * 255: b"x"}).cid, tmp_path / "longest")
    assert below(tmp_path) == {"longest/" + "n" * 255: b"x"}
    with pytest.raises(StoreError, match="too long"):  # 255 characters, and twice as many bytes
        write_path(store, add_tree(store, {"ä" * 255: b"x"}).cid, tmp_path / "bytes")
    assert list((tmp_path / "bytes").iterdir()) == []


@pytest.mark.parametrize("kind", ["links", "folders"])
def test_one_large_block_for_many_entries(tmp_path: Path, kind: str) -> None:
    """What is in a block is not remembered for each entry that leads to it."""
    store = MemoryBlocks()
    text = b"x" * 1_000_000
    about = UnixFs(UnixFsKind.SYMLINK if kind == "links" else UnixFsKind.DIRECTORY, text, mtime=UnixTime(1))
    block = nodes.write_node(about)
    store.put([block])
    inside = UnixFsRoot(block.cid, len(block.data))
    root = add_directory(store, {str(number): inside for number in range(40)})
    tracemalloc.start()
    try:
        if kind == "links":
            with pytest.raises(StoreError, match="leads to more than 4095 bytes"):
                write_path(store, root.cid, tmp_path / "top", with_metadata=True)
        else:
            write_path(store, root.cid, tmp_path / "top", with_metadata=True)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 10_000_000


class Interrupted(MemoryBlocks):
    """A store in which something happens as soon as a block is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.actions: dict[bytes, Callable[[], None]] = {}

    def get(self, cid: Cid) -> bytes:
        if action := self.actions.pop(cid.multihash.digest, None):
            action()
        return super().get(cid)


@pytest.mark.parametrize("call", ["open", "symlink"])
def test_a_name_that_somebody_takes_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Two that write into one folder: what the other has begun is neither taken nor removed."""
    make = getattr(os, call)

    def late(*how: Any) -> Any:
        (tmp_path / ".1.partial").write_bytes(b"theirs")
        return make(*how)

    store = MemoryBlocks()
    root = add_file(store, [b"x"]) if call == "open" else add_symlink(store, "x")
    monkeypatch.setattr("p2plib.data.dag.unixfs.extracting.os." + call, late)
    write_path(store, root.cid, tmp_path / "x", may_lead_outside=True)
    assert below(tmp_path) == {".1.partial": b"theirs", "x": b"x"}


def test_an_interruption_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    store = Interrupted()
    root = add_file(store, [bytes(range(250))], TINY)
    last = block_of(bytes(range(200, 250)))
    store.actions[last.cid.multihash.digest] = interrupt
    with pytest.raises(KeyboardInterrupt):
        write_path(store, root.cid, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []
    write_path(store, root.cid, tmp_path / "file")


def test_a_folder_that_was_there_keeps_its_permissions_and_its_time(tmp_path: Path) -> None:
    store = MemoryBlocks()
    sub = add_directory(store, {"new": add_directory(store, {}, mode=0o711)}, mode=0o777, mtime=UnixTime(1))
    root = add_directory(store, {"sub": sub}, mode=0o777)
    (tmp_path / "top" / "sub").mkdir(parents=True)
    for folder in ("top/sub", "top"):
        (tmp_path / folder).chmod(0o700)
    write_path(store, root.cid, tmp_path / "top", with_metadata=True)
    assert [stat.S_IMODE(os.stat(tmp_path / path).st_mode) for path in ("top", "top/sub", "top/sub/new")] == [
        0o700, 0o700, 0o711
    ]  # fmt: skip
    assert os.stat(tmp_path / "top" / "sub").st_mtime > 1
    write_path(store, root.cid, tmp_path / "top", with_metadata=True, may_replace=True)
    assert stat.S_IMODE(os.stat(tmp_path / "top").st_mode) == 0o777
    assert os.stat(tmp_path / "top" / "sub").st_mtime == 1


@pytest.mark.parametrize(
    ("target", "depth", "is_inside"),
    [
        ("a", 1, True), ("a/b/../c", 1, False), ("./a//b/", 1, True), ("..", 1, False), ("..", 2, True),
        ("../../a", 3, True), ("../../a", 2, False), ("./../..", 2, False), ("/", 5, False),
        ("a/..", 5, False),
        ("a\0", 5, False), ("a", 0, False), ("...", 1, True),
    ],
)  # fmt: skip
def test_links_that_stay_inside(target: str, depth: int, is_inside: bool) -> None:
    assert leads_inside(target, depth) == is_inside


def test_links_of_windows() -> None:
    assert leads_inside("a/b", 1, on_windows=True)
    assert not leads_inside("..\\..\\x", 1, on_windows=True)
    assert not leads_inside("C:/x", 1, on_windows=True)


def test_a_link_that_leads_outside_is_made_only_if_that_is_allowed(tmp_path: Path) -> None:
    store = MemoryBlocks()
    for target in ("../secret", "/etc/passwd", "sub/../../secret"):
        root = add_directory(store, {"link": add_symlink(store, target), "sub": add_directory(store, {})})
        with pytest.raises(StoreError, match="out of what is written") as caught:
            write_path(store, root.cid, tmp_path / "top")
        assert str(caught.value).startswith(str(tmp_path / "top" / "link"))
        assert not (tmp_path / "top" / "link").is_symlink()
        write_path(store, root.cid, tmp_path / f"allowed {target[-3:]}{target[0]}", may_lead_outside=True)
    link = add_directory(store, {"link": add_symlink(store, "a\0b")})
    with pytest.raises(StoreError, match="zero byte"):
        write_path(store, link.cid, tmp_path / "zero", may_lead_outside=True)


def test_links_that_stay_inside_are_made(tmp_path: Path) -> None:
    store = MemoryBlocks()
    sub = add_directory(store, {"up": add_symlink(store, "../file")})
    root = add_directory(
        store, {"sub": sub, "file": add_file(store, [b"x"]), "down": add_symlink(store, "sub")}
    )
    write_path(store, root.cid, tmp_path / "top")
    assert below(tmp_path / "top") == {"down": b"sub", "file": b"x", "sub/up": b"../file"}
    assert (tmp_path / "top" / "down" / "up").read_bytes() == b"x"


def test_nothing_is_written_through_a_link_that_is_there(tmp_path: Path) -> None:
    """Two downloads into one folder: the first leaves a link, the second has a folder of its name."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"mine")
    store = MemoryBlocks()
    top = tmp_path / "top"
    first = add_directory(store, {"a": add_symlink(store, "../outside")})
    write_path(store, first.cid, top, may_lead_outside=True)
    second = add_tree(store, {"a/file": b"theirs"})
    with pytest.raises(StoreError, match="not a folder is there already"):
        write_path(store, second.cid, top, may_replace=True)
    with pytest.raises(StoreError, match="not a folder is there already"):
        write_path(store, second.cid, top / "a", may_replace=True)
    third = add_tree(store, {"a": b"theirs"})
    write_path(store, third.cid, top, may_replace=True)  # the link itself is replaced
    assert below(top) == {"a": b"theirs"}
    assert below(outside) == {"file": b"mine"}


def test_what_is_there_is_replaced_only_if_that_is_allowed(tmp_path: Path) -> None:
    store = MemoryBlocks()
    root = add_tree(store, {"a/file": b"new", "b": b"new"})
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_bytes(b"old")
    (tmp_path / "a" / "other").write_bytes(b"other")
    with pytest.raises(StoreError, match="there already"):
        write_path(store, root.cid, tmp_path)
    assert below(tmp_path) == {"a/file": b"old", "a/other": b"other"}
    write_path(store, root.cid, tmp_path, may_replace=True)
    assert below(tmp_path) == {"a/file": b"new", "a/other": b"other", "b": b"new"}
    with pytest.raises(StoreError, match="not a folder is there already"):
        write_path(store, add_tree(store, {"b/c": b""}).cid, tmp_path, may_replace=True)
    for root in (add_tree(store, {"a": b""}), add_directory(store, {"a": add_symlink(store, "b")})):
        with pytest.raises(StoreError, match="a folder is there already"):
            write_path(store, root.cid, tmp_path, may_replace=True)
    for path in (".", "..", "/", tmp_path / ".."):
        with pytest.raises(StoreError, match="a folder is there already"):
            write_path(store, add_file(store, [b"x"]).cid, path, may_replace=True)
    link = add_directory(store, {"b": add_symlink(store, "a")})
    with pytest.raises(StoreError, match="there already"):
        write_path(store, link.cid, tmp_path)
    write_path(store, link.cid, tmp_path, may_replace=True)
    assert below(tmp_path) == {"a/file": b"new", "a/other": b"other", "b": b"a"}


def test_a_block_that_is_missing_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    store = MemoryBlocks()
    root = add_tree(store, {"a": b"before", "b": bytes(range(250))}, TINY)
    last = block_of(bytes(range(200, 250)))
    store.remove(last.cid)
    (tmp_path / ".1.partial").write_bytes(b"somebody else's")
    with pytest.raises(NotFound):
        write_path(store, root.cid, tmp_path)
    assert below(tmp_path) == {".1.partial": b"somebody else's", "a": b"before"}


@pytest.mark.parametrize("names", [("a", "a"), ("a", "A")])
def test_two_names_that_are_one_on_the_disk(
    tmp_path: Path, names: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that knows no capitals, which this one need not be: the listing says the name twice."""
    store = MemoryBlocks()
    for inside in (add_file(store, [b"x"]), add_directory(store, {})):
        root = add_directory(store, {"x": inside})
        twice = [UnixFsEntry(name.lower(), inside.cid, 1) for name in names]
        monkeypatch.setattr(
            "p2plib.data.dag.unixfs.reading.listing",
            lambda store, cid, root=root, twice=twice: iter(twice if cid == root.cid else []),
        )
        with pytest.raises(StoreError, match="two names of the directory are one on this disk"):
            write_path(store, root.cid, tmp_path / inside.cid.multihash.digest.hex(), may_replace=True)


def doubling(store: MemoryBlocks, levels: int) -> UnixFsRoot:
    """Two folders in each folder: few blocks, and twice as many entries with each level."""
    root = add_file(store, [b"12345678"])
    for _ in range(levels):
        root = add_directory(store, {"a": root, "b": root})
    return root


def test_budgets(tmp_path: Path) -> None:
    store = MemoryBlocks()
    bomb = doubling(store, 10)
    with pytest.raises(OverBudget, match="more than 500 files and folders"):
        write_path(store, bomb.cid, tmp_path / "1", budget=DiskBudget(entries=500))
    assert sum(1 for _ in (tmp_path / "1").rglob("*")) < 500
    with pytest.raises(OverBudget, match="more than 5 folders"):
        write_path(store, bomb.cid, tmp_path / "2", budget=DiskBudget(depth=5))
    small = doubling(store, 3)
    exactly = DiskBudget(entries=15, size_bytes=64, depth=3)
    write_path(store, small.cid, tmp_path / "3", budget=exactly)
    less = (replace(exactly, entries=14), replace(exactly, size_bytes=63), replace(exactly, depth=2))
    for number, budget in enumerate(less):
        with pytest.raises(OverBudget):
            write_path(store, small.cid, tmp_path / f"less {number}", budget=budget)


def test_a_file_that_claims_to_be_huge_is_not_begun(tmp_path: Path) -> None:
    """A few blocks, each a hundred times the one below: its size is known before a byte is written."""
    store = MemoryBlocks()
    part = add_file(store, [b"x" * 1000])
    cid, size, total = part.cid, 1000, part.total_bytes
    for _ in range(5):
        size, total = size * 100, total * 100
        block = nodes.write_node(
            UnixFs(UnixFsKind.FILE, None, size, (size // 100,) * 100), [PBLink(cid, "", total)] * 100
        )
        store.put([block])
        cid = block.cid
    with pytest.raises(OverBudget, match="more than 17179869184 bytes"):
        write_path(store, cid, tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_metadata_comes_back_if_that_is_asked_for(tmp_path: Path) -> None:
    store = MemoryBlocks()
    entries = {
        "file": add_file(store, [b"x"], mode=0o7640, mtime=UnixTime(5, 7)),
        "link": add_symlink(store, "file", mtime=UnixTime(6)),
        "plain": add_file(store, [b"y"]),
    }
    sub = add_directory(store, entries, mode=0o500, mtime=UnixTime(8))
    root = add_directory(store, {"sub": sub}, mode=0o7711)
    write_path(store, root.cid, tmp_path / "plain")
    write_path(store, root.cid, tmp_path / "with", with_metadata=True)

    def about(*path: str) -> tuple[int, int]:
        status = os.lstat(tmp_path.joinpath(*path))
        return stat.S_IMODE(status.st_mode), status.st_mtime_ns

    assert about("with", "sub", "file") == (0o640, 5_000_000_007)
    assert about("with", "sub", "link")[1] == 6_000_000_000
    assert about("with", "sub") == (0o500, 8_000_000_000)
    assert about("with")[0] == 0o711
    assert (
        about("plain", "sub", "file")[0]
        == about("plain", "sub", "plain")[0]
        == about("with", "sub", "plain")[0]
    )
    assert about("plain", "sub", "file")[1] > 10**18
    (tmp_path / "with" / "sub").chmod(0o700)
    kept = replace(UNIXFS_V1_2025, has_times=True)
    again = add_path(store, tmp_path / "with" / "sub" / "file", kept)
    assert again == add_file(store, [b"x"], mtime=UnixTime(5, 7))


@pytest.mark.parametrize(("seconds", "kept"), [(2**62, 2**31 - 1), (-(2**62), 0)])
def test_a_time_that_the_disk_cannot_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: int, kept: int
) -> None:
    """As where a time has 32 bits; the specification says what to put instead."""
    utime = os.utime

    def narrow(path: Path, *, ns: tuple[int, int], follow_symlinks: bool) -> None:
        if abs(ns[1]) >= 2**31 * 10**9:
            raise OverflowError
        utime(path, ns=ns, follow_symlinks=follow_symlinks)

    monkeypatch.setattr("p2plib.data.dag.unixfs.extracting.os.utime", narrow)
    store = MemoryBlocks()
    root = add_file(store, [b"x"], mtime=UnixTime(seconds))
    write_path(store, root.cid, tmp_path / "x", with_metadata=True)
    assert os.stat(tmp_path / "x").st_mtime_ns == kept * 10**9


def test_what_is_no_directory(tmp_path: Path) -> None:
    store = MemoryBlocks()
    metadata = block_of(dag_pb.encode(PBNode((), b"\x08\x03")), multicodec.DAG_PB)
    store.put([metadata])
    with pytest.raises(DecodeError, match="METADATA is neither a file nor a folder"):
        write_path(store, metadata.cid, tmp_path / "x")
    link = add_symlink(store, "x")
    with pytest.raises(StoreError, match="out of what is written"):
        write_path(store, link.cid, tmp_path / "x")
    with pytest.raises(StoreError, match="No such file"):
        write_path(store, add_file(store, [b"x"]).cid, tmp_path / "no" / "folder")
