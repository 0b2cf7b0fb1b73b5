"""CRC-32C, the checksum of LevelDB's files, and the mask that LevelDB puts over it.

A file may hold checksums of its own parts, and a checksum of data that contains its own checksum tells
less. So LevelDB stores the sum turned by 15 bits, plus a constant.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
"""

from __future__ import annotations

_CASTAGNOLI = 0x82F63B78  # the polynomial, lowest bit first (RFC 3720, appendix B.4)
_MASK = 0xA282EAD8
_32_BITS = 0xFFFFFFFF


def _table() -> list[int]:
    """What each byte does to a sum."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (_CASTAGNOLI if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """The CRC-32C of some bytes, a number of 32 bits."""
    table, crc = _TABLE, _32_BITS
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ _32_BITS


def masked(crc: int) -> int:
    """The number that is stored for a sum."""
    return ((crc >> 15 | crc << 17) + _MASK) & _32_BITS


def unmasked(stored: int) -> int:
    """The sum that a stored number means."""
    turned = (stored - _MASK) & _32_BITS
    return (turned >> 17 | turned << 15) & _32_BITS
