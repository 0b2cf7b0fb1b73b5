"""Blocks in files: the layouts, and a disk that is cut off, killed, full or damaged at every step."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from p2plib.data.blocks import files
from p2plib.data.blocks.base import damaged
from p2plib.data.blocks.conformance import numbered_block
from p2plib.data.blocks.files import BLOCKSTORE_FS, FLATFS, BlockLayout, FileBlocks
from p2plib.data.dag.block import MAX_BLOCK_BYTES, Block, block_of
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.errors import (
    DecodeError,
    NotFound,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    UsageError,
)
from p2plib.wire import cid as cids
from p2plib.wire import multicodec
from tests.conftest import ROOT
from tests.data.stores.blobs.pretend import PowerCut, PretendFolder

EMPTY_FOLDER = block_of(bytes.fromhex("0a020801"), multicodec.DAG_PB, version=0)  # UnixFS, in every Kubo
NAME = "CIQFTFEEHEDF6KLBT32BFAGLXEZL4UWFNWM4LFTLMXQBCERZ6CMLX3Y"
ONE, TWO, THREE = block_of(b"one"), block_of(b"two, longer"), block_of(b"")
BIG, OTHER = block_of(bytes(range(256)) * 40), block_of(b"other" * 100)


# Layouts


def test_kubos_place_of_the_empty_folder() -> None:
    assert cids.to_text(EMPTY_FOLDER.cid) == "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
    assert FLATFS.path_of(EMPTY_FOLDER.cid.multihash) == f"X3/{NAME}.data"
    assert BLOCKSTORE_FS.path_of(EMPTY_FOLDER.cid.multihash) == f"3Y/B{NAME}.data"


@pytest.mark.parametrize(
    ("shard", "name", "folder"),
    [
        ("next-to-last/2", NAME, "X3"),
        ("next-to-last/1", NAME, "3"),
        ("suffix/3", NAME, "X3Y"),
        ("prefix/4", NAME, "CIQF"),
        ("next-to-last/2", "AB", "_A"),
        ("prefix/3", "A", "A__"),
        ("suffix/3", "A", "__A"),
    ],
)
def test_the_three_ways_of_sharding(shard: str, name: str, folder: str) -> None:
    assert BlockLayout("", shard, has_sharding_file=True).folder_of(name) == folder


@pytest.mark.parametrize("layout", [FLATFS, BLOCKSTORE_FS])
def test_a_name_and_back(layout: BlockLayout) -> None:
    for block in (ONE, BIG, block_of(b"x", function=multicodec.SHA2_512)):
        path = layout.path_of(block.cid.multihash)
        assert layout.multihash_of(path.rpartition("/")[2]) == block.cid.multihash


@pytest.mark.parametrize(
    "name",
    ["", ".data", f"B{NAME}.data", f"{NAME}", f"{NAME.lower()}.data", f"{NAME[:-1]}.data", f"{NAME}A.data",
     "CIRFTFEEHEDF6KLBT32BFAGLXEZL4UWFNWM4LFTLMXQBCERZ6CMLX3Y.data", "_README", "AA" * 30 + ".data"],
)  # fmt: skip
def test_what_is_no_name_of_a_block(name: str) -> None:
    with pytest.raises(DecodeError):
        FLATFS.multihash_of(name)


def test_what_is_on_the_disk(tmp_path: Path) -> None:
    with FileBlocks(DiskFolder(tmp_path)) as store:
        store.put([EMPTY_FOLDER])
    assert (tmp_path / "SHARDING").read_text() == "/repo/flatfs/shard/v1/next-to-last/2\n"
    assert (tmp_path / "X3" / f"{NAME}.data").read_bytes() == EMPTY_FOLDER.data
    assert sorted(path.name for path in tmp_path.iterdir()) == [".p2plib", "SHARDING", "X3"]
    assert [path.name for path in (tmp_path / ".p2plib").iterdir()] == ["lock"]


def test_the_file_decides_on_the_sharding(tmp_path: Path) -> None:
    (tmp_path / "SHARDING").write_text("/repo/flatfs/shard/v1/prefix/5\n")
    with FileBlocks(DiskFolder(tmp_path)) as store:
        assert store.layout.shard == "prefix/5"
        store.put([EMPTY_FOLDER])
    assert (tmp_path / "CIQFT" / f"{NAME}.data").exists()


@pytest.mark.parametrize(
    "said", ["", "next-to-last", "next-to-last/2", "/repo/flatfs/shard/v2/prefix/2", "prefix/0", "x" * 300]
)
def test_a_sharding_that_is_not_known(said: str, tmp_path: Path) -> None:
    (tmp_path / "SHARDING").write_text(said)
    with pytest.raises(StoreError):
        FileBlocks(DiskFolder(tmp_path))
    with FileBlocks(DiskFolder(tmp_path), BLOCKSTORE_FS):
        pass  # which has no such file, and the lock was let go of


@pytest.mark.parametrize(
    "shard", ["", "prefix", "prefix/0", "prefix/100", "prefix/-1", "middle/2", "suffix/x"]
)
def test_a_layout_that_there_is_not(shard: str) -> None:
    with pytest.raises(UsageError, match="which letters name the folder"):
        BlockLayout("", shard, has_sharding_file=False)
    with pytest.raises(UsageError, match="letter before the name"):
        BlockLayout("b", "prefix/2", has_sharding_file=False)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(StoreError, match="has folders but no file SHARDING"):
        FileBlocks(DiskFolder(tmp_path))


def test_files_that_are_no_blocks_are_not_listed(tmp_path: Path) -> None:
    with FileBlocks(DiskFolder(tmp_path)) as store:
        store.put([EMPTY_FOLDER])
        (tmp_path / "_README").write_text("x")
        (tmp_path / "diskUsage.cache").write_text("{}")
        (tmp_path / "X3" / "put-123").write_text("x")
        (tmp_path / "AA").mkdir()
        (tmp_path / "AA" / f"{NAME}.data").write_bytes(EMPTY_FOLDER.data)  # in the wrong folder
        (tmp_path / "AA" / FLATFS.path_of(ONE.cid.multihash)[3:]).mkdir()
        assert list(store.hashes()) == [EMPTY_FOLDER.cid.multihash]


# A disk that breaks


class History:
    """What a program was told, so what must be there."""

    def __init__(self, folder: PretendFolder) -> None:
        self.store = FileBlocks(folder)
        self.sure: set[Block] = set()

    def put(self, *blocks: Block, durable: bool = True) -> None:
        self.store.put(blocks, durable=durable)
        if durable:
            self.sure |= set(blocks)

    def remove(self, block: Block) -> None:
        self.sure.discard(block)
        self.store.remove(block.cid)

    def run(self) -> None:
        self.put(ONE, TWO)
        self.put(BIG, OTHER, durable=False)
        self.put(OTHER, THREE, TWO)
        self.remove(ONE)
        self.put(*map(numbered_block, range(4)))
        self.put(ONE, BIG)
        self.remove(TWO)

    def judge(self, store: FileBlocks) -> None:
        """Fails if something sure is missing, or something is there that is not whole."""
        assert list(damaged(store)) == []
        for block in self.sure:
            assert store.get(block.cid) == block.data


@pytest.fixture(autouse=True)
def _small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "GROUP_BLOCKS", 3)


def all_steps() -> int:
    folder = PretendFolder()
    History(folder).run()
    return len(folder.steps)


@pytest.mark.fault("F121")
def test_a_power_cut_at_every_step() -> None:
    outcomes = set()
    for number in range(all_steps()):
        folder = PretendFolder({number: PowerCut()})
        try:
            history = History(folder)
        except PowerCut:
            FileBlocks(folder.after_power_cut(Random(number)))
            continue
        with pytest.raises(PowerCut):
            history.run()
        for random in (None, *map(Random, range(6))):
            again = History(folder.after_power_cut(random))
            history.judge(again.store)
            outcomes.add((number, len(list(again.store.hashes()))))
            again.run()  # and it goes on
            again.judge(again.store)
    assert len(outcomes) > all_steps()  # the random numbers did make a difference


@pytest.mark.fault("F121")
def test_a_killed_process_leaves_what_was_put_and_a_durable_put_then_lasts() -> None:
    """What the killed one has left may be in the cache alone, names too: what is there is made to last."""
    for number in range(all_steps()):
        folder, sure = PretendFolder({number: PowerCut()}), set[Block]()
        with pytest.raises(PowerCut):  # noqa: PT012
            history = History(folder)
            sure = history.sure
            history.run()
        folder.fail_at, folder.is_locked = {}, False
        again = History(folder)
        again.sure |= sure
        again.judge(again.store)
        again.store.put([numbered_block(50)], durable=False)
        for random in map(Random, range(3)):
            with FileBlocks(folder.after_power_cut(random)) as last:
                again.judge(last)
        assert not [name for name in folder.names if "new-" in name]
        found = [block for block in (ONE, TWO, THREE, BIG, OTHER) if again.store.has(block.cid)]
        again.put(*found)
        with FileBlocks(folder.after_power_cut(None)) as last:
            again.judge(last)


@pytest.mark.fault("F121")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_refuses_at_every_step(number: int) -> None:
    for step in range(all_steps()):
        folder = PretendFolder({step: OSError(number, os.strerror(number))})
        try:
            history = History(folder)
        except StoreFull:
            assert not folder.is_locked
            History(folder).run()
            continue
        with pytest.raises(StoreFull):
            history.run()
        history.judge(history.store)
        assert folder.open_files == 0
        assert not [name for name in folder.names if "new-" in name]
        if folder.steps[step].startswith("sync folder"):
            with pytest.raises(StoreFull, match="could not be synced"):
                history.put(numbered_block(99), durable=False)
            with pytest.raises(StoreFull, match="could not be synced"):
                history.put()
            history.judge(history.store)  # reading goes on
            history.store.close()
            history = History(folder)
        history.run()  # the store goes on
        history.judge(history.store)


def test_as_few_syncs_as_there_can_be() -> None:
    """One for each file, one for each folder, and the root's where a folder is new."""
    folder = PretendFolder()
    store = FileBlocks(folder)
    blocks = [numbered_block(number) for number in range(200)]
    shards = {FLATFS.path_of(block.cid.multihash)[:2] for block in blocks}
    folder.steps.clear()
    store.put(blocks)
    assert folder.steps.count("sync") == 200
    synced = [step.removeprefix("sync folder ") for step in folder.steps if step.startswith("sync folder")]
    assert sorted(synced) == sorted({"", *shards})
    assert len(shards) < 190  # so that blocks shared a folder, and its sync

    folder.steps.clear()
    store.put(blocks)
    assert folder.steps == []  # all is there and durable
    store.put(blocks[:1], durable=False)
    store.remove(blocks[0].cid)
    store.put(blocks[:1], durable=False)
    shard = FLATFS.path_of(blocks[0].cid.multihash)[:2]
    assert [step.split("/")[0] for step in folder.steps] == [
        f"unlink {shard}", "create .p2plib", "write", "sync", f"replace {shard}",
    ]  # fmt: skip
    folder.steps.clear()
    store.put(blocks[:1])
    assert folder.steps == [f"sync folder {shard}"]
    store.close()
    with FileBlocks(folder) as again:
        folder.steps.clear()
        again.put(blocks[:1])
        assert folder.steps == [f"sync folder {shard}"]


