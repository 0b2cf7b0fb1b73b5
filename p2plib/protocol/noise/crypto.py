"""Noise's cryptography: key derivation, a cipher that counts, and a hash that runs along. Small machines.

The Noise Protocol Framework, revision 34, sections 4 (functions), 5.1 and 5.2 (CipherState and
SymmetricState), 11.3 (rekey) and 12 (the algorithms). ChaCha20-Poly1305 is OpenSSL's or libsodium's (`aead`
chooses), hashes and HMAC are Python's.

Rules
    1. A key encrypts each counter once. The counter begins at 0 and is not sent: both sides count.
    2. The counter 2^64 - 1 is kept for `rekey`. A key that has reached it encrypts and decrypts nothing more.
    3. What does not decrypt does not count.

Secrets show nothing of themselves (`p2plib.identity.secret` says how), and no library raises while it holds
one.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from p2plib.errors import KeyExhausted, Tampered, UsageError
from p2plib.identity.secret import Secret
from p2plib.protocol.noise.aead import Aead, aead
from p2plib.protocol.noise.patterns import KEY_BYTES

LAST_COUNTER = 2**64 - 1

_COUNTER_BYTES = 8


class SessionSecret(Secret):
    """A secret that lives as long as a handshake or a session: a cipher's key, a chaining key, a PSK."""

    __slots__ = ()

    @classmethod
    def from_bytes(cls, raw: bytes) -> SessionSecret:
        """The secret of these bytes."""
        secret = object.__new__(cls)
        object.__setattr__(secret, "_expose", lambda: raw)
        return secret

    def __repr__(self) -> str:
        return "SessionSecret(…)"

    def expose(self) -> bytes:
        """The bytes themselves, for the cryptography and for nothing else."""
        return self._expose()


@dataclass(frozen=True, slots=True)
class HashFunction:
    """A hash function as Noise uses it.

    Args:
        name: as it stands in protocol names, "SHA256".
        python_name: hashlib's name for it.
        size_bytes: of what it makes, HASHLEN.
    """

    name: str
    python_name: str
    size_bytes: int

    def hash(self, data: bytes) -> bytes:
        """The hash of some bytes."""
        return hashlib.new(self.python_name, data).digest()

    def derive(self, chain: SessionSecret, material: bytes, outputs: int) -> tuple[SessionSecret, ...]:
        """Two or three secrets of a chaining key and new material: Noise's HKDF, section 4.3."""
        temporary = hmac.digest(chain.expose(), material, self.python_name)
        made, last = list[SessionSecret](), b""
        for number in range(1, outputs + 1):
            last = hmac.digest(temporary, last + bytes([number]), self.python_name)
            made.append(SessionSecret.from_bytes(last))
        return tuple(made)


HASH_FUNCTIONS = {
    "SHA256": HashFunction("SHA256", "sha256", 32),
    "SHA512": HashFunction("SHA512", "sha512", 64),
    "BLAKE2s": HashFunction("BLAKE2s", "blake2s", 32),
    "BLAKE2b": HashFunction("BLAKE2b", "blake2b", 64),
}


def cipher_key(secret: SessionSecret) -> SessionSecret:
    """The first 32 bytes of a derived secret: what hashes of 64 bytes make is cut (section 5.2)."""
    return SessionSecret.from_bytes(secret.expose()[:KEY_BYTES])


def _nonce(counter: int) -> bytes:
    return bytes(4) + counter.to_bytes(_COUNTER_BYTES, "little")


