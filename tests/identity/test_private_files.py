"""Files that only their owner may read, written whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from p2plib.errors import (
    KeyFileError,
    KeyFileExists,
    KeyFilePermissions,
    WrongPassphrase,
)
from p2plib.identity import keyfile, private_files, ssb_secret
from p2plib.identity.keyfile import CHEAPEST
from p2plib.identity.keys import SecretKey
from tests.identity.faulty_disk import Crash, FaultyDisk
from tests.identity.keyfiles import ALICE, BOB, OTHER, PASSPHRASE, RAW, file_of


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o377])
def test_the_mode_does_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        keyfile.create(tmp_path / "key", ALICE, PASSPHRASE, cost=CHEAPEST)
    finally:
        os.umask(before)
    assert (tmp_path / "key").stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("there", ["file", "empty", "directory", "link", "dangling"])
def test_create_never_overwrites(tmp_path: Path, there: str) -> None:
    path = tmp_path / "key"
    match there:
        case "file":
            file_of(path, RAW)
        case "empty":
            path.touch()
        case "directory":
            path.mkdir()
        case "link":
            path.symlink_to(file_of(tmp_path / "target", RAW))
        case "dangling":
            path.symlink_to(tmp_path / "nothing")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(KeyFileExists, match="not overwritten"):
        keyfile.create(path, BOB, PASSPHRASE, cost=CHEAPEST)
    assert sorted(os.listdir(tmp_path)) == before
    if there == "file":
        assert path.read_bytes() == RAW


def test_create_does_not_overwrite_in_a_race_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who does not take our lock puts a file there at the very last moment."""
    path, link = tmp_path / "key", os.link

    def late(*arguments: object, **options: object) -> None:
        file_of(path, RAW)
        link(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(private_files.os, "link", late)
    with pytest.raises(KeyFileExists, match="somebody else"):
        keyfile.create(path, BOB, PASSPHRASE, cost=CHEAPEST)
    assert path.read_bytes() == RAW
    assert os.listdir(tmp_path) == ["key"]


@pytest.mark.fault("F006")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o610, 0o601])
def test_a_file_that_is_open_to_others_is_not_read(tmp_path: Path, mode: int) -> None:
    path = file_of(tmp_path / "key", RAW, mode)
    with pytest.raises(KeyFilePermissions, match=f"mode {mode:04o}"):
        keyfile.load(path, PASSPHRASE)
    with pytest.raises(KeyFilePermissions):
        keyfile.load_or_create(path, PASSPHRASE, cost=CHEAPEST)
    with pytest.raises(KeyFilePermissions):
        keyfile.change_passphrase(path, PASSPHRASE, OTHER, cost=CHEAPEST)
    assert path.read_bytes() == RAW


@pytest.mark.fault("F006")
def test_permissions_are_checked_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*arguments: object) -> bytes:
        raise AssertionError("the file was read")

    monkeypatch.setattr(private_files.os, "read", read)
    with pytest.raises(KeyFilePermissions):
        keyfile.load(file_of(tmp_path / "key", RAW, 0o644), PASSPHRASE)


@pytest.mark.fault("F006")
def test_a_file_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_files.os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(KeyFilePermissions, match="belongs to user"):
        keyfile.load(file_of(tmp_path / "key", RAW), PASSPHRASE)


@pytest.mark.fault("F006")
def test_links_pipes_and_directories_are_no_key_files(tmp_path: Path) -> None:
    link, pipe = tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(file_of(tmp_path / "key", RAW))
    with pytest.raises(KeyFilePermissions, match="symbolic link"):
        keyfile.load(link, PASSPHRASE)
    with pytest.raises(KeyFilePermissions, match="symbolic link"):
        keyfile.change_passphrase(link, PASSPHRASE, OTHER, cost=CHEAPEST)
    os.mkfifo(pipe, 0o600)
    with pytest.raises(KeyFilePermissions, match="plain file"):
        keyfile.load(pipe, PASSPHRASE)
    with pytest.raises(KeyFilePermissions, match="plain file"):
        keyfile.load(tmp_path, PASSPHRASE)


def create(path: Path) -> None:
    keyfile.create(path, ALICE, PASSPHRASE, cost=CHEAPEST)


def change(path: Path) -> None:
    keyfile.change_passphrase(path, PASSPHRASE, OTHER, cost=CHEAPEST)


