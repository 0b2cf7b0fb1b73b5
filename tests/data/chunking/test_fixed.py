"""Chunks of one size."""

from __future__ import annotations

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
