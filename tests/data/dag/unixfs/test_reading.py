"""Reading: every range of a file, paths, listings, and blocks that lie about what is below them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag import dag_pb
from p2plib.data.dag.block import Block, block_of
from p2plib.data.dag.dag_pb import PBLink, PBNode
from p2plib.data.dag.unixfs import data, hamt, reading
from p2plib.data.dag.unixfs.data import UnixFs, UnixFsKind
from p2plib.data.dag.unixfs.directories import add_directory, add_symlink, add_tree
from p2plib.data.dag.unixfs.importing import add_file
from p2plib.data.dag.unixfs.profiles import UNIXFS_V1_2025, SplitRule, UnixFsProfile
from p2plib.errors import DecodeError, NotFound, OverBudget, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec, multihash
from p2plib.wire.cid import Cid

SMALL = UnixFsProfile("small", 5, 3, 1, True, SplitRule.BLOCK_BYTES)
WRAPPED = UnixFsProfile("wrapped", 5, 3, 0, False, SplitRule.LINKS_BYTES)
SHARDED = UnixFsProfile("sharded", 5, 3, 1, True, SplitRule.BLOCK_BYTES, split_bytes=0, fanout=16)


class Counting(MemoryBlocks):
    """A store that remembers which blocks were read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Cid] = []

    def get(self, cid: Cid) -> bytes:
        self.read.append(cid)
        return super().get(cid)


def put(store: MemoryBlocks, about: UnixFs, *links: PBLink) -> Cid:
    """A node whose links nobody has checked."""
    block = block_of(dag_pb.encode(PBNode(links, data.encode(about))), multicodec.DAG_PB)
    store.put([block])
    return block.cid


def put_raw(store: MemoryBlocks, raw: bytes) -> Cid:
    store.put([block_of(raw)])
    return block_of(raw).cid


def content(store: MemoryBlocks, cid: Cid, start: int = 0, end: int | None = None) -> bytes:
    return b"".join(reading.read(store, cid, start, end))


@given(
    st.integers(0, 120),
    st.sampled_from([SMALL, WRAPPED]),
    st.tuples(st.integers(0, 130), st.integers(0, 130)).map(sorted),
)
def test_any_range(size: int, profile: UnixFsProfile, ends: list[int]) -> None:
    whole = bytes(range(size))
    store = MemoryBlocks()
    root = add_file(store, [whole], profile)
    start, end = ends
    assert content(store, root.cid, start, end) == whole[start:end]
    assert content(store, root.cid, start) == whole[start:]


def test_a_range_touches_only_the_blocks_on_its_path() -> None:
    """A file of 10,000 chunks in three levels: one byte is four blocks, and 1,000 bytes their leaves."""
    store = Counting()
    profile = UnixFsProfile("middling", 10, 25, 1, True, SplitRule.BLOCK_BYTES)
    whole = b"".join(number.to_bytes(10, "big") for number in range(10_000))
    root = add_file(store, [whole], profile)
    for start in (0, 54_321, 99_999):
        store.read.clear()
        assert content(store, root.cid, start, start + 1) == whole[start : start + 1]
        assert len(store.read) == 4
    store.read.clear()
    assert content(store, root.cid, 50_000, 51_000) == whole[50_000:51_000]
    assert len(store.read) == 100 + 4 + 1 + 1
    store.read.clear()
    assert content(store, root.cid, 100_000, 200_000) == b""
    assert len(store.read) == 1


def test_a_node_may_have_bytes_of_its_own_before_its_links() -> None:
    store = MemoryBlocks()
    leaf = put_raw(store, b"world")
    root = put(store, UnixFs(UnixFsKind.FILE, b"hello ", 11, (5,)), PBLink(leaf))
    for start in range(12):
        for end in range(start, 13):
            assert content(store, root, start, end) == b"hello world"[start:end]


def test_leaves_of_the_old_kind() -> None:
    store = MemoryBlocks()
    leaf = put(store, UnixFs(UnixFsKind.RAW, b"old", 3))
    assert content(store, put(store, UnixFs(UnixFsKind.FILE, None, 3, (3,)), PBLink(leaf))) == b"old"


@pytest.mark.fault("F119")
def test_parts_that_are_not_what_their_parent_says() -> None:
    store = MemoryBlocks()
    folder = put(store, UnixFs(UnixFsKind.DIRECTORY))
    cases: list[tuple[Cid, str]] = [
        (put_raw(store, b"longer"), "has 6 bytes, and its parent says 5"),
        (put_raw(store, b"less"), "has 4 bytes, and its parent says 5"),
        (put(store, UnixFs(UnixFsKind.FILE, b"longer", 6)), "has 6 bytes, and its parent says 5"),
        (folder, "a file was expected, and a node of kind DIRECTORY"),
        (put(store, UnixFs(UnixFsKind.SYMLINK, b"/etc/")), "a node of kind SYMLINK"),
        (block_of(b"\xa0", multicodec.DAG_CBOR).cid, "not of dag-cbor"),
    ]
    store.put([block_of(b"\xa0", multicodec.DAG_CBOR)])
    for bad, rule in cases:
        root = put(store, UnixFs(UnixFsKind.FILE, b"ab", 7, (5,)), PBLink(bad))
        pieces = reading.read(store, root)
        assert next(pieces) == b"ab"  # what is true is given before the lie is found
        with pytest.raises(DecodeError, match=rule):
            next(pieces)
        assert content(store, root, 0, 2) == b"ab"  # and a range that does not need it is whole
    with pytest.raises(DecodeError, match="a node of kind DIRECTORY is there"):
        content(store, folder)


