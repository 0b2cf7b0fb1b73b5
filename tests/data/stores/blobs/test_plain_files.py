"""Stores of plain files over a folder that breaks: at every single step, in every way."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from p2plib.data.stores.blobs.content import ContentFiles
from p2plib.data.stores.blobs.folder import DiskFolder
from p2plib.data.stores.blobs.keyed import KeyedFiles
from p2plib.data.stores.blobs.plain_files import PlainFiles
from p2plib.data.stores.blobs.store import PIECE_BYTES
from p2plib.errors import Closed, StoreCorrupt, StoreError, StoreFull, StoreLocked
from tests.conftest import ROOT
from tests.data.stores.blobs.pretend import PowerCut, PretendFolder

ONE, TWO, THREE, BIG = b"one", b"two, longer", b"", bytes(range(256)) * 400
MAKES: list[Callable[[PretendFolder], PlainFiles]] = [KeyedFiles, ContentFiles]


class History:
    """What a program was told, so what must be there; and what it was doing, so what may be there."""

    def __init__(self, store: PlainFiles) -> None:
        self.store = store
        self.sure: dict[str, bytes] = {}
        self.doing: dict[str, set[bytes | None]] = {}

    def key(self, name: str, data: bytes) -> str:
        return hashlib.sha256(data).hexdigest() if self.store.NAMES_ARE_HASHES else name

    def put(self, name: str, data: bytes, durable: bool = True) -> None:
        key = self.key(name, data)
        self.doing.setdefault(key, {self.sure.get(key)}).add(data)
        with self.store.write(name if not self.store.NAMES_ARE_HASHES else None) as writer:
            for start in range(0, len(data), PIECE_BYTES):
                writer.write(data[start : start + PIECE_BYTES])
            writer.finish(durable=durable)
        if durable:
            self.sure[key] = data
            self.doing.pop(key)

    def remove(self, name: str, data: bytes) -> None:
        key = self.key(name, data)
        self.doing.setdefault(key, {self.sure.pop(key, None)}).add(None)
        self.store.remove(key)

    def run(self) -> None:
        self.put("a", ONE)
        self.put("deep/down/a", BIG)
        self.put("a", TWO)
        self.put("deep/b", THREE, durable=False)
        self.put("deep/b", ONE)
        self.put("c", BIG, durable=False)
        self.put("deep/down/c", TWO)
        self.remove("a", TWO)

    def judge(self, store: PlainFiles) -> None:
        """Fails if something sure is missing, or something is there that nobody wrote whole."""
        found = {key: store.read(key).read_all() for key in store.keys()}  # noqa: SIM118
        for key, data in self.sure.items():
            assert found.get(key) == data or found.get(key) in self.doing.get(key, ()), key
        for key, data in found.items():
            assert data == self.sure.get(key) or data in self.doing.get(key, ()), key


def all_steps(make: Callable[[PretendFolder], PlainFiles]) -> int:
    folder = PretendFolder()
    with make(folder) as store:
        History(store).run()
    return len(folder.steps)


@pytest.mark.fault("F121")
@pytest.mark.parametrize("make", MAKES)
def test_a_power_cut_at_every_step(make: Callable[[PretendFolder], PlainFiles]) -> None:
    outcomes = set()
    for number in range(all_steps(make)):
        folder = PretendFolder({number: PowerCut()})
        try:
            history = History(make(folder))
        except PowerCut:
            continue
        with pytest.raises(PowerCut):
            history.run()
        for random in (None, *map(Random, range(20))):
            with make(folder.after_power_cut(random)) as again:
                history.judge(again)
                outcomes.add((number, len(list(again.keys()))))
                assert again.folder.open_files == 0  # type: ignore[attr-defined]
                History(again).run()  # and it goes on
    assert len(outcomes) > all_steps(make)  # the random numbers did make a difference


@pytest.mark.parametrize("make", MAKES)
def test_a_killed_process_leaves_what_was_finished(make: Callable[[PretendFolder], PlainFiles]) -> None:
    """The kernel keeps all that was seen, so what was not durable is there, too."""
    for number in range(5, all_steps(make)):
        folder = PretendFolder({number: PowerCut()})
        history = History(make(folder))
        with pytest.raises(PowerCut):
            history.run()
        folder.fail_at, folder.is_locked = {}, False
        with make(folder) as again:
            history.judge(again)
            assert not [name for name in folder.names if "new-" in name]


@pytest.mark.fault("F121")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("make", MAKES)
def test_a_disk_that_refuses_at_every_step(make: Callable[[PretendFolder], PlainFiles], number: int) -> None:
    for step in range(all_steps(make)):
        folder = PretendFolder({step: OSError(number, os.strerror(number))})
        try:
            history = History(make(folder))
        except StoreFull:
            assert step == 0
            assert not folder.is_locked
            continue
        refused = 0
        try:
            history.run()
        except StoreFull:
            refused += 1
        history.judge(history.store)
        assert refused or folder.steps[step].startswith("unlink .p2plib")
        if folder.steps[step].startswith("sync folder"):
            with pytest.raises(StoreFull, match="could not be synced"):
                history.put("z", ONE)
            history.judge(history.store)  # reading goes on
            history.store.close()
            history.store = make(folder)
        History(history.store).run()  # the store goes on
        history.store.close()


def test_a_blob_begun_before_a_folder_could_not_be_synced_is_refused_too() -> None:
    folder = PretendFolder()
    with KeyedFiles(folder) as store:
        begun = store.write("begun")
        begun.write(ONE)
        folder.fail_at = {len(folder.steps) + 3: OSError(errno.EIO, "input/output error")}
        with pytest.raises(StoreFull, match="input/output error"):
            History(store).put("a", b"")
        assert folder.steps[-2:] == ["sync folder ", "unlink .p2plib/new-2"]
        with pytest.raises(StoreFull, match="could not be synced"):
            begun.finish(durable=False)
        with pytest.raises(StoreFull, match="could not be synced"):
            store.write("b")
        assert list(store.keys()) == ["a"]  # its last step failed, so it is there
        assert not [name for name in folder.names if "new-" in name]


def test_each_folder_is_synced_once_and_the_last_one_for_each_blob() -> None:
    folder = PretendFolder()
    with KeyedFiles(folder) as store:
        for name in ("x/y/a", "x/y/b", "x/c"):
            History(store).put(name, b"")
    synced = [step.removeprefix("sync folder ") for step in folder.steps if step.startswith("sync folder")]
    assert synced == ["", "x", "x/y", "x/y", "x"]


PROGRAM = """
import itertools, sys
from p2plib.data.stores.blobs.content import ContentFiles
from p2plib.data.stores.blobs.folder import DiskFolder

