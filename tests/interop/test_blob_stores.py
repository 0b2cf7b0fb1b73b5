"""Our blob stores and those of npm over one folder: each reads what the other wrote."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2plib.data.stores.blobs.conformance import ODD_KEYS, sample
from p2plib.data.stores.blobs.content import ContentFiles
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.blobs.ids import key_of_ssb_blob_id, ssb_blob_id
from p2plib.data.stores.blobs.keyed import KeyedFiles
from p2plib.data.stores.blobs.plain_files import PlainFiles
from p2plib.errors import StoreCorrupt, UsageError
from tests.interop.peers import ForeignPeer, PeerRefused

pytestmark = pytest.mark.interop

# No byte, one, around the size of a piece (ours and Node's are both 65,536), and a megabyte.
VALUES = [b"", b"x", b"hello", sample(65_535), sample(65_536, 1), sample(65_537, 2), sample(1_000_000, 3)]


@pytest.fixture(scope="module")
def npm() -> Iterator[ForeignPeer]:
    with ForeignPeer("blob_stores.js") as peer:
        yield peer


def put(store: PlainFiles, key: str | None, data: bytes) -> str:
    with store.write(key) as writer:
        writer.write(data)
        return writer.finish().key


def pieces(data: bytes) -> list[str]:
    """A value in writes of the sizes that a program might make."""
    return [data[start : start + 40_000].hex() for start in range(0, len(data), 40_000)]


def test_they_read_our_content(npm: ForeignPeer, tmp_path: Path) -> None:
    with ContentFiles(DiskFolder(tmp_path)) as store:
        keys = [put(store, None, value) for value in VALUES]
        assert npm.ask("read", kind="content", folder=str(tmp_path), keys=keys) == [
            value.hex() for value in VALUES
        ]
        for key in keys:
            assert npm.ask("exists", kind="content", folder=str(tmp_path), key=key) is True
        assert npm.ask("exists", kind="content", folder=str(tmp_path), key="00" * 32) is False
        for start, end in ((0, 1), (65_535, 65_537), (999_999, 1_000_000)):
            theirs = npm.ask(
                "part", kind="content", folder=str(tmp_path), key=keys[-1], start=start, last=end - 1
            )
            assert store.read(keys[-1], start, end).read_all().hex() == theirs
        assert npm.ask("remove", kind="content", folder=str(tmp_path), key=keys[0]) is True
        assert not store.exists(keys[0])


def test_we_read_their_content(npm: ForeignPeer, tmp_path: Path) -> None:
    found = [
        npm.ask("write", kind="content", folder=str(tmp_path), key=None, pieces=pieces(value))
        for value in VALUES
    ]
    assert [answer["key"] for answer in found] == [hashlib.sha256(value).hexdigest() for value in VALUES]
    assert [answer["size"] for answer in found] == [len(value) for value in VALUES]
    with ContentFiles(DiskFolder(tmp_path)) as store:
        assert list(store.keys()) == sorted(answer["key"] for answer in found)
        assert [store.read(answer["key"]).read_all() for answer in found] == VALUES
        assert list(store.damaged()) == []
        store.remove(found[0]["key"])
        assert npm.ask("exists", kind="content", folder=str(tmp_path), key=found[0]["key"]) is False


def test_they_believe_a_damaged_file_and_we_do_not(npm: ForeignPeer, tmp_path: Path) -> None:
    with ContentFiles(DiskFolder(tmp_path)) as store:
        key = put(store, None, b"hello")
        (tmp_path / key[:2] / key[2:]).write_bytes(b"hellO")
        assert npm.ask("read", kind="content", folder=str(tmp_path), keys=[key]) == [b"hellO".hex()]
        with pytest.raises(StoreCorrupt):
            store.read(key).read_all()
        npm.ask("write", kind="content", folder=str(tmp_path), key=None, pieces=[b"hello".hex()])
        assert store.read(key).read_all() == b"hello"


def test_they_read_our_files_under_odd_keys(npm: ForeignPeer, tmp_path: Path) -> None:
    values = [VALUES[number % len(VALUES)] for number in range(len(ODD_KEYS))]
    with KeyedFiles(DiskFolder(tmp_path)) as store:
        for key, value in zip(ODD_KEYS, values, strict=True):
            put(store, key, value)
        answers = npm.ask("read", kind="keyed", folder=str(tmp_path), keys=list(ODD_KEYS))
        assert answers == [value.hex() for value in values]
        for key in ODD_KEYS:
            npm.ask("remove", kind="keyed", folder=str(tmp_path), key=key)
        assert list(store.keys()) == []


def test_we_read_their_files_under_odd_keys(npm: ForeignPeer, tmp_path: Path) -> None:
    with KeyedFiles(DiskFolder(tmp_path)) as store:
        for number, key in enumerate(ODD_KEYS):
            value = VALUES[number % len(VALUES)]
            answer = npm.ask("write", kind="keyed", folder=str(tmp_path), key=key, pieces=pieces(value))
            assert answer["key"] == key
        assert list(store.keys()) == sorted(ODD_KEYS)
        for number, key in enumerate(ODD_KEYS):
            assert store.read(key).read_all() == VALUES[number % len(VALUES)]
            assert store.size(key) == len(VALUES[number % len(VALUES)])
            store.remove(key)
            assert npm.ask("exists", kind="keyed", folder=str(tmp_path), key=key) is False


def test_keys_that_they_bend_into_the_root_and_we_refuse(npm: ForeignPeer, tmp_path: Path) -> None:
    with KeyedFiles(DiskFolder(tmp_path)) as store:
        for key, becomes in (("../../a", "a"), ("/b", "b"), ("c/../d", "d"), ("./e", "e"), ("f//g", "f/g")):
            npm.ask("write", kind="keyed", folder=str(tmp_path), key=key, pieces=["00"])
            assert store.read(becomes).read_all() == b"\0"
            with pytest.raises(UsageError):
                store.read(key)
        with pytest.raises(PeerRefused, match="null bytes"):
            npm.ask("write", kind="keyed", folder=str(tmp_path), key="a\0b", pieces=["00"])


@pytest.mark.fault("F121")
def test_a_writer_that_is_left(npm: ForeignPeer, tmp_path: Path) -> None:
    """Their keyed store has half a blob then, under its name; the one by content, and ours, have none."""
    half = bytes(1000).hex()
    for kind, key, where in (("keyed", "half", "keyed"), ("content", None, "cabs")):
        (tmp_path / kind).mkdir()
        at = {"folder": str(tmp_path / kind), "where": str(tmp_path / where)}
        npm.ask("leave", kind=kind, key=key, piece=half, **at)
    with KeyedFiles(DiskFolder(tmp_path / "keyed")) as keyed:
        assert keyed.size("half") == 1000
        with keyed.write("ours") as writer:
            writer.write(bytes(1000))
        assert list(keyed.keys()) == ["half"]
    with ContentFiles(DiskFolder(tmp_path / "content")) as content:
        assert list(content.keys()) == []


def test_names_of_the_memory_store_are_sha1(npm: ForeignPeer) -> None:
    """abstract-blob-store names by SHA-1 what gets no key; no store of ours does."""
    answer = npm.ask("write", kind="memory", folder="", key=None, pieces=[b"foo".hex(), b"bar".hex()])
    assert answer == {"key": hashlib.sha1(b"foobar").hexdigest(), "size": 6}
    assert npm.ask("read", kind="memory", folder="", keys=[answer["key"]]) == [b"foobar".hex()]


def test_scuttlebutts_ids(npm: ForeignPeer) -> None:
    theirs = npm.ask("ids", values=[value.hex() for value in VALUES])
    assert theirs == [ssb_blob_id(hashlib.sha256(value).hexdigest()) for value in VALUES]
    assert [key_of_ssb_blob_id(text) for text in theirs] == [
        hashlib.sha256(value).hexdigest() for value in VALUES
    ]


def test_scuttlebutts_folder_of_blobs_both_ways(npm: ForeignPeer, tmp_path: Path) -> None:
    """multiblob, which ssb-blobs keeps its blobs in, has our layout in a folder `sha256`."""
    folder, values = tmp_path / "blobs", VALUES[1:]
    folder.mkdir()
    hashes = npm.ask("blobsAdd", folder=str(folder), values=[value.hex() for value in values[:3]])
    with ContentFiles(DiskFolder(folder / "sha256")) as store:
        for name, value in zip(hashes, values[:3], strict=True):
            assert store.read(key_of_ssb_blob_id(f"&{name}")).read_all() == value
        ids = [ssb_blob_id(put(store, None, value)) for value in values[3:]]
        asked = [name.removeprefix("&") for name in ids]
        assert npm.ask("blobsGet", folder=str(folder), ids=asked) == [value.hex() for value in values[3:]]
        assert npm.ask("blobsSize", folder=str(folder), ids=asked) == [len(value) for value in values[3:]]
    assert sorted(os.listdir(folder)) == ["sha256", "tmp"]
