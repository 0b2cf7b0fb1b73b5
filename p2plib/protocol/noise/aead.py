"""ChaCha20-Poly1305 (RFC 8439) from the quickest library that is installed.

OpenSSL's takes less than half the time of libsodium's. It is used where the package `cryptography` is
installed (the extra `fast-cipher` brings it); elsewhere libsodium's is, through PyNaCl, which p2plib needs
anyway. The bytes are the same.

Rules
    1. The caller sees to it that no nonce is used twice with a key.
    2. What does not decrypt is None. No error of the library leaves this module: its traceback would hold the
       key.
"""

from __future__ import annotations

import contextlib
from typing import Protocol

import nacl.bindings
import nacl.exceptions

try:
    from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
except ImportError:
    has_openssl = False
else:
    has_openssl = True

TAG_BYTES = 16


class Key(Protocol):
    """A secret of 32 bytes that shows itself to the cryptography alone."""

    def expose(self) -> bytes:
        """The bytes themselves."""


class Aead(Protocol):
    """A cipher under one key; nonces have 12 bytes."""

    def encrypt(self, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
        """The plaintext encrypted, with its tag."""

    def decrypt(self, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes | None:
        """What was encrypted; None if this is not it."""


class Libsodium:
    """libsodium's, through PyNaCl.

    Args:
        key: 32 bytes.
    """

    __slots__ = ("_key",)

    def __init__(self, key: Key) -> None:
        self._key = key

    def encrypt(self, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
        """As `Aead.encrypt`."""
        return nacl.bindings.crypto_aead_chacha20poly1305_ietf_encrypt(
            plaintext, associated, nonce, self._key.expose()
        )

    def decrypt(self, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes | None:
        """As `Aead.decrypt`."""
        if len(ciphertext) < TAG_BYTES:
            return None
        try:
            return nacl.bindings.crypto_aead_chacha20poly1305_ietf_decrypt(
                ciphertext, associated, nonce, self._key.expose()
            )
        except nacl.exceptions.CryptoError:
            return None


class OpenSsl:
    """OpenSSL's, through `cryptography`.

    Args:
        key: 32 bytes.

    Raises:
        cryptography.exceptions.UnsupportedAlgorithm: this OpenSSL has no such cipher, by its makers' choice.
    """

    __slots__ = ("_cipher",)

    def __init__(self, key: Key) -> None:
        self._cipher = ChaCha20Poly1305(key.expose())

    def encrypt(self, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
        """As `Aead.encrypt`."""
        return self._cipher.encrypt(nonce, plaintext, associated)

    def decrypt(self, nonce: bytes, ciphertext: bytes, associated: bytes) -> bytes | None:
        """As `Aead.decrypt`."""
        try:
            return self._cipher.decrypt(nonce, ciphertext, associated)
        except InvalidTag:
            return None


def aead(key: Key) -> Aead:
    """The cipher under a key of 32 bytes."""
    if has_openssl:
        with contextlib.suppress(UnsupportedAlgorithm):
            return OpenSsl(key)
    return Libsodium(key)