class CipherState:
    """A key and how often it was used, for one direction.

    Args:
        key: 32 bytes; None for a cipher that has no key yet and passes everything through.
        counter: where it begins to count, 0 to 2^64 - 1.
    """

    __slots__ = ("_cipher", "counter")

    def __init__(self, key: SessionSecret | None = None, counter: int = 0) -> None:
        if key is not None and len(key.expose()) != KEY_BYTES:
            raise UsageError(f"a cipher's key is {KEY_BYTES} bytes")
        if not 0 <= counter <= LAST_COUNTER:
            raise UsageError("a counter is 0 to 2^64 - 1")
        self._cipher: Aead | None = None if key is None else aead(key)
        self.counter = counter

    def __repr__(self) -> str:
        return f"CipherState({'a key' if self._cipher else 'no key'}, counter={self.counter})"

    @property
    def has_key(self) -> bool:
        """Whether it encrypts at all."""
        return self._cipher is not None

    def encrypt(self, associated: bytes, plaintext: bytes) -> bytes:
        """The plaintext encrypted, 16 bytes longer; or as it is, without a key.

        Args:
            associated: bytes that are authenticated with it and not sent; `decrypt` needs the same.
            plaintext: any bytes.

        Raises:
            KeyExhausted: the key has encrypted 2^64 - 1 messages.
        """
        if self._cipher is None:
            return plaintext
        self._check_counter()
        sealed = self._cipher.encrypt(_nonce(self.counter), plaintext, associated)
        self.counter += 1
        return sealed

    def decrypt(self, associated: bytes, ciphertext: bytes) -> bytes:
        """What was encrypted, if it is whole and the one whose turn it is.

        Raises:
            Tampered: it is not. The counter stays.
            KeyExhausted: the key has decrypted 2^64 - 1 messages.
        """
        if self._cipher is None:
            return ciphertext
        self._check_counter()
        plaintext = self._cipher.decrypt(_nonce(self.counter), ciphertext, associated)
        if plaintext is None:
            raise Tampered("a message that was changed, cut, repeated or moved, or is under another key")
        self.counter += 1
        return plaintext

    def rekey(self) -> None:
        """Goes on with the next key, made of this one; whoever gets it later cannot go back. The counter
        stays. Both sides must do it at the same place of the stream (section 11.3)."""
        if self._cipher is None:
            raise UsageError("a cipher without a key has nothing to go on from")
        made = self._cipher.encrypt(_nonce(LAST_COUNTER), bytes(KEY_BYTES), b"")
        self._cipher = aead(SessionSecret.from_bytes(made[:KEY_BYTES]))

    def _check_counter(self) -> None:
        if self.counter >= LAST_COUNTER:
            raise KeyExhausted("this key has been used 2^64 - 1 times, and a counter is never used twice")


class SymmetricState:
    """The running hash, the chaining key, and the cipher of a handshake (section 5.2)."""

    __slots__ = ("_chain", "_function", "cipher", "hash")

    def __init__(self, name: str, function: HashFunction) -> None:
        raw = name.encode("ascii")
        fits = len(raw) <= function.size_bytes
        self._function = function
        self.hash = raw.ljust(function.size_bytes, b"\0") if fits else function.hash(raw)
        self._chain = SessionSecret.from_bytes(self.hash)
        self.cipher = CipherState()

    def mix_hash(self, data: bytes) -> None:
        """Adds bytes to what both must agree on."""
        self.hash = self._function.hash(self.hash + data)

    def mix_key(self, material: bytes) -> None:
        """Adds a secret to the chaining key, and begins to encrypt under what comes of it."""
        self._chain, key = self._function.derive(self._chain, material, 2)
        self.cipher = CipherState(cipher_key(key))

    def mix_key_and_hash(self, material: bytes) -> None:
        """Adds a secret to both: what a pre-shared key needs."""
        self._chain, public, key = self._function.derive(self._chain, material, 3)
        self.mix_hash(public.expose())
        self.cipher = CipherState(cipher_key(key))

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        """A part of a message: encrypted if there is a key by now, and added to the hash."""
        part = self.cipher.encrypt(self.hash, plaintext)
        self.mix_hash(part)
        return part

    def decrypt_and_hash(self, part: bytes) -> bytes:
        """What is in a part of a message; raises Tampered, and then nothing was added to the hash."""
        plaintext = self.cipher.decrypt(self.hash, part)
        self.mix_hash(part)
        return plaintext

    def split(self) -> tuple[CipherState, CipherState]:
        """The ciphers of the session: the initiator's, with which it encrypts, and the responder's."""
        first, second = self.secrets()
        return CipherState(first), CipherState(second)

    def secrets(self) -> tuple[SessionSecret, SessionSecret]:
        """The keys of those two ciphers, 32 bytes each, for protocols that have a cipher of their own."""
        first, second = self._function.derive(self._chain, b"", 2)
        return cipher_key(first), cipher_key(second)
