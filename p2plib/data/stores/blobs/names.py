"""The names of blobs: which texts may be one.

A name that a caller gives becomes a path below a folder, and callers pass on what strangers sent them. So the
rule is one for all stores, in memory too, and the same on every system::

    a key       1 to 1,024 bytes of UTF-8: parts with "/" between them
    a part      1 to 255 bytes, neither "." nor ".."; no NUL and no backslash in it
    the first   is not a Windows drive ("c:...") and not `PRIVATE`, which is the store's own

With that, no key is absolute (its first part would be empty), and none leaves the root.
npm's fs-blob-store takes any text and makes a path of it: "../../a" and "/a" are the key "a" there.

A name made of content is 64 digits of lower-case hexadecimal.
"""

from __future__ import annotations

import re

from p2plib.errors import UsageError, WrongContent

MAX_KEY_BYTES = 1024
MAX_PART_BYTES = 255  # of every usual file system
PRIVATE = ".p2plib"  # where a store of plain files keeps what is not a blob

_CONTENT_KEY = re.compile(r"[0-9a-f]{64}")
_DRIVE = re.compile(r"[A-Za-z]:")


def why_no_key(key: str) -> str | None:
    """Why a text cannot be the name of a blob, as the end of a sentence; None if it can."""
    try:
        raw = key.encode("utf8")
    except UnicodeEncodeError:
        return "is not text that can be written as UTF-8"
    parts = key.split("/")
    if len(raw) > MAX_KEY_BYTES:
        return f"has {len(raw)} bytes, where {MAX_KEY_BYTES} is the most"
    if "" in parts:
        return "has an empty part: it is empty, absolute, or two slashes meet"
    if "." in parts or ".." in parts:
        return "has a part '.' or '..'"
    if "\0" in key or "\\" in key:
        return "has a NUL or a backslash in it"
    if _DRIVE.match(key):
        return "begins with a drive of Windows"
    if parts[0].casefold() == PRIVATE:
        return f"is in {PRIVATE}, which is the store's own"
    if max(len(part.encode("utf8")) for part in parts) > MAX_PART_BYTES:
        return f"has a part of more than {MAX_PART_BYTES} bytes"
    return None


def demand_key(key: str) -> None:
    """Returns if a text may be the name of a blob.

    Raises:
        UsageError: it may not; the sentence says why.
    """
    if not isinstance(key, str):
        raise UsageError(f"the key of a blob is a text, not a {type(key).__name__}")
    if why := why_no_key(key):
        raise UsageError(f"{key[:40]!a} is not the key of a blob: it {why}")


def demand_content_key(key: str) -> None:
    """Returns if a text may be a name made of content; raises UsageError otherwise."""
    if not isinstance(key, str) or not _CONTENT_KEY.fullmatch(key):
        raise UsageError(f"{str(key)[:70]!a} is not a SHA-256 in 64 digits of lower-case hexadecimal")


def promised_key(key: str | None, sha256: bytes) -> str:
    """The name of content, if it is the one that was promised.

    Args:
        key: the promise; None if there was none.
        sha256: of all of the content, 32 bytes.

    Raises:
        WrongContent: it is another one.
    """
    found = sha256.hex()
    if key is not None and key != found:
        raise WrongContent(f"content that was promised as {key} has the SHA-256 {found}")
    return found
