"""CRC-32C: the vectors of RFC 3720, appendix B.4."""

from __future__ import annotations

import pytest

from p2plib.wire.crc32c import crc32c


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"", 0),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
    ],
)
def test_published(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc
