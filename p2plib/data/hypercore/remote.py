"""What another peer says that it has, kept so that no message of it makes us keep much. A data structure.

Rules
    1. Bits are kept for the regions that we asked about, of 1,048,576 blocks each, and 128 KiB at most for
       each.
    2. Of what lies elsewhere only its end is kept: how long the peer says that the feed is.
    3. Whatever a message of a few bytes says, a page costs one operation. A page is kept as a number, whose
       highest bit is its first block.
"""

from __future__ import annotations

from collections.abc import Iterator

from p2plib.data.hypercore import rle
from p2plib.data.hypercore.bitfield import BLOCKS_PER_PAGE, DATA_BYTES, BlockBits

REGION_BLOCKS = 1024 * 1024  # what hypercore asks about at once
_FULL = (1 << BLOCKS_PER_PAGE) - 1
MAX_REGIONS = 16  # asked about in one connection: 16 million blocks, 2 MiB of bits


class RemoteBlocks:
    """The blocks that one peer says it has.

    Attributes:
        length: one more than the highest block that it ever spoke of.
    """

    def __init__(self) -> None:
        self.length = 0
        self._regions = set[int]()
        self._pages = dict[int, int]()

    def ask(self, block: int) -> int | None:
        """The region of a block, if nobody has asked about it yet; from now on its bits are kept.

        Args:
            block: its number.

        Returns:
            The first block of the region; None if it was asked about, or no more are.
        """
        region = block // REGION_BLOCKS
        if region in self._regions or len(self._regions) >= MAX_REGIONS:
            return None
        self._regions.add(region)
        return region * REGION_BLOCKS

    def has(self, block: int) -> bool:
        """Whether the peer says that it has a block."""
        page = self._pages.get(block // BLOCKS_PER_PAGE, 0)
        return bool(page >> BLOCKS_PER_PAGE - 1 - block % BLOCKS_PER_PAGE & 1)

    def candidates(self, here: BlockBits) -> Iterator[int]:
        """The blocks that it has and we have not, in order.

        Args:
            here: which blocks we have.
        """
        for number in sorted(self._pages):
            lacking = self._pages[number] & ~here.page_of_blocks(number)
            while lacking:
                bits = lacking.bit_length()
                yield (number + 1) * BLOCKS_PER_PAGE - bits
                lacking ^= 1 << bits - 1

    def set(self, start: int, length: int, has: bool = True) -> None:
        """It says that it has, or has lost, this many blocks from one on."""
        if has and length:
            self.length = max(self.length, start + length)
        elif start < self.length <= start + length:
            self.length = start
        for region in self._regions:
            first = max(start, region * REGION_BLOCKS)
            end = min(start + length, (region + 1) * REGION_BLOCKS)
            if first < end:
                self._set_range(first, end, has)

    def _set_range(self, first: int, end: int, has: bool) -> None:
        whole = range(-(-first // BLOCKS_PER_PAGE), end // BLOCKS_PER_PAGE)
        if has:
            self._pages |= dict.fromkeys(whole, _FULL)
        else:
            for number in whole:
                self._pages.pop(number, None)
        for number in {first // BLOCKS_PER_PAGE, end // BLOCKS_PER_PAGE}:
            if number not in whole:
                low = max(first - number * BLOCKS_PER_PAGE, 0)
                high = min(end - number * BLOCKS_PER_PAGE, BLOCKS_PER_PAGE)
                mask = (1 << high - low) - 1 << BLOCKS_PER_PAGE - high
                page = self._pages.get(number, 0)
                self._set_page(number, page | mask if has else page & ~mask)

    def _set_page(self, number: int, page: int) -> None:
        if page:
            self._pages[number] = page
        else:
            self._pages.pop(number, None)

    def fill(self, start: int, code: bytes) -> None:
        """It sends its bit field from a block on.

        Args:
            start: the first block, a multiple of 8.
            code: the bits, run-length coded.

        Raises:
            DecodeError: the code is cut, or stands for more than a region.
        """
        bits = rle.decode(code, REGION_BLOCKS // 8)
        if bits.rstrip(b"\x00"):
            last = bits.rstrip(b"\x00")
            lowest = (last[-1] & -last[-1]).bit_length() - 1
            self.length = max(self.length, start + 8 * len(last) - lowest)
        if start // REGION_BLOCKS not in self._regions:
            return
        end = (start // REGION_BLOCKS + 1) * REGION_BLOCKS
        at = start
        while at < min(start + 8 * len(bits), end):
            number, inside = at // BLOCKS_PER_PAGE, at % BLOCKS_PER_PAGE // 8
            part = bits[(at - start) // 8 : (at - start) // 8 + DATA_BYTES - inside]
            below = 8 * (DATA_BYTES - inside - len(part))  # bits of the page that follow this part
            kept = self._pages.get(number, 0) & ~((1 << 8 * len(part)) - 1 << below)
            self._set_page(number, kept | int.from_bytes(part, "big") << below)
            at += 8 * len(part)
