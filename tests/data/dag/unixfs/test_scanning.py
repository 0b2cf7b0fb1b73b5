"""Folders of the disk: what of them is added, what is left out, and what is refused."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block
from p2plib.data.dag.unixfs import reading, scanning
from p2plib.data.dag.unixfs.data import UnixTime
from p2plib.data.dag.unixfs.directories import MAX_DEPTH, add_directory, add_symlink, add_tree
from p2plib.data.dag.unixfs.importing import add_file
from p2plib.data.dag.unixfs.profiles import UNIXFS_V0_2015, UNIXFS_V1_2025, UnixFsProfile
from p2plib.data.dag.unixfs.scanning import add_path
from p2plib.errors import StoreError

FILES = {"z": b"last", "a/b/c.txt": b"deep", "a/ä": b"", "a b": b"x" * 1000}


def folder_of(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


@pytest.mark.parametrize("profile", [UNIXFS_V0_2015, UNIXFS_V1_2025])
def test_it_is_the_tree_that_has_the_same_files(tmp_path: Path, profile: UnixFsProfile) -> None:
    found, expected = MemoryBlocks(), MemoryBlocks()
    root = add_path(found, str(folder_of(tmp_path, FILES)), profile)
    assert root == add_tree(expected, FILES, profile)
    assert set(found.hashes()) == set(expected.hashes())


@pytest.mark.parametrize("holds_folders", sorted({scanning._HOLDS_FOLDERS, False}))
def test_empty_folders_links_and_a_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holds_folders: bool
) -> None:
    monkeypatch.setattr(scanning, "_HOLDS_FOLDERS", holds_folders)  # False as on Windows
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to("../" + tmp_path.name)
    (tmp_path / "file").write_bytes(b"content")
    store = MemoryBlocks()
    file = add_file(store, [b"content"])
    entries = {
        "empty": add_directory(store, {}),
        "loop": add_symlink(store, "../" + tmp_path.name),
        "file": file,
    }
    assert add_path(store, tmp_path) == add_directory(store, entries)
    assert add_path(store, tmp_path / "file") == file
    assert add_path(store, tmp_path / "loop") == entries["loop"]


def test_what_is_hidden_is_added_only_if_the_profile_says_so(tmp_path: Path) -> None:
    hidden = FILES | {".git/config": b"x", "a/.secret": b"y"}
    top = folder_of(tmp_path / ".top", hidden)
    store = MemoryBlocks()
    assert add_path(store, top) == add_tree(store, FILES)
    assert add_path(store, top, replace(UNIXFS_V1_2025, has_hidden=True)) == add_tree(store, hidden)


def test_modes_and_times_are_added_only_if_the_profile_says_so(tmp_path: Path) -> None:
    top = folder_of(tmp_path / "top", {"file": b"content"})
    for path, mode, ns in ((top / "file", 0o4751, 5_000_000_001), (top, 0o700, -1)):
        path.chmod(mode)
        os.utime(path, ns=(ns, ns))
    store = MemoryBlocks()
    assert add_path(store, top) == add_tree(store, {"file": b"content"})
    root = add_path(store, top, replace(UNIXFS_V1_2025, has_modes=True, has_times=True))
    about = reading.node_at(store, root.cid).about
    assert (about.mode, about.mtime) == (0o700, UnixTime(-1, 999_999_999))
    about = reading.node_at(store, reading.resolve(store, root.cid, "file")).about
    assert (about.mode, about.mtime) == (0o4751, UnixTime(5, 1))
    with_times = add_path(store, top, replace(UNIXFS_V1_2025, has_times=True))
    assert reading.node_at(store, with_times.cid).about.mode is None


def test_what_is_neither_file_nor_folder_nor_link(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError, match="not a file, a folder or a symbolic link") as caught:
        add_path(MemoryBlocks(), tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "pipe"))
    (tmp_path / "pipe").unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        with pytest.raises(StoreError, match="not a file, a folder or a symbolic link"):
            add_path(MemoryBlocks(), tmp_path / "s")
    with pytest.raises(StoreError, match="No such file") as caught:
        add_path(MemoryBlocks(), tmp_path / "nothing")
    assert str(caught.value).startswith(str(tmp_path / "nothing"))


def test_what_is_not_text(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    try:
        (tmp_path / name).write_bytes(b"")
    except OSError:
        pytest.skip("this file system has no names that are not UTF-8")
    with pytest.raises(StoreError, match="half a surrogate pair"):
        add_path(MemoryBlocks(), tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / "link").symlink_to(name)
    with pytest.raises(StoreError, match="leads to text"):
        add_path(MemoryBlocks(), tmp_path)


def test_folders_deeper_than_any_tree(tmp_path: Path) -> None:
    (tmp_path / "/".join("d" * (MAX_DEPTH + 1))).mkdir(parents=True)
    with pytest.raises(StoreError, match="more than 128 folders deep"):
        add_path(MemoryBlocks(), tmp_path)
    assert add_path(MemoryBlocks(), tmp_path / "d").total_bytes > 0


class Meddling(MemoryBlocks):
    """A store in which something happens to the file as soon as its first blocks come."""

    def __init__(self, path: Path, append: bytes, ns: int | None = None) -> None:
        super().__init__()
        self.path, self.append, self.ns = path, append, ns

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        super().put(blocks, durable=durable)
        before = os.stat(self.path)
        with self.path.open("r+b") as file:
            file.seek(0, os.SEEK_END if self.append else os.SEEK_SET)
            file.write(self.append or b"!")
        os.utime(self.path, ns=(0, self.ns or before.st_mtime_ns))
        while os.stat(self.path).st_ctime_ns == before.st_ctime_ns:  # until the disk's clock has ticked
            os.utime(self.path, ns=(0, self.ns or before.st_mtime_ns))


@pytest.mark.parametrize(
    ("append", "ns"), [(b"more", None), (b"", 7), (b"", None)], ids=["longer", "later", "in secret"]
)
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, append: bytes, ns: int | None) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(3_000_000))
    store = Meddling(path, append, ns)
    with pytest.raises(StoreError, match="has changed while it was read"):
        add_path(store, tmp_path)
    assert store.append or path.read_bytes()[:1] == b"!"  # it had its chance


def test_a_file_that_is_replaced_by_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at it and its opening: the link is not followed."""
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "link").symlink_to("secret")
    status = os.lstat(tmp_path / "secret")
    monkeypatch.setattr(os, "stat", lambda path, **how: status)
    with pytest.raises(StoreError, match="symbolic link"):
        add_path(MemoryBlocks(), tmp_path / "link")


