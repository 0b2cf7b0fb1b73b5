"""DER: ASN.1 values as bytes, each with its one spelling. A codec.

Follows ITU-T X.690, as far as public keys and the extensions of certificates need it. An element is a tag of
one byte, the size of its content, and the content. A size below 128 is one byte; a larger one is 0x80 + n and
then n bytes, big-endian.

Rules
    1. Sizes are definite and minimal (X.690, 10.1), and checked against what is there before anything is
       copied.
    2. Integers are minimal (8.3.2); the ones read here are not negative.
    3. Nothing follows the last element that a format has room for: `end` says so.

    >>> sequence(integer(1), octet_string(b"ab")).hex()
    '300702010104026162'
"""

from __future__ import annotations

from p2plib.errors import DecodeError, UsageError
from p2plib.wire.fields import bytes_follow

INTEGER, BIT_STRING, OCTET_STRING, NULL, OBJECT_IDENTIFIER, SEQUENCE = 0x02, 0x03, 0x04, 0x05, 0x06, 0x30
NAMES = {
    INTEGER: "an INTEGER",
    BIT_STRING: "a BIT STRING",
    OCTET_STRING: "an OCTET STRING",
    NULL: "a NULL",
    OBJECT_IDENTIFIER: "an OBJECT IDENTIFIER",
    SEQUENCE: "a SEQUENCE",
}
MAX_SIZE_BYTES = 3  # sixteen megabytes, more than anybody reads here

_LONG = 0x80


def element(tag: int, content: bytes) -> bytes:
    """The bytes of an element.

    Args:
        tag: one of `NAMES`.
        content: up to 2**24 - 1 bytes.

    Raises:
        UsageError: the content is larger.
    """
    size = len(content)
    if size < _LONG:
        return bytes((tag, size)) + content
    size_bytes = size.to_bytes(-(-size.bit_length() // 8), "big")
    if len(size_bytes) > MAX_SIZE_BYTES:
        raise UsageError(f"an element of {size} bytes, which is too large to be read here")
    return bytes((tag, _LONG | len(size_bytes))) + size_bytes + content


def sequence(*elements: bytes) -> bytes:
    """A SEQUENCE of elements that are bytes already."""
    return element(SEQUENCE, b"".join(elements))


def integer(value: int) -> bytes:
    """An INTEGER that is not negative."""
    if value < 0:
        raise UsageError("integers here are not negative")
    return element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octet_string(content: bytes) -> bytes:
    """An OCTET STRING."""
    return element(OCTET_STRING, content)


def bit_string(content: bytes) -> bytes:
    """A BIT STRING of whole bytes."""
    return element(BIT_STRING, b"\x00" + content)


def read(raw: bytes, offset: int, tag: int) -> tuple[bytes, int]:
    """The content of the element that begins at an offset, and the offset of what follows it.

    Args:
        raw: bytes that hold the element somewhere.
        offset: where it begins.
        tag: what it must be, one of `NAMES`.

    Raises:
        DecodeError: it is something else, its size is not in its one spelling, or more than is there.
    """
    if offset + 2 > len(raw):
        raise DecodeError(f"the data ends where {NAMES[tag]} belongs", len(raw))
    if raw[offset] != tag:
        raise DecodeError(f"{NAMES[tag]} belongs here, not the tag 0x{raw[offset]:02x}", offset)
    size, start = raw[offset + 1], offset + 2
    if size >= _LONG:
        size, start = _long_size(raw, offset + 1)
    if size > len(raw) - start:
        raise DecodeError(f"{NAMES[tag]} claims {size} bytes, but {len(raw) - start} are left", offset)
    return raw[start : start + size], start + size


def _long_size(raw: bytes, offset: int) -> tuple[int, int]:
    count = raw[offset] & ~_LONG
    start = offset + 1 + count
    if not 1 <= count <= MAX_SIZE_BYTES:
        raise DecodeError(f"a size in {count} bytes, where there are 1 to {MAX_SIZE_BYTES}", offset)
    if start > len(raw):
        raise DecodeError("the data ends inside a size", len(raw))
    size = int.from_bytes(raw[offset + 1 : start], "big")
    if size < _LONG or size < 256 ** (count - 1):
        raise DecodeError(f"a size of {size} in {count} bytes, which needs fewer", offset)
    return size, start


def read_integer(raw: bytes, offset: int) -> tuple[int, int]:
    """The INTEGER that begins at an offset, and the offset of what follows it.

    Raises:
        DecodeError: as `read`; or it is negative, or not minimal.
    """
    content, end = read(raw, offset, INTEGER)
    if not content:
        raise DecodeError("an INTEGER of no bytes", offset)
    if content[0] >= _LONG:
        raise DecodeError("an INTEGER below zero", offset)
    if len(content) > 1 and content[0] == 0 and content[1] < _LONG:
        raise DecodeError("an INTEGER with a zero in front that it does not need", offset)
    return int.from_bytes(content, "big"), end


def end(raw: bytes, offset: int) -> None:
    """Returns if nothing follows.

    Raises:
        DecodeError: something does.
    """
    if offset != len(raw):
        raise DecodeError(f"{bytes_follow(len(raw) - offset)}, where it should end", offset)
