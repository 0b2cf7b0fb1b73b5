"""What versions have in common."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.chunking import fastcdc, fixed
from p2plib.data.chunking.fixed import Chunker
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


def new_share(cut: Chunker, before: bytes, after: bytes) -> float:
    index = ChunkIndex()
    index.add(cut([before]))
    return 1 - index.add(cut([after])).shared


def test_a_caption_in_a_real_picture_costs_a_chunk(shared_vectors: Path) -> None:
    """A comment right behind the start of a JPEG, as a photo album writes it."""
    file = shared_vectors / "fastcdc" / "SekienAkashita.jpg"
    if not file.is_file():
        pytest.skip("the picture is not on this machine")
    picture, caption = file.read_bytes(), b"Akashita, as Sekien drew it"
    segment = b"\xff\xfe" + (2 + len(caption)).to_bytes(2, "big") + caption
    captioned = picture[:2] + segment + picture[2:]
    assert new_share(partial(fixed.chunks, size_bytes=4096), picture, captioned) == 1
    sizes = fastcdc.ChunkSizes.around(4096)
    assert new_share(partial(fastcdc.chunks, sizes=sizes), picture, captioned) < 0.05


@pytest.mark.slow
def test_versions_of_a_real_text(shared_vectors: Path) -> None:
    """Twenty versions of a paper while it was written, from the published trace of its edits."""
    file = shared_vectors / "editing-traces" / "sequential_traces" / "automerge-paper.json.gz"
    if not file.is_file():
        pytest.skip("the trace is not on this machine")
    edits = json.loads(gzip.decompress(file.read_bytes()))["txns"]
    text, versions = "", []
    for number, edit in enumerate(edits):
        for at, removed, inserted in edit["patches"]:
            text = text[:at] + inserted + text[at + removed :]
        if number > len(edits) // 2 and number % (len(edits) // 40) == 0:
            versions.append(text.encode())
    assert len(versions) == 20

    def ratio(cut: Chunker) -> float:
        index = ChunkIndex()
        for version in versions:
            index.add(cut([version]))
        return index.ratio

    assert ratio(partial(fixed.chunks, size_bytes=1024)) < 1.4
    ratios = [
        ratio(partial(fastcdc.chunks, sizes=fastcdc.ChunkSizes.around(average)))
        for average in (256, 1024, 4096)
    ]
    assert ratios[0] > ratios[1] > ratios[2] > 2.5
    assert ratios[0] > 7


def test_a_version_that_breaks_off_leaves_nothing_behind() -> None:
    def broken() -> Iterator[bytes]:
        yield b"moss"
        yield b"fern"
        raise OSError("the disk is gone")

    index = ChunkIndex()
    index.add([b"moss"])
    with pytest.raises(OSError, match="is gone"):
        index.add(broken())
    assert (index.given_bytes, index.stored_bytes, len(index)) == (4, 4, 1)
    assert index.add([b"moss", b"fern"]) == AddedVersion(2, 1, 8, 4)


def test_a_version_that_is_cut_while_another_is_added() -> None:
    index = ChunkIndex()

    def nested() -> Iterator[bytes]:
        yield b"moss"
        index.add([b"moss", b"fern"])
        yield b"fern"

    assert index.add(nested()) == AddedVersion(2, 0, 8, 0)
    assert (index.given_bytes, index.stored_bytes, len(index)) == (16, 8, 2)
