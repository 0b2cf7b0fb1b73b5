"""npm's UnixFS: the same identifiers and sizes for the same files, and each reads what the other wrote."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag import dag_pb
from p2plib.data.dag.block import block_of, checked
from p2plib.data.dag.dag_pb import PBLink, PBNode
from p2plib.data.dag.unixfs import data, nodes, reading
from p2plib.data.dag.unixfs.data import UnixFs, UnixFsKind, UnixTime
from p2plib.data.dag.unixfs.directories import add_tree
from p2plib.data.dag.unixfs.extracting import write_path
from p2plib.data.dag.unixfs.importing import UnixFsRoot, add_file
from p2plib.data.dag.unixfs.murmur3 import murmur3_x64_128
from p2plib.data.dag.unixfs.profiles import (
    NPM_IMPORTER,
    PROFILES,
    UNIXFS_V0_2015,
    UNIXFS_V1_2025,
    FileLayout,
    SplitRule,
    UnixFsProfile,
)
from p2plib.data.dag.unixfs.scanning import add_path
from p2plib.data.dag.unixfs.selecting import path_selector, range_selector
from p2plib.data.dag.walk import DagWalk, walk_locally
from p2plib.errors import DecodeError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec, protobuf
from p2plib.wire.protobuf import ProtoField
from tests.interop.peers import ForeignPeer

pytestmark = pytest.mark.interop

# Nothing, one chunk of either profile and a byte around it, and a file that needs a third level.
FULL_NODE = 174 * 262_144
SIZES = [0, 1, 5, 262_143, 262_144, 262_145, 1_048_575, 1_048_576, 1_048_577, 3_000_000]
SIZES += [FULL_NODE - 1, FULL_NODE, FULL_NODE + 1]
SMALL_SIZES = [0, 1, 99, 100, 101, 299, 300, 301, 900, 901, 2_700, 2_701, 9_999]


@pytest.fixture(scope="module")
def npm() -> Iterator[ForeignPeer]:
    with ForeignPeer("unixfs.mjs") as peer:
        yield peer


def content(size: int) -> bytes:
    """As the peer makes it: a kilobyte of each number."""
    numbers = (number.to_bytes(4, "big") * 256 for number in range(-(-size // 1024)))
    return b"".join(numbers)[:size]


def how(profile: UnixFsProfile) -> dict[str, Any]:
    """A profile as the importer's options; its default is the absence of any."""
    return {} if profile is NPM_IMPORTER else {"profile": profile.name}


def said(root: UnixFsRoot) -> dict[str, Any]:
    return {"cid": cids.to_text(root.cid), "size": root.total_bytes}


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_files_of_every_profile(npm: ForeignPeer, profile: UnixFsProfile) -> None:
    theirs = npm.ask("files", cases=[{"size": size} | how(profile) for size in SIZES])
    assert theirs == [said(add_file(MemoryBlocks(), [content(size)], profile)) for size in SIZES]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("width", [2, 3])
def test_trees_of_many_levels(npm: ForeignPeer, profile: UnixFsProfile, width: int) -> None:
    options = how(profile) | {"chunk": 100, "width": width}
    theirs = npm.ask("files", cases=[{"size": size} | options for size in SMALL_SIZES])
    narrow = replace(profile, chunk_bytes=100, width=width)
    assert theirs == [said(add_file(MemoryBlocks(), [content(size)], narrow)) for size in SMALL_SIZES]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("width", [2, 3, 5])
def test_trickle_trees(npm: ForeignPeer, profile: UnixFsProfile, width: int) -> None:
    """Up to 1,500 leaves: three of the root's nodes have nodes below nodes below them."""
    sizes = [*range(0, 120, 7), *SMALL_SIZES, 50_001, 149_999]
    options = how(profile) | {"chunk": 100, "width": width, "isTrickle": True}
    theirs = npm.ask("files", cases=[{"size": size} | options for size in sizes])
    trickle = replace(profile, chunk_bytes=100, width=width, layout=FileLayout.TRICKLE)
    assert theirs == [said(add_file(MemoryBlocks(), [content(size)], trickle)) for size in sizes]
    balanced = add_file(MemoryBlocks(), [content(sizes[-1])], replace(trickle, layout=FileLayout.BALANCED))
    assert said(balanced) != theirs[-1]


