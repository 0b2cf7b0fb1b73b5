"""Key files: the format against an independent reader, and everything that may happen to a file on a disk."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path

import nacl.exceptions
import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import (
    KeyFileCorrupt,
    KeyFileError,
    KeyFileExists,
    KeyFileMissing,
    KeyFilePermissions,
    UsageError,
    WrongPassphrase,
)
from p2plib.identity import keyfile, keyfile_format, private_files
from p2plib.identity.keyfile import CHEAPEST, Cost
from p2plib.identity.keys import SecretKey
from tests.identity.faulty_disk import Crash, FaultyDisk
from tests.identity.reports import library_locals

ALICE = SecretKey.from_seed(hashlib.sha256(b"alice").digest())
BOB = SecretKey.from_seed(hashlib.sha256(b"bob").digest())
PASSPHRASE = "correct horse battery staple"
OTHER = "Tr0ub4dor&3"


def counting() -> Callable[[int], bytes]:
    calls = iter(range(1000))
    return lambda size: hashlib.shake_256(bytes([next(calls)])).digest(size)


RAW = keyfile.encode(ALICE, PASSPHRASE, cost=CHEAPEST, random=counting())


def mended(raw: bytes) -> bytes:
    """The same bytes with a checksum that fits: what somebody makes who changes a file on purpose."""
    return raw[:-8] + hashlib.sha256(raw[:-8]).digest()[:8]


def file_of(path: Path, raw: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(raw)
    path.chmod(mode)
    return path


# -- the format ---------------------------------------------------------------------------------------------


def hchacha20(key: bytes, nonce: bytes) -> bytes:
    """draft-irtf-cfrg-xchacha-03, section 2.2: the ChaCha20 rounds without the final addition."""

    def words(raw: bytes) -> list[int]:
        return [int.from_bytes(raw[i : i + 4], "little") for i in range(0, len(raw), 4)]

    x = words(b"expand 32-byte k" + key + nonce)

    def quarter(a: int, b: int, c: int, d: int) -> None:
        for to, other, turned, left in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[to] = (x[to] + x[other]) % 2**32
            x[turned] ^= x[to]
            x[turned] = (x[turned] << left | x[turned] >> 32 - left) % 2**32

    for _ in range(10):
        for i in range(4):
            quarter(i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return b"".join(word.to_bytes(4, "little") for word in x[:4] + x[12:])


def test_hchacha20_of_the_independent_reader() -> None:
    """The vector of the draft's section 2.2.1, so that the judge is judged too."""
    key, nonce = bytes(range(32)), bytes.fromhex("000000090000004a0000000031415927")
    expected = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    assert hchacha20(key, nonce).hex() == expected


def test_an_independent_reader_opens_the_file() -> None:
    """Argon2id and ChaCha20-Poly1305 by OpenSSL, offsets as in the format's table."""
    assert len(RAW) == 114
    assert RAW[:8] == b"p2pkey\r\n"
    assert RAW[8:10] == b"\1\1"
    passes, memory_kib = int.from_bytes(RAW[10:14], "big"), int.from_bytes(RAW[14:18], "big")
    salt, nonce = RAW[18:34], RAW[34:58]
    key = Argon2id(salt=salt, length=32, iterations=passes, lanes=1, memory_cost=memory_kib).derive(
        PASSPHRASE.encode()
    )
    inner = ChaCha20Poly1305(hchacha20(key, nonce[:16]))
    assert inner.decrypt(bytes(4) + nonce[16:], RAW[58:106], RAW[:58]) == ALICE.expose_seed()
    assert RAW[106:] == hashlib.sha256(RAW[:106]).digest()[:8]


def test_the_bytes_of_version_1_stay_as_they_are() -> None:
    """A file written by any version of this library must open for ever."""
    assert (
        hashlib.sha256(RAW).hexdigest() == "ce79eb36bef29a85c4b19cf42a2f1532139c3ee71c1bf478176a67fd3ab01844"
    )
    assert keyfile.decode(RAW, PASSPHRASE) == ALICE


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.text(st.characters(codec="ascii"), min_size=1, max_size=20))
def test_what_is_encoded_is_decoded(seed: bytes, passphrase: str) -> None:
    secret = SecretKey.from_seed(seed)
    raw = keyfile.encode(secret, passphrase, cost=CHEAPEST)
    assert keyfile.decode(raw, passphrase) == secret
    with pytest.raises(WrongPassphrase):
        keyfile.decode(raw, passphrase + "x")


