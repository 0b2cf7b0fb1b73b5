"""Single blocks out of CAR files: through good indexes, without one, and through indexes that lie."""

from __future__ import annotations

import contextlib
import io
import itertools
import random
from pathlib import Path

import pytest

from p2plib.data.dag.block import Block, block_of
from p2plib.data.dag.car import file as car_file
from p2plib.data.dag.car.file import MAX_PLACES, CarFile
from p2plib.data.dag.car.format import PRAGMA, CarV2Header, encode_header, encode_section
from p2plib.data.dag.car.index import INDEX_SORTED, MULTIHASH_INDEX_SORTED, make_index
from p2plib.data.dag.car.reader import CarBlock, read_car
from p2plib.data.dag.car.writer import write_car, write_car_v2
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
        with pytest.raises(DecodeError, match="after the payload's end"):
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


def with_index(payload: bytes, offsets: list[int]) -> tuple[CarFile, CountingFile]:
    """A file whose index says that the first block is at each of some offsets, in this order."""
    index = make_index((BLOCKS[0].cid.multihash, offset) for offset in offsets).encode()
    header = CarV2Header(51, len(payload), 51 + len(payload))
    raw = CountingFile(PRAGMA + header.encode() + payload + index)
    file = CarFile(raw)
    raw.count = 0
    return file, raw


@pytest.mark.fault("F032")
@pytest.mark.parametrize("lie", [b"\x00", b"\x01", b"\xff" * 10, b"\x02\x12\x20", encode_section(BLOCKS[4])])
def test_lies_before_the_truth_hide_nothing(lie: bytes) -> None:
    """A forged copy, what is no section, and places outside, each before the true copy."""
    forged, true = encode_section(Block(BLOCKS[0].cid, b"onE")), encode_section(BLOCKS[0])
    start = encode_header(())
    payload = start + forged + lie + true
    offsets = [len(start), len(start + forged), len(start + forged + lie), len(payload), 2**64 - 1]
    for order in itertools.permutations(offsets):
        assert with_index(payload, list(order))[0].get(BLOCKS[0].cid) == b"one"
    with pytest.raises(WrongContent):
        with_index(payload, offsets[:2] + offsets[3:])[0].get(BLOCKS[0].cid)
    # And the same where the index is made here.
    assert CarFile(io.BytesIO(start + forged + true)).get(BLOCKS[0].cid) == b"one"


@pytest.mark.fault("F119")
@pytest.mark.parametrize(
    ("block", "most"),
    [(block_of(bytes(100_000)), 10_000), (Block(BLOCKS[0].cid, bytes(100_000)), 101_000 * MAX_PLACES)],
)
def test_an_index_that_leads_to_a_thousand_large_sections(block: Block, most: int) -> None:
    """Other blocks cost a look at their names, forged ones are read, and neither more than `MAX_PLACES`."""
    start = encode_header(())
    file, raw = with_index(start + encode_section(block), [len(start)] * 1000)
    with pytest.raises((NotFound, WrongContent)):
        file.get(BLOCKS[0].cid)
    assert raw.count < most


def test_a_section_within_another() -> None:
    """It is found where an index leads there: it is what its name says."""
    inner = encode_section(BLOCKS[0])
    outer = block_of(b"xx" + inner + b"yy")
    payload = encode_header(()) + encode_section(outer)
    file, _ = with_index(payload, [payload.index(inner)])
    assert file.get(BLOCKS[0].cid) == b"one"
    with pytest.raises(NotFound):
        file.get(outer.cid)


@pytest.mark.fault("F119")
def test_an_index_made_here_is_bounded_and_reads_names_only(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [block_of(bytes((number,)) * 10_000) for number in range(50)]
    raw = CountingFile(b"".join(write_car([], blocks)))
    file = CarFile(raw)
    assert raw.count < 50 * 200
    assert file.get(blocks[30].cid) == blocks[30].data
    few = [BLOCKS[2]] * 100  # these hold their bytes in their names
    assert len(CarFile(io.BytesIO(b"".join(write_car([], few)))).index) == 0
    monkeypatch.setattr(car_file, "MAX_INDEXED", 50)
    assert len(CarFile(raw).index) == 50
    monkeypatch.setattr(car_file, "MAX_INDEXED", 49)
    with pytest.raises(DecodeError, match="more than 49 blocks"):
        CarFile(raw)


@pytest.mark.fault("F032")
def test_cuts_and_errors_in_headers_say_where() -> None:
    ends = {len(WHOLE)}
    at = len(encode_header((BLOCKS[0].cid,)))
    for block in BLOCKS:
        ends.add(at)
        at += len(encode_section(block))
    for size in range(len(WHOLE)):
        if size in ends:
            assert CarFile(io.BytesIO(WHOLE[:size])).roots == (BLOCKS[0].cid,)
            continue
        with pytest.raises(DecodeError):
            CarFile(io.BytesIO(WHOLE[:size]))
    raw = bytearray(WHOLE)
    raw[where := raw.index(b"gversion") + 8] = 0x1C
    with pytest.raises(DecodeError, match="argument with the code 28") as raised:
        CarFile(io.BytesIO(raw))
    assert raised.value.offset == where


@pytest.mark.fault("F119")
def test_an_index_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(car_file, "MAX_INDEX_BYTES", 10)
    with pytest.raises(DecodeError, match="where 10 is the most"):
        lying(0)


@pytest.mark.fault("F032")
def test_files_with_changed_bytes() -> None:
    """Whatever is changed, only the documented errors come out, and only blocks that are their names."""
    raw = io.BytesIO()
    write_car_v2(raw, [BLOCKS[0].cid], BLOCKS)
    draw = random.Random(7)
    got = refused = 0
    for _ in range(1500):
        changed = bytearray(draw.choice([WHOLE, raw.getvalue()]))
        for _ in range(draw.choice([1, 1, 4])):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        try:
            file = CarFile(io.BytesIO(changed))
        except DecodeError:
            refused += 1
            continue
        for block in BLOCKS:
            with contextlib.suppress(DecodeError, NotFound, WrongContent):
                assert file.get(block.cid) == block.data
                got += 1
    assert refused > 100
    assert got > 3000
