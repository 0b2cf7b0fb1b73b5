"""ChaCha20-Poly1305 of both libraries: the vector of RFC 8439, the same bytes, and what is refused."""

from __future__ import annotations

import os

import pytest

from p2plib.protocol.noise import aead
from p2plib.protocol.noise.aead import Aead, Libsodium, OpenSsl
from p2plib.protocol.noise.crypto import CipherState, SessionSecret

pytest.importorskip("cryptography", reason="there is no package cryptography, so there is one library only")

# RFC 8439, section 2.8.2.
KEY = SessionSecret.from_bytes(bytes(range(0x80, 0xA0)))
NONCE = bytes.fromhex("070000004041424344454647")
ASSOCIATED = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
PLAINTEXT = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen "
    b"would be it."
)
SEALED = bytes.fromhex(
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
    "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
    "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"
)

both = pytest.mark.parametrize("library", [Libsodium, OpenSsl])


@both
def test_the_vector_of_the_specification(library: type[Libsodium] | type[OpenSsl]) -> None:
    cipher: Aead = library(KEY)
    assert cipher.encrypt(NONCE, PLAINTEXT, ASSOCIATED) == SEALED
    assert cipher.decrypt(NONCE, SEALED, ASSOCIATED) == PLAINTEXT


@both
@pytest.mark.parametrize("size_bytes", [0, 1, 16])
def test_what_was_changed_or_cut_is_none(library: type[Libsodium] | type[OpenSsl], size_bytes: int) -> None:
    cipher = library(KEY)
    sealed = cipher.encrypt(NONCE, bytes(size_bytes), b"ad")
    assert cipher.decrypt(NONCE, sealed, b"ad") == bytes(size_bytes)
    for at in range(len(sealed)):
        changed = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        assert cipher.decrypt(NONCE, changed, b"ad") is None
        assert cipher.decrypt(NONCE, sealed[:at], b"ad") is None
    assert cipher.decrypt(NONCE, sealed, b"other") is None
    assert cipher.decrypt(bytes(12), sealed, b"ad") is None


def test_they_make_the_same_bytes() -> None:
    for size_bytes in (0, 1, 15, 16, 17, 63, 64, 65, 1000, 65_519):
        key, nonce = SessionSecret.from_bytes(os.urandom(32)), os.urandom(12)
        plaintext, associated = os.urandom(size_bytes), os.urandom(size_bytes % 50)
        sealed = Libsodium(key).encrypt(nonce, plaintext, associated)
        assert OpenSsl(key).encrypt(nonce, plaintext, associated) == sealed
        assert OpenSsl(key).decrypt(nonce, sealed, associated) == plaintext


def test_noise_does_without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(CipherState(KEY)._cipher, OpenSsl)
    sealed = CipherState(KEY).encrypt(b"", b"hello")
    monkeypatch.setattr(aead, "has_openssl", False)
    alone = CipherState(KEY)
    assert isinstance(alone._cipher, Libsodium)
    assert alone.decrypt(b"", sealed) == b"hello"


@both
def test_a_cipher_shows_nothing_of_its_key(library: type[Libsodium] | type[OpenSsl]) -> None:
    cipher = library(KEY)
    shown = repr(cipher) + repr([getattr(cipher, name) for name in type(cipher).__slots__])
    assert KEY.expose().hex()[:8] not in shown
    assert repr(KEY.expose())[2:12] not in shown