store = ContentFiles(DiskFolder(sys.argv[1]))
for number in itertools.count():
    with store.write() as writer:
        writer.write(b"%d " % number * 30_000)
        print(writer.finish().key, flush=True)
"""


@pytest.mark.fault("F121")
@pytest.mark.parametrize("count", [1, 7, 40])
def test_a_process_that_is_killed(count: int, tmp_path: Path) -> None:
    """With SIGKILL, somewhere behind its blob number `count`: what it said to be there is, and whole."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as program:
        assert program.stdout
        said = [program.stdout.readline().strip() for _ in range(count)]
        program.kill()
        said += program.stdout.read().splitlines()[:-1]  # the last line may be cut short
    with ContentFiles(DiskFolder(tmp_path)) as store:
        assert set(said) <= set(store.keys())
        assert list(store.damaged()) == []
        assert store.leftovers <= 1
    assert [path.name for path in (tmp_path / ".p2plib").iterdir()] == ["lock"]


def test_other_errors_of_the_system_say_where() -> None:
    folder = PretendFolder()
    store = KeyedFiles(folder)
    folder.fail_at = {len(folder.steps): OSError(errno.EMFILE, "too many open files")}
    with pytest.raises(StoreError, match=r"pretend/\.p2plib/new-1: too many open files") as raised:
        store.write("a")
    assert not isinstance(raised.value, StoreFull)
    assert isinstance(raised.value.__cause__, OSError)


@pytest.mark.fault("F121")
@pytest.mark.parametrize("make", MAKES)
def test_what_the_disk_cannot_read(make: Callable[[PretendFolder], PlainFiles]) -> None:
    folder = PretendFolder()
    store = make(folder)
    history = History(store)
    history.put("a", BIG)
    [key] = store.keys()
    reader = store.read(key)
    folder.is_unreadable = True
    with pytest.raises(StoreCorrupt, match="cannot read"):
        next(reader)
    with pytest.raises(Closed):
        next(reader)
    assert folder.open_files == 0


@pytest.mark.fault("F122")
@pytest.mark.parametrize("make", MAKES)
def test_a_second_store_on_one_folder(make: Callable[[PretendFolder], PlainFiles]) -> None:
    folder = PretendFolder()
    with make(folder) as store:
        writer = store.write(None if store.NAMES_ARE_HASHES else "a")
        with pytest.raises(StoreLocked):
            make(folder)
        writer.finish()  # its unfinished file was not tidied away
        assert store.leftovers == 0
    make(folder).close()


def test_closing_lets_go_of_every_file() -> None:
    folder = PretendFolder()
    store = ContentFiles(folder)
    History(store).run()
    readers = [store.read(key) for key in store.keys()]  # noqa: SIM118
    assert folder.open_files == len(readers) == 3
    writers = [store.write() for _ in range(3)]
    assert folder.open_files == 6
    writers[0].discard()
    assert folder.open_files == 5
    store.close()
    assert folder.open_files == 0
    assert not folder.is_locked
    assert not [name for name in folder.names if "new-" in name]
    assert not any(writer.is_open for writer in writers)


def test_a_refused_part_leaves_no_file_open() -> None:
    folder = PretendFolder()
    store = KeyedFiles(folder)
    History(store).put("a", ONE)
    with pytest.raises(ValueError, match="no part from 2 to 1"):
        store.read("a", 2, 1)
    assert folder.open_files == 0