def test_salt_and_nonce_are_new_every_time() -> None:
    one, other = (keyfile.encode(ALICE, PASSPHRASE, cost=CHEAPEST) for _ in range(2))
    assert one[18:34] != other[18:34]
    assert one[34:58] != other[34:58]


def test_the_fields_are_the_file() -> None:
    fields = keyfile.dissect(RAW)
    assert b"".join(f.raw for f in fields) == RAW
    assert [(f.name, f.size_bytes) for f in fields] == [
        ("magic", 8),
        ("version", 1),
        ("KDF", 1),
        ("passes", 4),
        ("memory", 4),
        ("salt", 16),
        ("nonce", 24),
        ("sealed seed", 48),
        ("checksum", 8),
    ]


@pytest.mark.fault("F007")
def test_every_damaged_bit_is_corruption() -> None:
    for position in range(8 * len(RAW)):
        changed = bytearray(RAW)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises(KeyFileCorrupt):
            keyfile.decode(bytes(changed), PASSPHRASE)


@pytest.mark.fault("F007")
def test_every_size_but_one_is_corruption() -> None:
    for raw in [*(RAW[:size] for size in range(len(RAW))), RAW + b"\0", RAW + RAW]:
        with pytest.raises(KeyFileCorrupt):
            keyfile.decode(raw, PASSPHRASE)


@pytest.mark.fault("F007")
@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "not a key file"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----", "not a key file"),
        (RAW.replace(b"\r\n", b"\n", 1), "not a key file"),
        (RAW[:8] + b"\2" + RAW[9:], "version 2 is not known"),
        (RAW[:8] + b"\2", "version 2 is not known"),
        (RAW[:-1], "has 114 bytes, not 113"),
        (RAW[:-1] + b"\0", "checksum does not fit"),
        (mended(RAW[:9] + b"\2" + RAW[10:]), "key derivation 2 is not known"),
    ],
)
def test_what_is_wrong_is_said(raw: bytes, says: str) -> None:
    with pytest.raises(KeyFileCorrupt, match=says):
        keyfile.decode(raw, PASSPHRASE)


def test_a_change_on_purpose_looks_like_a_wrong_passphrase() -> None:
    """Who changes the file can mend its checksum: the encryption refuses, and nobody could tell."""
    for position in (10 + 3, 18, 34, 58, 105):
        changed = bytearray(RAW)
        changed[position] ^= 2
        with pytest.raises(WrongPassphrase):
            keyfile.decode(mended(bytes(changed)), PASSPHRASE)


@pytest.mark.fault("F009")
def test_a_wrong_passphrase_is_not_corruption() -> None:
    with pytest.raises(WrongPassphrase, match="the file is whole"):
        keyfile.decode(RAW, OTHER)


@pytest.mark.fault("F009")
@pytest.mark.parametrize(
    ("passes", "memory_kib"),
    [(0, 8), (9, 8), (2**32 - 1, 8), (1, 0), (1, 7), (1, 2**20 + 1), (1, 2**32 - 1), (2**32 - 1, 2**32 - 1)],
)
def test_the_cost_is_bounded_before_it_is_spent(
    monkeypatch: pytest.MonkeyPatch, passes: int, memory_kib: int
) -> None:
    def spent(*arguments: object) -> bytes:
        raise AssertionError("Argon2id was called")

    monkeypatch.setattr(keyfile_format, "_stretch", spent)
    raw = RAW[:10] + passes.to_bytes(4, "big") + memory_kib.to_bytes(4, "big") + RAW[18:]
    with pytest.raises(KeyFileCorrupt, match="out of bounds"):
        keyfile.decode(mended(raw), PASSPHRASE)
    with pytest.raises(UsageError):
        Cost(passes, memory_kib)


@pytest.mark.fault("F009")
def test_a_machine_without_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(*arguments: object) -> bytes:
        raise nacl.exceptions.RuntimeError("Unexpected failure in key derivation")

    monkeypatch.setattr(nacl.bindings, "crypto_pwhash_alg", too_much)
    with pytest.raises(KeyFileError, match="does not have the 8 KiB"):
        keyfile.decode(RAW, PASSPHRASE)