def test_a_group_is_written_before_it_is_synced() -> None:
    folder = PretendFolder()
    with FileBlocks(folder) as store:
        folder.steps.clear()
        store.put([ONE, TWO, BIG], durable=False)
    kinds = [step.split()[0] for step in folder.steps if not step.startswith("make")]
    assert kinds == ["create", "write"] * 3 + ["sync"] * 3 + ["replace"] * 3


@pytest.mark.fault("F121")
def test_what_another_program_has_left_half_written_is_replaced(tmp_path: Path) -> None:
    with FileBlocks(DiskFolder(tmp_path)) as store:
        path = tmp_path / FLATFS.path_of(BIG.cid.multihash)
        path.parent.mkdir()
        for half in (b"", BIG.data[:-1], BIG.data[:-1] + b"\0", bytes(MAX_BLOCK_BYTES + 1)):
            path.write_bytes(half)
            assert list(damaged(store)) == [BIG.cid.multihash]
            assert store.has(BIG.cid) == (len(half) in (len(BIG.data), len(BIG.data) - 1))
            with pytest.raises(StoreCorrupt, match=path.name):
                store.get(BIG.cid)
            store.put([BIG])
            assert store.get(BIG.cid) == path.read_bytes() == BIG.data


@pytest.mark.fault("F121")
def test_what_the_disk_cannot_read_is_corrupt_and_is_written_again() -> None:
    folder = PretendFolder()
    with FileBlocks(folder) as store:
        store.put([ONE])
        folder.is_unreadable = True
        with pytest.raises(StoreCorrupt, match="cannot read"):
            store.get(ONE.cid)
        assert store.has(ONE.cid)
        folder.steps.clear()
        store.put([ONE])
        assert "write" in folder.steps
        assert folder.open_files == 0


