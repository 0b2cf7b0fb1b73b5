"""Files become blocks: known identifiers, the shape of the tree, and memory that does not grow."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block
from p2plib.data.dag.unixfs import nodes, reading
from p2plib.data.dag.unixfs.data import UnixTime
from p2plib.data.dag.unixfs.importing import UnixFsBuilder, UnixFsRoot, add_file
from p2plib.data.dag.unixfs.profiles import UNIXFS_V0_2015, UNIXFS_V1_2025, SplitRule, UnixFsProfile
from p2plib.errors import UsageError
from p2plib.wire import cid as cids

SMALL = UnixFsProfile("small", 4, 3, 1, True, SplitRule.BLOCK_BYTES)
WRAPPED = UnixFsProfile("wrapped", 4, 3, 0, False, SplitRule.LINKS_BYTES)


def pattern(size_bytes: int) -> bytes:
    return bytes((i * 7 + (i >> 8)) & 255 for i in range(size_bytes))


@pytest.mark.parametrize(
    ("content", "text", "total_bytes"),
    [
        # The specification's test vectors, whose content is printed there.
        (b"hello world\n", "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4", 12),
        (b"", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", 0),
    ],
)
def test_published_files(content: bytes, text: str, total_bytes: int) -> None:
    root = add_file(MemoryBlocks(), [content])
    assert (cids.to_text(root.cid), root.total_bytes) == (text, total_bytes)


@pytest.mark.parametrize(
    ("profile", "size_bytes", "text", "total_bytes"),
    [
        # npm's ipfs-unixfs-importer 17.1.1 printed these.
        (UNIXFS_V0_2015, 262_145, "QmYqRWLJRcKBePAeZWU2V9NQzKBFTzL9sEgnDg9W2wyyVY", 262_267),
        (UNIXFS_V1_2025, 1_048_577, "bafybeieofemmtv5mcmqqgckmrzjctyofxv4h2exgvbfjpg3ddjkxwpyln4", 1_048_681),
    ],
)
def test_files_of_two_chunks(profile: UnixFsProfile, size_bytes: int, text: str, total_bytes: int) -> None:
    root = add_file(MemoryBlocks(), [pattern(size_bytes)], profile)
    assert (cids.to_text(root.cid), root.total_bytes) == (text, total_bytes)
    assert root.file_bytes == size_bytes


def depth_of(store: MemoryBlocks, root: UnixFsRoot) -> set[int]:
    """How deep the leaves are."""
    found, stack = set(), [(root.cid, 0)]
    while stack:
        cid, depth = stack.pop()
        node = nodes.read_node(cid, store.get(cid))
        if not node.links:
            found.add(depth)
        stack += ((link.cid, depth + 1) for link in node.links)
    return found


@given(st.integers(0, 150), st.sampled_from([SMALL, WRAPPED]), st.integers(1, 40))
def test_the_tree_is_balanced_and_says_its_sizes(size: int, profile: UnixFsProfile, piece: int) -> None:
    content = pattern(size)
    store = MemoryBlocks()
    root = add_file(store, (content[i : i + piece] for i in range(0, size, piece)), profile)
    assert b"".join(reading.read(store, root.cid)) == content
    assert root.file_bytes == size == reading.node_at(store, root.cid).file_bytes
    leaves, depth = max(1, -(-size // 4)), 0
    while 3**depth < leaves:
        depth += 1
    assert depth_of(store, root) == {depth}


@given(st.integers(0, 60), st.sampled_from([SMALL, WRAPPED]))
def test_the_root_is_the_last_block_and_alone_has_the_metadata(size: int, profile: UnixFsProfile) -> None:
    plain, told = UnixFsBuilder(profile), UnixFsBuilder(profile, mode=0o600, mtime=UnixTime(7))
    blocks: list[list[Block]] = [[], []]
    for builder, made in zip((plain, told), blocks, strict=True):
        for start in range(0, size, 4):
            made += builder.add(bytes(range(start, min(size, start + 4))))
        last, root = builder.finish()
        made += last
        assert made[-1].cid == root.cid
        below = sum(link.total_bytes or 0 for link in nodes.read_node(root.cid, made[-1].data).links)
        assert root.total_bytes == len(made[-1].data) + below
    assert [block.cid for block in blocks[0][:-1]] == [block.cid for block in blocks[1][:-1]]
    about = nodes.read_node(blocks[1][-1].cid, blocks[1][-1].data).about
    assert (about.mode, about.mtime, about.file_bytes) == (0o600, UnixTime(7), size)


def test_any_chunker_will_do() -> None:
    def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
        yield from b"".join(pieces).splitlines(keepends=True)

    store = MemoryBlocks()
    root = add_file(store, [b"one\ntw", b"o\nthree"], chunker=lines)
    parts = [store.get(link.cid) for link in reading.node_at(store, root.cid).links]
    assert parts == [b"one\n", b"two\n", b"three"]


def test_what_a_builder_refuses() -> None:
    with pytest.raises(UsageError, match="not up to 1"):
        UnixFsBuilder(UnixFsProfile("narrow", 4, 1, 1, True, SplitRule.BLOCK_BYTES))
    builder = UnixFsBuilder()
    with pytest.raises(UsageError, match="at least one byte"):
        builder.add(b"")
    builder.add(b"a")
    builder.finish()
    with pytest.raises(UsageError, match="finished"):
        builder.add(b"a")
    with pytest.raises(UsageError, match="finished"):
        builder.finish()
    with pytest.raises(UsageError, match="a block of 3000000 bytes"):
        add_file(MemoryBlocks(), [bytes(3_000_000)], chunker=lambda pieces: iter(pieces))


class Nowhere(MemoryBlocks):
    """A store that keeps nothing, and knows how much it was given at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.most_bytes = 0

    def put(self, blocks: Iterable[Block], *, durable: bool = True) -> None:
        self.most_bytes = max(self.most_bytes, sum(len(block.data) for block in blocks))


