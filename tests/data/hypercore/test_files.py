"""The directory: what stands in it, a second process, a full disk, and every place where a crash can cut."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from p2plib.data.hypercore import files
from p2plib.data.hypercore.core import Hypercore
from p2plib.data.hypercore.files import create_core, open_core
from p2plib.errors import Closed, NotFound, StoreCorrupt, StoreError, StoreFull, StoreLocked, UsageError
from tests.data.hypercore.feeds import AUTHOR, STRANGER, content, feed

CONTENTS = [content(block) for block in range(7)]


def make(path: Path, *batches: int) -> Path:
    """A feed of the author's with so many blocks in each append."""
    core = create_core(path, AUTHOR, durable=False)
    for batch in batches:
        core.append([content(core.length + at) for at in range(batch)])
    core.close()
    return path


def test_what_stands_in_the_files(tmp_path: Path) -> None:
    make(tmp_path / "feed", 5, 2)
    read = {name.name: name.read_bytes() for name in (tmp_path / "feed").iterdir()}
    assert set(read) == {"key", "secret_key", "data", "tree", "signatures", "bitfield"}
    assert read["key"] == AUTHOR.public.raw
    assert read["secret_key"] == bytes([7]) * 32 + AUTHOR.public.raw
    assert stat.S_IMODE((tmp_path / "feed" / "secret_key").stat().st_mode) == 0o600
    assert read["data"] == b"".join(CONTENTS)
    assert read["tree"][:16].hex(" ") == "05 02 57 02 00 00 28 07 42 4c 41 4b 45 32 62 00"
    assert read["signatures"][:16].hex(" ") == "05 02 57 01 00 00 40 07 45 64 32 35 35 31 39 00"
    assert read["bitfield"][:16].hex(" ") == "05 02 57 00 00 0e 00 00 00 00 00 00 00 00 00 00"
    assert len(read["tree"]) == 32 + 40 * 13
    assert len(read["signatures"]) == 32 + 64 * 7
    assert len(read["bitfield"]) == 32 + 3584
    node = feed(7).storage.node(3)
    assert read["tree"][32 + 120 : 32 + 160] == node.hash + node.size.to_bytes(8, "big")
    assert read["tree"][32 + 7 * 40 : 32 + 8 * 40] == bytes(40), "node 7 needs eight blocks"
    signed = [at for at in range(7) if any(read["signatures"][32 + 64 * at : 96 + 64 * at])]
    assert signed == [4, 6]
    assert read["bitfield"][32] == 0b11111110


def test_a_feed_goes_on_where_it_was(tmp_path: Path) -> None:
    make(tmp_path / "feed", 5)
    with open_core(tmp_path / "feed") as core:
        assert core.head == feed(5).head
    core = open_core(tmp_path / "feed")
    assert core.is_writable
    assert core.append([content(5), content(6)]) == 5
    assert core.head == feed(7).head
    assert [core.get(block) for block in range(7)] == CONTENTS
    assert core.audit() == []
    core.close()
    core.close()
    for act in (lambda: core.get(0), lambda: core.append(b"x")):
        with pytest.raises(Closed):
            act()


def test_a_copy_in_part_goes_on_where_it_was(tmp_path: Path) -> None:
    author = feed(40)
    for block in (30, 3, 31, 0, 39):
        copy = (
            open_core(tmp_path / "copy") if block != 30 else create_core(tmp_path / "copy", key=AUTHOR.public)
        )
        assert not copy.is_writable
        assert copy.put(block, content(block), author.prove(block, copy.digest(block)))
        copy.close()
    copy = open_core(tmp_path / "copy")
    assert [block for block in range(40) if copy.has(block)] == [0, 3, 30, 31, 39]
    assert copy.length == 40
    assert copy.audit() == []
    stranger = Hypercore(AUTHOR.public)
    assert stranger.put(3, copy.get(3), copy.prove(3))
    copy.close()