@pytest.mark.fault("F122")
def test_a_second_store_on_one_folder() -> None:
    folder = PretendFolder()
    with FileBlocks(folder), pytest.raises(StoreLocked):
        FileBlocks(folder)
    FileBlocks(folder).close()


def test_a_file_where_a_folder_would_be(tmp_path: Path) -> None:
    with FileBlocks(DiskFolder(tmp_path)) as store:
        (tmp_path / FLATFS.path_of(ONE.cid.multihash)[:2]).write_text("in the way")
        with pytest.raises(StoreError):
            store.put([ONE])
        assert not store.has(ONE.cid)
        with pytest.raises(NotFound):
            store.get(ONE.cid)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes with a name, and seldom allows links")
@pytest.mark.parametrize("what", ["folder", "link", "dangling", "loop", "pipe"])
def test_something_else_in_the_place_of_a_block(what: str, tmp_path: Path) -> None:
    """It counts as nothing, nobody waits for it, and a put replaces it or says what is in the way."""
    with FileBlocks(DiskFolder(tmp_path / "blocks")) as store:
        path = tmp_path / "blocks" / FLATFS.path_of(ONE.cid.multihash)
        path.parent.mkdir()
        target = tmp_path / "target"
        if what == "folder":
            path.mkdir()
        elif what == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(path if what == "loop" else target)
        if what == "link":
            target.write_bytes(ONE.data)
        assert not store.has(ONE.cid)
        assert list(store.hashes()) == []
        with pytest.raises(NotFound):
            store.get(ONE.cid)
        if what == "folder":
            store.remove(ONE.cid)
            with pytest.raises(StoreError, match=path.name):
                store.put([TWO, ONE])
            path.rmdir()
        store.put([ONE])
        assert store.get(ONE.cid) == ONE.data
        assert path.is_file()
        assert not path.is_symlink()
        assert target.exists() == (what == "link")
        assert [left.name for left in (tmp_path / "blocks" / ".p2plib").iterdir()] == ["lock"]


