"""Key files: passphrases, loading and creating, and what errors do not show."""

from __future__ import annotations

import os
import re
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from p2plib.errors import (
    KeyFileCorrupt,
    KeyFileError,
    KeyFileMissing,
    UsageError,
    WrongPassphrase,
)
from p2plib.identity import keyfile
from p2plib.identity.keyfile import CHEAPEST
from tests.identity.keyfiles import ALICE, BOB, OTHER, PASSPHRASE, RAW, file_of
from tests.identity.reports import library_locals

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
