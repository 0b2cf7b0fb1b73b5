"""The hash functions that a content identifier may name."""

from __future__ import annotations

import hashlib

import pytest

from p2plib.data.dag import hashes
from p2plib.data.dag.block import checked
from p2plib.errors import UsageError
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import MAX_DIGEST_BYTES, SECURE_BYTES, Multihash


@pytest.mark.parametrize(
    ("code", "digest"),
    [
        (multicodec.IDENTITY, b"abc".hex()),
        # The examples of FIPS 180-4 and FIPS 202 and of RFC 7693's function with 32 bytes, for "abc".
        (multicodec.SHA2_256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (multicodec.SHA2_512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                              "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"),
        (multicodec.SHA3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
        (multicodec.SHA3_384, "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b2"
                              "98d88cea927ac7f539f1edf228376d25"),
        (multicodec.SHA3_512, "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
                              "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0"),
        (multicodec.BLAKE2B_256, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"),
        (multicodec.DBL_SHA2_256, "4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358"),
    ],
)  # fmt: skip
def test_known_digests(code: int, digest: str) -> None:
    found = hashes.digest(code, b"abc")
    assert (found.code, found.digest.hex()) == (code, digest)
    found.require_whole()


def test_every_function_makes_a_whole_digest() -> None:
    assert set(hashes.FUNCTIONS) <= {*SECURE_BYTES, multicodec.IDENTITY}
    for code, size in SECURE_BYTES.items():
        if code in hashes.FUNCTIONS:
            assert len(hashes.digest(code, b"").digest) == size
    once = hashlib.sha256(b"x").digest()
    assert hashes.digest(multicodec.DBL_SHA2_256, b"x").digest == hashlib.sha256(once).digest()


@pytest.mark.parametrize("code", [multicodec.SHA1, multicodec.MD5, multicodec.KECCAK_256, 0x999])
def test_functions_that_it_does_not_compute(code: int) -> None:
    with pytest.raises(UsageError):
        hashes.digest(code, b"")


def test_identity_has_an_end() -> None:
    assert hashes.digest(multicodec.IDENTITY, bytes(MAX_DIGEST_BYTES)).digest == bytes(MAX_DIGEST_BYTES)
    with pytest.raises(UsageError):
        hashes.digest(multicodec.IDENTITY, bytes(MAX_DIGEST_BYTES + 1))
    with pytest.raises(UsageError):
        hashes.is_of(Multihash(multicodec.SHA1, bytes(20)), b"")


def test_blake3_proves_content_at_every_size() -> None:
    """The first 64 bytes that the published test vectors have for no data."""
    whole = bytes.fromhex(
        "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        "e00f03e7b69af26b7faaf09fcd333050338ddfe085b8cc869ca98b206c08243a"
    )
    for size in (32, 33, 64):
        hashed = Multihash(multicodec.BLAKE3, whole[:size])
        assert hashes.is_of(hashed, b"")
        assert not hashes.is_of(hashed, b"x")
        assert checked(Cid(1, multicodec.RAW, hashed), b"").data == b""
    assert not hashes.is_of(Multihash(multicodec.BLAKE3, whole[:33] + b"x"), b"")
    assert not hashes.is_of(Multihash(multicodec.BLAKE3, whole[:31]), b"")  # it proves too little
