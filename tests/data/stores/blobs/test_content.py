"""Files named by their content: known paths, and a disk that changes them."""

from __future__ import annotations

import hashlib
import itertools
import os
from pathlib import Path

import pytest

from p2plib.data.stores.blobs.conformance import sample
from p2plib.data.stores.blobs.content import ContentFiles
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.blobs.store import PIECE_BYTES
from p2plib.errors import StoreCorrupt, WrongContent

# FIPS 180-4's own example, and of nothing.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def put(store: ContentFiles, data: bytes) -> str:
    with store.write() as writer:
        writer.write(data)
        return writer.finish().key


def test_known_names(tmp_path: Path) -> None:
    with ContentFiles(DiskFolder(tmp_path)) as store:
        assert put(store, b"abc") == ABC
        assert put(store, b"") == EMPTY
        assert list(store.keys()) == [ABC, EMPTY]
    assert (tmp_path / ABC[:2] / ABC[2:]).read_bytes() == b"abc"
    assert (tmp_path / "e3" / EMPTY[2:]).read_bytes() == b""


def test_what_is_no_blob_is_not_seen(tmp_path: Path) -> None:
    with ContentFiles(DiskFolder(tmp_path)) as store:
        put(store, b"abc")
        for name in (ABC, "ba/" + "0" * 61, "ba/" + "A" * 62, "BA/" + "0" * 62, "tmp/" + "0" * 62, "ba/x/y"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"")
        os.symlink(tmp_path / "ba" / ABC[2:], tmp_path / "ba" / ("1" * 62))
        assert list(store.keys()) == [ABC]
        assert not store.exists("ba" + "1" * 62)


@pytest.mark.fault("F121")
@pytest.mark.parametrize("size", [1, PIECE_BYTES, 2 * PIECE_BYTES + 5])
def test_every_kind_of_damage_is_noticed_before_the_last_piece(tmp_path: Path, size: int) -> None:
    data = sample(size, 7)
    with ContentFiles(DiskFolder(tmp_path)) as store:
        key = put(store, data)
        path = tmp_path / key[:2] / key[2:]
        flipped = [
            data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            for at in {0, size // 2, size - 1, min(size - 1, 9)}
        ]
        for damaged in (*flipped, data[:-1], data + b"\0", b"", bytes(size)):
            path.write_bytes(damaged)
            given: list[bytes] = []
            with pytest.raises(StoreCorrupt, match="SHA-256") as raised:
                given.extend(store.read(key))
            assert raised.value.path == f"{tmp_path}/{key[:2]}/{key[2:]}"
            assert len(b"".join(given)) <= max(0, len(damaged) - 1)
            assert list(store.damaged()) == [key]
            for start, end in ((0, 1), (size - 1, size), (size // 2, None)):
                if damaged[start:end]:
                    with pytest.raises(StoreCorrupt):
                        store.read(key, start, end).read_all()
        assert put(store, data) == key  # and it may be put again
        assert store.read(key).read_all() == data
        assert list(store.damaged()) == []


@pytest.mark.fault("F118")
def test_wrong_content_leaves_nothing(tmp_path: Path) -> None:
    with ContentFiles(DiskFolder(tmp_path)) as store:
        key = put(store, b"abc")
        for lie in (b"", b"abd", b"abcd", bytes(3 * PIECE_BYTES)):
            with store.write(key) as writer:
                writer.write(lie)
                with pytest.raises(WrongContent):
                    writer.finish()
        assert store.read(ABC).read_all() == b"abc"
        store.remove(ABC)
        with store.write(key) as writer:
            writer.write(b"abd")
            with pytest.raises(WrongContent):
                writer.finish()
        assert list(store.keys()) == []
        assert os.listdir(tmp_path / ".p2plib") == ["lock"]
        assert os.listdir(tmp_path / "ba") == []


def test_a_stranger_that_never_ends_is_cut_off_at_its_promise(tmp_path: Path) -> None:
    with ContentFiles(DiskFolder(tmp_path)) as store, store.write(ABC, size_bytes=100_000) as writer:
        for _ in range(100):
            writer.write(bytes(1000))
        with pytest.raises(WrongContent, match="went on past its end"):
            writer.write(b"x")
        assert os.listdir(tmp_path / ".p2plib") == ["lock"]


def test_a_blob_is_removed_while_damage_is_looked_for(tmp_path: Path) -> None:
    with ContentFiles(DiskFolder(tmp_path)) as store:
        blobs = sorted((hashlib.sha256(b"%d" % number).hexdigest(), b"%d" % number) for number in range(100))
        pair = next(  # two that lie in one folder
            (one, two) for one, two in itertools.pairwise(blobs) if one[0][:2] == two[0][:2]
        )
        keys = [put(store, data) for _, data in pair]
        (tmp_path / keys[0][:2] / keys[0][2:]).write_bytes(b"")
        damaged = store.damaged()
        assert next(damaged) == keys[0]
        store.remove(keys[1])
        assert list(damaged) == []
