"""Varint: a non-negative whole number in as few bytes as it needs. A codec.

Follows the multiformats unsigned-varint specification. Protocol Buffers use the same bytes and are laxer
about them.

Rules
    1. Seven bits of the number to a byte, the lowest seven first.
    2. The top bit of a byte says "another byte follows".
    3. Minimal: a number has one encoding, so a last byte of zero (after others) is refused. Without this rule
       one key would have many peer ids, and one message many hashes.
    4. At most nine bytes, so at most 63 bits.

Vocabulary::

    value   the number, 0 to 2**63 - 1, for example 300
    group   seven bits of it, for example 300 = 0b10_0101100 has the groups 0101100 and 0000010

    >>> encode(300)
    b'\\xac\\x02'
    >>> decode(b'\\xac\\x02rest')
    (300, 2)
"""

from __future__ import annotations

from p2plib.errors import DecodeError, UsageError

MAX_BYTES = 9  # the specification's limit; it fits a signed 64-bit integer of any language
MAX_VALUE = 2 ** (7 * MAX_BYTES) - 1

_MORE = 0x80
_GROUP = 0x7F


def encode(value: int, *, maximum: int = MAX_VALUE) -> bytes:
    """The bytes of a number.

    Args:
        value: 0 to `maximum`.
        maximum: the largest number that the format allows.

    Returns:
        1 to 9 bytes, or as many as the maximum takes.

    Raises:
        UsageError: the number is negative or too large.
    """
    if not 0 <= value <= maximum:
        size = "negative" if value < 0 else "larger"
        raise UsageError(f"a varint here holds 0 to {maximum}, not a {size} number")
    groups = bytearray()
    while value > _GROUP:
        groups.append(value & _GROUP | _MORE)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def decode(data: bytes, offset: int = 0, *, maximum: int = MAX_VALUE) -> tuple[int, int]:
    """The number that begins at an offset, and the offset of what follows it.

    Args:
        data: bytes that hold a varint somewhere; what comes after it is left alone.
        offset: where it begins, counted in bytes from 0.
        maximum: the largest number that the format allows. Protocol Buffers allow 2**64 - 1, in ten bytes.

    Returns:
        The number, and the offset of the first byte after it.

    Raises:
        DecodeError: the data ends inside it, it is longer than the maximum takes, not minimal, or too large.
    """
    if offset < 0:
        raise UsageError(f"an offset counts from 0, not {offset}")
    max_bytes = -(-maximum.bit_length() // 7)
    value = 0
    for i in range(max_bytes):
        if offset + i >= len(data):
            raise DecodeError("the data ends inside a varint", len(data))
        byte = data[offset + i]
        value |= (byte & _GROUP) << (7 * i)
        if byte & _MORE:
            continue
        if byte == 0 and i > 0:
            raise DecodeError(f"a varint of {i + 1} bytes for {value}, which needs fewer", offset)
        if value > maximum:
            raise DecodeError(f"a varint of {value}, where {maximum} is the most", offset)
        return value, offset + i + 1
    raise DecodeError(f"a varint longer than {max_bytes} bytes", offset)