def test_making_and_opening_refuse_what_is_not_meant(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        create_core(tmp_path / "none")
    with pytest.raises(UsageError):
        create_core(tmp_path / "both", AUTHOR, AUTHOR.public)
    with pytest.raises(StoreError, match="there is no feed"):
        open_core(tmp_path / "nowhere")
    make(tmp_path / "feed", 1)
    with pytest.raises(StoreError, match="has a feed already"):
        create_core(tmp_path / "feed", STRANGER)
    assert open_core(tmp_path / "feed").key == AUTHOR.public
    (tmp_path / "half").mkdir()
    shutil.copy(tmp_path / "feed" / "secret_key", tmp_path / "half")
    with create_core(tmp_path / "half", AUTHOR) as core:
        assert core.append(b"a crash came before the key") == 0
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError):
        create_core(tmp_path / "file" / "feed", AUTHOR)


@pytest.mark.fault("F122")
def test_a_feed_is_open_once(tmp_path: Path) -> None:
    make(tmp_path / "feed", 1)
    core = open_core(tmp_path / "feed")
    with pytest.raises(StoreLocked):
        open_core(tmp_path / "feed")
    core.close()
    open_core(tmp_path / "feed").close()


class Crash(Exception):
    """The process dies."""


class DyingDisk:
    """Dies at a write or at an `fsync`.

    Args:
        left: how many of them succeed before.
        keeps: what is left on the disk of the writes since the last `fsync`: "half" of the last one and all
            before it, "none", all but the "oldest", or all but the "newest". A loss of power may do any of
            it.
    """

    def __init__(self, left: int, keeps: str) -> None:
        self.left, self.keeps = left, keeps
        self.pending = list[tuple[int, bytes, int]]()
        self.write = os.pwrite

    def pwrite(self, descriptor: int, raw: bytes, offset: int) -> int:
        self.pending.append((descriptor, bytes(raw), offset))
        self.step()
        return len(raw)

    def fsync(self, descriptor: int) -> None:
        self.step()
        self.flush(self.pending)
        self.pending.clear()

    def step(self) -> None:
        self.left -= 1
        if self.left >= 0:
            return
        if self.keeps == "half" and self.pending:
            descriptor, raw, offset = self.pending.pop()
            self.pending.append((descriptor, raw[: len(raw) // 2], offset))
        kept = {"none": [], "oldest": self.pending[1:], "newest": self.pending[:-1]}
        self.flush(kept.get(self.keeps, self.pending))
        raise Crash

    def flush(self, writes: list[tuple[int, bytes, int]]) -> None:
        for write in writes:
            self.write(*write)


def check_after_crash(path: Path, acknowledged: bool) -> None:
    core = open_core(path)
    assert core.length in ((7,) if acknowledged else (5, 7)), "whole or not at all"
    assert core.head in (feed(5).head, feed(7).head), "no length is signed twice"
    assert core.audit() == []
    assert [core.get(block) for block in range(core.length)] == CONTENTS[: core.length]
    core.append([content(block) for block in range(core.length, 7)])
    core.append(b"after")
    core.close()
    again = open_core(path)
    assert again.length == 8
    assert again.audit() == []
    stranger = Hypercore(AUTHOR.public)
    for block in range(8):
        assert stranger.put(block, again.get(block), again.prove(block))
    again.close()


def crash_everywhere(
    before: Path, keeps: str, monkeypatch: pytest.MonkeyPatch, act: Callable[[Hypercore], object]
) -> Iterator[tuple[Path, bool]]:
    """Does something to copies of a directory, and dies at each of its steps in turn.

    Yields:
        The directory afterwards, and whether it was done; that is so the last time.
    """
    path, crashes, acknowledged = before.with_name("crashed"), 0, False
    while not acknowledged:
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(before, path)
        core, disk = open_core(path), DyingDisk(crashes, keeps)
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "pwrite", disk.pwrite)
            patch.setattr(files.os, "fsync", disk.fsync)
            try:
                act(core)
                acknowledged = True
            except Crash:
                crashes += 1
        core.close()
        yield path, acknowledged


EVERY_DISK = pytest.mark.parametrize("keeps", ["half", "none", "oldest", "newest"])


@pytest.mark.fault("F121")
@EVERY_DISK
def test_a_crash_in_an_append_loses_nothing_that_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeps: str
) -> None:
    before, times = make(tmp_path / "before", 5), 0
    new = [content(block) for block in range(5, 7)]
    for path, acknowledged in crash_everywhere(before, keeps, monkeypatch, lambda core: core.append(new)):
        check_after_crash(path, acknowledged)
        times += 1
    assert times == 10, "data, two pieces of tree, signature, bit field; four are waited for; and no crash"


@pytest.mark.fault("F121")
@EVERY_DISK
def test_a_crash_in_a_copy_loses_nothing_that_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keeps: str
) -> None:
    author = feed(40)
    with create_core(tmp_path / "before", key=AUTHOR.public, durable=False) as copy:
        for block in (3, 30):
            copy.put(block, content(block), author.prove(block))
    longer = feed(50)

    def fetch(core: Hypercore) -> None:
        core.put(45, content(45), longer.prove(45, core.digest(45)))

    for path, acknowledged in crash_everywhere(tmp_path / "before", keeps, monkeypatch, fetch):
        with open_core(path) as core:
            assert core.has(3)
            assert core.has(30)
            assert core.has(45) or not acknowledged
            assert core.audit() == []
            fetch(core)
            assert core.length == 50
            stranger = Hypercore(AUTHOR.public)
            for block in (3, 30, 45):
                assert stranger.put(block, core.get(block), core.prove(block))


