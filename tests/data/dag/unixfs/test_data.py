"""What a node says of itself: bytes that are published, one form for everything, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.dag.unixfs import data
from p2plib.data.dag.unixfs.data import UnixFs, UnixFsKind, UnixTime
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import protobuf
from p2plib.wire.protobuf import ProtoField

TIMES = st.builds(UnixTime, st.integers(-(2**63), 2**63 - 1), st.integers(0, 999_999_999))
MODES = st.none() | st.integers(0, 2**32 - 1)
FILES = st.builds(
    lambda content, sizes, mode, mtime: UnixFs(
        UnixFsKind.FILE, content, len(content or b"") + sum(sizes), tuple(sizes), mode=mode, mtime=mtime
    ),
    st.none() | st.binary(max_size=20),
    st.lists(st.integers(0, 2**40), max_size=5),
    MODES,
    st.none() | TIMES,
)
OTHERS = st.one_of(
    st.builds(UnixFs, st.just(UnixFsKind.DIRECTORY), mode=MODES, mtime=st.none() | TIMES),
    st.builds(UnixFs, st.just(UnixFsKind.SYMLINK), st.binary(min_size=1, max_size=20)),
    st.builds(
        UnixFs,
        st.just(UnixFsKind.HAMT_SHARD),
        st.binary(max_size=1),
        hash_type=st.just(0x22),
        fanout=st.sampled_from([8, 16, 256, 1024]),
    ),
)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("0801", UnixFs(UnixFsKind.DIRECTORY)),
        ("08021800", UnixFs(UnixFsKind.FILE, file_bytes=0)),
        ("0802120568656c6c6f1805", UnixFs(UnixFsKind.FILE, b"hello", 5)),
        ("08041203666f6f", UnixFs(UnixFsKind.SYMLINK, b"foo")),
        # The seven parts of a published 306 MB file, under ipld-codec-fixtures/dagpb_7unnamedlinks+data.
        (
            "080218cbc1819201" + "20" + "8080e015" + "208080e015" * 5 + "20cbc1c10f",
            UnixFs(UnixFsKind.FILE, None, 306_208_971, (45_613_056,) * 6 + (32_530_635,)),
        ),
        ("0802180038ed03", UnixFs(UnixFsKind.FILE, None, 0, mode=0o755)),
        (
            "08014210" + "08ffffffffffffffffff01" + "15ffc99a3b",
            UnixFs(UnixFsKind.DIRECTORY, mtime=UnixTime(-1, 999_999_999)),
        ),
    ],
)
def test_known_bytes(text: str, node: UnixFs) -> None:
    assert data.encode(node).hex() == text
    assert data.decode(bytes.fromhex(text)) == node


@given(FILES | OTHERS)
def test_a_node_comes_back(node: UnixFs) -> None:
    assert data.decode(data.encode(node)) == node


@given(st.binary(max_size=30) | (FILES | OTHERS).map(data.encode).flatmap(
    lambda raw: st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255)).map(
        lambda change: raw[: change[0]] + bytes([change[1]]) + raw[change[0] + 1 :]
    )
))  # fmt: skip
def test_what_is_read_can_be_written(raw: bytes) -> None:
    try:
        node = data.decode(raw)
    except DecodeError:
        return
    assert data.decode(data.encode(node)) == node


def message(*fields: tuple[int, int | bytes]) -> bytes:
    return protobuf.encode(
        ProtoField(number, protobuf.VARINT if isinstance(value, int) else protobuf.BYTES, value)
        for number, value in fields
    )


FILE, DIRECTORY, SYMLINK = (1, 2), (1, 1), (1, 4)


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (b"", "says what it is"),
        (message((3, 5)), "says what it is"),
        (message((1, 6)), "no kind 6"),
        (message((1, b"\2")), "field 1 of UnixFS is bytes, not varint"),
        (message(FILE, (3, b"\0")), "field 3 of UnixFS is bytes, not varint"),
        (message(FILE, (3, 1), (4, b"\x81")), "ends inside a varint"),
        (bytes.fromhex("08021800" + "2101000000000000" + "00"), "field 4 of UnixFS is fixed64, not bytes"),
        (bytes.fromhex("08021800" + "4b4c"), "wire type 3"),  # an unknown group, which nobody writes
        (bytes.fromhex("0802188000"), "needs fewer"),
        (message(FILE, (3, 65_537), (4, b"\1" * 65_537)), "more than 65536 block sizes in one field"),
        (message(FILE, (3, 6)), "has 6 bytes, and its parts have 0"),
        (message(FILE, (2, b"a"), (3, 1), (4, 1)), "has 1 bytes, and its parts have 2"),
        (message(FILE, (2, b"a")), "has 0 bytes, and its parts have 1"),  # no size means 0
        (message(FILE, (3, 2**63), (4, 2**63)), "the most"),
        (message(FILE, (3, 0), (5, 0x22), (6, 256)), "only a shard has"),
        (message(DIRECTORY, (4, 1)), "only a file has"),
        (message(SYMLINK), "says where it leads"),
        (message(SYMLINK, (2, b"a"), (3, 5)), "its size is that of the text"),
        (message(DIRECTORY, (7, 2**32)), "the mode of a file"),
        (message(DIRECTORY, (8, b"")), "a time has seconds"),
        (message(DIRECTORY, (8, message((3, 0)))), "a time has seconds"),
        (message(DIRECTORY, (8, b"\x15\1\0\0\0")), "a time has seconds"),
        (message(DIRECTORY, (8, b"\x08\0\x15\0\0\0\0")), "a time of 0 nanoseconds"),
        (message(DIRECTORY, (8, b"\x08\0\x15\x00\xca\x9a\x3b")), "a time of 1000000000 nanoseconds"),
        (message(DIRECTORY, (8, message((1, 0), (2, 5)))), "is varint, not fixed32"),
    ],
)  # fmt: skip
def test_what_is_no_node(raw: bytes, rule: str) -> None:
    with pytest.raises(DecodeError, match=rule):
        data.decode(raw)


TWO_PARTS = UnixFs(UnixFsKind.FILE, b"ab", 305, (3, 300), mode=0o644, mtime=UnixTime(7, 5))
ASCENDING = (FILE, (2, b"ab"), (3, 305), (4, 3), (4, 300), (7, 0o644), (8, b"\x08\x07\x15\5\0\0\0"))


@pytest.mark.parametrize(
    "raw",
    [
        message(*ASCENDING),
        message((8, b"\x15\5\0\0\0\x08\x07"), (7, 0o644), (4, 3), (3, 305), (4, 300), (2, b"ab"), FILE),
        message(*ASCENDING[:3], (4, b"\x03\xac\x02"), *ASCENDING[5:]),  # packed
        message(*ASCENDING[:3], (4, b"\x03"), (4, 300), *ASCENDING[5:]),  # one packed, one not
        message((9, 1), *ASCENDING, (15, b"later"), (2**29 - 1, 0)),  # unknown fields, and of all wire types:
        b"\x51" + bytes(8) + b"\x5d" + bytes(4) + message(*ASCENDING),
        message(*ASCENDING[:-1], (8, b"\x18\1\x08\x07\x22\1x\x15\5\0\0\0")),  # unknown fields in a time
        message(DIRECTORY, (2, b"not this"), (3, 1), (7, 0), (8, message((1, 1))), *ASCENDING),  # last ones
        message((8, b"\x08\1\x15\5\0\0\0"), *ASCENDING[:-1], (8, b"\x08\x07")),  # the last ones of a time
        message(*ASCENDING[:-1], (8, b"\x08\x07"), (8, b"\x15\5\0\0\0"), (8, b"")),  # a time in three
    ],
)  # fmt: skip
def test_what_other_writers_may_write(raw: bytes) -> None:
    """The Protocol Buffers encoding, "Field Order", "Last One Wins", "Packed Repeated Fields"."""
    assert data.decode(raw) == TWO_PARTS
    assert data.encode(TWO_PARTS) == message(*ASCENDING)


SHARD = UnixFs(UnixFsKind.HAMT_SHARD, b"\x01", hash_type=0x22, fanout=256)


@pytest.mark.fault("F120")
@pytest.mark.parametrize("fanout", [0, 1, 2, 4, 7, 9, 255, 257, 768, 2048, 2**20, 2**63])
def test_a_fanout_that_is_no_power_of_two_or_too_large(fanout: int) -> None:
    assert data.encode(SHARD) == message((1, 5), (2, b"\x01"), (5, 0x22), (6, 256))
    with pytest.raises(DecodeError, match="power of two"):
        data.decode(message((1, 5), (2, b""), (5, 0x22), (6, fanout)))
    with pytest.raises(UsageError, match="power of two"):
        data.encode(UnixFs(UnixFsKind.HAMT_SHARD, b"\x01", hash_type=0x22, fanout=fanout))


@pytest.mark.fault("F120")
def test_a_bit_field_longer_than_the_fanout() -> None:
    assert data.decode(message((1, 5), (2, bytes(32)), (5, 0x22), (6, 256))).fanout == 256
    with pytest.raises(DecodeError, match="a bit field of 33 bytes for 256 buckets"):
        data.decode(message((1, 5), (2, bytes(33)), (5, 0x22), (6, 256)))
    with pytest.raises(DecodeError, match="murmur3"):
        data.decode(message((1, 5), (2, b"\1"), (5, 0x12), (6, 256)))
    with pytest.raises(DecodeError, match="not 0"):
        data.decode(message((1, 5), (2, b"\1"), (5, 0x22)))


@pytest.mark.parametrize(
    "node",
    [
        UnixFs(UnixFsKind.FILE, b"a", 2),
        UnixFs(UnixFsKind.FILE, None, 0, (-1, 1)),
        UnixFs(UnixFsKind.DIRECTORY, mode=-1),
        UnixFs(UnixFsKind.DIRECTORY, mtime=UnixTime(0, 10**9)),
        UnixFs(UnixFsKind.DIRECTORY, mtime=UnixTime(2**63)),
        UnixFs(UnixFsKind.SYMLINK, b""),
    ],
)
def test_what_cannot_be_written(node: UnixFs) -> None:
    with pytest.raises(UsageError):
        data.encode(node)