def test_files_with_a_mode_and_a_time(npm: ForeignPeer) -> None:
    metas: list[dict[str, Any]] = [
        {"mtime": [7, 5]},
        {"mtime": [-1, 999_999_999], "mode": 0o600},
        {"mtime": [1_700_000_000, None], "mode": 0o4755},
    ]
    for meta in metas:
        seconds, nanoseconds = meta["mtime"]
        for profile in PROFILES.values():
            sizes = (300_000, 2_000_000) if profile is UNIXFS_V0_2015 else (0, 5, 300_000, 2_000_000)
            theirs = npm.ask("files", cases=[{"size": size, "meta": meta} | how(profile) for size in sizes])
            ours = [
                add_file(
                    MemoryBlocks(),
                    [content(size)],
                    profile,
                    mode=meta.get("mode"),
                    mtime=UnixTime(seconds, nanoseconds or 0),
                )
                for size in sizes
            ]
            assert theirs == [said(root) for root in ours]


def test_a_flaw_a_wrapped_leaf_with_a_time_is_wrapped_twice(npm: ForeignPeer) -> None:
    """What their file of five bytes says that it has is the dag-pb node that it was before it got a time."""
    (theirs,) = npm.ask("files", cases=[{"size": 5, "meta": {"mtime": [7, 5]}} | how(UNIXFS_V0_2015)])
    store = MemoryBlocks()
    plain = add_file(store, [content(5)], UNIXFS_V0_2015)
    twice = replace(
        nodes.read_node(plain.cid, store.get(plain.cid)).about,
        data=store.get(plain.cid),
        file_bytes=store.size(plain.cid),
        mtime=UnixTime(7, 5),
    )
    assert theirs["cid"] == cids.to_text(nodes.write_node(twice, cid_version=0).cid)
    ours = add_file(store, [content(5)], UNIXFS_V0_2015, mtime=UnixTime(7, 5))
    assert b"".join(reading.read(store, ours.cid)) == content(5)


BIG = 2_500_000  # three chunks of the larger size
FOLDER: dict[str, int | str | None] = {  # sizes of files, targets of links, and empty folders
    "notes.txt": 5,
    "empty file": 0,
    "empty": None,
    "big/film": BIG,
    "big/deeper/and deeper/end": 300_000,
    "big/deeper/nothing": None,
    "names/ä ö": 1,
    "names/\u200b\U00010000": 2,
    "names/a\u0308": 3,
    "names/%2F\\": 4,
    "link": "big/film",
    "names/up": "../notes.txt",
    "names/nowhere": "/does/not/exist",
} | {f"many/{'x' * 60} {number}": number % 3 for number in range(2_800)}


def on_disk(top: Path, entries: Mapping[str, int | str | None]) -> Path:
    for name, what in entries.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if what is None:
            path.mkdir()
        elif isinstance(what, str):
            path.symlink_to(what)
        else:
            path.write_bytes(content(what))
    return top


def as_candidates(entries: Mapping[str, int | str | None]) -> list[dict[str, Any]]:
    keys = {int: "size", str: "link"}
    return [
        {"path": name} | ({} if what is None else {keys[type(what)]: what}) for name, what in entries.items()
    ]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_a_folder_of_the_disk(npm: ForeignPeer, profile: UnixFsProfile, tmp_path: Path) -> None:
    """Nested and empty folders, a long file, one with shards, odd names, links; and back onto the disk."""
    top = on_disk(tmp_path / "there", FOLDER)
    (top / ".hidden").write_bytes(b"what is hidden is left out")
    store = MemoryBlocks()
    ours = add_path(store, top, profile)
    assert reading.node_at(store, reading.resolve(store, ours.cid, "many")).kind == UnixFsKind.HAMT_SHARD
    theirs = npm.ask("folder", entries=as_candidates(FOLDER), how=how(profile))
    assert {"cid": theirs["cid"], "size": theirs["size"]} == said(ours)
    write_path(load(theirs["blocks"]), ours.cid, tmp_path / "back", may_lead_outside=True)
    assert add_path(MemoryBlocks(), tmp_path / "back", profile) == ours
    assert {path.name for path in (tmp_path / "back").iterdir()} == {name.split("/")[0] for name in FOLDER}