@pytest.mark.fault("F121")
@pytest.mark.parametrize("name", ["data", "tree", "signatures", "bitfield"])
def test_a_torn_file_is_recovered_or_reported(tmp_path: Path, name: str) -> None:
    """Cut anywhere: never a wrong block, never a second signature of one length."""
    make(tmp_path / "feed", 5, 2)
    raw = (tmp_path / "feed" / name).read_bytes()
    for size in sorted({*range(0, len(raw), 97), *range(28, 36), len(raw) - 1}):
        (tmp_path / "feed" / name).write_bytes(raw[:size])
        try:
            core = open_core(tmp_path / "feed")
        except StoreCorrupt:
            pass
        else:
            for block in range(core.length):
                with contextlib.suppress(StoreCorrupt, NotFound):
                    assert core.get(block) == CONTENTS[block]
            assert core.head in (None, feed(5).head, feed(7).head)
            core.close()
        shutil.rmtree(tmp_path / "feed")
        make(tmp_path / "feed", 5, 2)


@pytest.mark.fault("F121")
def test_a_flipped_bit_is_reported(tmp_path: Path) -> None:
    make(tmp_path / "feed", 5)
    for name, at, expected in (("data", 3, [0]), ("tree", 32 + 2 * 40 + 5, [0, 1])):
        file = tmp_path / "feed" / name
        raw = bytearray(file.read_bytes())
        raw[at] ^= 1
        file.write_bytes(raw)
        core = open_core(tmp_path / "feed")
        assert core.audit() == expected
        with pytest.raises(StoreCorrupt) as wrong:
            core.get(expected[-1])
        assert wrong.value.path == str(tmp_path / "feed")
        core.close()
        raw[at] ^= 1
        file.write_bytes(raw)
    for name, at in (
        ("tree", 0),
        ("signatures", 3),
        ("bitfield", 6),
        ("signatures", 32 + 4 * 64),
        ("key", 31),
    ):
        file = tmp_path / "feed" / name
        raw = bytearray(file.read_bytes())
        raw[at] ^= 1
        file.write_bytes(raw)
        with pytest.raises(StoreCorrupt):
            open_core(tmp_path / "feed")
        raw[at] ^= 1
        file.write_bytes(raw)


@pytest.mark.fault("F121")
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    make(tmp_path / "feed", 5)
    core = open_core(tmp_path / "feed")

    def full(descriptor: int, raw: bytes, offset: int) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "pwrite", full)
        with pytest.raises(StoreError if code == errno.EIO else StoreFull):
            core.append(b"new")
    assert core.length == 5
    assert core.append(content(5)) == 5
    assert core.audit() == []
    core.close()


