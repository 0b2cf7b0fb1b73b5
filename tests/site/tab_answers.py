"""What PyNaCl answers, and its stand-in in a reader's tab: this is run in both, and `answers()` tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import nacl.bindings as b
import nacl.exceptions
import nacl.signing

SEED, OTHER, NONCE_12, NONCE_24 = bytes(range(32)), bytes(range(1, 33)), bytes(12), bytes(range(24))
MESSAGE = b"a message" * 20
# The identity of the group, which has small order; and a point that is not on the curve.
SMALL, OFF_CURVE = bytes([1]) + bytes(31), bytes([2]) + bytes(31)


def done(call: Callable[[], Any]) -> str:
    """What a call gives, or the exception's name and kinds."""
    try:
        got = call()
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "nacl.exceptions"]
        return f"{' '.join(kinds)}: {isinstance(error, ValueError)} {isinstance(error, TypeError)}"
    if isinstance(got, tuple):
        return " ".join(part.hex() for part in got)
    return got.hex() if isinstance(got, bytes) else repr(got)


def signatures() -> dict[str, str]:
    """Keys, signatures and what they become on the other curve."""
    public, secret = b.crypto_sign_seed_keypair(SEED)
    signed = b.crypto_sign(MESSAGE, secret)
    key = nacl.signing.SigningKey(SEED)
    return {
        "keypair": done(lambda: b.crypto_sign_seed_keypair(SEED)),
        "short seed": done(lambda: b.crypto_sign_seed_keypair(SEED[1:])),
        "sign": done(lambda: b.crypto_sign(MESSAGE, secret)),
        "open": done(lambda: b.crypto_sign_open(signed, public)),
        "forged": done(lambda: b.crypto_sign_open(signed[:-1] + b"x", public)),
        "cut": done(lambda: b.crypto_sign_open(signed[:10], public)),
        "other key": done(lambda: b.crypto_sign_open(signed, b.crypto_sign_seed_keypair(OTHER)[0])),
        "small key": done(lambda: b.crypto_sign_open(signed, SMALL)),
        "x25519 public": done(lambda: b.crypto_sign_ed25519_pk_to_curve25519(public)),
        "x25519 of a small one": done(lambda: b.crypto_sign_ed25519_pk_to_curve25519(SMALL)),
        "x25519 of a long one": done(lambda: b.crypto_sign_ed25519_pk_to_curve25519(public + b"x")),
        "x25519 secret": done(lambda: b.crypto_sign_ed25519_sk_to_curve25519(secret)),
        "x25519 of a seed": done(lambda: b.crypto_sign_ed25519_sk_to_curve25519(SEED)),
        "points": repr([b.crypto_core_ed25519_is_valid_point(p) for p in (public, SMALL, OFF_CURVE)]),
        "no point": done(lambda: b.crypto_core_ed25519_is_valid_point(b"short")),
        "object": done(lambda: key.sign(MESSAGE).signature),
        "its message": done(lambda: key.sign(MESSAGE).message),
        "its key": done(lambda: bytes(key.verify_key)),
        "verified": done(lambda: key.verify_key.verify(MESSAGE, key.sign(MESSAGE).signature)),
        "not verified": done(lambda: key.verify_key.verify(b"other", key.sign(MESSAGE).signature)),
        "equal": repr([key == nacl.signing.SigningKey(SEED), key == nacl.signing.SigningKey(OTHER)]),
        "long": done(lambda: nacl.signing.SigningKey(SEED + b"x")),
    }


def secrets() -> dict[str, str]:
    """Shared secrets, boxes, AEADs, passwords."""
    box = b.crypto_secretbox(MESSAGE, NONCE_24, SEED)
    return {
        "base": done(lambda: b.crypto_scalarmult_base(SEED)),
        "shared": done(lambda: b.crypto_scalarmult(SEED, b.crypto_scalarmult_base(OTHER))),
        "shared zero": done(lambda: b.crypto_scalarmult(SEED, bytes(32))),
        "box": done(lambda: b.crypto_secretbox(MESSAGE, NONCE_24, SEED)),
        "empty box": done(lambda: b.crypto_secretbox(b"", NONCE_24, SEED)),
        "opened": done(lambda: b.crypto_secretbox_open(box, NONCE_24, SEED)),
        "changed": done(lambda: b.crypto_secretbox_open(box[:-1] + b"x", NONCE_24, SEED)),
        "no box": done(lambda: b.crypto_secretbox_open(b"x", NONCE_24, SEED)),
        "short key": done(lambda: b.crypto_secretbox(MESSAGE, NONCE_24, SEED[1:])),
        "short nonce": done(lambda: b.crypto_secretbox_open(box, NONCE_24[1:], SEED)),
        "password": done(lambda: b.crypto_pwhash_alg(32, b"word", SEED[:16], 1, 64 * 1024, 2)),
        "short salt": done(lambda: b.crypto_pwhash_alg(32, b"word", SEED[:15], 1, 64 * 1024, 2)),
    }


def aead(name: str, nonce: bytes) -> dict[str, str]:
    """One of the two ciphers with associated data."""
    encrypt = getattr(b, f"crypto_aead_{name}_ietf_encrypt")
    decrypt = getattr(b, f"crypto_aead_{name}_ietf_decrypt")
    sealed = encrypt(MESSAGE, b"head", nonce, SEED)
    return {
        f"{name} sealed": sealed.hex(),
        f"{name} alone": done(lambda: encrypt(MESSAGE, None, nonce, SEED)),
        f"{name} empty": done(lambda: encrypt(b"", b"", nonce, SEED)),
        f"{name} opened": done(lambda: decrypt(sealed, b"head", nonce, SEED)),
        f"{name} other head": done(lambda: decrypt(sealed, b"body", nonce, SEED)),
        f"{name} other key": done(lambda: decrypt(sealed, b"head", nonce, OTHER)),
        f"{name} short nonce": done(lambda: encrypt(MESSAGE, b"head", nonce[1:], SEED)),
        f"{name} text": done(lambda: encrypt("text", b"head", nonce, SEED)),
    }


def answers() -> str:
    """Everything, as JSON."""
    ciphers = aead("chacha20poly1305", NONCE_12), aead("xchacha20poly1305", NONCE_24)
    return json.dumps({**signatures(), **secrets(), **ciphers[0], **ciphers[1]})
