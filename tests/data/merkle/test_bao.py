"""Bao's encodings: every published one, byte for byte, and how little of a file a slice reads."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.merkle import bao, blake3
from p2plib.data.merkle.bao import BaoTree, reader
from p2plib.data.merkle.blake3 import Engine
from p2plib.errors import DecodeError, UsageError


def published_input(size: int) -> bytes:
    """What Bao's vectors are made of: 4-byte numbers, little-endian, from 1 on."""
    return b"".join(n.to_bytes(4, "little") for n in range(1, size // 4 + 2))[:size]


@pytest.fixture
def published(shared_vectors: Path) -> dict[str, list[dict[str, Any]]]:
    text = (shared_vectors / "bao" / "tests" / "test_vectors.json").read_text("utf8")
    return json.loads(text)  # type: ignore[no-any-return]


@pytest.fixture(params=["numbers", "numpy"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "numpy":
        pytest.importorskip("numpy")
    return request.param  # type: ignore[no-any-return]


def test_the_example_of_the_specification() -> None:
    """2,049 zeros: the size, root and left parent; docs/spec.md, "Combined Encoding Format"."""
    encoded = bao.encode(bytes(2049))
    assert encoded[:11].hex() == "0108000000000000" + "a04fc7"
    assert encoded[72:75].hex() == "91715a"
    assert encoded[136:] == bytes(2049)


def test_published_encodings(published: dict[str, Any], engine: Engine) -> None:
    assert len(published["hash"]) == len(published["encode"]) == len(published["outboard"]) == 13
    for case in published["hash"]:
        assert BaoTree.of(published_input(case["input_len"]), engine).root.hex() == case["bao_hash"]
    for case in published["encode"]:
        encoded = bao.encode(published_input(case["input_len"]), engine)
        assert len(encoded) == case["output_len"]
        assert blake3.digest(encoded).hex() == case["encoded_blake3"]
    for case in published["outboard"]:
        encoded = bao.outboard(published_input(case["input_len"]), engine)
        assert len(encoded) == case["output_len"]
        assert blake3.digest(encoded).hex() == case["encoded_blake3"]


def test_published_slices_from_all_three_sources(published: dict[str, Any], engine: Engine) -> None:
    count = 0
    for case in published["slice"]:
        content = published_input(case["input_len"])
        combined, outboard = bao.encode(content, engine), bao.outboard(content, engine)
        for one in case["slices"]:
            asked = one["start"], one["len"]
            cut = bao.slice_of(content, *asked, engine)
            assert len(cut) == one["output_len"]
            assert blake3.digest(cut).hex() == one["output_blake3"]
            assert b"".join(bao.slice_combined(reader(combined), *asked)) == cut
            assert b"".join(bao.slice_outboard(reader(outboard), reader(content), *asked)) == cut
            count += 1
    assert count == PUBLISHED_SLICES


PUBLISHED_SLICES = 222


@given(st.binary(max_size=9_000), st.lists(st.integers(1, 4_000), max_size=5))
def test_a_tree_of_pieces(content: bytes, cuts: list[int]) -> None:
    places = sorted({min(cut, len(content)) for cut in cuts} | {0, len(content)})
    pieces = [content[a:b] for a, b in pairwise(places)]
    made = BaoTree.of(pieces)
    assert made.root == blake3.digest(content)
    assert (made.size, made.outboard()) == (len(content), bao.outboard(content))


@pytest.mark.parametrize("more", [-1, 0, 1, 1024, 5000])
def test_a_tree_of_more_than_a_batch(more: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content = random.Random(more).randbytes(4 * 1024 * 5 + more)
    monkeypatch.setattr(bao, "BATCH_CHUNKS", 4)
    made = BaoTree.of(content[at : at + 700] for at in range(0, len(content), 700))
    monkeypatch.undo()
    assert (made.root, made.outboard()) == (blake3.digest(content), bao.outboard(content))


@pytest.mark.parametrize("size", [0, 1, 1024, 1025, 100_000])
def test_how_long_the_encodings_are(size: int) -> None:
    parents = max(1, -(-size // 1024)) - 1
    assert len(bao.outboard(bytes(size))) == 8 + 64 * parents
    assert len(bao.encode(bytes(size))) == 8 + 64 * parents + size


class Counted:
    """A file that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.bytes_read = data, 0

    def __call__(self, offset: int, size: int) -> bytes:
        self.bytes_read += size
        return self.data[offset : offset + size]


@pytest.mark.parametrize(
    ("start", "length"), [(0, 1), (700_000, 1), (123_456, 5_000), (2**40, 1), (1_048_575, 9)]
)
def test_a_slice_reads_its_path_and_nothing_else(start: int, length: int) -> None:
    content = random.Random(1).randbytes(1 << 20)
    tree = BaoTree.of(content)
    combined = Counted(b"".join(tree.encoded(reader(content), 0, len(content))))
    cut = b"".join(bao.slice_combined(combined, start, length))
    assert combined.bytes_read == len(cut)
    outboard, beside = Counted(tree.outboard()), Counted(content)
    assert b"".join(bao.slice_outboard(outboard, beside, start, length)) == cut
    assert outboard.bytes_read + beside.bytes_read == len(cut)
    chunks = -(-(min(start, (1 << 20) - 1) % 1024 + length) // 1024)
    assert len(cut) <= 8 + 1024 * chunks + 64 * (2 * 10 + chunks)


def test_a_file_that_is_cut_cannot_be_sliced() -> None:
    encoded = bao.encode(bytes(3_000))
    with pytest.raises(DecodeError, match="the file ends 1 bytes before the end of a node"):
        list(bao.slice_combined(reader(encoded[:-1]), 0, 3_000))
    with pytest.raises(DecodeError, match="ends 3 bytes") as refused:
        list(bao.slice_combined(reader(encoded[:5]), 0, 1))
    assert refused.value.offset == 0
    with pytest.raises(DecodeError, match="ends 64 bytes"):
        list(bao.slice_outboard(reader(bao.outboard(bytes(3_000))[:72]), reader(bytes(3_000)), 0, 1))


@pytest.mark.parametrize("size", [0, 1, 1024, 1025, 2049, 5_000])
def test_dissect_is_the_encoding_taken_apart(size: int) -> None:
    content = random.Random(size).randbytes(size)
    outboard = bao.outboard(content)
    fields = bao.dissect(outboard)
    assert b"".join(field.raw for field in fields) == outboard
    assert fields[0].note == f"{size:,} bytes of content"
    for field in fields[1:]:
        low, high = (
            int(word.replace(",", "")) for word in field.note.removeprefix("of bytes ").split(" to ")
        )
        if high - low < 1024:
            node = blake3.chunk_node(content[low : high + 1], low // 1024)
            assert field.raw == node.chaining_value()
    assert sum(field.note.endswith(f" to {size - 1:,}") for field in fields) >= (size > 1024)


def test_dissect_refuses_another_length() -> None:
    with pytest.raises(DecodeError, match="8 bytes of size, not 7"):
        bao.dissect(bytes(7))
    with pytest.raises(DecodeError, match="of 2049 bytes has 136, not 135"):
        bao.dissect(bao.outboard(bytes(2049))[:-1])
    with pytest.raises(DecodeError, match=r"of 18446744073709551615 bytes has \d+, not 8"):
        bao.dissect(b"\xff" * 8)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_other_kinds_of_bytes(kind: Callable[[bytes], bytes]) -> None:
    content = random.Random(6).randbytes(5_000)
    assert BaoTree.of(kind(content)).outboard() == bao.outboard(content)
    assert bao.encode(kind(content)) == bao.encode(content)
    assert bao.slice_of(kind(content), 2_000, 9) == bao.slice_of(content, 2_000, 9)


@pytest.mark.parametrize(("start", "length"), [(-1, 10), (5, -1)])
def test_no_slice_begins_before_the_content(start: int, length: int) -> None:
    content = bytes(5_000)
    tree, encoded = BaoTree.of(content), bao.encode(content)
    for cut in (
        lambda: bao.slice_of(content, start, length),
        lambda: next(tree.encoded(reader(content), start, length)),
        lambda: next(bao.slice_combined(reader(encoded), start, length)),
        lambda: next(bao.slice_outboard(reader(tree.outboard()), reader(content), start, length)),
    ):
        with pytest.raises(UsageError, match=f"cannot begin at {start} and have {length} bytes"):
            cut()


def test_a_header_that_no_file_can_keep_is_refused_before_anything_is_read_far_away() -> None:
    """Offsets beyond 2**63 make a file's own functions raise what nobody expects."""
    asked = []

    def read(offset: int, size: int) -> bytes:
        asked.append(offset)
        return b"\xff" * size

    for slice_ in (bao.slice_combined(read, 2**63, 1), bao.slice_outboard(read, read, 2**63, 1)):
        with pytest.raises(
            DecodeError, match="promises 18446744073709551615 bytes, more than any file"
        ) as refused:
            list(slice_)
        assert refused.value.offset == 0
    assert asked == [0, 0]


def test_a_source_that_gives_too_much() -> None:
    with pytest.raises(DecodeError, match="2000 bytes were read where a node has 1000"):
        list(BaoTree.of(bytes(1000)).encoded(lambda offset, size: bytes(2 * size), 0, 1))
