"""Single blocks out of CAR files: through good indexes, without one, and through indexes that lie."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from p2plib.data.dag.block import Block, block_of
from p2plib.data.dag.car.file import CarFile
from p2plib.data.dag.car.format import PRAGMA, CarV2Header, encode_header, encode_section
from p2plib.data.dag.car.index import INDEX_SORTED, MULTIHASH_INDEX_SORTED, make_index
from p2plib.data.dag.car.reader import CarBlock, read_car
from p2plib.data.dag.car.writer import write_car_v2
from p2plib.errors import DecodeError, NotFound, WrongContent
from p2plib.wire import multicodec, multihash
from p2plib.wire.cid import Cid
from tests.data.dag.car.go_car import car, fuzzed
from tests.data.dag.car.test_reader import BLOCKS, WHOLE

MISSING = block_of(b"nobody has this").cid


class CountingFile(io.BytesIO):
    """Counts the bytes that are read."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        raw = super().read(size)
        self.count += len(raw)
        return raw


@pytest.mark.parametrize("codec", [INDEX_SORTED, MULTIHASH_INDEX_SORTED, None])
def test_blocks_by_their_name(codec: int | None) -> None:
    raw = io.BytesIO()
    write_car_v2(raw, [BLOCKS[0].cid], BLOCKS, index_codec=codec)
    for file in (raw, io.BytesIO(WHOLE)):
        found = CarFile(file)
        assert found.roots == (BLOCKS[0].cid,)
        assert found.has_index == (codec is not None and file is raw)
        for block in BLOCKS:
            assert block.cid in found
            assert found.get(block.cid) == block.data
        other = Cid(1, multicodec.DAG_CBOR, BLOCKS[0].cid.multihash)
        assert found.get(other) == b"one"
        assert found.get(Cid(1, 0x55, multihash.identity(b"not written"))) == b"not written"
        assert MISSING not in found
        with pytest.raises(NotFound):
            found.get(MISSING)


def test_an_index_saves_reading_the_file() -> None:
    blocks = [block_of(bytes((number,)) * 10_000) for number in range(200)]
    raw = CountingFile()
    write_car_v2(raw, [], blocks)
    file = CarFile(raw)
    assert file.get(blocks[150].cid) == blocks[150].data
    assert raw.count < 25_000 < 2_000_000 < len(raw.getvalue())


@pytest.mark.parametrize("name", ["sample-unixfs-v2.car", "sample-rw-bs-v2.car", "simple-unixfs.car"])
def test_published_files(shared_vectors: Path, name: str) -> None:
    raw = car(shared_vectors, name)
    file = CarFile(io.BytesIO(raw))
    blocks = [event.block for event in read_car([raw]) if isinstance(event, CarBlock)]
    assert len(blocks) >= 3
    for block in blocks:
        assert file.get(block.cid) == block.data


@pytest.mark.fault("F032")
def test_published_bad_files_and_what_fuzzers_found(shared_vectors: Path) -> None:
    names = ["badheaderlength.car", "badsectionlength.car", "sample-corrupt-pragma.car",
             "sample-rootless-v42.car", "sample-v1-with-zero-len-section2.car"]  # fmt: skip
    for raw in [car(shared_vectors, name) for name in names]:
        with pytest.raises(DecodeError):
            CarFile(io.BytesIO(raw))
    refused = 0
    for raw in fuzzed(shared_vectors).values():
        try:
            CarFile(io.BytesIO(raw))
        except DecodeError:
            refused += 1
    assert refused >= 5


def lying(offset: int, payload: bytes = WHOLE, size: int | None = None) -> CarFile:
    """A file whose index says that the first block is at some offset."""
    index = make_index([(BLOCKS[0].cid.multihash, offset)]).encode()
    size = len(payload) if size is None else size
    header = CarV2Header(51, size, 51 + len(payload))
    return CarFile(io.BytesIO(PRAGMA + header.encode() + payload + index))


@pytest.mark.fault("F032")
def test_an_index_that_lies() -> None:
    first = len(encode_header((BLOCKS[0].cid,)))
    assert lying(first).get(BLOCKS[0].cid) == b"one"
    with pytest.raises(NotFound):
        lying(first + len(encode_section(BLOCKS[0]))).get(BLOCKS[0].cid)
    for offset in (len(WHOLE), 2**63, 2**64 - 1):
        with pytest.raises(DecodeError, match="behind the payload"):
            lying(offset).get(BLOCKS[0].cid)
    for offset in range(len(WHOLE)):
        if offset != first:
            with pytest.raises((DecodeError, NotFound, WrongContent)):
                lying(offset).get(BLOCKS[0].cid)


@pytest.mark.fault("F032")
def test_a_section_that_is_not_its_name() -> None:
    lie = encode_header(()) + encode_section(Block(BLOCKS[0].cid, b"onE"))
    for file in (CarFile(io.BytesIO(lie)), lying(18, lie)):
        with pytest.raises(WrongContent):
            file.get(BLOCKS[0].cid)


@pytest.mark.fault("F032")
def test_sizes_that_the_file_does_not_have() -> None:
    raw = PRAGMA + CarV2Header(51, len(WHOLE) + 1).encode() + WHOLE
    with pytest.raises(DecodeError, match="ends after"):
        CarFile(io.BytesIO(raw))
    raw = PRAGMA + CarV2Header(51, len(WHOLE), 2**63).encode() + WHOLE
    with pytest.raises(DecodeError, match="ends after"):
        CarFile(io.BytesIO(raw))
    for size in range(len(raw) - 1):
        with pytest.raises(DecodeError):
            CarFile(io.BytesIO(raw[:size]))
