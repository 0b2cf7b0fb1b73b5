"""Files that cannot be read or are something else, and a file system that takes upper for lower case."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2plib.data.blocks.base import damaged
from p2plib.data.blocks.conformance import check_block_store, numbered_block, sample_block
from p2plib.data.blocks.files import BLOCKSTORE_FS, FLATFS, BlockLayout, FileBlocks
from p2plib.data.blocks.quota import QuotaBlocks
from p2plib.data.dag.block import MAX_BLOCK_BYTES, Block
from p2plib.data.stores.blobs.folder import DiskFolder, FolderEntry, NewFile, OldFile
from p2plib.errors import StoreCorrupt, StoreError, StoreFull
from tests.data.blocks.stores import pinned
from tests.data.stores.blobs.pretend import Inode, PretendFolder

ONE, TWO = numbered_block(1), numbered_block(2)


def path_of(block: Block) -> str:
    return FLATFS.path_of(block.cid.multihash)


# A disk that does not let us look


class TroubledFolder(PretendFolder):
    """Raises an error where a test wants one: at an operation on a path."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: dict[tuple[str, str], int] = {}

    def _tried(self, what: str, path: str) -> None:
        if number := self.trouble.get((what, path)):
            raise OSError(number, os.strerror(number))

    def open(self, path: str) -> OldFile:
        self._tried("open", path)
        return super().open(path)

    def size(self, path: str) -> int:
        self._tried("size", path)
        return super().size(path)

    def unlink(self, path: str) -> None:
        self._tried("unlink", path)
        super().unlink(path)

    def entries(self, path: str) -> list[FolderEntry]:
        self._tried("entries", path)
        return super().entries(path)


@pytest.fixture
def troubled() -> Iterator[tuple[TroubledFolder, FileBlocks]]:
    folder = TroubledFolder()
    with FileBlocks(folder) as store:
        store.put([ONE, TWO])
        yield folder, store


READING = {
    errno.EACCES: StoreError,
    errno.EPERM: StoreError,
    errno.ELOOP: StoreError,
    errno.EIO: StoreCorrupt,
}


@pytest.mark.parametrize("number", READING)
def test_a_file_that_cannot_be_read(number: int, troubled: tuple[TroubledFolder, FileBlocks]) -> None:
    """Nobody says that it is missing; the block can be put again, and the other blocks are there."""
    folder, store = troubled
    folder.trouble["open", path_of(ONE)] = number
    with pytest.raises(StoreError, match=f"{path_of(ONE)}|cannot read") as raised:
        store.get(ONE.cid)
    assert type(raised.value) is READING[number]
    assert store.has(ONE.cid)
    assert store.get(TWO.cid) == TWO.data
    folder.steps.clear()
    store.put([ONE, TWO])
    assert [step for step in folder.steps if step.startswith("replace")] == [f"replace {path_of(ONE)}"]
    folder.trouble.clear()
    assert store.get(ONE.cid) == ONE.data
    assert folder.open_files == 0


@pytest.mark.parametrize("number", READING)
def test_a_file_whose_size_cannot_be_seen(number: int, troubled: tuple[TroubledFolder, FileBlocks]) -> None:
    folder, store = troubled
    folder.trouble["size", path_of(ONE)] = number
    with pytest.raises(READING[number]):
        store.size(ONE.cid)
    if number == errno.EIO:
        assert not store.has(ONE.cid)
    else:
        with pytest.raises(StoreError, match=os.strerror(number)):
            store.has(ONE.cid)
    folder.steps.clear()
    store.put([ONE])
    assert f"replace {path_of(ONE)}" in folder.steps


@pytest.mark.parametrize("number", READING)
def test_a_folder_that_cannot_be_listed_is_never_taken_for_an_empty_one(
    number: int, troubled: tuple[TroubledFolder, FileBlocks]
) -> None:
    """A quota that counted less would let more in, and a sweep must not go on as if that were all."""
    folder, store = troubled
    for path in ("", path_of(ONE).partition("/")[0]):
        folder.trouble = {("entries", path): number}
        with pytest.raises(READING[number]):
            list(store.hashes())
        with pytest.raises(READING[number]):
            QuotaBlocks(store, 100)
        with pytest.raises(READING[number]):
            pinned(store).collect()
    folder.trouble.clear()
    assert set(store.hashes()) == {ONE.cid.multihash, TWO.cid.multihash}


def test_a_folder_that_goes_during_a_listing_is_no_error(
    troubled: tuple[TroubledFolder, FileBlocks],
) -> None:
    folder, store = troubled
    folder.trouble["entries", path_of(ONE).partition("/")[0]] = errno.ENOENT
    assert list(store.hashes()) == [TWO.cid.multihash]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EROFS])
def test_a_file_that_cannot_be_removed(number: int, troubled: tuple[TroubledFolder, FileBlocks]) -> None:
    folder, store = troubled
    folder.trouble["unlink", path_of(ONE)] = number
    with pytest.raises(StoreFull, match=os.strerror(number)):
        store.remove(ONE.cid)
    assert store.get(ONE.cid) == ONE.data
    with QuotaBlocks(store, 100) as counted:
        with pytest.raises(StoreFull):
            counted.remove(ONE.cid)
        assert counted.used_bytes == len(ONE.data) + len(TWO.data)
        folder.trouble.clear()
        counted.remove(ONE.cid)
        assert counted.used_bytes == len(TWO.data)


def test_a_real_file_that_nobody_may_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated, as root may open everything."""
    real = os.open

    def refuses(path, *given, **named):  # type: ignore[no-untyped-def]
        if str(path).endswith(path_of(ONE)):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *given, **named)

    with FileBlocks(DiskFolder(tmp_path)) as store:
        store.put([ONE])
        with monkeypatch.context() as patched:
            patched.setattr(os, "open", refuses)
            with pytest.raises(StoreError, match="Permission denied"):
                store.get(ONE.cid)
            store.put([ONE])  # by renaming: nobody has to open the old file
        assert store.get(ONE.cid) == ONE.data


@pytest.mark.parametrize("what", ["private file", "private link", "lock folder", "sharding folder"])
def test_something_else_in_the_place_of_what_is_the_stores_own(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "blocks"
    folder.mkdir()
    private = folder / ".p2plib"
    if what == "private file":
        private.write_text("x")
    elif what == "private link":
        (tmp_path / "target").mkdir()
        private.symlink_to(tmp_path / "target")
    elif what == "lock folder":
        (private / "lock").mkdir(parents=True)
    else:
        (folder / "SHARDING").mkdir()
    with pytest.raises(StoreError):
        FileBlocks(DiskFolder(folder))
    assert not [*(tmp_path / "target").glob("*")]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes with a name, and seldom allows links")
@pytest.mark.parametrize("what", ["pipe", "link"])
def test_a_sharding_that_is_no_file_is_not_waited_for(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "blocks"
    folder.mkdir()
    if what == "pipe":
        os.mkfifo(folder / "SHARDING")
    else:
        (tmp_path / "target").write_text("/repo/flatfs/shard/v1/prefix/5\n")
        (folder / "SHARDING").symlink_to(tmp_path / "target")
    with FileBlocks(DiskFolder(folder)) as store:
        assert store.layout == FLATFS
    assert (folder / "SHARDING").read_text() == "/repo/flatfs/shard/v1/next-to-last/2\n"
    assert not (folder / "SHARDING").is_symlink()


@pytest.mark.skipif(os.name == "nt", reason="Windows seldom allows links")
def test_a_link_in_the_place_of_a_shard_is_neither_followed_nor_listed(tmp_path: Path) -> None:
    with (
        FileBlocks(DiskFolder(tmp_path / "blocks")) as store,
        FileBlocks(DiskFolder(tmp_path / "other")) as other,
    ):
        other.put([ONE])
        shard = path_of(ONE).partition("/")[0]
        (tmp_path / "blocks" / shard).symlink_to(tmp_path / "other" / shard)
        assert not store.has(ONE.cid)
        assert list(store.hashes()) == []
        with pytest.raises(StoreError, match="symbolic link"):
            store.put([ONE])
        store.remove(ONE.cid)
        assert other.get(ONE.cid) == ONE.data


# A put that is interrupted, or whose remains cannot be cleared away


class InterruptedFolder(PretendFolder):
    """Somebody presses Ctrl-C once, in an operation of this name; it is done by then, unless it is a sync."""

    interrupted = ""

    def _interrupt(self, name: str) -> None:
        if self.interrupted == name:
            self.interrupted = ""
            raise KeyboardInterrupt

    def make_folder(self, path: str) -> bool:
        made = super().make_folder(path)
        self._interrupt("make_folder")
        return made

    def replace(self, old: str, new: str) -> None:
        super().replace(old, new)
        self._interrupt("replace")

    def sync_folder(self, path: str) -> None:
        self._interrupt("sync_folder")
        super().sync_folder(path)


@pytest.mark.fault("F121")
@pytest.mark.parametrize("name", ["make_folder", "replace", "sync_folder"])
@pytest.mark.parametrize("is_old_shard", [True, False])
def test_an_interrupted_put_that_is_done_again_lasts(name: str, is_old_shard: bool) -> None:
    """Nothing counts as synced that the interrupted put has changed and not synced."""
    folder = InterruptedFolder()
    with FileBlocks(folder) as store:
        if is_old_shard:
            store.put([ONE])
            store.remove(ONE.cid)
        folder.interrupted = name
        with pytest.raises(KeyboardInterrupt):
            store.put([ONE])
        store.put([ONE])
        with FileBlocks(folder.after_power_cut(None)) as again:
            assert again.get(ONE.cid) == ONE.data


@pytest.mark.fault("F121")
def test_what_cannot_be_cleared_away_is_cleared_at_the_next_opening() -> None:
    """The first error is the one that is told."""
    folder = PretendFolder()
    store = FileBlocks(folder)
    start = len(folder.steps)
    folder.fail_at = {
        start + 1: OSError(errno.ENOSPC, "no room"),
        start + 2: OSError(errno.EIO, "cannot unlink"),
    }
    with pytest.raises(StoreFull, match="no room"):
        store.put([ONE])
    assert [step.split()[0] for step in folder.steps[start:]] == ["create", "write", "unlink"]
    assert folder.open_files == 0
    store.close()
    with FileBlocks(folder) as again:
        assert again.leftovers == 1


@pytest.mark.fault("F121")
def test_a_store_in_doubt_writes_nothing_more() -> None:
    folder = PretendFolder()
    with FileBlocks(folder) as store:
        store.put([ONE], durable=False)
        folder.fail_at = {len(folder.steps): OSError(errno.EIO, "no")}
        with pytest.raises(StoreFull):
            store.put([ONE])
        folder.steps.clear()
        for blocks in ([], [ONE], [TWO]):
            for durable in (True, False):
                with contextlib.suppress(StoreFull):
                    store.put(blocks, durable=durable)
        assert folder.steps == []


# What another program did not sync


def foreign(folder: PretendFolder, block: Block, *, seen: bytes, kept: bytes) -> None:
    """A file of another program, of which the cache has other bytes than the disk; its name is durable."""
    for name, inode in (
        (path_of(block).partition("/")[0], Inode(is_folder=True)),
        (path_of(block), Inode(bytearray(seen), kept)),
    ):
        folder.names[name] = folder.durable[name] = inode


@pytest.mark.fault("F121")
@pytest.mark.parametrize(
    "kept", [b"", ONE.data[:-1], bytes(len(ONE.data))], ids=["empty", "cut short", "zeros"]
)
def test_a_block_that_another_program_did_not_sync(kept: bytes) -> None:
    """What is promised after a power failure: nobody is given wrong bytes, and a put repairs the block."""
    folder = PretendFolder()
    with FileBlocks(folder):
        foreign(folder, ONE, seen=ONE.data, kept=kept)
    after = folder.after_power_cut(None)
    with FileBlocks(after) as store:
        assert store.has(ONE.cid) == bool(kept)  # as far as can be seen without reading it
        with pytest.raises(StoreCorrupt):
            store.get(ONE.cid)
        assert list(damaged(store)) == [ONE.cid.multihash]
        with pinned(store) as pins:
            with pytest.raises(StoreCorrupt):
                pins.pin(ONE.cid, "mine")
            pins.put([ONE])
            pins.pin(ONE.cid, "mine")
    with FileBlocks(after.after_power_cut(None)) as store:
        assert store.get(ONE.cid) == ONE.data


def test_a_file_with_bytes_after_the_largest_block_is_not_that_block(tmp_path: Path) -> None:
    largest = sample_block(MAX_BLOCK_BYTES)
    with FileBlocks(DiskFolder(tmp_path)) as store:
        store.put([largest])
        with (tmp_path / path_of(largest)).open("ab") as file:
            file.write(b"!")
        with pytest.raises(StoreCorrupt, match="is the most"):
            store.get(largest.cid)
        assert not store.has(largest.cid)
        store.put([largest])
        assert store.get(largest.cid) == largest.data


# A file system that ignores case


class CaselessFolder(PretendFolder):
    """Keeps the case of a name, and finds it under any."""

    def _at(self, path: str) -> str:
        for name in self.names:
            if name.lower() == path.lower():
                return name
        above, slash, name = path.rpartition("/")
        return f"{self._at(above)}/{name}" if slash else path

    def create(self, path: str) -> NewFile:
        return super().create(self._at(path))

    def open(self, path: str) -> OldFile:
        return super().open(self._at(path))

    def size(self, path: str) -> int:
        return super().size(self._at(path))

    def replace(self, old: str, new: str) -> None:
        super().replace(self._at(old), self._at(new))

    def unlink(self, path: str) -> None:
        super().unlink(self._at(path))

    def make_folder(self, path: str) -> bool:
        return super().make_folder(self._at(path))

    def sync_folder(self, path: str) -> None:
        super().sync_folder(self._at(path))

    def entries(self, path: str) -> list[FolderEntry]:
        return super().entries(self._at(path))


def in_lower_case(folder: PretendFolder) -> CaselessFolder:
    """What comes of a copy through a system whose names are all in lower case."""
    copy = CaselessFolder()
    for name, inode in folder.names.items():
        copy.names[name.lower()] = copy.durable[name.lower()] = inode
    return copy


def test_a_store_on_a_file_system_that_ignores_case_conforms() -> None:
    check_block_store(lambda: FileBlocks(CaselessFolder()))


@pytest.mark.parametrize("layout", [FLATFS, BLOCKSTORE_FS])
def test_names_in_lower_case_are_blocks_where_case_is_ignored(layout: BlockLayout) -> None:
    """What is found by its name is also listed: otherwise no quota would count it, and no sweep remove it."""
    folder = PretendFolder()
    with FileBlocks(folder, layout) as store:
        store.put([ONE, TWO])
    copy = in_lower_case(folder)
    with contextlib.ExitStack() as opened:
        store = opened.enter_context(FileBlocks(copy, layout))
        assert set(store.hashes()) == {ONE.cid.multihash, TWO.cid.multihash}
        assert QuotaBlocks(store, 100).used_bytes == len(ONE.data) + len(TWO.data)
        copy.steps.clear()
        store.put([ONE], durable=False)
        assert copy.steps == []
        with pinned(store) as pins:
            pins.pin(ONE.cid, "mine")
            assert [swept.multihash for swept in pins.sweep()] == [TWO.cid.multihash]
            assert list(pins.hashes()) == [ONE.cid.multihash]


def test_names_in_lower_case_are_no_blocks_where_case_matters() -> None:
    folder = PretendFolder()
    with FileBlocks(folder) as store:
        store.put([ONE, TWO])
        for name in [name for name in folder.names if "/" in name and name.endswith(".data")]:
            shard, _, file = name.partition("/")
            folder.names[f"{shard}/{file.lower()}"] = folder.names.pop(name)
        assert list(store.hashes()) == []
        assert not store.has(ONE.cid)
