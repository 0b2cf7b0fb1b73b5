"""`nacl.signing`: keys as objects, over `nacl.bindings`."""

from __future__ import annotations

import os

from nacl import bindings
from nacl import exceptions as exc


class SignedMessage(bytes):
    """A signature with its message behind it."""

    @property
    def signature(self) -> bytes:
        """The first 64 bytes."""
        return bytes(self[: bindings.crypto_sign_BYTES])

    @property
    def message(self) -> bytes:
        """What was signed."""
        return bytes(self[bindings.crypto_sign_BYTES :])


class _Key:
    """32 bytes; two keys are equal if these are."""

    def __init__(self, raw: bytes, what: str) -> None:
        if len(raw) != bindings.crypto_sign_SEEDBYTES:
            raise exc.ValueError(f"The {what} must be exactly {bindings.crypto_sign_SEEDBYTES} bytes long")
        self._raw = raw

    def __bytes__(self) -> bytes:
        return self._raw

    def __hash__(self) -> int:
        return hash(self._raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self._raw == other._raw


class VerifyKey(_Key):
    """A public key.

    Args:
        key: its 32 bytes.
    """

    def __init__(self, key: bytes) -> None:
        super().__init__(key, "key")

    def verify(self, smessage: bytes, signature: bytes | None = None) -> bytes:
        """Return the message, if the signature is right.

        Args:
            smessage: the signature with the message behind it, or the message.
            signature: the signature, if it is not in front of the message.

        Raises:
            BadSignatureError: it is not.
        """
        return bindings.crypto_sign_open((signature or b"") + smessage, self._raw)


class SigningKey(_Key):
    """A key pair.

    Args:
        seed: the secret, 32 bytes.
    """

    def __init__(self, seed: bytes) -> None:
        super().__init__(seed, "seed")
        public, self._secret = bindings.crypto_sign_seed_keypair(seed)
        self.verify_key = VerifyKey(public)

    @classmethod
    def generate(cls) -> SigningKey:
        """A new key pair."""
        return cls(os.urandom(bindings.crypto_sign_SEEDBYTES))

    def sign(self, message: bytes) -> SignedMessage:
        """Sign a message."""
        return SignedMessage(bindings.crypto_sign(message, self._secret))
