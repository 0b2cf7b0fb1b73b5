"""`nacl.bindings` over libsodium's own WebAssembly, which the worker has put into `js.sodium`.

Names, arguments, results and exceptions are those of PyNaCl; what the handbook does not use is not here. The
tests run both on the same known answers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from js import sodium
from pyodide.ffi import JsException, to_js

from nacl import exceptions as exc

crypto_sign_SEEDBYTES = 32
crypto_sign_PUBLICKEYBYTES = 32
crypto_sign_SECRETKEYBYTES = 64
crypto_sign_BYTES = 64
crypto_scalarmult_BYTES = 32
crypto_secretbox_KEYBYTES = 32
crypto_secretbox_NONCEBYTES = 24
crypto_pwhash_SALTBYTES = 16
crypto_pwhash_ALG_ARGON2ID13 = 2

_AEAD_KEY_BYTES = 32
_PASSWORD_COSTS = "the cost of Argon2 is outside its limits"


def _bytes_for_js(raw: bytes | None) -> Any:
    return None if raw is None else to_js(bytes(raw))


def _call(error: type[Exception], what: str, name: str, *arguments: Any) -> bytes:
    """What a function of libsodium returns, as bytes; its refusal becomes `error(what)`."""
    try:
        result: bytes = getattr(sodium, name)(*arguments).to_bytes()
    except JsException:
        raise error(what) from None
    return result


def _require(is_met: bool, error: type[Exception], what: str) -> None:
    if not is_met:
        raise error(what)


def crypto_sign_seed_keypair(seed: bytes) -> tuple[bytes, bytes]:
    """Return the public key, and the secret key with the public one behind it."""
    _require(len(seed) == crypto_sign_SEEDBYTES, exc.ValueError, "Invalid seed")
    pair = sodium.crypto_sign_seed_keypair(_bytes_for_js(seed))
    return pair.publicKey.to_bytes(), pair.privateKey.to_bytes()


def crypto_sign(message: bytes, sk: bytes) -> bytes:
    """Return the signature, and the message behind it."""
    return _call(
        exc.RuntimeError, "Unexpected library error", "crypto_sign", _bytes_for_js(message), _bytes_for_js(sk)
    )


def crypto_sign_open(signed: bytes, pk: bytes) -> bytes:
    """Return the message behind a signature, if that is right."""
    forged = "Signature was forged or corrupt"
    _require(len(signed) >= crypto_sign_BYTES, exc.BadSignatureError, forged)
    return _call(exc.BadSignatureError, forged, "crypto_sign_open", _bytes_for_js(signed), _bytes_for_js(pk))


def crypto_sign_ed25519_pk_to_curve25519(public_key_bytes: bytes) -> bytes:
    """Return the X25519 key that belongs to an Ed25519 key."""
    _require(len(public_key_bytes) == crypto_sign_PUBLICKEYBYTES, exc.ValueError, "Invalid curve public key")
    name = "crypto_sign_ed25519_pk_to_curve25519"
    return _call(exc.RuntimeError, "Unexpected library error", name, _bytes_for_js(public_key_bytes))


def crypto_sign_ed25519_sk_to_curve25519(secret_key_bytes: bytes) -> bytes:
    """Return the secret X25519 key that belongs to a secret Ed25519 key."""
    _require(len(secret_key_bytes) == crypto_sign_SECRETKEYBYTES, exc.ValueError, "Invalid curve secret key")
    name = "crypto_sign_ed25519_sk_to_curve25519"
    return _call(exc.RuntimeError, "Unexpected library error", name, _bytes_for_js(secret_key_bytes))


def crypto_core_ed25519_is_valid_point(p: bytes) -> bool:
    """Return whether a point lies in the main subgroup, in its one encoding."""
    is_point = isinstance(p, bytes) and len(p) == crypto_sign_PUBLICKEYBYTES
    _require(is_point, exc.TypeError, "Point must be a crypto_core_ed25519_BYTES long bytes sequence")
    return bool(sodium.crypto_core_ed25519_is_valid_point(_bytes_for_js(p)))


def crypto_scalarmult(n: bytes, p: bytes) -> bytes:
    """Return the secret that a secret X25519 key shares with a public one."""
    error, what = exc.RuntimeError, "Unexpected library error"
    return _call(error, what, "crypto_scalarmult", _bytes_for_js(n), _bytes_for_js(p))


def crypto_scalarmult_base(n: bytes) -> bytes:
    """Return the public key of a secret X25519 key."""
    return _call(exc.RuntimeError, "Unexpected library error", "crypto_scalarmult_base", _bytes_for_js(n))


def crypto_secretbox(message: bytes, nonce: bytes, key: bytes) -> bytes:
    """Return a message encrypted by XSalsa20-Poly1305, its tag in front."""
    _require_box(nonce, key)
    arguments = [_bytes_for_js(raw) for raw in (message, nonce, key)]
    return _call(exc.CryptoError, "Encryption failed", "crypto_secretbox_easy", *arguments)


def crypto_secretbox_open(ciphertext: bytes, nonce: bytes, key: bytes) -> bytes:
    """Return what `crypto_secretbox` encrypted, if nobody changed it."""
    _require_box(nonce, key)
    arguments = [_bytes_for_js(raw) for raw in (ciphertext, nonce, key)]
    failed = "Decryption failed. Ciphertext failed verification"
    return _call(exc.CryptoError, failed, "crypto_secretbox_open_easy", *arguments)


def _require_box(nonce: bytes, key: bytes) -> None:
    _require(len(key) == crypto_secretbox_KEYBYTES, exc.ValueError, "Invalid key")
    _require(len(nonce) == crypto_secretbox_NONCEBYTES, exc.ValueError, "Invalid nonce")


Aead = Callable[[bytes, bytes | None, bytes, bytes], bytes]


def _aead(cipher: str, nonce_bytes: int) -> tuple[Aead, Aead]:
    """The two directions of one of libsodium's AEADs."""

    def require(text: str, message: bytes, aad: bytes | None, nonce: bytes, key: bytes) -> None:
        _require(isinstance(message, bytes), exc.TypeError, f"Input {text} type must be bytes")
        _require(
            aad is None or isinstance(aad, bytes), exc.TypeError, "Additional data must be bytes or None"
        )
        is_nonce = isinstance(nonce, bytes) and len(nonce) == nonce_bytes
        _require(is_nonce, exc.TypeError, f"Nonce must be a {nonce_bytes} bytes long bytes sequence")
        is_key = isinstance(key, bytes) and len(key) == _AEAD_KEY_BYTES
        _require(is_key, exc.TypeError, f"Key must be a {_AEAD_KEY_BYTES} bytes long bytes sequence")

    def encrypt(message: bytes, aad: bytes | None, nonce: bytes, key: bytes) -> bytes:
        require("message", message, aad, nonce, key)
        before, after = (
            [_bytes_for_js(message), _bytes_for_js(aad)],
            [_bytes_for_js(nonce), _bytes_for_js(key)],
        )
        name = f"crypto_aead_{cipher}_ietf_encrypt"
        return _call(exc.CryptoError, "Encryption failed.", name, *before, None, *after)

    def decrypt(ciphertext: bytes, aad: bytes | None, nonce: bytes, key: bytes) -> bytes:
        require("ciphertext", ciphertext, aad, nonce, key)
        arguments = [_bytes_for_js(raw) for raw in (ciphertext, aad, nonce, key)]
        name = f"crypto_aead_{cipher}_ietf_decrypt"
        return _call(exc.CryptoError, "Decryption failed.", name, None, *arguments)

    return encrypt, decrypt


crypto_aead_chacha20poly1305_ietf_encrypt, crypto_aead_chacha20poly1305_ietf_decrypt = _aead(
    "chacha20poly1305", nonce_bytes=12
)
crypto_aead_xchacha20poly1305_ietf_encrypt, crypto_aead_xchacha20poly1305_ietf_decrypt = _aead(
    "xchacha20poly1305", nonce_bytes=24
)


def crypto_pwhash_alg(
    outlen: int, passwd: bytes, salt: bytes, opslimit: int, memlimit: int, alg: int
) -> bytes:
    """Return a key that is slow to derive from a password, by Argon2."""
    what = f"salt must be exactly {crypto_pwhash_SALTBYTES} bytes long"
    _require(len(salt) == crypto_pwhash_SALTBYTES, exc.ValueError, what)
    _require(opslimit >= 1 and memlimit >= 8192, exc.ValueError, _PASSWORD_COSTS)
    arguments = [outlen, _bytes_for_js(passwd), _bytes_for_js(salt), opslimit, memlimit, alg]
    return _call(exc.RuntimeError, "Unexpected failure in key derivation", "crypto_pwhash", *arguments)
