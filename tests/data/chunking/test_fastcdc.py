"""FastCDC, against the fastcdc package of PyPI and the boundaries that were published for a picture."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from fastcdc import fastcdc_cy, fastcdc_py
from hypothesis import given, settings
from hypothesis import strategies as st

from p2plib.data.chunking import fastcdc
from p2plib.data.chunking.fastcdc import ChunkSizes
from p2plib.data.chunking.gear import secret_gear
from p2plib.errors import UsageError

JUDGES = {"python": fastcdc_py.fastcdc_py, "cython": fastcdc_cy.fastcdc_cy}
WAYS = pytest.mark.parametrize("arrays", [False, True], ids=["loop", "numpy"])
SMALL = ChunkSizes(64, 256, 1024)


def judged(data: bytes, sizes: ChunkSizes, judge: str = "cython") -> list[int]:
    found = JUDGES[judge](data, sizes.minimum_bytes, sizes.average_bytes, sizes.maximum_bytes)
    return [chunk.length for chunk in found]


def texts(seed: int, size_bytes: int) -> bytes:
    """Text-like content: few letters, and much that comes again."""
    random = Random(seed)
    words = [bytes(random.choices(range(97, 123), k=random.randint(1, 12))) for _ in range(300)]
    made = bytearray()
    while len(made) < size_bytes:
        made += random.choice(words) + b" "
    return bytes(made[:size_bytes])


CONTENTS = {
    "random": Random(1).randbytes(300_000),
    "text": texts(2, 300_000),
    "zeros": bytes(300_000),
    "a run in the middle": Random(3).randbytes(70_000) + b"\xff" * 150_000 + Random(4).randbytes(80_000),
    "a period": bytes(range(256)) * 1200,
    "short": b"moss",
    "nothing": b"",
}


@WAYS
@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("content", CONTENTS)
def test_the_package_cuts_at_the_same_places(content: str, judge: str, arrays: bool) -> None:
    data = CONTENTS[content]
    sizes = ChunkSizes.around(8192)
    assert fastcdc.lengths(data, sizes, arrays=arrays) == judged(data, sizes, judge)


@WAYS
@pytest.mark.parametrize(
    "sizes",
    [
        SMALL,
        ChunkSizes(64, 300, 1024),
        ChunkSizes(200, 362, 5000),  # just under the half of a power of two, on the scale of powers
        ChunkSizes(200, 363, 5000),  # just over it
        ChunkSizes(256, 256, 1024),  # no strict part at all
        ChunkSizes(1000, 1024, 1030),
        ChunkSizes(64, 1024, 1024),
        ChunkSizes(16384, 65536, 131072),
    ],
    ids=str,
)
def test_sizes_of_all_kinds(sizes: ChunkSizes, arrays: bool) -> None:
    for content in ("random", "text", "a run in the middle"):
        data = CONTENTS[content]
        assert fastcdc.lengths(data, sizes, arrays=arrays) == judged(data, sizes)


@WAYS
@pytest.mark.parametrize(
    ("kib", "published"),
    [
        (16, [22366, 8282, 16303, 18696, 32768, 11051]),
        (32, [32857, 16408, 60201]),
        (64, [32857, 76609]),
    ],
)
def test_the_published_boundaries(shared_vectors: Path, kib: int, published: list[int], arrays: bool) -> None:
    picture = shared_vectors / "fastcdc" / "SekienAkashita.jpg"
    if not picture.is_file():
        pytest.skip("the picture whose boundaries were published is not on this machine")
    average = kib * 1024
    sizes = ChunkSizes(average // 2, average, average * 2)
    assert fastcdc.lengths(picture.read_bytes(), sizes, arrays=arrays) == published


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 6000), st.lists(st.integers(0, 6000), max_size=6), st.booleans())
def test_the_pieces_do_not_matter(seed: int, size_bytes: int, marks: list[int], arrays: bool) -> None:
    data = texts(seed, size_bytes)
    places = [0, *sorted(min(mark, size_bytes) for mark in marks), size_bytes]
    pieces = [data[begin:end] for begin, end in pairwise(places)]
    found = list(fastcdc.chunks(pieces, SMALL, arrays=arrays))
    assert b"".join(found) == data
    assert [len(chunk) for chunk in found] == judged(data, SMALL)


@pytest.mark.parametrize("piece_bytes", [1, 1000, 65_536, 1 << 18, 1 << 19, 900_001])
def test_pieces_larger_and_smaller_than_a_batch(piece_bytes: int) -> None:
    data = Random(5).randbytes(900_001)
    pieces = (data[at : at + piece_bytes] for at in range(0, len(data), piece_bytes))
    sizes = ChunkSizes.around(4096)
    found = list(fastcdc.chunks(pieces, sizes))
    assert b"".join(found) == data
    assert [len(chunk) for chunk in found] == judged(data, sizes)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([SMALL, ChunkSizes(100, 700, 4000), ChunkSizes(256, 256, 1024)]),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**32),
    st.sampled_from([2, 3, 256]),
)
def test_the_loop_and_the_arrays_agree(sizes: ChunkSizes, secret: bytes, seed: int, letters: int) -> None:
    """With tables that no package has, and with content of few letters, whose sums repeat."""
    data = bytes(Random(seed).choices(range(letters), k=20_000))
    gear = secret_gear(secret)
    loop = fastcdc.lengths(data, sizes, gear, arrays=False)
    assert loop == fastcdc.lengths(data, sizes, gear, arrays=True)
    assert all(sizes.minimum_bytes <= length <= sizes.maximum_bytes for length in loop[:-1])


@pytest.mark.parametrize(
    "gear",
    [(0,) * 256, (1,) * 256, (2**31 - 1,) * 256, (2**30,) * 256, (64,) * 128 + (0,) * 128],
    ids=["zeros", "ones", "largest", "half", "two values"],
)
def test_tables_that_make_every_place_a_candidate(gear: tuple[int, ...]) -> None:
    """The smallest and the largest hash that could be there never meet: both ways must agree, and soon."""
    data = Random(6).randbytes(100_000)
    sizes = ChunkSizes.around(8192)
    loop = fastcdc.lengths(data, sizes, gear, arrays=False)
    assert loop == fastcdc.lengths(data, sizes, gear, arrays=True)


@WAYS
@pytest.mark.parametrize(("before", "expected"), [(1, 1001), (3, 2000)])
def test_what_came_long_before_can_decide(before: int, expected: int, arrays: bool) -> None:
    """In a run of one byte the hash stays at 2g where it came from above, and at 2g - 1 from below.

    Half of that, rounded down, and 509 more is 512 or 511: only the first ends a chunk. The last 64 bytes do
    not tell the two apart.
    """
    gear = (3, (1 << 31) - 1, 509, *[1] * 253)
    data = bytes([before]) * 200 + bytes(800) + b"\x02" + bytes(999)
    assert fastcdc.lengths(data, ChunkSizes(64, 1024, 8192), gear, arrays=arrays)[0] == expected


def test_the_way_is_chosen_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    data, sizes = CONTENTS["text"], ChunkSizes.around(2048)
    expected = judged(data, sizes)
    assert fastcdc.lengths(data, sizes) == expected
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert fastcdc.lengths(data, sizes) == expected
    with pytest.raises(UsageError, match="numpy is not installed"):
        fastcdc.lengths(data, sizes, arrays=True)


@WAYS
@pytest.mark.parametrize("content", ["random", "zeros"])
@pytest.mark.parametrize("sizes", [SMALL, ChunkSizes(64, 512, 1024), ChunkSizes(1024, 1024, 1024)], ids=str)
def test_files_about_as_long_as_a_chunk(sizes: ChunkSizes, content: str, arrays: bool) -> None:
    """No bytes at all, one, the minimum, the maximum, and one more or less; in pieces of one byte, too."""
    ends = {0, 1, sizes.minimum_bytes, sizes.strict_until_bytes, sizes.maximum_bytes, 2 * sizes.maximum_bytes}
    for size_bytes in sorted({max(0, end + more) for end in ends for more in (-1, 0, 1)}):
        data = CONTENTS[content][:size_bytes]
        expected = judged(data, sizes)
        assert fastcdc.lengths(data, sizes, arrays=arrays) == expected
        bits = (data[at : at + 1] for at in range(size_bytes))
        assert list(map(len, fastcdc.chunks(bits, sizes, arrays=arrays))) == expected
        assert sum(expected) == size_bytes
        assert bool(expected) == bool(size_bytes)
        if size_bytes <= sizes.minimum_bytes:
            assert len(expected) <= 1


@WAYS
def test_an_end_that_falls_on_the_end_of_a_batch(arrays: bool) -> None:
    """A batch is full when the file ends, or one byte before or after that."""
    data, sizes = CONTENTS["random"], ChunkSizes.around(4096)
    for size_bytes in (fastcdc.BATCH_BYTES - 1, fastcdc.BATCH_BYTES, fastcdc.BATCH_BYTES + 1):
        assert fastcdc.lengths(data[:size_bytes], sizes, arrays=arrays) == judged(data[:size_bytes], sizes)


def test_an_insertion_moves_only_what_is_near() -> None:
    before = CONTENTS["random"]
    after = before[:1000] + b"one more word" + before[1000:]
    sizes = ChunkSizes.around(4096)
    first = set(fastcdc.chunks([before], sizes))
    second = list(fastcdc.chunks([after], sizes))
    assert sum(chunk not in first for chunk in second) <= 3
    assert len(second) > 50


@WAYS
@pytest.mark.parametrize("average_bytes", [1024, 4096])
def test_the_average_is_about_what_was_asked_for(average_bytes: int, arrays: bool) -> None:
    data = Random(7).randbytes(1 << 20)
    found = fastcdc.lengths(data, ChunkSizes.around(average_bytes), arrays=arrays)
    assert 0.9 * average_bytes < len(data) / len(found) < 1.1 * average_bytes


def test_memory_does_not_grow_with_the_stream() -> None:
    block = Random(8).randbytes(1 << 20)
    sizes = ChunkSizes.around(16384)

    def peak(mebibytes: int) -> int:
        def pieces() -> Iterator[bytes]:
            for number in range(mebibytes):
                yield block[number:] + block[:number]

        tracemalloc.start()
        total = sum(len(chunk) for chunk in fastcdc.chunks(pieces(), sizes, arrays=True))
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == mebibytes << 20
        return held

    assert peak(16) < peak(4) + 100_000
    assert peak(4) < 4 << 20


def test_large_chunks_take_about_twice_their_batch() -> None:
    """A batch of 4 MiB, what is left of it, and a chunk."""
    sizes = ChunkSizes.around(1 << 18)
    block = Random(8).randbytes(1 << 20)
    fastcdc.lengths(b"", sizes, arrays=True)  # so that numpy itself is there already
    tracemalloc.start()
    total = sum(map(len, fastcdc.chunks((block for _ in range(16)), sizes, arrays=True)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 16 << 20
    assert peak < 4 * sizes.maximum_bytes


@pytest.mark.slow
def test_a_long_stream() -> None:
    """256 MiB in pieces of a mebibyte, no more than 6 MiB in memory."""
    block = Random(9).randbytes(1 << 20)
    tracemalloc.start()
    found = fastcdc.chunks((block for _ in range(256)), ChunkSizes.around(65536), arrays=True)
    assert sum(map(len, found)) == 256 << 20
    assert tracemalloc.get_traced_memory()[1] < 6 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("sizes", "rule"),
    [
        ((63, 256, 1024), "at least 64 bytes, not 63"),
        ((64, 255, 1024), "256 to 2.*not 255"),
        ((64, 2**28 + 1, 2**30), "256 to 2"),
        ((64, 256, 1023), "1024 to 2"),
        ((64, 256, 2**30 + 1), "1024 to 2"),
        ((300, 256, 1024), "between its minimum and its maximum"),
        ((64, 2048, 1024), "between its minimum and its maximum"),
    ],
)
def test_sizes_that_are_refused(sizes: tuple[int, int, int], rule: str) -> None:
    with pytest.raises(UsageError, match=rule):
        ChunkSizes(*sizes)


@pytest.mark.parametrize("average_bytes", [256, 257, 361, 362, 363, 8191, 11585, 11586, 2**27, 2**28])
def test_the_logarithm_is_the_rounded_one(average_bytes: int) -> None:
    sizes = ChunkSizes(64, average_bytes, 2**30)
    assert sizes.average_bits == fastcdc_py.logarithm2(average_bytes)
    assert sizes.strict_until_bytes == fastcdc_py.center_size(average_bytes, 64, 2**30)


def test_the_table_is_checked() -> None:
    with pytest.raises(UsageError, match="256 entries"):
        fastcdc.chunks([b"moss"], SMALL, (1, 2, 3))


@WAYS
def test_pieces_are_bytes_whatever_they_are_called(arrays: bool) -> None:
    """A view of wider items counts its items: measured so, a batch would never be full, and never be cut."""
    data = CONTENTS["random"]
    for piece in (bytearray(data), memoryview(data), memoryview(data).cast("I")):
        found = list(fastcdc.chunks([piece], SMALL, arrays=arrays))
        assert [len(chunk) for chunk in found] == judged(data, SMALL)
        assert {type(chunk) for chunk in found} == {bytes}


@pytest.mark.slow
def test_content_that_makes_every_place_a_candidate_takes_no_memory() -> None:
    """After a 1 the hash has all ones and keeps them: each place is looked at, and none is an end.

    With a table that is known, a stranger finds content that does the same.
    """
    sizes = ChunkSizes.around(1 << 12)
    data = bytearray(fastcdc.BATCH_BYTES)
    for start in range(0, len(data), sizes.maximum_bytes):
        data[start + sizes.minimum_bytes] = 1
    gear = (1 << 30, (1 << 31) - 1, *[5] * 254)
    fastcdc.lengths(b"", sizes, gear, arrays=True)  # so that numpy itself is there already
    tracemalloc.start()
    lengths = fastcdc.lengths(bytes(data), sizes, gear, arrays=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lengths == [sizes.maximum_bytes] * 8 == fastcdc.lengths(bytes(data), sizes, gear, arrays=False)
    assert peak < 5 << 20


@pytest.mark.parametrize("average_bytes", [255, 2**27 + 1])
def test_the_usual_sizes_have_ends(average_bytes: int) -> None:
    with pytest.raises(UsageError, match=rf"usual sizes.* 256 to 2\*\*27 bytes, not {average_bytes}"):
        ChunkSizes.around(average_bytes)
