"""Plain files under the caller's names: the layout, and what else may lie in the folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from p2plib.data.stores.blobs.conformance import ODD_KEYS
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.blobs.keyed import KeyedFiles
from p2plib.data.stores.blobs.store import PIECE_BYTES
from p2plib.errors import NotFound, StoreCorrupt, UsageError


def put(store: KeyedFiles, key: str, data: bytes) -> None:
    with store.write(key) as writer:
        writer.write(data)
        writer.finish()


def test_a_key_is_a_path(tmp_path: Path) -> None:
    with KeyedFiles(DiskFolder(tmp_path)) as store:
        for key in ODD_KEYS:
            put(store, key, key.encode())
    for key in ODD_KEYS:
        assert (tmp_path / key).read_bytes() == key.encode()
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {*ODD_KEYS, ".p2plib/lock"}


def test_what_is_no_blob_is_not_seen(tmp_path: Path) -> None:
    (tmp_path.parent / "outside").mkdir(exist_ok=True)
    (tmp_path.parent / "outside" / "secret").write_bytes(b"secret")
    with KeyedFiles(DiskFolder(tmp_path)) as store:
        put(store, "a", b"a")
        os.symlink(tmp_path.parent / "outside", tmp_path / "link")
        os.symlink(tmp_path / "a", tmp_path / "alias")
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "back\\slash").write_bytes(b"")
        (tmp_path / "c:drive").write_bytes(b"")
        Path(os.fsdecode(bytes(tmp_path) + b"/not utf8 \xff")).write_bytes(b"")
        (tmp_path / "empty").mkdir()
        assert list(store.keys()) == ["a"]
        for key in ("link/secret", "alias", "pipe", "empty", "link"):
            assert not store.exists(key)
            with pytest.raises(NotFound):
                store.read(key)
        with pytest.raises(UsageError, match="a link where a folder would have to be"):
            put(store, "link/new", b"new")
        store.remove("link/secret")
        assert (tmp_path.parent / "outside" / "secret").read_bytes() == b"secret"
        assert os.listdir(tmp_path.parent / "outside") == ["secret"]


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path: Path) -> None:
    with KeyedFiles(DiskFolder(tmp_path)) as store:
        put(store, "a", b"a")
        put(store, "b/c", b"c")
        for key in ("a/b", "b", "a/b/c"):
            with pytest.raises(UsageError, match="no blob can be put at"):
                put(store, key, b"new")
        assert list(store.keys()) == ["a", "b/c"]
        assert not store.exists("a/b")
        assert os.listdir(tmp_path / ".p2plib") == ["lock"]


@pytest.mark.fault("F121")
def test_a_file_that_becomes_shorter_while_it_is_read(tmp_path: Path) -> None:
    with KeyedFiles(DiskFolder(tmp_path)) as store:
        put(store, "a", bytes(3 * PIECE_BYTES))
        reader = store.read("a")
        next(reader)
        os.truncate(tmp_path / "a", PIECE_BYTES + 7)
        assert len(next(reader)) == 7
        with pytest.raises(StoreCorrupt, match="too early") as raised:
            next(reader)
        assert raised.value.offset == PIECE_BYTES + 7
        assert raised.value.path == f"{tmp_path}/a"


def test_a_part_is_read_and_no_more(tmp_path: Path) -> None:
    with KeyedFiles(DiskFolder(tmp_path)) as store:
        put(store, "a", bytes(10 * PIECE_BYTES))
        reader = store.read("a", 5, 10)
        os.truncate(tmp_path / "a", PIECE_BYTES)  # whatever is behind it does not matter
        assert reader.read_all() == bytes(5)


@pytest.mark.fault("F121")
def test_what_a_crash_left_is_tidied_away_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".p2plib").mkdir()
    (tmp_path / ".p2plib" / "new-7").write_bytes(b"half")
    (tmp_path / ".p2plib" / "notes").write_bytes(b"not ours")
    (tmp_path / "new-7").write_bytes(b"a blob of this name")
    with KeyedFiles(DiskFolder(tmp_path)) as store:
        assert store.leftovers == 1
        assert list(store.keys()) == ["new-7"]
    assert sorted(os.listdir(tmp_path / ".p2plib")) == ["lock", "notes"]
