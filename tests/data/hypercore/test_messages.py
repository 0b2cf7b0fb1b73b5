"""The messages: recorded bytes, the way there and back, and what is refused."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.hypercore import messages
from p2plib.data.hypercore.messages import (
    BlockData,
    CancelBlock,
    CloseFeed,
    FeedExtension,
    FeedMessage,
    FeedOptions,
    FeedStatus,
    HaveBlocks,
    OpenFeed,
    RequestBlock,
    Unassigned,
    UnhaveBlocks,
    UnwantBlocks,
    WantBlocks,
)
from p2plib.data.hypercore.tree import TreeNode
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import protobuf
from p2plib.wire.protobuf import BYTES, VARINT, ProtoField

DISCOVERY_KEY = bytes(range(32))
NODE = TreeNode(5, b"\x11" * 32, 300)

# Encoded by npm simple-hypercore-protocol 2.1.2, on channel 1.
ANSWERS: dict[str, FeedMessage] = {
    "23100a20" + DISCOVERY_KEY.hex(): OpenFeed(DISCOVERY_KEY),
    "09110a01610a01621001": FeedOptions(("a", "b"), True),
    "051208011000": FeedStatus(True, False),
    "0713080710012001": HaveBlocks(7, ack=True),
    "0a130800108080401a0107": HaveBlocks(0, 2**20, b"\x07"),
    "03130804": HaveBlocks(4),
    "051408031002": UnhaveBlocks(3, 2),
    "0715080010808040": WantBlocks(0, 2**20),
    "051608001005": UnwantBlocks(0, 5),
    "09170803100018002005": RequestBlock(3, digest=5),
    "0718080310001801": CancelBlock(3, wants_hash=True),
    "7519080312057365646765"
    + "1a27080512201111111111111111111111111111111111111111111111111111111111111111"
    + "18ac022240"
    + "01" * 64: BlockData(3, b"sedge", (NODE,), b"\x01" * 64),
    "011a": CloseFeed(),
}

NUMBERS = st.integers(0, messages.MAX_NUMBER)
NODES = st.builds(TreeNode, NUMBERS, st.binary(min_size=32, max_size=32), NUMBERS)
MESSAGES: st.SearchStrategy[FeedMessage] = st.one_of(
    st.builds(OpenFeed, st.just(DISCOVERY_KEY), st.binary(max_size=40)),
    st.builds(FeedOptions, st.lists(st.text(max_size=9), max_size=4).map(tuple), st.booleans()),
    st.builds(FeedStatus, st.booleans(), st.booleans()),
    st.builds(HaveBlocks, NUMBERS, NUMBERS, st.none() | st.binary(max_size=9), st.booleans()),
    st.builds(UnhaveBlocks, NUMBERS, NUMBERS),
    st.builds(WantBlocks, NUMBERS, NUMBERS),
    st.builds(UnwantBlocks, NUMBERS, NUMBERS),
    st.builds(RequestBlock, NUMBERS, NUMBERS, st.booleans(), st.integers(0, 2**64 - 1)),
    st.builds(CancelBlock, NUMBERS, NUMBERS, st.booleans()),
    st.builds(
        BlockData,
        NUMBERS,
        st.none() | st.binary(max_size=30),
        st.lists(NODES, max_size=4).map(tuple),
        st.binary(max_size=64),
    ),
    st.builds(CloseFeed, st.sampled_from([b"", DISCOVERY_KEY])),
)


def payload_of(frame: bytes) -> bytes:
    found = messages.FRAMES.measure(frame)
    assert not isinstance(found, int)
    assert found.after == len(frame)
    return frame[found.start : found.end]


@given(st.integers(0, messages.MAX_CHANNEL), MESSAGES)
def test_there_and_back(channel: int, message: FeedMessage) -> None:
    assert messages.decode(payload_of(messages.encode(channel, message))) == (channel, message)


@pytest.mark.parametrize("frame", ANSWERS)
def test_what_npm_writes_is_read(frame: str) -> None:
    assert messages.decode(payload_of(bytes.fromhex(frame))) == (1, ANSWERS[frame])


def test_what_has_no_default_in_it_is_written_as_npm_writes_it() -> None:
    same = [frame for frame in ANSWERS if messages.encode(1, ANSWERS[frame]).hex() == frame]
    assert len(same) == len(ANSWERS) - 4, "ours leaves out what is 0, 1 or false by default"


def test_an_absent_value_is_not_an_empty_one() -> None:
    for value in (None, b""):
        _, message = messages.decode(payload_of(messages.encode(1, BlockData(3, value))))
        assert isinstance(message, BlockData)
        assert message.value == value
    assert messages.encode(1, HaveBlocks(3, 8, b"")) != messages.encode(1, HaveBlocks(3, 8))


def test_an_extension_and_an_unassigned_type() -> None:
    assert messages.encode(1, FeedExtension(300, b"x")).hex() == "041fac0278"
    said = FeedExtension(300, b"anything")
    assert messages.decode(payload_of(messages.encode(2, said))) == (2, said)
    assert messages.decode(bytes([1 << 4 | 12]) + b"\xff\xff") == (1, Unassigned(12))


def test_unknown_fields_are_skipped() -> None:
    body = messages.encode_body(RequestBlock(3)) + ProtoField(9, BYTES, b"later").encode()
    assert messages.decode_body(RequestBlock, body) == RequestBlock(3)


FAR_NODE = protobuf.encode(
    [ProtoField(1, VARINT, 2**60), ProtoField(2, BYTES, bytes(32)), ProtoField(3, VARINT, 1)]
)
BAD: list[tuple[type[Any], list[ProtoField]]] = [
    (OpenFeed, []),
    (OpenFeed, [ProtoField(1, BYTES, b"short")]),
    (OpenFeed, [ProtoField(1, VARINT, 5)]),
    (RequestBlock, []),
    (RequestBlock, [ProtoField(1, BYTES, b"x")]),
    (RequestBlock, [ProtoField(1, VARINT, 2**53)]),
    (RequestBlock, [ProtoField(1, VARINT, 1), ProtoField(1, VARINT, 1)]),
    (FeedOptions, [ProtoField(1, BYTES, b"\xff")]),
    (FeedOptions, [ProtoField(1, BYTES, b"a")] * 257),
    (FeedOptions, [ProtoField(2, BYTES, b"a")]),
    (BlockData, [ProtoField(1, VARINT, 1), ProtoField(3, VARINT, 1)]),
    (BlockData, [ProtoField(1, VARINT, 1), ProtoField(3, BYTES, b"")]),
    (BlockData, [ProtoField(1, VARINT, 1), ProtoField(3, BYTES, FAR_NODE)]),
]


@pytest.mark.parametrize(("kind", "fields"), BAD)
def test_what_breaks_a_rule_is_refused(kind: type[Any], fields: list[ProtoField]) -> None:
    with pytest.raises(DecodeError):
        messages.decode_body(kind, b"".join(field.encode() for field in fields))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    with contextlib.suppress(DecodeError):
        messages.decode(payload)


def test_a_message_has_a_largest_size() -> None:
    with pytest.raises(UsageError):
        messages.encode(1, BlockData(0, bytes(messages.MAX_MESSAGE_BYTES + 1)))
    messages.encode(1, BlockData(0, bytes(messages.MAX_MESSAGE_BYTES - 7)))
    with pytest.raises(DecodeError):
        messages.FRAMES.measure(b"\xff\xff\xff\xff\x0f")
    large = messages.encode_body(BlockData(0, bytes(messages.MAX_MESSAGE_BYTES)))
    with pytest.raises(DecodeError, match="at most 8388608 bytes"):
        messages.decode(b"\x19" + large)


def test_the_parts_of_a_frame() -> None:
    data = BlockData(3, b"sedge", (NODE,), bytes(64))
    for message in (*ANSWERS.values(), data, FeedExtension(1, b"x")):
        frame = messages.encode(1, message)
        parts = messages.dissect(frame)
        assert b"".join(part.raw for part in parts) == frame
        assert parts[1].note == f"channel 1, {type(message).__name__}"
    assert [part.name for part in messages.dissect(messages.encode(1, data))][2:4] == ["block: tag", "block"]
    assert messages.dissect(b"\x00")[0].note == "0: a sign of life"


def test_every_field_has_a_number_of_its_own() -> None:
    for kind in messages.NUMBERS:
        layout = messages._layout(kind)
        assert [number for _, number, _, _ in layout] == list(range(1, len(layout) + 1))
        assert [name for name, *_ in layout] == [field.name for field in dataclasses.fields(kind)]