def counted_calls(directory: Path, action: Callable[[Path], None]) -> list[str]:
    directory.mkdir()
    if action is change:
        file_of(directory / "key", RAW)
    disk = FaultyDisk(at=-1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(private_files, "os", disk)
        action(directory / "key")
    return disk.calls


@pytest.mark.fault("F008")
@pytest.mark.parametrize("action", [create, change])
def test_a_crash_at_any_step_leaves_the_old_file_or_the_new_one(
    tmp_path: Path, action: Callable[[Path], None]
) -> None:
    steps = counted_calls(tmp_path / "rehearsal", action)
    assert steps.index("fsync") < steps.index("link" if action is create else "replace")
    outcomes = set()
    for number in range(len(steps)):
        for after in (False, True):
            directory = tmp_path / f"{number}-{after}"
            directory.mkdir()
            path = directory / "key"
            if action is change:
                file_of(path, RAW)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(private_files, "os", FaultyDisk(number, after=after))
                with pytest.raises(Crash):
                    action(path)
            outcomes.add(what_is_left(path, action))
            # The next start finds its way, and whatever was left over is gone.
            if action is create:
                keyfile.load_or_create(path, PASSPHRASE, cost=CHEAPEST)
            keyfile.change_passphrase(path, *passphrases(path), cost=CHEAPEST)
            assert os.listdir(directory) == ["key"]
    assert outcomes == {"old", "new"}


def passphrases(path: Path) -> tuple[str, str]:
    try:
        keyfile.load(path, PASSPHRASE)
    except WrongPassphrase:
        return OTHER, PASSPHRASE
    return PASSPHRASE, OTHER


def what_is_left(path: Path, action: Callable[[Path], None]) -> str:
    if not path.exists():
        assert action is create
        return "old"
    if action is change and path.read_bytes() == RAW:
        return "old"
    assert keyfile.load(path, OTHER if action is change else PASSPHRASE) == ALICE
    return "new"


@pytest.mark.fault("F008")
@pytest.mark.parametrize("action", [create, change])
def test_an_error_at_any_step_leaves_no_litter(tmp_path: Path, action: Callable[[Path], None]) -> None:
    steps = counted_calls(tmp_path / "rehearsal", action)
    for number, step in enumerate(steps):
        if step == "close":
            continue  # an error of close says nothing more: the bytes are synced already
        directory = tmp_path / str(number)
        directory.mkdir()
        path = directory / "key"
        if action is change:
            file_of(path, RAW)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(private_files, "os", FaultyDisk(number, error=errno.ENOSPC))
            with pytest.raises(KeyFileError, match="No space left"):
                action(path)
        assert [name for name in os.listdir(directory) if name != "key"] == []
        what_is_left(path, action)


def test_only_what_a_crash_left_is_removed(tmp_path: Path) -> None:
    """A key file with a name that begins as those of leftovers is a key file."""
    others = [".key.new-laptop", ".key.new-", ".key.new-0123456789abcdef.bak", "key.new-0123456789abcdef"]
    for name in others:
        file_of(tmp_path / name, RAW)
    file_of(tmp_path / ".key.new-0123456789abcdef", RAW)
    create(tmp_path / "key")
    change(tmp_path / "key")
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "key"])


@pytest.mark.finding("W10")
@pytest.mark.parametrize("name", ["n" * 300, "d/" * 3000 + "key"], ids=["a long name", "a long path"])
def test_names_that_are_too_long(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for action in (
        lambda: keyfile.load(path, PASSPHRASE),
        lambda: create(path),
        lambda: keyfile.load_or_create(path, PASSPHRASE),
        lambda: keyfile.change_passphrase(path, PASSPHRASE, PASSPHRASE),
        lambda: ssb_secret.load(path),
        lambda: ssb_secret.save(path, SecretKey.from_seed(bytes(32))),
    ):
        with pytest.raises(KeyFileError, match="File name too long"):
            action()


@pytest.mark.parametrize("name", ["zero\0byte", "half\ud800pair"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / name, tmp_path / name / "key"):
        with pytest.raises(KeyFileError, match="cannot be a path"):
            keyfile.load(path, PASSPHRASE)
        with pytest.raises(KeyFileError, match="cannot be a path"):
            create(path)


def test_an_error_of_the_last_step_comes_too_late(tmp_path: Path) -> None:
    """Then the new file is there already; what is not sure is that it survives a loss of power."""
    for action, passphrase in ((create, PASSPHRASE), (change, OTHER)):
        steps = counted_calls(tmp_path / f"rehearsal-{passphrase}", action)
        last = len(steps) - 1 - steps[::-1].index("fsync")
        directory = tmp_path / passphrase
        directory.mkdir()
        if action is change:
            file_of(directory / "key", RAW)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(private_files, "os", FaultyDisk(last, error=errno.EIO))
            with pytest.raises(KeyFileError, match="cannot be written"):
                action(directory / "key")
        assert keyfile.load(directory / "key", passphrase) == ALICE


@pytest.mark.fault("F008")
@pytest.mark.parametrize("most_bytes", [1, 50])
def test_a_system_that_takes_and_gives_a_few_bytes_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_bytes: int
) -> None:
    """POSIX lets `write` and `read` do less than they were asked to."""
    write, read = os.write, os.read
    monkeypatch.setattr(private_files.os, "write", lambda to, raw: write(to, bytes(raw)[:most_bytes]))
    monkeypatch.setattr(private_files.os, "read", lambda of, size: read(of, min(size, most_bytes)))
    create(tmp_path / "key")
    assert keyfile.load(tmp_path / "key", PASSPHRASE) == ALICE


@pytest.mark.fault("F006")
@pytest.mark.parametrize("kind", ["file", "link"])
def test_nobody_prepares_the_file_that_is_written_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Who guesses its name and has it open, or has it point elsewhere, must not get the bytes."""
    guessed = tmp_path / f".key.new-{bytes(8).hex()}"
    monkeypatch.setattr(private_files, "_remove_leftovers", lambda path: None)  # it comes after the clean-up
    if kind == "file":
        file_of(guessed, b"", 0o666)
    else:
        guessed.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFileError):
        keyfile.create(tmp_path / "key", ALICE, PASSPHRASE, cost=CHEAPEST, random=bytes)
    assert not (tmp_path / "key").exists()
    assert not (tmp_path / "elsewhere").exists()
