"""Indexes of CAR files: found by halving, go-car's byte for byte, and what is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.dag.car.format import decode_v2_header
from p2plib.data.dag.car.index import INDEX_SORTED, MULTIHASH_INDEX_SORTED, decode_index, make_index
from p2plib.data.dag.car.reader import CarBlock, read_car
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import varint
from p2plib.wire.multihash import Multihash
from tests.data.dag.car.go_car import car

CODECS = [INDEX_SORTED, MULTIHASH_INDEX_SORTED]
HASHES = st.builds(
    lambda code, digest: Multihash(code, digest * (1 + 31 * (code == 0x12))),
    st.sampled_from([0x12, 0x00]),
    st.binary(min_size=1, max_size=1),
)


@given(st.lists(st.tuples(HASHES, st.integers(0, 2**64 - 1)), max_size=40), st.sampled_from(CODECS))
def test_what_is_put_in_is_found(places: list[tuple[Multihash, int]], codec: int) -> None:
    index = decode_index(make_index(places, codec).encode())
    assert len(index) == len(places)
    for hashed, _ in places:
        assert list(index.offsets(hashed)) == [offset for other, offset in places if other == hashed]
    assert index.offsets(Multihash(0x12, b"\x99" * 31 + b"\1")) == ()


def test_the_older_format_does_not_know_the_hash_function() -> None:
    places = [(Multihash(0x12, bytes(32)), 5)]
    other = Multihash(0x16, bytes(32))
    assert make_index(places, INDEX_SORTED).offsets(other) == (5,)
    assert make_index(places).offsets(other) == ()
    with pytest.raises(UsageError):
        make_index(places, 0x0402)


@pytest.mark.parametrize("name", ["sample-unixfs-v2.car", "sample-rw-bs-v2.car"])
def test_published_indexes(shared_vectors: Path, name: str) -> None:
    raw = car(shared_vectors, name)
    theirs = raw[decode_v2_header(raw[11:51]).index_offset :]
    index = decode_index(theirs)
    assert index.codec == MULTIHASH_INDEX_SORTED
    blocks = [event for event in read_car([raw]) if isinstance(event, CarBlock)]
    for event in blocks:
        assert event.offset in index.offsets(event.block.cid.multihash)
    ours = make_index((event.block.cid.multihash, event.offset) for event in blocks)
    assert ours.encode() == theirs


def bucket(width: int, *entries: bytes, size: int | None = None) -> bytes:
    raw = b"".join(entries)
    return struct.pack("<IQ", width, len(raw) if size is None else size) + raw


SORTED, MULTIHASH = varint.encode(INDEX_SORTED), varint.encode(MULTIHASH_INDEX_SORTED)
ONE = bucket(9, b"a" + bytes(8))


@pytest.mark.fault("F032")
@pytest.mark.parametrize(
    "raw",
    [b"", b"\x01", SORTED, SORTED + b"\1\0\0", SORTED + b"\1\0\0\0", SORTED + b"\1\0\0\0" + ONE[:-1],
     SORTED + b"\1\0\0\0" + ONE + b"x", SORTED + b"\xff\xff\xff\xff", MULTIHASH + b"\xff\xff\xff\x7f",
     SORTED + b"\1\0\0\0" + bucket(7), SORTED + b"\1\0\0\0" + bucket(0, b""),
     SORTED + b"\1\0\0\0" + bucket(9, bytes(10)), SORTED + b"\1\0\0\0" + bucket(9, size=9 << 50),
     SORTED + b"\2\0\0\0" + ONE + ONE, SORTED + b"\2\0\0\0" + bucket(10, bytes(10)) + ONE,
     SORTED + b"\1\0\0\0" + bucket(9, b"b" + bytes(8), b"a" + bytes(8)),
     MULTIHASH + b"\1\0\0\0" + bytes(7), MULTIHASH + b"\2\0\0\0" + 2 * (bytes(8) + b"\0\0\0\0")],
)  # fmt: skip
def test_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_index(raw)


def test_the_smallest_good_ones() -> None:
    assert decode_index(SORTED + b"\1\0\0\0" + ONE).offsets(Multihash(0, b"a")) == (0,)
    assert len(decode_index(SORTED + bytes(4))) == len(decode_index(MULTIHASH + bytes(4))) == 0