def test_a_folder_with_modes_and_times(npm: ForeignPeer, tmp_path: Path) -> None:
    """Not the mode of a link: a disk has none that means anything."""
    entries: dict[str, int | str | None] = {"b": None, "a": 300_000, "b/c": 7, "link": "a"}
    top = on_disk(tmp_path / "top", {"a": 300_000, "b/c": 7, "link": "a"})
    candidates = as_candidates(entries)
    for number, candidate in enumerate(candidates):
        path, ns = top / candidate["path"], 5 * 10**9 + number
        candidate["meta"] = {"mtime": [5, number or None]}
        if "link" not in candidate:
            candidate["meta"]["mode"] = 0o700 + number
            path.chmod(0o700 + number)
        os.utime(path, ns=(ns, ns), follow_symlinks=False)
    with_all = replace(UNIXFS_V1_2025, has_modes=True, has_times=True)
    store = MemoryBlocks()
    ours = add_path(store, top, with_all)
    theirs = npm.ask("folder", entries=candidates, how=how(UNIXFS_V1_2025))
    for name in entries:  # all but the root, which nobody gives a time
        found = reading.resolve(load(theirs["blocks"]), cids.parse_text(theirs["cid"]), name)
        assert found == reading.resolve(store, ours.cid, name)


def test_both_read_fields_in_any_order(npm: ForeignPeer) -> None:
    """A writer of our own making: fields that descend, unknown ones between them, and two of one number."""
    leaf = block_of(b" and the rest")
    said_size = [(9, protobuf.VARINT, 1), (4, protobuf.VARINT, 13), (3, protobuf.VARINT, 9), (3, 0, 17)]
    fields = [*said_size, (2, protobuf.BYTES, b"this"), (1, protobuf.VARINT, 2)]
    raw = protobuf.encode(ProtoField(*field) for field in fields)
    links = (PBLink(leaf.cid, None, 13),)
    root = block_of(dag_pb.encode(PBNode(links, raw)), multicodec.DAG_PB)
    store = MemoryBlocks()
    store.put([leaf, root])
    assert b"".join(reading.read(store, root.cid)) == b"this and the rest"
    theirs = npm.ask("read", blocks=blocks_of(store), path=cids.to_text(root.cid), ranges=[(0, 17)])
    assert bytes.fromhex(theirs["found"][0]) == b"this and the rest"


ODD_NAMES = ["ä", "b", "\U00010000", "\uff61", "a b", "%2F", "...", "-", "A", "a", "aa", "0A", "FF", "\u200b"]
TREES: dict[str, list[str]] = {
    "one": ["a"],
    "odd": ODD_NAMES,
    "nested": ["z", "a/b/c/d.jpg", "a/b/e.jpg", "a/f.jpg", "g/h"],
    "many": [f"f{number}" for number in range(3_000)],
    "more": [f"name-of-some-length-{number}" for number in range(4_900)],
    "below": [
        f"photos/2024/a rather long name for a picture, number {number}.jpg" for number in range(3_500)
    ],
}


def blocks_of(store: MemoryBlocks) -> list[list[str]]:
    found = [cids.Cid(1, multicodec.RAW, multihash) for multihash in store.hashes()]
    return [[cids.to_text(cid), store.get(cid).hex()] for cid in found]


def tree_of(names: list[str], profile: UnixFsProfile) -> tuple[MemoryBlocks, UnixFsRoot]:
    store = MemoryBlocks()
    return store, add_tree(store, {name: b"x%d" % number for number, name in enumerate(names)}, profile)


