"""Our own entry: a signed header that holds the hash of a content, which stands beside it. A codec.

Where the signature covers the content, as in Scuttlebutt's classic message, nothing can be erased without
breaking what others check. Here it covers a header of 189 bytes, and the header the content's hash: the
content can go, and the chain still verifies (`p2plib.data.log.erasable` keeps the contents)::

    version       1 byte    1
    author       32         Ed25519 key
    sequence      8         1, 2, 3, …, big-endian as all numbers here
    previous     32         the id of the entry before it: SHA-256 of its 189 bytes; zeros in the first
    timestamp     8         milliseconds since 1970, below 2**53
    erases        8         the number of an earlier entry whose content is to be forgotten; 0 for none
    size          4         of the content, in bytes
    content      32         SHA-256 of salt ‖ content
    signature    64         by the author, in the context "p2plib/log-entry/1", over the 125 bytes before it

Rules
    1. An entry is exactly 189 bytes. `previous` is zeros in the first entry, and in no other.
    2. `erases` is 0, or below the entry's own number.
    3. The payload of an entry is a salt of 16 random bytes and the content. The salt goes when the content
       goes: a bare hash of "yes" or of a postcode would tell what it was to anybody who tries all postcodes.
    4. The id is the SHA-256 of all 189 bytes, as 64 hexadecimal digits.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from dataclasses import dataclass

from p2plib.data.log.formats import MAX_SEQUENCE, Head
from p2plib.errors import InvalidEntry, RemoteError, SignatureError, UsageError
from p2plib.identity.keys import SIGNATURE_BYTES, PublicKey, SecretKey
from p2plib.wire.canonical_json import MAX_SAFE_INTEGER
from p2plib.wire.fields import Field

VERSION = 1
CONTEXT = "p2plib/log-entry/1"
SALT_BYTES = 16
MAX_CONTENT_BYTES = 1 << 20  # larger things are blobs, which an entry names by their hash
NO_PREVIOUS = bytes(32)

_SIGNED = struct.Struct(">B32sQ32sQQI32s")
ENTRY_BYTES = _SIGNED.size + SIGNATURE_BYTES


@dataclass(frozen=True, slots=True)
class HashedContent:
    """What a new entry is to vouch for.

    Args:
        payload: salt and content, as `payload` puts them together.
        erases: the number of an entry whose content is to be forgotten; 0 for none.
    """

    payload: bytes
    erases: int = 0


@dataclass(frozen=True, slots=True)
class HashedEntry:
    """The header of an entry, read.

    Args:
        author: the key that signs it.
        sequence: its number, from 1 on.
        previous: the id of the entry before it; None in the first.
        timestamp_ms: when its author says that it was written, in milliseconds since 1970.
        erases: the number of an entry whose content is to be forgotten; 0 for none.
        size: of its content, in bytes.
        content_hash: SHA-256 of salt and content, 32 bytes.
        raw: its 189 bytes.
    """

    author: PublicKey
    sequence: int
    previous: str | None
    timestamp_ms: int
    erases: int
    size: int
    content_hash: bytes
    raw: bytes

    @property
    def id(self) -> str:
        """Its id, 64 hexadecimal digits."""
        return hashlib.sha256(self.raw).hexdigest()

    def has_payload(self, payload: bytes) -> bool:
        """Whether these bytes are the salt and the content that the author signed for.

        Args:
            payload: as received; any size.
        """
        return (
            len(payload) == SALT_BYTES + self.size and hashlib.sha256(payload).digest() == self.content_hash
        )


def payload(content: bytes, salt: bytes) -> bytes:
    """A content with its salt in front, as it is hashed, stored and passed on.

    Args:
        content: any bytes.
        salt: 16 random bytes, new for each entry.

    Raises:
        UsageError: the salt has another size, or the content is too large.
    """
    if len(salt) != SALT_BYTES:
        raise UsageError(f"a salt is {SALT_BYTES} bytes, not {len(salt)}")
    if len(content) > MAX_CONTENT_BYTES:
        raise UsageError(f"a content has at most {MAX_CONTENT_BYTES} bytes, not {len(content)}")
    return salt + content


class HashedFormat:
    """These entries as a format of logs."""

    @property
    def name(self) -> str:
        """The format's name in proofs."""
        return "hashed"

    @property
    def max_bytes(self) -> int:
        """The size of every entry."""
        return ENTRY_BYTES

    def parse(self, raw: bytes) -> HashedEntry:
        """The entry in these bytes.

        Args:
            raw: as received; any size.

        Raises:
            InvalidEntry: they break rule 1 or 2, or the author is no key.
        """
        if len(raw) != ENTRY_BYTES:
            raise InvalidEntry(f"size: an entry has {ENTRY_BYTES} bytes, not {len(raw)}")
        version, author, sequence, previous, timestamp_ms, erases, size, content = _SIGNED.unpack_from(raw)
        if version != VERSION:
            raise InvalidEntry(f"version: {version}, where {VERSION} is the only one")
        if not 1 <= sequence <= MAX_SEQUENCE:
            raise InvalidEntry(f"sequence: an entry has a number from 1 to {MAX_SEQUENCE}")
        if (previous == NO_PREVIOUS) is not (sequence == 1):
            raise InvalidEntry("previous: the first entry, and no other, names no entry before it")
        if erases >= sequence:
            raise InvalidEntry("erases: an entry erases an earlier one, or none")
        if timestamp_ms > MAX_SAFE_INTEGER:
            raise InvalidEntry("timestamp: 2**53 milliseconds or more are not a date")
        if size > MAX_CONTENT_BYTES:
            raise InvalidEntry(f"content: {size} bytes, where {MAX_CONTENT_BYTES} is the most")
        before = None if sequence == 1 else previous.hex()
        return HashedEntry(_key(author), sequence, before, timestamp_ms, erases, size, content, bytes(raw))

    def verify(self, entry: HashedEntry) -> None:
        """Returns if the entry is signed by its author.

        Raises:
            InvalidEntry: it is not.
        """
        signed, signature = entry.raw[: _SIGNED.size], entry.raw[_SIGNED.size :]
        try:
            entry.author.verify(CONTEXT, signed, signature)
        except SignatureError as error:
            raise InvalidEntry(f"signature: {error.rule}") from None

    def create(
        self, secret: SecretKey, head: Head | None, content: HashedContent, timestamp_ms: int
    ) -> HashedEntry:
        """The signed entry that comes next.

        Raises:
            UsageError: the payload is too short or too large, or what it erases is not earlier.
        """
        sequence = head.sequence + 1 if head else 1
        size = len(content.payload) - SALT_BYTES
        if not 0 <= size <= MAX_CONTENT_BYTES:
            raise UsageError(f"a payload is a salt of {SALT_BYTES} bytes and up to {MAX_CONTENT_BYTES} more")
        if not 0 <= content.erases < sequence:
            raise UsageError(f"entry {sequence} can erase an earlier one, which {content.erases} is not")
        if not 0 <= timestamp_ms <= MAX_SAFE_INTEGER:
            raise UsageError("a timestamp is in milliseconds since 1970")
        signed = _SIGNED.pack(
            VERSION,
            secret.public.raw,
            sequence,
            bytes.fromhex(head.id) if head else NO_PREVIOUS,
            timestamp_ms,
            content.erases,
            size,
            hashlib.sha256(content.payload).digest(),
        )
        return self.parse(signed + secret.sign(CONTEXT, signed))


@functools.lru_cache(
    maxsize=1024
)  # to check that a key is a point of the curve takes longer than a signature
def _key(raw: bytes) -> PublicKey:
    try:
        return PublicKey(raw)
    except RemoteError as error:
        raise InvalidEntry(f"author: {error}") from None


_NAMES = ("version", "author", "sequence", "previous", "timestamp", "erases", "size", "content", "signature")
_SIZES = (1, 32, 8, 32, 8, 8, 4, 32, 64)


def dissect(entry: HashedEntry) -> tuple[Field, ...]:
    """The parts of an entry's 189 bytes, in their order."""
    notes = {
        "sequence": str(entry.sequence),
        "previous": "the id of the entry before it" if entry.previous else "zeros: the first",
        "timestamp": f"{entry.timestamp_ms} ms",
        "erases": f"the content of {entry.erases}" if entry.erases else "nothing",
        "size": f"{entry.size} bytes",
        "content": "SHA-256 of salt and content",
        "signature": "over all before it",
    }
    fields, at = [], 0
    for name, size in zip(_NAMES, _SIZES, strict=True):
        fields.append(Field(name, entry.raw[at : at + size], notes.get(name, "")))
        at += size
    return tuple(fields)