def test_the_presets_are_those_of_libsodium() -> None:
    from nacl.pwhash import argon2id

    assert (keyfile.SENSITIVE.passes, keyfile.SENSITIVE.memory_kib * 1024) == (
        argon2id.OPSLIMIT_SENSITIVE,
        argon2id.MEMLIMIT_SENSITIVE,
    )
    assert (keyfile.MODERATE.passes, keyfile.MODERATE.memory_kib * 1024) == (
        argon2id.OPSLIMIT_MODERATE,
        argon2id.MEMLIMIT_MODERATE,
    )
    assert (keyfile.INTERACTIVE.passes, keyfile.INTERACTIVE.memory_kib * 1024) == (
        argon2id.OPSLIMIT_INTERACTIVE,
        argon2id.MEMLIMIT_INTERACTIVE,
    )


# -- passphrases --------------------------------------------------------------------------------------------


def test_every_unicode_form_of_a_passphrase_opens_the_file() -> None:
    passphrase = "Å café \ufb01n 한글"
    raw = keyfile.encode(ALICE, unicodedata.normalize("NFD", passphrase), cost=CHEAPEST)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert keyfile.decode(raw, unicodedata.normalize(form, passphrase)) == ALICE
    with pytest.raises(WrongPassphrase):
        keyfile.decode(raw, passphrase.lower())


