"""Chunks of one size."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.chunking import fixed
from p2plib.errors import UsageError


def test_known_answers() -> None:
    assert list(fixed.chunks([b"moss moss fern"], 5)) == [b"moss ", b"moss ", b"fern"]
    assert list(fixed.chunks([b"mo", b"", b"ss f", b"ern"], 3)) == [b"mos", b"s f", b"ern"]
    assert list(fixed.chunks([], 3)) == []
    assert list(fixed.chunks([b""], 3)) == []


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 50))
def test_the_pieces_do_not_matter(pieces: list[bytes], size_bytes: int) -> None:
    whole = b"".join(pieces)
    expected = [whole[at : at + size_bytes] for at in range(0, len(whole), size_bytes)]
    assert list(fixed.chunks(pieces, size_bytes)) == expected


def test_no_size() -> None:
    with pytest.raises(UsageError, match="cannot have 0 bytes"):
        fixed.chunks([b"moss"], 0)


@pytest.mark.parametrize("buffer", [bytearray(7), memoryview(bytearray(7))], ids=["bytearray", "memoryview"])
def test_a_buffer_that_is_filled_again(buffer: bytearray | memoryview) -> None:
    def filled() -> Iterator[bytes]:
        for piece in (b"moss mo", b"ss fern", b" reed; "):
            buffer[:] = piece
            yield buffer  # type: ignore[misc]

    for size_bytes in range(1, 23):
        found = list(fixed.chunks(filled(), size_bytes))
        assert b"".join(found) == b"moss moss fern reed; "
        assert {type(chunk) for chunk in found} == {bytes}


def test_no_copy_of_a_large_piece_is_made() -> None:
    """What is held at any time is a chunk and what is left of one, however large the piece is."""
    piece = bytes(32 << 20)
    tracemalloc.start()
    count = sum(1 for _ in fixed.chunks([b"x", piece, piece], 1 << 18))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 257
    assert most < 2 << 20
