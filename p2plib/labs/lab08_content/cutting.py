"""Lab 8: where a file is cut, as its content decides. Gear hashing, as in FastCDC, with small numbers.

A sum of 32 bits rolls over the bytes: each byte doubles it and adds a number of its own, so that a byte is
shifted out after 32 more. Where the upper bits of the sum are all zero is a cut, wherever in the file that
is. Two files that share a passage therefore share its cuts, from the first one on.
"""

from __future__ import annotations

import hashlib

SUM_BITS = 32  # also how many bytes have an influence on it
SMALLEST_BYTES, LARGEST_BYTES = 64, 1024
CUT_BITS = 7  # zeros that make a cut: one place in 128 has them
GEAR = [int.from_bytes(hashlib.sha256(bytes([byte])).digest()[:4], "big") for byte in range(256)]


def cut(data: bytes) -> list[bytes]:
    """Cut some bytes where their content decides; joined, the chunks are the same bytes."""
    chunks, start, rolling = [], 0, 0
    for end, byte in enumerate(data, 1):
        rolling = (2 * rolling + GEAR[byte]) % 2**SUM_BITS
        size = end - start
        is_cut = rolling >> SUM_BITS - CUT_BITS == 0
        if size == LARGEST_BYTES or (size >= SMALLEST_BYTES and is_cut):
            chunks.append(data[start:end])
            start = end
    return [*chunks, data[start:]] if start < len(data) else chunks
