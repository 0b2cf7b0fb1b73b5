"""The bit field of a feed: which blocks and which nodes are here. A data structure in pages of 3584 bytes.

Exactly what stands in hypercore 9's file `bitfield`, and what its `have` messages say. A page covers 8192
blocks::

    data    1024 bytes   a bit for each block, the highest of a byte first
    tree    2048 bytes   a bit for each node of the flat tree below those blocks, and between them
    index    512 bytes   a summary of `data`, by which the next missing block is found quickly

The index is a flat tree of its own, through all pages. A byte of it has four pairs of bits. In a leaf (an
even place) a pair says of one byte of data: 00 all blocks are missing, 11 all are here, 01 some are. In a
node above, each pair says the same of two pairs of a child: the left child's are the first two pairs, the
right child's the last two.

We keep the index because the files of hypercore have it, and never read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from p2plib.data.hypercore import flat_tree
from p2plib.errors import UsageError

DATA_BYTES, TREE_BYTES, INDEX_BYTES = 1024, 2048, 512
PAGE_BYTES = DATA_BYTES + TREE_BYTES + INDEX_BYTES
BLOCKS_PER_PAGE = 8 * DATA_BYTES
NODES_PER_PAGE = 8 * TREE_BYTES

_EMPTY, _SOME, _FULL = 0b00, 0b01, 0b11


def _summary_of_byte(byte: int) -> int:
    return _EMPTY if byte == 0 else _FULL if byte == 0xFF else _SOME


def _summary_of_index(byte: int) -> int:
    """Two pairs that stand for the four of a byte of the index."""
    pairs = [_EMPTY if half == 0 else _FULL if half == 0xF else _SOME for half in (byte >> 4, byte & 0xF)]
    return pairs[0] << 2 | pairs[1]


_INDEX_SUMMARY = tuple(_summary_of_index(byte) for byte in range(256))


class BlockBits:
    """Which blocks and nodes are here, in pages. A page without a bit is not kept.

    Args:
        pages: what was read from a file, by number, each of `PAGE_BYTES`; none for an empty feed.

    Attributes:
        page_count: one more than the number of the last page.
    """

    def __init__(self, pages: Mapping[int, bytes] | None = None) -> None:
        self._pages = {number: bytearray(page) for number, page in (pages or {}).items()}
        if any(len(page) != PAGE_BYTES for page in self._pages.values()):
            raise UsageError(f"a page has {PAGE_BYTES} bytes")
        self.page_count = max(self._pages, default=-1) + 1
        self._changed = set[int]()

    def __len__(self) -> int:
        """One more than the highest block that is here."""
        for number in sorted(self._pages, reverse=True):
            data = int.from_bytes(self._pages[number][:DATA_BYTES], "big")
            if data:
                lowest = (data & -data).bit_length() - 1
                return (number + 1) * BLOCKS_PER_PAGE - lowest
        return 0

    def has_page(self, number: int) -> bool:
        """Whether a page has ever had a bit."""
        return number in self._pages

    def has_block(self, block: int) -> bool:
        """Whether a block is here."""
        number, bit = divmod(block, BLOCKS_PER_PAGE)
        page = self._pages.get(number)
        return page is not None and bool(page[bit >> 3] & 0x80 >> (bit & 7))

    def page_of_blocks(self, number: int) -> int:
        """The bits of the 8192 blocks of a page as a number, whose highest bit is the first block."""
        page = self._pages.get(number)
        return 0 if page is None else int.from_bytes(page[:DATA_BYTES], "big")

    def has_node(self, index: int) -> bool:
        """Whether a node of the tree is here."""
        number, bit = divmod(index, NODES_PER_PAGE)
        page = self._pages.get(number)
        return page is not None and bool(page[DATA_BYTES + (bit >> 3)] & 0x80 >> (bit & 7))

    def blocks(self) -> Iterator[int]:
        """The blocks that are here, in order."""
        for number in sorted(self._pages):
            for byte in range(DATA_BYTES):
                if self._pages[number][byte]:
                    first = number * BLOCKS_PER_PAGE + 8 * byte
                    yield from (block for block in range(first, first + 8) if self.has_block(block))

    def set_block(self, block: int, is_here: bool = True) -> None:
        """A block came, or was given up."""
        page, bit = divmod(block, BLOCKS_PER_PAGE)
        self._set(page, bit >> 3, 0x80 >> (bit & 7), is_here)
        self._summarise(page, bit >> 3)

    def set_node(self, index: int) -> None:
        """A node was proven."""
        page, bit = divmod(index, NODES_PER_PAGE)
        self._set(page, DATA_BYTES + (bit >> 3), 0x80 >> (bit & 7), True)

    def count(self) -> int:
        """How many blocks are here."""
        pages = self._pages.values()
        return sum(int.from_bytes(page[:DATA_BYTES], "big").bit_count() for page in pages)

    def data(self, start: int, length: int) -> bytes:
        """The bits of some blocks.

        Args:
            start: the first block, a multiple of 8.
            length: how many, a multiple of 8.

        Returns:
            A bit for each, the highest of a byte first; without the zero bytes at the end.
        """
        first, end = start // 8, (start + length) // 8
        numbers = range(first // DATA_BYTES, min(-(-end // DATA_BYTES), self.page_count))
        empty = bytes(DATA_BYTES)
        joined = b"".join(bytes(self._pages.get(number, empty)[:DATA_BYTES]) for number in numbers)
        skipped = first % DATA_BYTES
        return joined[skipped : skipped + end - first].rstrip(b"\x00")

    def changes(self) -> list[tuple[int, bytes]]:
        """The pages that were not written to a file since they changed, as (number, bytes)."""
        return [(number, bytes(self._pages[number])) for number in sorted(self._changed)]

    def mark_written(self, number: int) -> None:
        """A page was written to a file."""
        self._changed.discard(number)

    def _set(self, number: int, byte: int, mask: int, value: bool) -> None:
        self.page_count = max(self.page_count, number + 1)
        page = self._page(number)
        before = page[byte]
        after = before | mask if value else before & ~mask
        if after != before:
            page[byte] = after
            self._changed.add(number)

    def _page(self, number: int) -> bytearray:
        if number not in self._pages:
            self._pages[number] = bytearray(PAGE_BYTES)
            self._changed.add(number)
        return self._pages[number]

    def _index_byte(self, place: int) -> int:
        number, byte = divmod(place, INDEX_BYTES)
        page = self._pages.get(number)
        return 0 if page is None else page[-INDEX_BYTES + byte]

    def _set_index_byte(self, place: int, value: int) -> bool:
        """Whether that was a change within the pages that there are."""
        number, byte = divmod(place, INDEX_BYTES)
        if number >= self.page_count or self._index_byte(place) == value:
            return False
        self._page(number)[-INDEX_BYTES + byte] = value
        self._changed.add(number)
        return True

    def _summarise(self, page: int, byte: int) -> None:
        """Brings the index up to date after a byte of data has changed."""
        four = self._page(page)[byte & ~3 : (byte & ~3) + 4]
        value = 0
        for each in four:
            value = value << 2 | _summary_of_byte(each)
        place = 2 * ((page * DATA_BYTES + byte) // 4)
        while self._set_index_byte(place, value):
            place = flat_tree.parent(place)
            left, right = flat_tree.children(place)
            left_pairs, right_pairs = (_INDEX_SUMMARY[self._index_byte(child)] for child in (left, right))
            value = left_pairs << 4 | right_pairs
