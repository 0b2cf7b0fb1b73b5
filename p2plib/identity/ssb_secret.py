"""Scuttlebutt's `secret` file: an identity as Scuttlebutt programs keep it. A codec and a thin driver.

Specification: what the npm module `ssb-keys` 8.5.0 writes and reads. Lines that begin with `#` are
comments; what is left is JSON with four strings::

    curve     "ed25519"
    public    base64 of the 32-byte public key, and ".ed25519"
    private   base64 of seed ‖ public key, 64 bytes, and ".ed25519"
    id        "@" and what `public` has

**The file is not encrypted.** Who reads it is you. Its only protection is its mode, 0400 (its owner reads,
nobody writes), and it is here because a Scuttlebutt identity moves from program to program in this form. To
keep a key, use `p2plib.identity.keyfile`.

The same key comes in three fields, and a file in which they disagree is refused: a program that signs with
one key under the name of another makes messages that nobody accepts. ssb-keys checks none of it. It also
reads a comment at the end of a line and an older form without JSON, which are refused here.

Two devices with the same file fork its feed, and other peers then stop following it. Move it, do not copy
it.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
from pathlib import Path

from p2plib.errors import DecodeError, KeyFileCorrupt
from p2plib.identity.keys import PUBLIC_BYTES, SecretKey
from p2plib.identity.private_files import OWNER_READS_ONLY, Random, create_private, read_private
from p2plib.identity.secret import SEED_BYTES
from p2plib.wire import canonical_json

CURVE = "ed25519"
SUFFIX = ".ed25519"
SIGIL = "@"
FIELDS = ("curve", "public", "private", "id")
MAX_FILE_BYTES = 16 * 1024  # ssb-keys writes 869 bytes; this leaves room for comments

_WARNING = """\
# Whoever has this file can speak in your name. It is not encrypted: show it to nobody.
# Use it on one device only. Two devices that write with it fork your feed, and others stop following it.
"""


def encode(secret: SecretKey) -> str:
    """The text of a `secret` file. It contains the secret."""
    name = base64.b64encode(secret.public.raw).decode("ascii") + SUFFIX
    private = base64.b64encode(secret.expose_seed() + secret.public.raw).decode("ascii") + SUFFIX
    text = canonical_json.encode({"curve": CURVE, "public": name, "private": private, "id": SIGIL + name})
    return f"{_WARNING}{text}\n# The one line to give to others: {SIGIL}{name}\n"


def decode(text: str) -> SecretKey:
    """The key in the text of a `secret` file.

    Raises:
        KeyFileCorrupt: no JSON object besides the comments, a field that is missing or too much, a key that
            is no canonical base64 of its size, or fields that do not belong to one key. No error quotes the
            file.
    """
    fields, problem = _fields(text)
    secret = None
    if not problem:
        secret, problem = _key_of(fields)
    del text, fields
    if secret is None:
        raise KeyFileCorrupt(problem)
    return secret


def save(path: str | os.PathLike[str], secret: SecretKey, *, random: Random = os.urandom) -> None:
    """Writes a new `secret` file of mode 0400, unencrypted.

    Args:
        path: where; the directory must exist, and nothing may be there.
        secret: the key.
        random: gives so many random bytes, for the name of the file that is written first.

    Raises:
        KeyFileExists: something is there. It is left as it was.
        KeyFileError: the system does not let us write.
    """
    create_private(Path(path), encode(secret).encode("ascii"), random, OWNER_READS_ONLY)


def load(path: str | os.PathLike[str]) -> SecretKey:
    """The key in a `secret` file.

    Args:
        path: the file itself, not a symbolic link to it.

    Raises:
        KeyFileMissing: there is no file.
        KeyFilePermissions: others may read or write it, or it is not a plain file of ours.
        KeyFileCorrupt: as for `decode`, or not UTF-8, or too big.
        KeyFileError: the system does not let us read it.
    """
    text, problem = None, "it is not UTF-8"
    with contextlib.suppress(UnicodeDecodeError):
        text = read_private(Path(path), MAX_FILE_BYTES).decode("utf-8")
    fields: dict[str, str] = {}
    if text is not None:
        fields, problem = _fields(text)
    secret = None
    if not problem:
        secret, problem = _key_of(fields)
    del text, fields
    if secret is None:
        raise KeyFileCorrupt(f"{path}: {problem}")
    return secret


def _fields(text: str) -> tuple[dict[str, str], str]:
    """The four strings and no problem, or a problem. Nothing is raised in a frame that holds the text."""
    lines = [line for line in text.split("\n") if not line.lstrip().startswith("#")]
    value = None
    with contextlib.suppress(DecodeError):
        value = canonical_json.parse("\n".join(lines))
    if not isinstance(value, dict):
        return {}, "besides its comments it is not a JSON object"
    fields = {name: item for name, item in value.items() if isinstance(item, str)}
    if tuple(sorted(fields)) != tuple(sorted(FIELDS)) or len(value) != len(FIELDS):
        return {}, f"its fields are not the four strings {', '.join(FIELDS)}"
    return fields, ""


def _key_of(fields: dict[str, str]) -> tuple[SecretKey | None, str]:
    if fields["curve"] != CURVE:
        return None, f"the curve is not {CURVE}"
    public, private = _key_bytes(fields["public"], PUBLIC_BYTES), _key_bytes(fields["private"], 64)
    if public is None:
        return None, f"public is not base64 of {PUBLIC_BYTES} bytes and {SUFFIX!r}"
    if private is None:
        return None, f"private is not base64 of {SEED_BYTES + PUBLIC_BYTES} bytes and {SUFFIX!r}"
    secret = SecretKey.from_seed(private[:SEED_BYTES])
    if private[SEED_BYTES:] != secret.public.raw:
        return None, "the second half of private is not the public key of the first half"
    if public != secret.public.raw:
        return None, "public and private belong to different keys"
    if fields["id"] != SIGIL + fields["public"]:
        return None, "id is not '@' and public"
    return secret, ""


def _key_bytes(text: str, size_bytes: int) -> bytes | None:
    body = text.removesuffix(SUFFIX)
    try:
        raw = base64.b64decode(body.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    whole = base64.b64encode(raw).decode("ascii") + SUFFIX
    return raw if whole == text and len(raw) == size_bytes else None
