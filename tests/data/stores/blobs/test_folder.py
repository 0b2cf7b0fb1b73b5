"""A folder of a real disk: links, pipes, locks, and what the system's errors become."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from p2plib.data.stores.blobs.folder import DiskFolder, FolderEntry, disk_errors
from p2plib.errors import StoreCorrupt, StoreError, StoreFull, StoreLocked
from tests.conftest import ROOT


def put(folder: DiskFolder, path: str, data: bytes) -> None:
    file = folder.create(path)
    file.write(data)
    file.sync()
    file.close()


def test_files_and_folders(tmp_path: Path) -> None:
    folder = DiskFolder(tmp_path / "new")
    assert folder.make_folder("a")
    assert not folder.make_folder("a")
    put(folder, "a/b", b"12345")
    with pytest.raises(FileExistsError):
        folder.create("a/b")
    assert folder.size("a/b") == 5
    file = folder.open("a/b")
    assert (file.size_bytes, file.read(2), file.read(10), file.read(10)) == (5, b"12", b"345", b"")
    folder.replace("a/b", "c")
    folder.sync_folder("")
    folder.sync_folder("a")
    assert folder.entries("") == [FolderEntry("a", True), FolderEntry("c", False)]
    assert folder.entries("a") == []
    folder.unlink("c")
    file.close()
    with pytest.raises(FileNotFoundError):
        folder.open("c")
    put(folder, "d", b"")
    with pytest.raises(FileExistsError):
        folder.make_folder("d")


def test_links_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"secret")
    folder = DiskFolder(tmp_path / "root")
    os.symlink(tmp_path / "outside", tmp_path / "root" / "link")
    os.symlink(tmp_path, tmp_path / "root" / "way-out")
    os.mkfifo(tmp_path / "root" / "pipe")
    folder.make_folder("sub")
    for path in ("link", "way-out/outside", "pipe", "sub"):
        with pytest.raises(FileNotFoundError):
            folder.open(path)
        with pytest.raises(FileNotFoundError):
            folder.size(path)
    for change in (lambda: folder.create("way-out/new"), lambda: folder.unlink("way-out/outside")):
        with pytest.raises(FileNotFoundError):
            change()
    with pytest.raises(FileNotFoundError):
        folder.make_folder("way-out")
    put(folder, "new", b"new")
    folder.replace("new", "link")  # the link goes, and what it led to stays
    assert (tmp_path / "outside").read_bytes() == b"secret"
    assert folder.size("link") == 3
    assert folder.entries("") == [FolderEntry("link", False), FolderEntry("sub", True)]


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="File exists"):
        DiskFolder(tmp_path / "file")
    with pytest.raises(StoreError, match="No such file"):
        DiskFolder(tmp_path / "not" / "there")
    os.symlink(tmp_path, tmp_path / "link")
    put(DiskFolder(tmp_path / "link"), "a", b"a")  # the root itself may be a link
    assert (tmp_path / "a").read_bytes() == b"a"


@pytest.mark.fault("F122")
def test_a_lock_holds_within_a_process_and_between_two(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from p2plib.data.stores.blobs.folder import DiskFolder\n"
        "from p2plib.errors import StoreLocked\n"
        "try:\n"
        "    with DiskFolder(sys.argv[1]).lock('lock'):\n"
        "        print('locked')\n"
        "except StoreLocked as error:\n"
        "    print(error)\n"
    )

    def elsewhere() -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=300, cwd=ROOT
        )
        return done.stdout.strip()

    folder = DiskFolder(tmp_path)
    with folder.lock("lock"):
        with pytest.raises(StoreLocked), DiskFolder(tmp_path).lock("lock"):
            pass
        assert elsewhere() == f"somebody has the blob store {tmp_path} open"
    assert elsewhere() == "locked"
    with folder.lock("lock"):
        pass


@pytest.mark.parametrize(
    ("number", "writing", "kind"),
    [
        (errno.ENOSPC, True, StoreFull),
        (errno.EDQUOT, True, StoreFull),
        (errno.EROFS, True, StoreFull),
        (errno.EACCES, True, StoreFull),
        (errno.EIO, True, StoreFull),
        (errno.EIO, False, StoreCorrupt),
        (errno.EMFILE, True, StoreError),
        (errno.EACCES, False, StoreError),
        (errno.ENOSPC, False, StoreError),
    ],
)
def test_what_the_systems_errors_become(
    tmp_path: Path, number: int, writing: bool, kind: type[Exception]
) -> None:
    folder = DiskFolder(tmp_path)
    with pytest.raises(StoreError) as raised, disk_errors(folder, "a/b", writing=writing):
        raise OSError(number, os.strerror(number))
    assert type(raised.value) is kind
    assert f"{tmp_path}/a/b" in str(raised.value)
    assert os.strerror(number) in str(raised.value)
