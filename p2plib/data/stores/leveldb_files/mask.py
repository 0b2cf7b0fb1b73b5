"""The mask that LevelDB puts over its checksums, which are CRC-32C.

A file may hold checksums of its own parts, and a checksum of data that contains its own checksum tells
less. So LevelDB stores the sum turned by 15 bits, plus a constant.
"""

from __future__ import annotations

_MASK = 0xA282EAD8
_32_BITS = 0xFFFFFFFF


def masked(crc: int) -> int:
    """The number that is stored for a sum."""
    return ((crc >> 15 | crc << 17) + _MASK) & _32_BITS


def unmasked(stored: int) -> int:
    """The sum that a stored number means."""
    turned = (stored - _MASK) & _32_BITS
    return (turned >> 17 | turned << 15) & _32_BITS