@pytest.mark.fault("F119")
def test_a_file_as_deep_as_it_likes() -> None:
    store = MemoryBlocks()
    cid = put_raw(store, b"x")
    for _ in range(reading.MAX_DEPTH):
        cid = put(store, UnixFs(UnixFsKind.FILE, None, 1, (1,)), PBLink(cid))
    assert content(store, cid) == b"x"
    for _ in range(1_000):
        cid = put(store, UnixFs(UnixFsKind.FILE, None, 1, (1,)), PBLink(cid))
    with pytest.raises(OverBudget, match="more than 128 nodes deep"):
        content(store, cid)


@pytest.mark.fault("F119")
def test_a_file_of_few_blocks_and_two_to_the_sixty_bytes() -> None:
    """Its size is true. A range far inside is a few blocks all the same, and memory is what is asked for."""
    store = Counting()
    cid, size = put_raw(store, b"ab"), 2
    while size < 2**60:
        cid = put(store, UnixFs(UnixFsKind.FILE, None, 2 * size, (size, size)), PBLink(cid), PBLink(cid))
        size *= 2
    assert content(store, cid, 2**59 + 1, 2**59 + 6) == b"babab"
    assert len(store.read) < 80
    pieces = reading.read(store, cid)
    assert [next(pieces) for _ in range(1_000)] == [b"ab"] * 1_000


def test_a_file_with_empty_parts() -> None:
    """Nothing is behind a link of 0 bytes, so it is not followed; an endless chain of them costs nothing."""
    store = Counting()
    missing = block_of(b"nobody has this").cid
    root = put(store, UnixFs(UnixFsKind.FILE, b"a", 1, (0,) * 5), *(PBLink(missing) for _ in range(5)))
    assert content(store, root) == b"a"
    assert len(store.read) == 1


def tree(profile: UnixFsProfile) -> tuple[Counting, Cid]:
    store = Counting()
    files = {f"photos/{number}.jpg": b"%d" % number for number in range(300)}
    root = add_tree(store, files | {"notes/today/hello.txt": b"hello"}, profile)
    store.read.clear()
    return store, root.cid


@pytest.mark.parametrize("profile", [UNIXFS_V1_2025, SHARDED])
def test_paths(profile: UnixFsProfile) -> None:
    store, root = tree(profile)
    for path in ("photos/7.jpg", "/photos/7.jpg", "photos//./7.jpg", "notes/../photos/x/../7.jpg"):
        assert content(store, reading.resolve(store, root, path)) == b"7"
    assert content(store, reading.resolve(store, root, "notes/today/hello.txt")) == b"hello"
    assert reading.resolve(store, root, "") == reading.resolve(store, root, ".") == root
    for path, rule in (
        ("photos/300.jpg", "there is no '300.jpg'"),
        ("nothing/7.jpg", "there is no 'nothing'"),
        ("photos/7.jpg/more", "nothing is below a node of kind FILE"),
    ):
        with pytest.raises(NotFound, match=rule):
            reading.resolve(store, root, path)
    for path in ("..", "photos/../..", "/../a"):
        with pytest.raises(UsageError, match="above its root"):
            reading.resolve(store, root, path)
    with pytest.raises(UsageError, match="more than 1000 names"):
        reading.split_path("a/" * 1001)


def test_a_path_touches_only_the_shards_on_its_way() -> None:
    store, root = tree(SHARDED)
    shards = len(list(store.hashes()))
    assert shards > 300
    reading.resolve(store, root, "photos/7.jpg")
    assert len(store.read) <= 1 + 5


def test_the_path_of_a_link() -> None:
    text = "bafybeihchr7vmgjaasntayyatmp5sv6xza57iy2h4xj7g46bpjij6yhrmy"
    for prefix in ("", "/ipfs/"):
        root, path = reading.parse_path(f"{prefix}{text}/a/b.jpg")
        assert (cids.to_text(root), path) == (text, "a/b.jpg")
    assert reading.parse_path(text)[1] == ""
    with pytest.raises(DecodeError):
        reading.parse_path("/etc/passwd")


