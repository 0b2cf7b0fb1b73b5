"""Run-length code of bit fields: long runs of full or empty bytes in a few bytes. A codec.

As npm's `bitfield-rle` 2.2.1 writes it, byte for byte, for the `have` messages of hypercore. A sequence of
parts, each a varint n and what it says::

    n odd    a run: n >> 2 bytes, all ff if n & 2, else all 00
    n even   n >> 1 bytes, which follow as they are

Rules
    1. Empty bytes at the end are not sent: whoever reads goes on with zeros.
    2. A run is written only where it makes the code shorter.
    3. A reader says how many bytes it will take at most, before anything is made: eight bytes of code can
       stand for 2^60 bytes.

    >>> encode(bytes([255] * 1000 + [0x80]))
    b'\\xa3\\x1f\\x02\\x80'
    >>> decode(b'\\xa3\\x1f\\x02\\x80', max_bytes=4096) == bytes([255] * 1000 + [0x80])
    True
"""

from __future__ import annotations

import re

from p2plib.errors import DecodeError
from p2plib.wire import varint

_RUNS = re.compile(rb"\x00+|\xff+")


def encode(bits: bytes) -> bytes:
    """The code of a bit field; trailing zero bytes are lost."""
    bits = bits.rstrip(b"\x00")
    code, copied = bytearray(), 0
    for run in _RUNS.finditer(bits):
        before = bits[copied : run.start()]
        head = _literal(before) + varint.encode(len(run[0]) << 2 | (run[0][0] == 255) << 1 | 1)
        if len(head) < len(_literal(bits[copied : run.end()])):
            code += head
            copied = run.end()
    return bytes(code) + _literal(bits[copied:])


def _literal(part: bytes) -> bytes:
    return varint.encode(len(part) << 1) + part if part else b""


def decode(code: bytes, max_bytes: int) -> bytes:
    """The bit field, without the zeros that were cut off its end.

    Args:
        code: what `encode` made.
        max_bytes: the most that it may stand for.

    Raises:
        DecodeError: it is cut, or stands for more.
    """
    bits, offset = bytearray(), 0
    while offset < len(code):
        start = offset
        said, offset = varint.decode(code, offset)
        size = said >> 2 if said & 1 else said >> 1
        if len(bits) + size > max_bytes:
            raise DecodeError(f"a bit field of more than {max_bytes} bytes", start)
        if said & 1:
            bits += (b"\xff" if said & 2 else b"\x00") * size
        elif offset + size > len(code):
            raise DecodeError(f"{size} bytes are to follow, {len(code) - offset} are left", offset)
        else:
            bits += code[offset : offset + size]
            offset += size
    return bytes(bits)
