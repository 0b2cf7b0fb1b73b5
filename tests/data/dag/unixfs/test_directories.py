"""Directories: the ones that the specification prints, when one is sharded, and names that cannot be."""

from __future__ import annotations

import bisect

import pytest

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.unixfs import reading
from p2plib.data.dag.unixfs.data import UnixFsKind, UnixTime
from p2plib.data.dag.unixfs.directories import MAX_DEPTH, add_directory, add_symlink, add_tree
from p2plib.data.dag.unixfs.importing import UnixFsRoot, add_file
from p2plib.data.dag.unixfs.profiles import (
    NPM_IMPORTER,
    UNIXFS_V0_2015,
    UNIXFS_V1_2025,
    SplitRule,
    UnixFsProfile,
)
from p2plib.errors import UsageError
from p2plib.wire import cid as cids

ALWAYS = UnixFsProfile("always", 1_000, 2, 1, True, SplitRule.BLOCK_BYTES, split_bytes=0)
ASCII, HELLO = b"hello application/vnd.ipld.car", b"hello world\n"


def printed(text: str) -> UnixFsRoot:
    return UnixFsRoot(cids.parse_text(text), 1271, 1026)


def test_the_directories_that_the_specification_prints() -> None:
    store = MemoryBlocks()
    ascii_file, hello = add_file(store, [ASCII + b"\n"]), add_file(store, [HELLO])
    assert cids.to_text(ascii_file.cid) == "bafkreifkam6ns4aoolg3wedr4uzrs3kvq66p4pecirz6y2vlrngla62mxm"
    below = add_directory(store, {"ascii.txt": ascii_file, "hello.txt": hello})
    assert cids.to_text(below.cid) == "bafybeiggghzz6dlue3m6nb2dttnbrygxh3lrjl5764f2m4gq7dgzdt55o4"
    assert store.size(below.cid) == 110
    nested = add_tree(store, {"subdir/ascii.txt": ASCII + b"\n", "subdir/hello.txt": HELLO})
    assert cids.to_text(nested.cid) == "bafybeietjm63oynimmv5yyqay33nui4y4wx6u3peezwetxgiwvfmelutzu"
    assert store.size(nested.cid) == 55
    large = printed("bafybeigcisqd7m5nf3qmuvjdbakl5bdnh4ocrmacaqkpuh77qjvggmt2sa")
    entries = {
        "hello.txt": hello,
        "ascii.txt": ascii_file,
        "multiblock.txt": large,
        "ascii-copy.txt": ascii_file,
    }
    whole = add_directory(store, entries)
    assert cids.to_text(whole.cid) == "bafybeihchr7vmgjaasntayyatmp5sv6xza57iy2h4xj7g46bpjij6yhrmy"
    assert whole.total_bytes == 1572
    with_link = add_directory(
        store,
        {
            "foo": add_file(store, [b"content\n"], UNIXFS_V0_2015),
            "bar": add_symlink(store, "foo", UNIXFS_V0_2015),
        },
        UNIXFS_V0_2015,
    )
    assert cids.to_text(with_link.cid) == "QmWvY6FaqFMS89YAQ9NAPjVP4WZKA1qbHbicc9HeSKQTgt"


def test_the_shards_that_the_specification_prints() -> None:
    store = MemoryBlocks()
    large = printed("bafybeigcisqd7m5nf3qmuvjdbakl5bdnh4ocrmacaqkpuh77qjvggmt2sa")
    always = UnixFsProfile("always", 1, 2, 1, True, UNIXFS_V1_2025.split_rule, split_bytes=0)
    root = add_directory(store, {f"{number}.txt": large for number in range(1, 1001)}, always)
    assert cids.to_text(root.cid) == "bafybeidbclfqleg2uojchspzd4bob56dqetqjsj27gy2cq3klkkgxtpn4i"
    assert store.size(root.cid) == 12_046


@pytest.mark.parametrize("profile", [UNIXFS_V0_2015, UNIXFS_V1_2025, NPM_IMPORTER])
def test_a_directory_is_sharded_just_above_the_threshold(profile: UnixFsProfile) -> None:
    """270 long names, and a last one that is as long as there is room; one byte more makes shards."""
    store = MemoryBlocks()
    file = add_file(store, [b"x"], profile)
    entries = {f"{number:0900}": file for number in range(270)}

    def with_last(length: int) -> UnixFsRoot:
        return add_directory(store, entries | {"x" * length: file}, profile)

    def is_sharded(length: int) -> bool:
        return reading.node_at(store, with_last(length).cid).kind == UnixFsKind.HAMT_SHARD

    first = bisect.bisect_left(range(12_000), True, lo=1, key=is_sharded)
    last_plain = with_last(first - 1)
    if profile.split_rule is SplitRule.BLOCK_BYTES:
        size_bytes = store.size(last_plain.cid)
    else:
        links = reading.node_at(store, last_plain.cid).links
        size_bytes = sum(len(link.name or "") + len(cids.encode_bytes(link.cid)) for link in links)
    assert size_bytes == profile.split_bytes == 262_144


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b", "\ud800", "caf\udce9"])
@pytest.mark.parametrize("profile", [UNIXFS_V0_2015, UNIXFS_V1_2025, ALWAYS])
def test_names_that_no_entry_can_have(name: str, profile: UnixFsProfile) -> None:
    store = MemoryBlocks()
    with pytest.raises(UsageError, match="of a directory"):
        add_directory(store, {name: add_file(store, [b"x"])}, profile)


# Both forms of an accented letter, both cases, dots and spaces at the end, what Windows has other plans for.
ALIKE = [
    "\u00e9",
    "e\u0301",
    "A",
    "a",
    "a.",
    "a..",
    "a ",
    "\uff41",
    "...",
    "NUL",
    "a\\b",
    "C:",
    "\ufeffa",
    "a\u200b",
]


@pytest.mark.parametrize("profile", [UNIXFS_V0_2015, UNIXFS_V1_2025, ALWAYS])
def test_names_that_look_alike_are_as_many_entries(profile: UnixFsProfile) -> None:
    store = MemoryBlocks()
    root = add_tree(store, {name: name.encode() for name in ALIKE}, profile)
    assert sorted(entry.name for entry in reading.listing(store, root.cid)) == sorted(ALIKE)
    for name in ALIKE:
        assert list(reading.read(store, reading.resolve(store, root.cid, name))) == [name.encode()]


@pytest.mark.parametrize("bad", ["../x", "a/\ud800/b", "a/../b", "a/b\0", "z/", "a", "a/b/c"])
def test_nothing_of_a_tree_is_added_if_a_path_cannot_be(bad: str) -> None:
    store = MemoryBlocks()
    with pytest.raises(UsageError):
        add_tree(store, {"a/b": b"content", bad: b"more"})
    assert list(store.hashes()) == []


def test_links_that_lead_to_no_text() -> None:
    with pytest.raises(UsageError, match="leads to text"):
        add_symlink(MemoryBlocks(), "caf\udce9")
    with pytest.raises(UsageError, match="a node of 2097"):
        add_symlink(MemoryBlocks(), "x" * 2_097_152)


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({"a": b"", "a/b": b""}, "a file already"),
        ({"a/b": b"", "a": b""}, "a directory already"),
        ({"/a": b""}, "of a directory"),
        ({"a//b": b""}, "of a directory"),
        ({"../a": b""}, "of a directory"),
        ({"a/": b""}, "of a directory"),
        ({"d/" * (MAX_DEPTH + 1) + "f": b""}, "more than 128"),
    ],
)
def test_trees_that_cannot_be(files: dict[str, bytes], rule: str) -> None:
    with pytest.raises(UsageError, match=rule):
        add_tree(MemoryBlocks(), files)


def test_a_directory_says_its_mode_and_time() -> None:
    store = MemoryBlocks()
    root = add_directory(store, {}, mode=0o700, mtime=UnixTime(1, 2))
    about = reading.node_at(store, root.cid).about
    assert (about.kind, about.mode, about.mtime) == (UnixFsKind.DIRECTORY, 0o700, UnixTime(1, 2))
    with pytest.raises(UsageError, match="says where it leads"):
        add_symlink(store, "")
