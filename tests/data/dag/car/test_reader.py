"""Reading CARs: go-car's good and bad files, its fuzzers' finds, and files damaged here."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from p2plib.data.dag.block import Block, block_of
from p2plib.data.dag.car.format import PRAGMA, CarV2Header, encode_header, encode_section
from p2plib.data.dag.car.reader import CarBlock, CarEvent, CarReader, CarRefused, CarRoots, read_car
from p2plib.data.dag.car.writer import write_car
from p2plib.errors import DecodeError, UsageError, WrongContent
from p2plib.wire import cid as cids
from p2plib.wire import multicodec, multihash, varint
from p2plib.wire.cid import Cid
from tests.data.dag.car.go_car import car, fuzzed

BLOCKS = [
    block_of(b"one"),
    block_of(b"two", multicodec.DAG_PB, version=0),
    Block(Cid(1, 0x55, multihash.identity(b"three")), b"three"),
    block_of(b"", function=multicodec.SHA2_512),
    block_of(bytes(1000)),
]
WHOLE = b"".join(write_car([BLOCKS[0].cid], BLOCKS))


def pieces(raw: bytes, size: int) -> list[bytes]:
    return [raw[start : start + size] for start in range(0, len(raw), size)]


def events_of(raw: bytes, size: int = 65_536) -> tuple[list[CarEvent], DecodeError | None]:
    """All events, and the error that ended them."""
    found: list[CarEvent] = []
    try:
        for event in read_car(pieces(raw, size)):
            found.append(event)  # noqa: PERF402 - what came before an error counts
    except DecodeError as error:
        return found, error
    return found, None


def blocks_of(events: list[CarEvent]) -> list[Block]:
    return [event.block for event in events if isinstance(event, CarBlock)]


@pytest.mark.parametrize("size", [1, 2, 7, 41, 65_536])
def test_pieces_of_any_size(size: int) -> None:
    events, error = events_of(WHOLE, size)
    assert error is None
    assert events[0] == CarRoots(1, (BLOCKS[0].cid,))
    assert blocks_of(events) == BLOCKS
    for event in events[1:]:
        assert isinstance(event, CarBlock)
        assert WHOLE.startswith(encode_section(event.block), event.offset)


@pytest.mark.parametrize(
    ("name", "version", "roots", "count"),
    [("sample-unixfs-v2.car", 2, 1, 3), ("sample-rw-bs-v2.car", 2, 3, 3), ("simple-unixfs.car", 1, 1, 22),
     ("simple-unixfs-missing-blocks.car", 1, 1, 17)],
)  # fmt: skip
def test_published_good_files(shared_vectors: Path, name: str, version: int, roots: int, count: int) -> None:
    for size in (11, 65_536):
        events, error = events_of(car(shared_vectors, name), size)
        assert error is None
        assert isinstance(events[0], CarRoots)
        assert (events[0].version, len(events[0].roots)) == (version, roots)
        assert len(blocks_of(events)) == len(events) - 1 == count


@pytest.mark.fault("F032")
@pytest.mark.parametrize(
    ("name", "good", "rule", "offset"),
    [
        ("badheaderlength.car", 0, "216830324832 bytes", 0),
        ("badsectionlength.car", 0, "216830324832 bytes", 18),
        ("sample-corrupt-pragma.car", 0, "inside its header", 16),
        ("sample-rootless-v42.car", 0, "version 42", None),
        ("sample-v1-with-zero-len-section2.car", 20, "section of no bytes", 20819),
    ],
)
def test_published_bad_files(
    shared_vectors: Path, name: str, good: int, rule: str, offset: int | None
) -> None:
    for size in (1, 65_536):
        events, error = events_of(car(shared_vectors, name), size)
        assert len(blocks_of(events)) == good
        assert error is not None
        assert rule in error.rule
        assert error.offset == offset


@pytest.mark.fault("F032")
def test_what_fuzzers_found(shared_vectors: Path) -> None:
    inputs = fuzzed(shared_vectors)
    assert len(inputs) == 6
    whole = 0
    for raw in inputs.values():
        assert {len(blocks_of(events_of(raw, size)[0])) for size in (1, 3, 4096)} != set()
        whole += events_of(raw)[1] is None
    assert whole <= 1


@pytest.mark.fault("F032")
def test_a_block_that_is_not_its_name_is_refused_alone() -> None:
    lie = Block(BLOCKS[0].cid, b"onE")
    sha1 = b"\x01\x55\x11\x14" + bytes(20)
    blake = b"\x01\x55\xa0\xe4\x02\x20" + bytes(32)  # blake2b-256, of other bytes
    unknown = b"\x01\x55\x1b\x20" + bytes(32)  # keccak-256, which nobody here computes
    raw = encode_header(()) + encode_section(BLOCKS[0])
    offsets = []
    for bad in (cids.encode_bytes(lie.cid) + lie.data, sha1 + b"x", blake + b"x", unknown, b"\xff"):
        offsets.append(len(raw))
        raw += varint.encode(len(bad)) + bad + encode_section(BLOCKS[4])
    events, error = events_of(raw)
    assert error is None
    assert blocks_of(events) == [BLOCKS[0]] + [BLOCKS[4]] * 5
    refused = [event for event in events if isinstance(event, CarRefused)]
    assert [event.offset for event in refused] == offsets
    assert [type(event.error) for event in refused] == [WrongContent, DecodeError, WrongContent] + [
        DecodeError
    ] * 2
    assert refused[0].cid == lie.cid
    assert refused[1].cid is None
    assert "keccak-256" in str(refused[3].error)


@pytest.mark.fault("F032")
def test_every_cut_is_noticed() -> None:
    ends = {len(WHOLE)}
    at = len(encode_header((BLOCKS[0].cid,)))
    for block in BLOCKS:
        ends.add(at)
        at += len(encode_section(block))
    for size in range(len(WHOLE)):
        events, error = events_of(WHOLE[:size])
        assert (error is None) == (size in ends)
        assert blocks_of(events) == BLOCKS[: len(blocks_of(events))]


def v2(payload: bytes, *, before: int = 0, after: bytes = b"", size: int | None = None) -> bytes:
    header = CarV2Header(51 + before, len(payload) if size is None else size)
    return PRAGMA + header.encode() + bytes(before) + payload + after


@pytest.mark.parametrize("before", [0, 1, 500])
@pytest.mark.parametrize("after", [b"", b"\xff" * 700])
@pytest.mark.parametrize("size", [1, 100, 65_536])
def test_version_2_wraps_version_1(before: int, after: bytes, size: int) -> None:
    events, error = events_of(v2(WHOLE, before=before, after=after), size)
    assert error is None
    assert events[0] == CarRoots(2, (BLOCKS[0].cid,))
    assert events[1:] == events_of(WHOLE)[0][1:]


@pytest.mark.fault("F032")
def test_a_payload_that_ends_early_or_late() -> None:
    for size in (len(WHOLE) - 1, len(WHOLE) - 1000, 60):
        events, error = events_of(v2(WHOLE, size=size))
        assert error is not None
        assert "after the payload" in error.rule
    events, error = events_of(v2(WHOLE, size=len(WHOLE) + 1))
    assert error is not None
    assert "inside its payload" in error.rule
    assert blocks_of(events) == BLOCKS
    for size in range(11 + 40):
        assert events_of(v2(WHOLE)[:size])[1] is not None
    nested = v2(v2(WHOLE))
    error = events_of(nested)[1]
    assert error is not None
    assert "version 2" in error.rule


def test_nothing_is_held_that_is_too_large() -> None:
    reader = CarReader(max_section_bytes=500)
    reader.receive(encode_header(()) + varint.encode(501))
    assert next(reader.events()) == CarRoots(1, ())
    with pytest.raises(DecodeError, match="501 bytes, where 500"):
        list(reader.events())
    with pytest.raises(UsageError):
        reader.receive(b"x")
    reader.finish()


def test_events_are_taken_before_the_end() -> None:
    reader = CarReader()
    reader.receive(WHOLE)
    for left in range(len(BLOCKS) + 1, 0, -1):
        with pytest.raises(UsageError, match="take all events"):
            reader.finish()
        with pytest.raises(UsageError, match="take all events"):
            reader.finish()
        assert isinstance(next(reader.events()), CarBlock if left <= len(BLOCKS) else CarRoots)
    reader.finish()
    reader.finish()
    assert list(reader.events()) == []
    with pytest.raises(UsageError, match="has ended"):
        reader.receive(b"")


@pytest.mark.fault("F119")
def test_a_million_roots_are_refused_before_they_come() -> None:
    reader = CarReader()
    reader.receive(varint.encode(41 * 1_000_000 + 18) + b"\xa2eroots\x9a\x00\x0f\x42\x40")
    with pytest.raises(DecodeError, match="41000018 bytes, where 1048576 is the most"):
        list(reader.events())


@pytest.mark.fault("F032")
@pytest.mark.parametrize("before", [0, 9])
@pytest.mark.parametrize("count", [0, 10])
def test_an_error_in_the_header_says_where(before: int, count: int) -> None:
    raw = bytearray(encode_header((BLOCKS[0].cid,) * count))
    where = raw.index(b"gversion")
    raw[where + 8] = 0x1C
    for whole in (bytes(raw), v2(bytes(raw), before=before)):
        error = events_of(whole)[1]
        assert error is not None
        assert error.offset == where + 8


@pytest.mark.fault("F119")
def test_byte_by_byte_is_linear() -> None:
    """What is held is not looked at again with each byte that comes."""
    taken = []
    for size in (5_000, 50_000):
        raw = encode_header(()) + encode_section(block_of(bytes(size)))
        assert len(raw) > size
        best = 1e9
        for _ in range(3):
            begun = time.process_time()
            assert len(events_of(raw, 1)[0]) == 2
            best = min(best, time.process_time() - begun)
        taken.append(best)
    assert taken[1] < 30 * taken[0]


@pytest.mark.fault("F032")
def test_files_with_changed_bytes() -> None:
    """Whatever is changed, every block that is given is one that was written, or hashes to its own name."""
    draw = random.Random(32)
    refused = ended = 0
    for _ in range(1500):
        raw = bytearray(draw.choice([WHOLE, v2(WHOLE)]))
        for _ in range(draw.choice([1, 1, 3])):
            raw[draw.randrange(len(raw))] = draw.randrange(256)
        events, error = events_of(bytes(raw))
        ended += error is not None
        refused += sum(isinstance(event, CarRefused) for event in events)
        for block in blocks_of(events):
            assert block in BLOCKS or block.cid not in {known.cid for known in BLOCKS}
    assert refused > 500
    assert ended > 100