@pytest.mark.skipif(not scanning._HOLDS_FOLDERS, reason="here, names cannot be looked up in an open folder")
@pytest.mark.parametrize("moment", ["looked at", "listed"])
def test_a_folder_that_is_replaced_by_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Before it is opened, the link is refused; after that, the folder that was opened is read on."""
    folder_of(tmp_path, {"outside/file": b"secret", "top/sub/file": b"mine"})
    top = tmp_path / "top"
    look, listed = os.stat, os.listdir

    def exchange() -> None:
        (top / "sub").rename(tmp_path / "moved")
        (top / "sub").symlink_to("../outside")

    def looked_at(path: str, **how: Any) -> os.stat_result:
        status = look(path, **how)
        if path == "sub" and moment == "looked at":
            exchange()
        return status

    def listing(folder: int) -> list[str]:
        names = listed(folder)
        if names == ["file"] and moment == "listed":
            exchange()
        return names

    store = MemoryBlocks()
    expected = add_tree(store, {"sub/file": b"mine"})
    monkeypatch.setattr(os, "stat", looked_at)
    monkeypatch.setattr(os, "listdir", listing)
    if moment == "looked at":
        with pytest.raises(StoreError, match="sub: "):
            add_path(store, top)
    else:
        assert add_path(store, top) == expected
    assert (top / "sub").is_symlink()  # it had its chance


class Counting(MemoryBlocks):
    """A store that counts the calls."""

    calls = 0

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        super().put(blocks, durable=durable)
        self.calls += 1
        assert not durable


def test_small_files_are_put_together(tmp_path: Path) -> None:
    store = Counting()
    add_path(store, folder_of(tmp_path, {str(number): b"%d" % number for number in range(60)}), durable=False)
    assert store.calls == 1
    assert len(set(store.hashes())) == 61