@pytest.mark.parametrize("profile", [UNIXFS_V0_2015, UNIXFS_V1_2025])
def test_memory_stays_flat(profile: UnixFsProfile) -> None:
    piece = bytes(1 << 20)

    def peak(mebibytes: int) -> int:
        store = Nowhere()
        tracemalloc.start()
        add_file(store, (piece for _ in range(mebibytes)), profile)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert store.most_bytes < 6 << 20
        return most

    assert peak(64) < peak(16) + 500_000 < 16 << 20


@pytest.mark.parametrize("profile", [UNIXFS_V0_2015, UNIXFS_V1_2025])
def test_a_chunk_that_is_refused_changes_nothing(profile: UnixFsProfile) -> None:
    """Before and after the first one, which is held back: no block of the file is lost with it."""
    builder, made = UnixFsBuilder(profile), list[Block]()
    for chunk in (b"one", b"two", b"three"):
        with pytest.raises(UsageError, match=r"2097152 is the most|at most 2097152"):
            builder.add(bytes(2_097_153))
        made += builder.add(chunk)
    last, root = builder.finish()
    store = MemoryBlocks()
    store.put([*made, *last])
    assert b"".join(reading.read(store, root.cid)) == b"onetwothree"


@pytest.mark.parametrize("profile", [UNIXFS_V0_2015, UNIXFS_V1_2025])
@pytest.mark.parametrize("buffer", [bytearray(4), memoryview(bytearray(4))], ids=["bytearray", "memoryview"])
def test_a_buffer_that_is_filled_again(profile: UnixFsProfile, buffer: bytearray | memoryview) -> None:
    """As `readinto` does it; what the first chunk was is not lost, and blocks are bytes."""

    def filled(pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            buffer[:] = piece
            yield buffer  # type: ignore[misc]

    for chunker, pieces in ((filled, iter([b"abcd", b"efgh"])), (None, filled([b"abcd", b"efgh"]))):
        store = MemoryBlocks()
        root = add_file(store, pieces, profile, chunker=chunker)
        assert b"".join(reading.read(store, root.cid)) == b"abcdefgh"
        assert {type(store.get(cids.Cid(1, 0x55, each))) for each in store.hashes()} == {bytes}


def test_a_chunk_with_no_room_for_a_mode() -> None:
    builder = UnixFsBuilder(mode=0o600)
    builder.add(bytes(2_097_152))
    with pytest.raises(UsageError, match="a node of 2097"):
        builder.finish()
