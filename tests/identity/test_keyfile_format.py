"""The bytes of a key file: an independent reader, every damaged bit, bounded costs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import nacl.exceptions
import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.errors import (
    KeyFileCorrupt,
    KeyFileError,
    UsageError,
    WrongPassphrase,
)
from p2plib.identity import keyfile, keyfile_format
from p2plib.identity.keyfile import CHEAPEST, Cost
from p2plib.identity.keys import SecretKey
from tests.identity.keyfiles import ALICE, OTHER, PASSPHRASE, RAW


def mended(raw: bytes) -> bytes:
    """The same bytes with a checksum that fits: what somebody makes who changes a file on purpose."""
    return raw[:-8] + hashlib.sha256(raw[:-8]).digest()[:8]


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
    """The vector of the draft's section 2.2.1, so that the oracle is checked too."""
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


@pytest.mark.finding("small: Cost(1.5, 8)")
@pytest.mark.parametrize(("passes", "memory_kib"), [(1.5, 8), (1, 8.0), (True, 8), ("1", 8)])
def test_costs_that_are_no_whole_numbers(passes: Any, memory_kib: Any) -> None:
    with pytest.raises(UsageError, match="whole numbers"):
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