@pytest.mark.parametrize(
    ("passphrase", "says"),
    [
        ("", "not empty"),
        ("x" * 1025, "at most 1024"),
        ("a\ud800", "does not assign"),
        ("a\U000e0080", "assign"),
    ],
)
def test_what_cannot_be_a_passphrase(tmp_path: Path, passphrase: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        keyfile.create(tmp_path / "key", ALICE, passphrase, cost=CHEAPEST)
    assert os.listdir(tmp_path) == []


# -- files --------------------------------------------------------------------------------------------------


def test_created_and_loaded(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keyfile.create(path, ALICE, PASSPHRASE, cost=CHEAPEST)
    assert keyfile.load(path, PASSPHRASE) == ALICE
    assert keyfile.load(str(path), PASSPHRASE) == ALICE
    assert path.stat().st_mode & 0o7777 == 0o600
    assert os.listdir(tmp_path) == ["key"]


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


def test_many_that_load_or_create_at_once_get_one_identity(tmp_path: Path) -> None:
    path, found, start = tmp_path / "key", [], threading.Barrier(8)

    def run() -> None:
        start.wait()
        found.append(keyfile.load_or_create(path, PASSPHRASE, cost=CHEAPEST).public.raw)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert set(found) == {keyfile.load(path, PASSPHRASE).public.raw}
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


@pytest.mark.fault("F007")
@pytest.mark.parametrize(
    "raw", [b"", RAW[:50], RAW[:-1], RAW + b"x", RAW[:-1] + b"\0", RAW[:8] + b"\7" + RAW[9:]]
)
def test_a_damaged_file_is_never_replaced(tmp_path: Path, raw: bytes) -> None:
    path = file_of(tmp_path / "key", raw)
    for use in (keyfile.load, keyfile.load_or_create):
        with pytest.raises(KeyFileCorrupt, match=re.escape(str(path))):
            use(path, PASSPHRASE)
    assert path.read_bytes() == raw
    assert os.listdir(tmp_path) == ["key"]


@pytest.mark.fault("F007")
def test_a_wrong_passphrase_makes_no_new_key(tmp_path: Path) -> None:
    path = file_of(tmp_path / "key", RAW)
    with pytest.raises(WrongPassphrase, match=re.escape(str(path))):
        keyfile.load_or_create(path, OTHER, cost=CHEAPEST)
    assert path.read_bytes() == RAW


def test_load_or_create_makes_one_key_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(KeyFileMissing):
        keyfile.load(path, PASSPHRASE)
    first = keyfile.load_or_create(path, PASSPHRASE, cost=CHEAPEST)
    assert keyfile.load_or_create(path, PASSPHRASE, cost=CHEAPEST) == first
    with pytest.raises(FileNotFoundError):
        keyfile.load(tmp_path / "absent", PASSPHRASE)
    with pytest.raises(KeyFileError, match="cannot be written"):
        keyfile.load_or_create(tmp_path / "absent" / "key", PASSPHRASE, cost=CHEAPEST)


def test_a_passphrase_is_changed(tmp_path: Path) -> None:
    path = file_of(tmp_path / "key", RAW)
    keyfile.change_passphrase(path, PASSPHRASE, OTHER, cost=CHEAPEST)
    assert keyfile.load(path, OTHER) == ALICE
    with pytest.raises(WrongPassphrase):
        keyfile.load(path, PASSPHRASE)
    assert path.stat().st_mode & 0o7777 == 0o600
    assert os.listdir(tmp_path) == ["key"]
    with pytest.raises(WrongPassphrase):
        keyfile.change_passphrase(path, PASSPHRASE, "x", cost=CHEAPEST)
    assert keyfile.load(path, OTHER) == ALICE


def test_a_file_that_changed_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(tmp_path / "key", RAW)
    bobs = keyfile.encode(BOB, PASSPHRASE, cost=CHEAPEST)
    encode = keyfile.encode_held

    def slowly(*arguments: object) -> bytes:
        file_of(path, bobs)
        return encode(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(keyfile, "encode_held", slowly)
    with pytest.raises(KeyFileError, match="changed by somebody else"):
        keyfile.change_passphrase(path, PASSPHRASE, OTHER, cost=CHEAPEST)
    assert path.read_bytes() == bobs


# -- crashes ------------------------------------------------------------------------------------------------


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


# -- secrets ------------------------------------------------------------------------------------------------


@pytest.mark.fault("F011")
def test_no_error_shows_passphrase_or_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = file_of(tmp_path / "whole", RAW)
    short = file_of(tmp_path / "short", RAW[:-1])
    open_to_others = file_of(tmp_path / "open", RAW, 0o644)
    nowhere = tmp_path / "absent" / "key"
    wrong = "a passphrase that nobody should see"
    unassigned = wrong + "\U000e0080"
    calls: list[Callable[[], object]] = [
        lambda: keyfile.load(whole, wrong),
        lambda: keyfile.load(short, wrong),
        lambda: keyfile.load(open_to_others, wrong),
        lambda: keyfile.load(nowhere, wrong),
        lambda: keyfile.load(whole, unassigned),
        lambda: keyfile.create(whole, ALICE, wrong, cost=CHEAPEST),
        lambda: keyfile.create(nowhere, ALICE, wrong, cost=CHEAPEST),
        lambda: keyfile.load_or_create(whole, wrong, cost=CHEAPEST),
        lambda: keyfile.load_or_create(nowhere, wrong, cost=CHEAPEST),
        lambda: keyfile.change_passphrase(whole, wrong, wrong, cost=CHEAPEST),
        lambda: keyfile.change_passphrase(whole, PASSPHRASE, unassigned, cost=CHEAPEST),
        lambda: keyfile.decode(RAW, wrong),
        lambda: keyfile.decode(RAW[:-1], wrong),
        lambda: keyfile.encode(ALICE, unassigned, cost=CHEAPEST),
    ]
    hidden = [wrong, PASSPHRASE, repr(ALICE.expose_seed())[2:-1], ALICE.expose_seed().hex()]
    for call in calls:
        with pytest.raises((KeyFileError, UsageError)) as caught:
            call()
        shown = library_locals(caught.value)
        assert not [secret for secret in hidden if secret in shown]


# -- names --------------------------------------------------------------------------------------------------


def test_only_what_a_crash_left_is_removed(tmp_path: Path) -> None:
    """A key file with a name that begins as those of leftovers is a key file."""
    others = [".key.new-laptop", ".key.new-", ".key.new-0123456789abcdef.bak", "key.new-0123456789abcdef"]
    for name in others:
        file_of(tmp_path / name, RAW)
    file_of(tmp_path / ".key.new-0123456789abcdef", RAW)
    create(tmp_path / "key")
    change(tmp_path / "key")
    assert sorted(os.listdir(tmp_path)) == sorted([*others, "key"])


@pytest.mark.parametrize("name", ["zero\0byte", "half\ud800pair"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / name, tmp_path / name / "key"):
        with pytest.raises(KeyFileError, match="cannot be a path"):
            keyfile.load(path, PASSPHRASE)
        with pytest.raises(KeyFileError, match="cannot be a path"):
            create(path)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_what_is_not_bytes_is_no_wrong_passphrase(kind: Callable[[bytes], bytes]) -> None:
    for call in (keyfile.dissect, lambda raw: keyfile.decode(raw, PASSPHRASE)):
        with pytest.raises(UsageError, match=f"not {kind.__name__}"):  # type: ignore[attr-defined]
            call(kind(RAW))


@pytest.mark.parametrize("size_bytes", [15, 17, 23, 25])
def test_randomness_of_another_size(size_bytes: int) -> None:
    """Too little is a mistake of who gave the function, and not a lack of memory."""
    with pytest.raises(UsageError, match="another number of bytes"):
        keyfile.encode(
            ALICE,
            PASSPHRASE,
            cost=CHEAPEST,
            random=lambda n: bytes(n if (n < 20) != (size_bytes < 20) else size_bytes),
        )


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