@pytest.mark.parametrize("names", TREES.values(), ids=TREES)
@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_directories_of_every_shape(npm: ForeignPeer, profile: UnixFsProfile, names: list[str]) -> None:
    one_more = names if len(names) > 1 else [*names, "second"]  # it gives no directory to one file alone
    theirs = npm.ask("tree", names=one_more, how=how(profile))
    store, ours = tree_of(one_more, profile)
    assert {"cid": theirs["cid"], "size": theirs["size"]} == said(ours)
    assert set(load(theirs["blocks"]).hashes()) == set(store.hashes())


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_the_threshold_to_the_byte(npm: ForeignPeer, profile: UnixFsProfile) -> None:
    """A directory of one byte too few, of exactly as many and of one too many: flat, flat and sharded."""
    flat = replace(profile, split_bytes=10**9)

    def names_of(last: int) -> list[str]:
        return [f"{number:0900}" for number in range(270)] + ["x" * last]

    def size_of(last: int) -> int:
        store, root = tree_of(names_of(last), flat)
        if profile.split_rule is SplitRule.BLOCK_BYTES:
            return store.size(root.cid)
        links = reading.node_at(store, root.cid).links
        return sum(len(link.name or "") + len(cids.encode_bytes(link.cid)) for link in links)

    exactly = 1_000 + profile.split_bytes - size_of(1_000)
    assert size_of(exactly) == 262_144
    for last, kind in ((-1, UnixFsKind.DIRECTORY), (0, UnixFsKind.DIRECTORY), (1, UnixFsKind.HAMT_SHARD)):
        theirs = npm.ask("tree", names=names_of(exactly + last), how=how(profile))
        store, ours = tree_of(names_of(exactly + last), profile)
        assert reading.node_at(store, ours.cid).kind == kind
        assert {"cid": theirs["cid"], "size": theirs["size"]} == said(ours)


@pytest.mark.parametrize("bits", [3, 4, 5, 8, 10])
@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_shards_of_every_fanout(npm: ForeignPeer, profile: UnixFsProfile, bits: int) -> None:
    names = ODD_NAMES + [f"file {number}.txt" for number in range(600)]
    options = how(profile) | {"shardSplitThresholdBytes": 0, "shardFanoutBits": bits}
    theirs = npm.ask("tree", names=names, how=options)
    always = replace(profile, split_bytes=0, fanout=2**bits)
    store, ours = tree_of(names, always)
    assert {"cid": theirs["cid"], "size": theirs["size"]} == said(ours)
    assert reading.node_at(store, ours.cid).kind == UnixFsKind.HAMT_SHARD


def test_a_difference_they_do_not_count_directories_before_they_shard(npm: ForeignPeer) -> None:
    """Four thousand directories in one, with names and identifiers over the threshold: theirs is flat."""
    names = [f"a directory with a name of some length {number}/f" for number in range(4_000)]
    theirs = npm.ask("tree", names=names, how={})
    store, ours = tree_of(names, NPM_IMPORTER)
    assert reading.node_at(store, ours.cid).kind == UnixFsKind.HAMT_SHARD
    _, flat = tree_of(names, replace(NPM_IMPORTER, split_bytes=10**9))
    assert theirs["cid"] == cids.to_text(flat.cid)


def load(blocks: list[list[str]]) -> MemoryBlocks:
    store = MemoryBlocks()
    store.put(checked(cids.parse_text(cid), bytes.fromhex(raw)) for cid, raw in blocks)
    return store


RANGES = [(0, 1), (0, 10**9), (99_999, 2), (262_143, 2), (500_000, 100_000), (999_999, 1)]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("chunk", [4_000, 262_144])
def test_they_read_our_files(npm: ForeignPeer, profile: UnixFsProfile, chunk: int) -> None:
    store, whole = MemoryBlocks(), content(1_000_000)
    root = add_file(store, [whole], replace(profile, chunk_bytes=chunk, width=10))
    theirs = npm.ask("read", blocks=blocks_of(store), path=cids.to_text(root.cid), ranges=RANGES)
    assert (theirs["type"], theirs["size"]) == ("file", 1_000_000)
    assert theirs["found"] == [whole[start : start + length].hex() for start, length in RANGES]


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("chunk", [4_000, 262_144])
def test_we_read_their_files(npm: ForeignPeer, profile: UnixFsProfile, chunk: int) -> None:
    """Whole, in ranges, and with a walk that gets the blocks of a range from elsewhere."""
    answer = npm.ask("file", size=1_000_000, how=how(profile) | {"chunk": chunk, "width": 10})
    store, whole, root = load(answer["blocks"]), content(1_000_000), cids.parse_text(answer["cid"])
    for start, length in RANGES:
        assert b"".join(reading.read(store, root, start, start + length)) == whole[start : start + length]
        ours, walk = MemoryBlocks(), DagWalk(root, range_selector(start, start + length))
        while walk_locally(ours, walk) and not walk.is_done:
            ours.put(checked(cid, store.get(cid)) for cid in walk.wanted(8))
        assert b"".join(reading.read(ours, root, start, start + length)) == whole[start : start + length]


