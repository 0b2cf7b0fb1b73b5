"""What versions have in common."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.chunking.sharing import INDEX_ENTRY_BYTES, AddedVersion, ChunkIndex


def test_known_answers() -> None:
    index = ChunkIndex()
    assert (index.ratio, len(index), index.index_bytes) == (1.0, 0, 0)
    assert index.add([b"moss", b"fern", b"moss"]) == AddedVersion(3, 2, 12, 8)
    again = index.add([b"fern", b"lichen"])
    assert again == AddedVersion(2, 1, 10, 6)
    assert again.shared == 0.4
    assert (index.given_bytes, index.stored_bytes) == (22, 14)
    assert index.ratio == 22 / 14
    assert index.index_bytes == 3 * INDEX_ENTRY_BYTES
    assert index.add([]) == AddedVersion(0, 0, 0, 0)
    assert AddedVersion(0, 0, 0, 0).shared == 0.0


@given(st.lists(st.lists(st.binary(min_size=1, max_size=2))))
def test_each_chunk_is_stored_once(versions: list[list[bytes]]) -> None:
    index = ChunkIndex()
    added = [index.add(version) for version in versions]
    different = {chunk for version in versions for chunk in version}
    assert index.stored_bytes == sum(map(len, different)) == sum(one.new_bytes for one in added)
    assert len(index) == len(different) == sum(one.new_chunks for one in added)
    assert index.given_bytes == sum(map(len, (chunk for version in versions for chunk in version)))
    for one in added:
        assert 0 <= one.shared <= 1
