"""CRC-32C, a checksum of 32 bits (RFC 3720, appendix B.4): of LevelDB's files, and in the node ids of BEP 42.

It finds accidents, not forgers: whoever changes bytes on purpose computes the sum anew.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
"""

from __future__ import annotations

_CASTAGNOLI = 0x82F63B78  # the polynomial, lowest bit first
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
    """The CRC-32C of some bytes.

    Args:
        data: any bytes.

    Returns:
        A number of 32 bits.
    """
    table, crc = _TABLE, _32_BITS
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ _32_BITS
