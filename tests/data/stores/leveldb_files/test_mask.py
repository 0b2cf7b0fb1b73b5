"""LevelDB's mask over a CRC-32C."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.stores.leveldb_files.mask import masked, unmasked
from p2plib.wire.crc32c import crc32c


@given(st.integers(0, 2**32 - 1))
def test_the_mask_comes_off(crc: int) -> None:
    assert unmasked(masked(crc)) == crc
    assert masked(crc) != crc


def test_a_mask_that_leveldb_wrote() -> None:
    """The first fragment of a log: its checksum, and the kind and data that it is of."""
    raw = bytes.fromhex("673c2af6150001040000000000000001000000010362656e036e6577")
    assert masked(crc32c(raw[6:])) == int.from_bytes(raw[:4], "little")
