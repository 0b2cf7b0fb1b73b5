"""Selectors: a walk gets exactly the blocks that reading the same thing reads."""

from __future__ import annotations

import functools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block
from p2plib.data.dag.unixfs import reading
from p2plib.data.dag.unixfs.data import UnixFsKind
from p2plib.data.dag.unixfs.directories import add_tree
from p2plib.data.dag.unixfs.profiles import SplitRule, UnixFsProfile
from p2plib.data.dag.unixfs.selecting import listing_selector, path_selector, range_selector
from p2plib.data.dag.walk import DagWalk, Selector, walk_store
from p2plib.errors import DecodeError, NotFound, UsageError
from p2plib.wire.cid import Cid
from tests.data.dag.unixfs.test_reading import Counting, put_raw

SHARDED = UnixFsProfile("sharded", 10, 3, 1, True, SplitRule.BLOCK_BYTES, split_bytes=0, fanout=8)
PLAIN = UnixFsProfile("plain", 10, 3, 1, True, SplitRule.BLOCK_BYTES)
PICTURE = random.Random(1).randbytes(1_000)


@functools.cache
def tree(profile: UnixFsProfile) -> tuple[Counting, Cid]:
    store = Counting()
    files = {f"album/{number}": b"%d" % number for number in range(100)}
    root = add_tree(store, files | {"album/cat.jpg": PICTURE, "album/sub/dog.jpg": b"dog"}, profile)
    return store, root.cid


def walked(store: Counting, root: Cid, selector: Selector) -> list[Cid]:
    return [visit.cid for visit in walk_store(store, DagWalk(root, selector))]


@pytest.mark.parametrize("profile", [PLAIN, SHARDED])
@given(st.tuples(st.integers(0, 1_010), st.integers(0, 1_010)).map(sorted))
def test_a_range_of_a_file_at_a_path(profile: UnixFsProfile, ends: list[int]) -> None:
    store, root = tree(profile)
    got = walked(store, root, path_selector("album/cat.jpg", range_selector(*ends)))
    fetched = MemoryBlocks()
    for cid in got:
        fetched.put([Block(cid, store.get(cid))])
    found = reading.resolve(fetched, root, "album/cat.jpg")
    assert b"".join(reading.read(fetched, found, *ends)) == PICTURE[slice(*ends)]
    store.read.clear()
    list(reading.read(store, reading.resolve(store, root, "album/cat.jpg"), *ends))
    assert sorted(set(store.read), key=repr) == sorted(set(got), key=repr)


@pytest.mark.parametrize("profile", [PLAIN, SHARDED])
def test_a_listing_is_the_shards_and_nothing_else(profile: UnixFsProfile) -> None:
    store, root = tree(profile)
    got = walked(store, root, path_selector("album", listing_selector()))
    album = reading.resolve(store, root, "album")
    store.read.clear()
    names = {entry.name for entry in reading.listing(store, album)}
    assert len(names) == 102
    assert set(store.read) <= set(got)
    kinds = {reading.node_at(store, cid).kind for cid in got}
    assert kinds == {UnixFsKind.HAMT_SHARD if profile is SHARDED else UnixFsKind.DIRECTORY}


@pytest.mark.parametrize("profile", [PLAIN, SHARDED])
def test_all_that_is_below_a_path(profile: UnixFsProfile) -> None:
    store, root = tree(profile)
    sub = reading.resolve(store, root, "album/sub")
    got = walked(store, root, path_selector("album/sub"))
    assert got[-2:] == [sub, reading.resolve(store, root, "album/sub/dog.jpg")]
    whole = set(walked(store, root, path_selector(".")))
    assert set(walked(store, root, path_selector(""))) == whole
    assert len(whole) > 200


def test_what_is_not_there() -> None:
    store, root = tree(PLAIN)
    for path in ("album/none", "none", "album/cat.jpg/none"):
        with pytest.raises(NotFound):
            walked(store, root, path_selector(path))
    with pytest.raises(UsageError, match="above its root"):
        path_selector("../x")
    with pytest.raises(UsageError, match="from 2 to 1"):
        range_selector(2, 1)
    with pytest.raises(DecodeError, match="a file was expected"):
        walked(store, root, range_selector())
    with pytest.raises(DecodeError, match="a shard was expected"):
        walked(store, put_raw(store, b"x"), listing_selector())


def test_a_part_that_is_there_twice_is_wanted_once() -> None:
    store = Counting()
    root = add_tree(store, {"zeros": bytes(1_000)}, PLAIN)
    got = walked(store, root.cid, path_selector("zeros", range_selector(5, 995)))
    assert len(set(got)) == 11  # the directory, one leaf, and what differs in five levels of nodes
    assert (
        len(got) == 16
    )  # the leaf and three nodes again for the ends of the range, where less is asked of them


def test_directories_that_are_found_deep_in_shards() -> None:
    """A directory on the way begins with its own root, wherever its entry stood."""
    store = Counting()
    files = {f"d{number}/e{other}": b"%d" % other for number in range(40) for other in range(12)}
    root = add_tree(store, files, SHARDED).cid
    for path, found in files.items():
        got = walked(store, root, path_selector(path, range_selector()))
        assert got[-1] == reading.resolve(store, root, path)
        assert store.get(got[-1]) == found
