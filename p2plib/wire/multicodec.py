"""Multicodec: the numbers that say what the bytes after them are. A table.

Follows the multicodec registry (multiformats/multicodec, table.csv). The registry has some six hundred rows;
these are the ones that peers of this handbook send, or that are worth a name in an error.
"""

from __future__ import annotations

# Hash functions, in multihashes
IDENTITY = 0x00
SHA1 = 0x11
SHA2_256 = 0x12
SHA2_512 = 0x13
SHA3_512 = 0x14
SHA3_384 = 0x15
SHA3_256 = 0x16
KECCAK_256 = 0x1B
BLAKE3 = 0x1E
DBL_SHA2_256 = 0x56
MD5 = 0xD5
BLAKE2B_256 = 0xB220

# What a CID points to
RAW = 0x55
DAG_PB = 0x70
DAG_CBOR = 0x71
LIBP2P_KEY = 0x72
DAG_JSON = 0x0129

# Public keys, in did:key
SECP256K1_PUB = 0xE7
BLS12_381_G1_PUB = 0xEA
BLS12_381_G2_PUB = 0xEB
X25519_PUB = 0xEC
ED25519_PUB = 0xED
P256_PUB = 0x1200
P384_PUB = 0x1201
P521_PUB = 0x1202
ED448_PUB = 0x1203
X448_PUB = 0x1204
RSA_PUB = 0x1205

NAMES = {
    IDENTITY: "identity",
    SHA1: "sha1",
    SHA2_256: "sha2-256",
    SHA2_512: "sha2-512",
    SHA3_512: "sha3-512",
    SHA3_384: "sha3-384",
    SHA3_256: "sha3-256",
    KECCAK_256: "keccak-256",
    BLAKE3: "blake3",
    DBL_SHA2_256: "dbl-sha2-256",
    MD5: "md5",
    BLAKE2B_256: "blake2b-256",
    RAW: "raw",
    DAG_PB: "dag-pb",
    DAG_CBOR: "dag-cbor",
    LIBP2P_KEY: "libp2p-key",
    DAG_JSON: "dag-json",
    SECP256K1_PUB: "secp256k1-pub",
    BLS12_381_G1_PUB: "bls12_381-g1-pub",
    BLS12_381_G2_PUB: "bls12_381-g2-pub",
    X25519_PUB: "x25519-pub",
    ED25519_PUB: "ed25519-pub",
    P256_PUB: "p256-pub",
    P384_PUB: "p384-pub",
    P521_PUB: "p521-pub",
    ED448_PUB: "ed448-pub",
    X448_PUB: "x448-pub",
    RSA_PUB: "rsa-pub",
}


def name(code: int) -> str:
    """The registered name of a code, or its number in hexadecimal for one that is not in this table.

    >>> name(0xED), name(0x999)
    ('ed25519-pub', '0x999')
    """
    return NAMES.get(code, f"0x{code:x}")