@pytest.mark.parametrize("profile", [UNIXFS_V1_2025, SHARDED])
def test_listings(profile: UnixFsProfile) -> None:
    store, root = tree(profile)
    entries = list(reading.listing(store, reading.resolve(store, root, "photos")))
    assert sorted(entry.name for entry in entries) == sorted(f"{number}.jpg" for number in range(300))
    assert all(store.get(entry.cid) == entry.name[:-4].encode() for entry in entries)
    assert {entry.total_bytes for entry in entries} == {1, 2, 3}
    assert {entry.name for entry in reading.listing(store, root)} == {"photos", "notes"}
    with pytest.raises(DecodeError, match="a directory was expected, and a node of kind FILE"):
        list(reading.listing(store, reading.resolve(store, root, "photos/7.jpg")))


def test_a_symbolic_link_is_read_and_not_followed() -> None:
    store = MemoryBlocks()
    link = add_symlink(store, "../../etc/passwd")
    root = add_directory(store, {"link": link, "file": add_file(store, [b"x"])})
    assert reading.read_symlink(store, reading.resolve(store, root.cid, "link")) == "../../etc/passwd"
    with pytest.raises(NotFound, match="SYMLINK"):
        reading.resolve(store, root.cid, "link/more")
    with pytest.raises(DecodeError, match="a symbolic link was expected"):
        reading.read_symlink(store, root.cid)
    with pytest.raises(DecodeError, match="not UTF-8"):
        reading.read_symlink(store, put(store, UnixFs(UnixFsKind.SYMLINK, b"\xff")))


def shard_of(numbers: Iterable[int], below: Cid) -> Block:
    """A shard of 16 buckets, of which these lead to one block."""
    numbers = sorted(numbers)
    field = sum(1 << number for number in numbers).to_bytes(2, "big")
    about = UnixFs(UnixFsKind.HAMT_SHARD, field, hash_type=0x22, fanout=16)
    links = tuple(PBLink(below, f"{number:X}") for number in numbers)
    return block_of(dag_pb.encode(PBNode(links, data.encode(about))), multicodec.DAG_PB)


@pytest.mark.fault("F119", "F120")
def test_shards_that_all_lead_to_the_same() -> None:
    """16 levels of 16 links to one shard: 2**64 to read, and the first entry out of place ends it."""
    store = Counting()
    way = hamt.name_way("cat", 16)
    field = (1 << way[15]).to_bytes(2, "big")
    about = UnixFs(UnixFsKind.HAMT_SHARD, field, hash_type=0x22, fanout=16)
    bottom = put(store, about, PBLink(put_raw(store, b""), f"{way[15]:X}cat"))
    empty = put(store, UnixFs(UnixFsKind.HAMT_SHARD, b"", hash_type=0x22, fanout=16))
    for below, rule in ((bottom, "its hash does not lead to"), (empty, "is empty")):
        cid = below
        for _ in range(15):
            block = shard_of(range(16), cid)
            store.put([block])
            cid = block.cid
        store.read.clear()
        with pytest.raises(DecodeError, match=rule):
            list(reading.listing(store, cid))
        assert len(store.read) < 40


@pytest.mark.fault("F119", "F120")
def test_shards_that_go_deeper_than_a_hash() -> None:
    store = Counting()
    cid = put_raw(store, b"")
    for _ in range(1_000):
        block = shard_of([1], cid)
        store.put([block])
        cid = block.cid
    with pytest.raises(DecodeError, match="at level 16, deeper than the hash"):
        list(reading.listing(store, cid))
    assert len(store.read) == 1 + 17


def test_what_is_missing_is_named() -> None:
    store = MemoryBlocks()
    root = add_file(store, [bytes(range(20))], SMALL)
    lost = reading.node_at(store, root.cid).links[-1].cid
    store.remove(lost)
    assert content(store, root.cid, 0, 15) == bytes(range(15))
    with pytest.raises(NotFound, match=cids.to_text(lost)):
        content(store, root.cid)
    with pytest.raises(UsageError, match="from 3 to 2"):
        content(store, root.cid, 3, 2)
    with pytest.raises(UsageError, match="from -1"):
        content(store, root.cid, -1)


@pytest.mark.fault("F119")
def test_a_chain_of_wide_nodes() -> None:
    """Each of them makes a reader remember 65,535 parts while it goes down to the next."""
    store = Counting()
    leaf = Cid(1, multicodec.RAW, multihash.identity(b"x"))
    cid, size, rest = leaf, 1, 65_535
    for _ in range(5):
        about = UnixFs(UnixFsKind.FILE, None, size + rest, (size,) + (1,) * rest)
        cid = put(store, about, PBLink(cid), *[PBLink(leaf)] * rest)
        size += rest
    with pytest.raises(OverBudget, match="262144 parts are known"):
        next(reading.read(store, cid))
    assert len(store.read) == 5
    assert content(store, cid, size - 3) == b"xxx"


@pytest.mark.parametrize("profile", [UNIXFS_V1_2025, SHARDED])
@pytest.mark.parametrize("name", ["\ud800", "caf\udce9", "a\0b"])
def test_a_path_that_no_entry_can_have(profile: UnixFsProfile, name: str) -> None:
    store, root = tree(profile)
    with pytest.raises(NotFound, match="in any directory"):
        reading.resolve(store, root, f"photos/{name}")
