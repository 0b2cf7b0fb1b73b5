"""Exchange: X25519 keys, with which two who know each other's public keys agree on a secret.

X25519 (RFC 7748) in libsodium, through PyNaCl. It proves nothing about who the other is: a channel signs the
keys that it exchanges, with `p2plib.identity.keys`.
"""

from __future__ import annotations

import contextlib
import hmac
import os

import nacl.bindings

from p2plib.errors import DecodeError, UsageError, WeakKey
from p2plib.identity.secret import SEED_BYTES, Random, Secret, need_bytes, seed_problem

PUBLIC_BYTES = 32
SHARED_SECRET_BYTES = 32


class ExchangeKey(Secret):
    """An X25519 key pair, for agreeing on a secret with another one. Make one with `generate` or
    `from_bytes`."""

    __slots__ = ("public",)
    public: bytes

    @classmethod
    def generate(cls, random: Random = os.urandom) -> ExchangeKey:
        """A new key pair; `random` gives that many unpredictable bytes."""
        return cls.from_bytes(random(SEED_BYTES))

    @classmethod
    def from_bytes(cls, private: bytes) -> ExchangeKey:
        """The key pair of a private key of 32 bytes, which is clamped as RFC 7748 says.

        Raises:
            UsageError: the private key is not 32 bytes.
        """
        problem = seed_problem(private)
        if problem:
            del private  # as in __setattr__
            raise UsageError(problem)
        key = object.__new__(cls)
        object.__setattr__(key, "_expose", lambda: private)
        object.__setattr__(key, "public", nacl.bindings.crypto_scalarmult_base(private))
        return key

    def __repr__(self) -> str:
        return f"ExchangeKey(of {self.public.hex()[:16]}…)"

    def shared_secret(self, peer_public: bytes) -> bytes:
        """The 32 bytes that only the two key holders can compute. Raw: hash them before using them as a key.

        As RFC 7748 asks, a peer's number of p or more is reduced, and its top bit is ignored.

        Args:
            peer_public: the other's public key, 32 bytes.

        Raises:
            DecodeError: the peer's key is not 32 bytes.
            WeakKey: the peer's key is of small order, and the secret would be all zeros, known to everybody.
        """
        if len(need_bytes(peer_public, "an X25519 public key")) != PUBLIC_BYTES:
            raise DecodeError(f"an X25519 public key is {PUBLIC_BYTES} bytes, not {len(peer_public)}")
        shared = bytes(SHARED_SECRET_BYTES)
        # libsodium refuses by raising in a frame that holds our private key, so that error must not be
        # chained to ours.
        with contextlib.suppress(RuntimeError):
            shared = nacl.bindings.crypto_scalarmult(self._expose(), peer_public)
        if hmac.compare_digest(shared, bytes(SHARED_SECRET_BYTES)):
            raise WeakKey(f"the X25519 key {peer_public.hex()} is of small order: the secret would be zero")
        return shared
