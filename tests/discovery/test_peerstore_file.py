"""The file of a peerstore: there and back, damaged in every way, and never half written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.discovery import peerstore_file
from p2plib.discovery.peerstore import STRANGER_S, Peerstore
from p2plib.discovery.peerstore_file import HEAD, decode, encode, load, save
from p2plib.errors import DecodeError, LocalError, UsageError
from p2plib.identity.keys import SecretKey
from p2plib.wire import bencode
from tests.discovery.test_peerstore import CATS, DOGS, NOW, address, found, order, record_of


def full() -> Peerstore:
    store = Peerstore()
    for number in range(5):
        store.heard(CATS, found(number), NOW + number)
    store.met(CATS, address(1), NOW + 1.5)
    store.failed(CATS, address(1), NOW + 2)
    store.met(DOGS, ("2001:db8::1", 4001), NOW)
    ana = SecretKey.from_seed(b"a" * 32)
    store.met_peer(ana.public)
    store.keep_record(record_of(ana), NOW)
    return store


def test_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "peers"
    assert len(load(path, NOW)) == 0
    store = full()
    save(store, path, NOW + 5)
    again = load(path, NOW + 5)
    assert again.topics == store.topics
    assert list(again.topics) == list(store.topics)
    assert again.met_keys == store.met_keys
    assert again.kept_records(NOW) == store.kept_records(NOW)
    assert encode(again, NOW + 5) == path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    assert [each.name for each in tmp_path.iterdir()] == ["peers"]
    save(again, path, NOW + 6)


def test_what_is_too_old_by_now_is_left_out(tmp_path: Path) -> None:
    save(full(), tmp_path / "peers", NOW + 5)
    again = load(tmp_path / "peers", NOW + STRANGER_S + 10)
    assert [where for where, _ in again.addresses(CATS, NOW + STRANGER_S + 10)] == [address(1)]
    assert again.records == 0
    again = load(tmp_path / "peers", NOW + STRANGER_S + 10)
    assert len(again) == 2, "what is too old is not even taken in"


def test_the_limits_of_the_new_store_hold_for_the_file(tmp_path: Path) -> None:
    save(full(), tmp_path / "peers", NOW + 5)
    again = load(tmp_path / "peers", NOW + 5, Peerstore(max_topics=1, max_told=2))
    assert list(again.topics) == [DOGS]


@pytest.mark.parametrize("damage", ["first byte", "cut", "one bit", "something else", "more"])
def test_a_damaged_file_is_an_error_that_names_it_and_is_not_overwritten(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "peers"
    save(full(), path, NOW + 5)
    raw = path.read_bytes()
    bad = {
        "first byte": b"Q" + raw[1:],
        "cut": raw[:-30],
        "one bit": raw[:60] + bytes([raw[60] ^ 1]) + raw[61:],
        "something else": b"my diary\n",
        "more": raw + b"!",
    }[damage]
    path.write_bytes(bad)
    for doing in (lambda: load(path, NOW + 5), lambda: save(full(), path, NOW + 5)):
        with pytest.raises(DecodeError, match=r"peers is no peerstore that can be read.*move it away"):
            doing()
    assert path.read_bytes() == bad
    assert [each.name for each in tmp_path.iterdir()] == ["peers"]


def signed_by_digest(value: Any) -> bytes:
    data = HEAD + bencode.encode(value)
    return data + peerstore_file._digest(data)


EMPTY: dict[bytes, Any] = {b"met": [], b"records": [], b"topics": []}


@pytest.mark.parametrize(
    "value",
    [
        7,
        [],
        {},
        {**EMPTY, b"met": 7},
        {**EMPTY, b"met": [b"short"]},
        {**EMPTY, b"met": [7]},
        {**EMPTY, b"records": [b"\x00"]},
        {**EMPTY, b"topics": [7]},
        {**EMPTY, b"topics": [{b"topic": b"short", b"entries": [[bytes(4) + b"\x10\x00", b"", 1, 1, 0]]}]},
        {**EMPTY, b"topics": [{b"topic": CATS, b"entries": [[]]}]},
        {**EMPTY, b"topics": [{b"topic": CATS, b"entries": [[b"123", b"", 1, 1, 0]]}]},
        {**EMPTY, b"topics": [{b"topic": CATS, b"entries": [[b"\xc0\x00\x02\x01\x00\x00", b"", 1, 1, 0]]}]},
        {
            **EMPTY,
            b"topics": [{b"topic": CATS, b"entries": [[b"\xc0\x00\x02\x01\x10\x00", b"\xff", 1, 1, 0]]}],
        },
        {**EMPTY, b"topics": [{b"topic": CATS, b"entries": [[b"\xc0\x00\x02\x01\x10\x00", b"", b"", 1, 0]]}]},
        {
            **EMPTY,
            b"topics": [{b"topic": CATS, b"entries": [[b"\xc0\x00\x02\x01\x10\x00", b"", 10**400, 1, 0]]}],
        },
    ],
    ids=range(15),
)
def test_a_file_that_means_nothing_is_an_error_even_if_its_digest_is_right(value: Any) -> None:
    with pytest.raises(DecodeError):
        decode(signed_by_digest(value), Peerstore(), NOW)


@given(st.binary(max_size=100))
def test_any_bytes_are_a_store_or_an_error(raw: bytes) -> None:
    for data in (raw, HEAD + raw, HEAD + raw + peerstore_file._digest(HEAD + raw)):
        with pytest.raises(DecodeError):
            decode(data, Peerstore(), NOW)


def test_a_crash_while_saving_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "peers"
    save(full(), path, NOW + 5)
    old = path.read_bytes()

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    store = full()
    store.met(CATS, address(77), NOW)
    with pytest.raises(LocalError, match="cannot be written: No space left"):
        save(store, path, NOW + 6)
    assert path.read_bytes() == old
    assert [each.name for each in tmp_path.iterdir()] == ["peers"]


def test_what_the_system_refuses_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LocalError, match="cannot be read"):
        load(tmp_path, NOW)
    with pytest.raises(LocalError, match="cannot be written"):
        save(full(), tmp_path / "no" / "peers", NOW)
    monkeypatch.setattr(peerstore_file, "MAX_FILE_BYTES", 10)
    (tmp_path / "peers").write_bytes(b"x" * 11)
    with pytest.raises(DecodeError, match="more than 10 bytes"):
        load(tmp_path / "peers", NOW)


@pytest.mark.fault("F155")
def test_an_entry_of_a_clock_that_was_ahead_makes_no_other_look_old(tmp_path: Path) -> None:
    store = Peerstore()
    store.met(CATS, address(1), NOW)
    store.met(CATS, address(2), NOW + 365 * 86_400)
    assert order(store, NOW) == [address(2)]  # at that time, the first was old
    store.met(CATS, address(3), NOW)
    decode(encode(store, NOW), again := Peerstore(), NOW)
    assert order(again, NOW) == [address(3), address(2)]


@pytest.mark.parametrize("entry", [[0, b"?"], [1, 1, -1], [1, 1, 99], [-1, 0, 0], [0, -1, 0]], ids=repr)
def test_a_number_that_no_store_has_is_an_error(entry: list[Any]) -> None:
    numbers = [int(1000 * NOW), 0, 0][: 3 - len(entry)] + entry
    topics = [{b"topic": CATS, b"entries": [[b"\xc0\x00\x02\x01\x0f\xa1", b"dht", *numbers]]}]
    with pytest.raises(DecodeError):
        decode(signed_by_digest({b"met": [], b"records": [], b"topics": topics}), Peerstore(), NOW)


def test_more_than_can_be_read_again_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "peers"
    save(Peerstore(), path, NOW)
    old = path.read_bytes()
    monkeypatch.setattr(peerstore_file, "MAX_FILE_BYTES", len(old))
    with pytest.raises(LocalError, match="lower its limits"):
        save(full(), path, NOW)
    assert path.read_bytes() == old


def test_a_link_stays_a_link_and_one_in_our_way_is_not_followed(tmp_path: Path) -> None:
    path, real, victim = tmp_path / "peers", tmp_path / "real", tmp_path / "victim"
    path.symlink_to(real)
    (tmp_path / f".real.new-{os.getpid()}").symlink_to(victim)
    save(full(), path, NOW)
    assert path.is_symlink()
    assert len(load(real, NOW)) == len(full())
    assert not victim.exists()


def test_what_is_no_name_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no name of a file"):
        load(tmp_path / "a\0b", NOW)
