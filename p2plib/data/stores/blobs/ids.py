"""The name of a blob in Scuttlebutt: "&", base64 of the SHA-256 of its bytes, ".sha256". A codec.

A message links to a picture by such an id, and whoever has the picture serves it under it. The key of a
store whose names are hashes (`p2plib.data.stores.blobs.content`) is the same hash in hexadecimal, so the
two turn into each other. An id with "?unbox=..." after it, which tells the key of an encrypted blob, is
not read here.

Source: Scuttlebutt Protocol Guide, "Blobs"; multiblob keeps the files.
"""

from __future__ import annotations

import base64
import binascii

from p2plib.data.stores.blobs.names import demand_content_key
from p2plib.errors import DecodeError

HASH_BYTES = 32
# 44 characters of base64 between "&" and ".sha256".
ID_CHARACTERS = 52
# Larger blobs are not fetched by Scuttlebutt's peers unless their users ask for it (ssb-blobs, `max`).
MAX_FETCHED_BYTES = 5 * 1024 * 1024

_SIGIL, _END = "&", ".sha256"
_OTHER_KINDS = {"@": "a feed id", "%": "a message id"}


def ssb_blob_id(key: str) -> str:
    """The Scuttlebutt id of a blob.

    Args:
        key: its SHA-256, 64 digits of lower-case hexadecimal.

    Raises:
        UsageError: it is not one.
    """
    demand_content_key(key)
    return _SIGIL + base64.b64encode(bytes.fromhex(key)).decode("ascii") + _END


def key_of_ssb_blob_id(text: str) -> str:
    """The key, in a store whose names are hashes, of the blob that a Scuttlebutt id names.

    Raises:
        DecodeError: it is no id of a blob; the sentence says why.
    """
    if text[:1] in _OTHER_KINDS:
        raise DecodeError(f"this is {_OTHER_KINDS[text[0]]} of Scuttlebutt; a blob id begins with '&'", 0)
    if not text.startswith(_SIGIL):
        raise DecodeError("a blob id of Scuttlebutt begins with '&'", 0)
    body, dot, rest = text[1:].partition(".")
    if "?" in rest:
        raise DecodeError(
            "a blob id with a query after it, such as the key of an encrypted blob", text.index("?")
        )
    if dot + rest != _END or len(text) != ID_CHARACTERS:
        raise DecodeError(
            f"a blob id is '&', 44 characters of base64, and {_END}", min(len(text), ID_CHARACTERS)
        )
    try:
        raw = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DecodeError(f"not base64: {error}", 1) from None
    if len(raw) != HASH_BYTES:
        raise DecodeError(f"a SHA-256 has {HASH_BYTES} bytes, not {len(raw)}", 1)
    if base64.b64encode(raw).decode("ascii") != body:
        raise DecodeError("base64 that is not canonical: bits left over at its end are not zero", len(body))
    return raw.hex()
