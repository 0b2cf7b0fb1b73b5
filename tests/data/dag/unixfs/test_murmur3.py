"""MurmurHash3: values that others publish, for every length of the tail."""

from __future__ import annotations

import pytest

from p2plib.data.dag.unixfs.murmur3 import murmur3_x64_128


@pytest.mark.parametrize(
    ("data", "seed", "known"),
    [
        (b"", 0, "0" * 32),
        (b"hello", 0, "cbd8a7b341bd9b025b1e906a48ae1d19"),
        (b"hello, world", 0, "342fac623a5ebc8e4cdcbc079642414d"),
        (b"19 Jan 2038 at 3:14:07 AM", 0, "b89e5988b737affc664fc2950231b2cb"),
        (b"The quick brown fox jumps over the lazy dog.", 0, "cd99481f9ee902c9695da1a38987b6e7"),
        (b"", 1, "4610abe56eff5cb551622daa78f83583"),
        (b"hello", 1, "a78ddff5adae8d10128900ef20900135"),
    ],
)
def test_published_values(data: bytes, seed: int, known: str) -> None:
    assert murmur3_x64_128(data, seed).hex() == known


def test_the_appleby_verification_value() -> None:
    """The author's own test: hashes of all lengths to 255 under as many seeds, hashed together."""

    def little(data: bytes, seed: int = 0) -> bytes:
        hashed = murmur3_x64_128(data, seed)
        return hashed[:8][::-1] + hashed[8:][::-1]

    together = b"".join(little(bytes(range(length)), 256 - length) for length in range(256))
    assert little(together)[:4] == (0x6384BA69).to_bytes(4, "little")
