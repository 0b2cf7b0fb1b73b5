"""What the Scuttlebutt tests share: texts of keys, signatures and ids, from and to bytes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

from p2plib.errors import SignatureError
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.wire import canonical_json

HMAC_BYTES = 32  # libsodium's crypto_auth: HMAC-SHA-512, cut to 32 bytes


def author_of(key: PublicKey) -> str:
    return "@" + base64.b64encode(key.raw).decode() + ".ed25519"


def signature_text(signature: bytes) -> str:
    return base64.b64encode(signature).decode() + ".sig.ed25519"


def canonical_base64(text: str) -> bytes:
    """Bytes of base64 in its one canonical spelling; ValueError for any other."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError(f"{text!r} is not canonical base64")
    return raw


def signed_bytes(text: str, hmac_key: str | None = None) -> bytes:
    """What is signed for a text: its UTF-8, or the authenticator of that under an HMAC key (base64)."""
    message = text.encode()
    if hmac_key is None:
        return message
    key = canonical_base64(hmac_key)
    if len(key) != HMAC_BYTES:
        raise ValueError(f"an HMAC key is {HMAC_BYTES} bytes, not {len(key)}")
    return hmac.new(key, message, hashlib.sha512).digest()[:HMAC_BYTES]


def sign_object(secret: SecretKey, value: dict[str, Any], hmac_key: str | None = None) -> dict[str, Any]:
    """Return the object with its signature as the last member."""
    message = signed_bytes(canonical_json.encode(value), hmac_key)
    return {**value, "signature": signature_text(secret.sign_raw(message))}


def is_signed(message: object, hmac_key: object = None) -> bool:
    """Our verdict on a message's signature: by its own author, over the canonical form, texts strict."""
    try:
        assert isinstance(message, dict)
        author, signature = message["author"], message["signature"]
        assert author.startswith("@")
        assert author.endswith(".ed25519")
        assert signature.endswith(".sig.ed25519")
        key = PublicKey(canonical_base64(author[1:].removesuffix(".ed25519")))
        rest = {name: value for name, value in message.items() if name != "signature"}
        raw = canonical_base64(signature.removesuffix(".sig.ed25519"))
        key.verify_raw(signed_bytes(canonical_json.encode(rest), hmac_key), raw)  # type: ignore[arg-type]
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError, binascii.Error, SignatureError):
        return False
    return True


def id_of(text: str, sigil: str = "%") -> str:
    """The id of what has this canonical text: the hash is over the low bytes of its UTF-16, not its UTF-8."""
    digest = hashlib.sha256(canonical_json.latin1_of_utf16(text)).digest()
    return sigil + base64.b64encode(digest).decode() + ".sha256"