@pytest.mark.parametrize(
    "names", [TREES["nested"], TREES["odd"], TREES["many"][:600]], ids=["nested", "odd", "many"]
)
@pytest.mark.parametrize("split_bytes", [0, 262_144])
def test_each_reads_the_others_directories(npm: ForeignPeer, names: list[str], split_bytes: int) -> None:
    files = {name: b"x%d" % number for number, name in enumerate(names)}
    for profile in PROFILES.values():
        store, root = tree_of(names, replace(profile, split_bytes=split_bytes))
        theirs = npm.ask("all", blocks=blocks_of(store), cid=cids.to_text(root.cid))
        assert {name: bytes.fromhex(raw) for name, raw in theirs.items()} == files
        some = names[:: max(1, len(names) // 50)]
        found = npm.ask("paths", blocks=blocks_of(store), cid=cids.to_text(root.cid), names=some)
        assert found == [cids.to_text(reading.resolve(store, root.cid, name)) for name in some]
        answer = npm.ask("tree", names=names, how=how(profile) | {"shardSplitThresholdBytes": split_bytes})
        store, cid = load(answer["blocks"]), cids.parse_text(answer["cid"])
        top = {name.partition("/")[0] for name in names}
        assert {entry.name for entry in reading.listing(store, cid)} == top
        for name in some:
            file = reading.resolve(store, cid, name)
            assert b"".join(reading.read(store, file)) == files[name]
            visits, missing = walk_locally(store, DagWalk(cid, path_selector(name)))
            assert (missing, visits[-1].cid) == ((), file)


def test_their_hash_of_names(npm: ForeignPeer) -> None:
    """Tails of every length."""
    names = ["", *ODD_NAMES, *("x" * length for length in range(40))]
    theirs = [bytes.fromhex(raw) for raw in npm.ask("murmur3", names=names)]
    ours = [murmur3_x64_128(name.encode()) for name in names]
    assert theirs == ours


@pytest.mark.fault("F119")
def test_lies_that_they_take_and_we_refuse(npm: ForeignPeer) -> None:
    """A leaf that is longer than its parent says: they give its bytes for those of the next one."""
    store = MemoryBlocks()
    long, tail = block_of(b"x" * 50), block_of(b"tail")
    about = UnixFs(UnixFsKind.FILE, None, 9, (5, 4))
    root = nodes.write_node(about, [PBLink(long.cid, "", 5), PBLink(tail.cid, "", 4)])
    store.put([long, tail, root])
    text = cids.to_text(root.cid)
    theirs = npm.ask("read", blocks=blocks_of(store), path=text, ranges=[(0, 9), (5, 4)])
    assert [bytes.fromhex(raw) for raw in theirs["found"]] == [b"x" * 9, b"tail"]
    with pytest.raises(DecodeError, match="has 50 bytes, and its parent says 5"):
        list(reading.read(store, root.cid))
    assert list(reading.read(store, root.cid, 5)) == [b"tail"]


def test_names_that_they_list_and_we_refuse(npm: ForeignPeer) -> None:
    store, leaf = MemoryBlocks(), block_of(b"x")
    for name in ("..", "a/b", "../../x"):
        links = (PBLink(leaf.cid, name, 1),)
        raw = dag_pb.encode(PBNode(links, data.encode(UnixFs(UnixFsKind.DIRECTORY))))
        root = block_of(raw, multicodec.DAG_PB)
        store.put([leaf, root])
        assert npm.ask("all", blocks=blocks_of(store), cid=cids.to_text(root.cid)) == {name: b"x".hex()}
        with pytest.raises(DecodeError, match="a directory has an entry"):
            list(reading.listing(store, root.cid))
