"""CRC-32C: the vectors of RFC 3720, appendix B.4, and LevelDB's mask."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.stores.leveldb_files.crc32c import crc32c, masked, unmasked
from p2plib.discovery.mainline import node_id


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


@given(st.binary(max_size=100))
def test_like_the_other_one_of_this_library(data: bytes) -> None:
    assert crc32c(data) == node_id.crc32c(data)


@given(st.integers(0, 2**32 - 1))
def test_the_mask_comes_off(crc: int) -> None:
    assert unmasked(masked(crc)) == crc
    assert masked(crc) != crc


def test_a_mask_that_leveldb_wrote() -> None:
    """The first fragment of a log: its checksum, and the kind and data that it is of."""
    raw = bytes.fromhex("673c2af6150001040000000000000001000000010362656e036e6577")
    assert masked(crc32c(raw[6:])) == int.from_bytes(raw[:4], "little")