class SlowSync(PretendFolder):
    """Another thread gives a name while a folder is being synced."""

    meanwhile: threading.Thread | None = None

    def sync_folder(self, path: str) -> None:
        super().sync_folder(path)
        thread, self.meanwhile = self.meanwhile, None
        if path and thread:
            thread.start()
            thread.join(0.1)  # it has to wait until the sync is over, so this waits in vain
        elif thread:
            self.meanwhile = thread


@pytest.mark.fault("F121")
def test_a_name_that_comes_during_a_sync_does_not_count_as_synced() -> None:
    shard = FLATFS.folder_of
    name = FLATFS.path_of(ONE.cid.multihash).partition("/")[2].removesuffix(".data")
    other = next(
        block
        for block in map(numbered_block, range(100_000))
        if FLATFS.path_of(block.cid.multihash).startswith(shard(name) + "/")
    )
    folder = SlowSync()
    with FileBlocks(folder) as store:
        thread = threading.Thread(target=lambda: store.put([other], durable=False))
        folder.meanwhile = thread
        store.put([ONE])
        thread.join()
        store.put([other])
        with FileBlocks(folder.after_power_cut(None)) as again:
            assert again.get(other.cid) == other.data
            assert again.get(ONE.cid) == ONE.data


PROGRAM = """
import itertools, sys
from p2plib.data.blocks.files import FileBlocks
from p2plib.data.dag.block import block_of
from p2plib.data.stores.blobs.folder import DiskFolder

store = FileBlocks(DiskFolder(sys.argv[1]))
for number in itertools.count():
    store.put(block_of(b"%d %d " % (number, part) * 3000) for part in range(number % 9 + 1))
    print(number, flush=True)
"""


def blocks_of(number: int) -> Iterator[Block]:
    return (block_of(b"%d %d " % (number, part) * 3000) for part in range(number % 9 + 1))


@pytest.mark.fault("F121")
@pytest.mark.parametrize("count", [1, 7, 30])
def test_a_process_that_is_killed(count: int, tmp_path: Path) -> None:
    """With SIGKILL, somewhere behind its put number `count`: what it said to be there is, and whole."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as program:
        assert program.stdout
        said = [program.stdout.readline().strip() for _ in range(count)]
        program.kill()
        said += program.stdout.read().splitlines()[:-1]  # the last line may be cut short
    with FileBlocks(DiskFolder(tmp_path)) as store:
        assert list(damaged(store)) == []
        for number in map(int, said):
            assert all(store.get(block.cid) == block.data for block in blocks_of(number))
    assert [path.name for path in (tmp_path / ".p2plib").iterdir()] == ["lock"]
