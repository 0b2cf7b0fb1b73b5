"""Multihash: a digest that says which hash function made it and how long it is. A codec.

Follows the multihash specification: varint(code of the function) ‖ varint(size) ‖ digest.

Rules
    1. Both numbers are minimal varints, and the size is exactly that of what follows.
    2. A digest is at most 128 bytes. "Identity" is a function too: its digest is the data itself, which would
       otherwise be a way to smuggle any amount of data into something that is stored and passed on as a name.
    3. A digest is never longer than its function makes it. It may be shorter (truncated): that is
       well-formed, and `require_whole` refuses it wherever a digest has to prove something.

Vocabulary::

    code     a number of the multicodec registry, for example 0x12 for sha2-256
    digest   what the function made of the data, for example 32 bytes
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from p2plib.errors import DecodeError, UsageError
from p2plib.wire import multicodec, varint
from p2plib.wire.fields import Field, bytes_follow

MAX_DIGEST_BYTES = 128  # the cap that IPFS puts on identity digests

# Bytes of a whole digest, for the functions that nobody knows how to collide.
SECURE_BYTES = {
    multicodec.SHA2_256: 32,
    multicodec.SHA2_512: 64,
    multicodec.SHA3_256: 32,
    multicodec.SHA3_384: 48,
    multicodec.SHA3_512: 64,
    multicodec.KECCAK_256: 32,
    multicodec.BLAKE2B_256: 32,
    multicodec.BLAKE3: 32,
    multicodec.DBL_SHA2_256: 32,
}
# And for those with published collisions: readable, never proof of anything.
BROKEN_BYTES = {multicodec.SHA1: 20, multicodec.MD5: 16}
# BLAKE3 makes as many bytes as it is asked for; 32 is the usual size, not the longest.
_LONGEST = SECURE_BYTES | BROKEN_BYTES | {multicodec.BLAKE3: MAX_DIGEST_BYTES}


@dataclass(frozen=True, slots=True)
class Multihash:
    """A digest and the function that made it.

    Args:
        code: the function's number in the multicodec registry.
        digest: 0 to 128 bytes, no longer than the function makes them.

    Raises:
        DecodeError: the digest is too long.
    """

    code: int
    digest: bytes

    def __post_init__(self) -> None:
        longest = _LONGEST.get(self.code, MAX_DIGEST_BYTES)
        if len(self.digest) > longest:
            raise DecodeError(
                f"a {self.name} digest of {len(self.digest)} bytes, where {longest} is the most"
            )

    @property
    def name(self) -> str:
        """The function's registered name, for example "sha2-256"."""
        return multicodec.name(self.code)

    def encode(self) -> bytes:
        """code ‖ size ‖ digest."""
        return varint.encode(self.code) + varint.encode(len(self.digest)) + self.digest

    def require_whole(self) -> None:
        """Returns if this digest can prove what data it belongs to: whole, and of a function that is not
        broken.

        Raises:
            DecodeError: it is truncated, or its function is broken or unknown to this library.
        """
        if self.code == multicodec.IDENTITY:
            return
        if self.code in BROKEN_BYTES:
            raise DecodeError(f"{self.name} has known collisions: such a digest proves nothing")
        if self.code not in SECURE_BYTES:
            raise DecodeError(f"{self.name} is not a hash function that this library knows")
        whole = SECURE_BYTES[self.code]
        if len(self.digest) < whole:
            raise DecodeError(
                f"a {self.name} digest cut from {whole} to {len(self.digest)} bytes proves too little"
            )


def sha2_256(data: bytes) -> Multihash:
    """The SHA-256 digest of some data."""
    return Multihash(multicodec.SHA2_256, hashlib.sha256(data).digest())


def identity(data: bytes) -> Multihash:
    """The data itself as its digest: for what is no larger than a digest would be, such as an Ed25519 key.

    Raises:
        UsageError: the data is longer than `MAX_DIGEST_BYTES`.
    """
    if len(data) > MAX_DIGEST_BYTES:
        raise UsageError(f"an identity digest takes at most {MAX_DIGEST_BYTES} bytes, not {len(data)}")
    return Multihash(multicodec.IDENTITY, data)


def encode(multihash: Multihash) -> bytes:
    """The bytes of a multihash, as `Multihash.encode`."""
    return multihash.encode()


def decode(raw: bytes) -> Multihash:
    """The multihash that is all of `raw`.

    Raises:
        DecodeError: a number is not a minimal varint, the digest is shorter or longer than the size says, or
            too long.
    """
    code, offset = varint.decode(raw)
    size, start = varint.decode(raw, offset)
    if size != len(raw) - start:
        raise DecodeError(f"a digest of {len(raw) - start} bytes, where its size says {size}", offset)
    return Multihash(code, raw[start:])


def dissect(raw: bytes) -> tuple[Field, ...]:
    """The three parts of a multihash."""
    multihash = decode(raw)
    code, size = varint.encode(multihash.code), varint.encode(len(multihash.digest))
    return (
        Field("hash function", code, multihash.name),
        Field("size", size, bytes_follow(len(multihash.digest))),
        Field("digest", multihash.digest),
    )