@pytest.mark.fault("F121")
def test_a_disk_that_has_room_for_part_of_an_append_has_none_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that grows may find no room; one that is written where it was does."""
    write, room = os.pwrite, 0

    def pwrite(descriptor: int, raw: bytes, offset: int) -> int:
        nonlocal left
        if offset + len(raw) > os.fstat(descriptor).st_size:
            left -= 1
            if left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, raw, offset)

    while True:
        path, left, is_full = make(tmp_path / str(room)), room, False
        core = open_core(path)
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "pwrite", pwrite)
            try:
                core.append(b"first")
            except StoreFull:
                is_full = True
        assert core.length == (0 if is_full else 1)
        core.close()
        with open_core(path) as core:
            assert core.length == (0 if is_full else 1)
        if not is_full:
            break
        room += 1
    assert room == 4, "data, tree, bit field, signature"


@pytest.mark.fault("F130")
def test_an_erased_block_is_gone_from_the_disk(tmp_path: Path) -> None:
    make(tmp_path / "feed", 7)
    core = open_core(tmp_path / "feed")
    core.clear(6)
    core.close()
    assert content(6) not in (tmp_path / "feed" / "data").read_bytes()
    core = open_core(tmp_path / "feed")
    assert not core.has(6), "it does not come back"
    assert core.length == 7
    core.close()


def test_a_secret_that_does_not_fit_is_reported(tmp_path: Path) -> None:
    make(tmp_path / "feed", 1)
    for raw in (b"short", STRANGER.expose_seed() + STRANGER.public.raw):
        (tmp_path / "feed" / "secret_key").write_bytes(raw)
        with pytest.raises(StoreCorrupt):
            open_core(tmp_path / "feed")


@pytest.mark.fault("F121")
def test_what_an_append_left_behind_is_no_part_of_what_was_signed_elsewhere(tmp_path: Path) -> None:
    """An author restored from an old copy appends, and dies before it signs. Then it fetches its newest
    block, and dies before the bit field."""
    make(tmp_path / "feed", 5)
    bits = (tmp_path / "feed" / "bitfield").read_bytes()
    lost = tmp_path / "lost"
    shutil.copytree(tmp_path / "feed", lost)
    with open_core(lost, durable=False) as core:
        core.append([b"never", b"signed"])
    for name in ("data", "tree"):
        shutil.copy(lost / name, tmp_path / "feed" / name)
    newest = feed(9)
    with open_core(tmp_path / "feed", durable=False) as core:
        assert core.length == 5
        core.put(8, content(8), newest.prove(8))
    (tmp_path / "feed" / "bitfield").write_bytes(bits)
    with open_core(tmp_path / "feed", durable=False) as core:
        assert core.length == 9
        assert not core.has(5)
        for block in range(5, 9):
            assert core.put(block, content(block), newest.prove(block, core.digest(block)))
        assert core.audit() == []


@pytest.mark.fault("F121")
@pytest.mark.parametrize("knows", [False, True])
def test_nobody_is_blamed_for_our_disk(tmp_path: Path, knows: bool) -> None:
    """A flipped bit in a node: the next peer's block is neither forged nor a fork of the author."""
    author = feed(8)
    core = create_core(tmp_path / "copy", key=AUTHOR.public)
    core.put(0, content(0), author.prove(0))
    core.close()
    raw = bytearray((tmp_path / "copy" / "tree").read_bytes())
    raw[32 + 5 * 40] ^= 1
    (tmp_path / "copy" / "tree").write_bytes(raw)
    with open_core(tmp_path / "copy") as core:
        with pytest.raises(StoreCorrupt, match="is not what was proven"):
            core.put(2, content(2), author.prove(2, core.digest(2) if knows else 0))
        assert core.audit() == [0]


@pytest.mark.fault("F121")
@pytest.mark.parametrize("step", range(8))
def test_a_feed_that_was_half_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """The process dies before or in the middle of any write, at an `fsync`, or before a name is given."""
    steps = list[str]()

    def dying(name: str) -> None:
        real = getattr(os, name)

        def act(*arguments: object) -> object:
            steps.append(name)
            if len(steps) - 1 == step // 2:
                if name == "write" and step % 2:
                    real(arguments[0], b"half")
                raise Crash
            return real(*arguments)

        monkeypatch.setattr(os, name, act)

    for name in ("write", "fsync", "replace"):
        dying(name)
    with pytest.raises(Crash):
        create_core(tmp_path / "feed", AUTHOR)
    monkeypatch.undo()
    with create_core(tmp_path / "feed", AUTHOR) as core:
        assert core.append(b"first") == 0
        assert stat.S_IMODE((tmp_path / "feed" / "secret_key").stat().st_mode) == 0o600
    assert not list((tmp_path / "feed").glob("*.draft"))


def test_a_disk_that_takes_half_of_a_key_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, raw: write(descriptor, raw[:9]))
    with pytest.raises(StoreFull):
        create_core(tmp_path / "feed", AUTHOR)
    with pytest.raises(StoreError, match="there is no feed"):
        open_core(tmp_path / "feed")
