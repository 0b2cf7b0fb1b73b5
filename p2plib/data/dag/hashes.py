"""The hash functions that a content identifier may name, by their multicodec number. A table.

A function that is broken, unknown or truncated proves nothing about content, so `p2plib.wire.cid` refuses it
before it gets here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from p2plib.data.merkle import blake3
from p2plib.errors import UsageError
from p2plib.wire import multicodec
from p2plib.wire.multihash import MAX_DIGEST_BYTES, Multihash

FUNCTIONS: dict[int, Callable[[bytes], bytes]] = {
    multicodec.IDENTITY: bytes,
    multicodec.SHA2_256: lambda data: hashlib.sha256(data).digest(),
    multicodec.SHA2_512: lambda data: hashlib.sha512(data).digest(),
    multicodec.SHA3_256: lambda data: hashlib.sha3_256(data).digest(),
    multicodec.SHA3_384: lambda data: hashlib.sha3_384(data).digest(),
    multicodec.SHA3_512: lambda data: hashlib.sha3_512(data).digest(),
    multicodec.BLAKE2B_256: lambda data: hashlib.blake2b(data, digest_size=32).digest(),
    multicodec.BLAKE3: blake3.digest,
    multicodec.DBL_SHA2_256: lambda data: hashlib.sha256(hashlib.sha256(data).digest()).digest(),
}


def digest(code: int, data: bytes) -> Multihash:
    """The hash of some data.

    Args:
        code: the multicodec number of a function in `FUNCTIONS`.
        data: any bytes; at most 128 for identity.

    Raises:
        UsageError: the function is not in the table, or the data is too long for identity.
    """
    _check_known(code)
    if code == multicodec.IDENTITY and len(data) > MAX_DIGEST_BYTES:
        raise UsageError(f"an identity digest takes at most {MAX_DIGEST_BYTES} bytes, not {len(data)}")
    return Multihash(code, FUNCTIONS[code](data))


def is_of(hashed: Multihash, data: bytes) -> bool:
    """Whether this is the hash of some data.

    Args:
        hashed: of any size that proves something; BLAKE3 digests may have more than the usual 32 bytes.
        data: any bytes.

    Raises:
        UsageError: the function is not in the table.
    """
    _check_known(hashed.code)
    if hashed.code == multicodec.BLAKE3:
        return blake3.digest(data, max(blake3.DIGEST_BYTES, len(hashed.digest))) == hashed.digest
    return FUNCTIONS[hashed.code](data) == hashed.digest


def _check_known(code: int) -> None:
    if code not in FUNCTIONS:
        raise UsageError(f"{multicodec.name(code)} is not a hash function that this library computes")
