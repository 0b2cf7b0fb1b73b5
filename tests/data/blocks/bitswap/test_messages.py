"""Bitswap's message: bytes that ipfs-bitswap 20.0.2 made, the round trip, and everything that is refused."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.data.blocks.bitswap import messages
from p2plib.data.blocks.bitswap.messages import (
    V1_0,
    V1_1,
    V1_2,
    BitswapMessage,
    BlockPresence,
    Payload,
    Presence,
    WantEntry,
    WantKind,
    decode,
    encode,
    payload_of,
)
from p2plib.data.dag.block import MAX_BLOCK_BYTES, block_of
from p2plib.errors import DecodeError, UsageError
from p2plib.wire import cid as cids
from p2plib.wire import multicodec, protobuf, varint
from p2plib.wire.cid import Cid
from p2plib.wire.protobuf import BYTES, VARINT, ProtoField

HELLO = b"hello"
ONE = block_of(HELLO).cid
ZERO = block_of(HELLO, multicodec.DAG_PB, version=0).cid
DIGEST = hashlib.sha256(HELLO).hexdigest()
CID_1 = "0a2401551220" + DIGEST
CID_0 = "0a221220" + DIGEST

# What ipfs-bitswap 20.0.2 wrote for these; it writes an empty list of wants where we write none.
THEIRS = {
    "wants": (
        f"0a5c0a2e{CID_1}10ffffffff0728010a28{CID_0}100520011001",
        BitswapMessage(
            (WantEntry(ONE, 2**31 - 1, asks_dont_have=True), WantEntry(ZERO, 5, WantKind.HAVE)), is_full=True
        ),
    ),
    "cancel": (f"0a2a0a28{CID_1}1801", BitswapMessage((WantEntry(ONE, 0, is_cancel=True),))),
    "negative": (
        f"0a350a33{CID_1}10fbffffffffffffffff012801",
        BitswapMessage((WantEntry(ONE, -5, asks_dont_have=True),)),
    ),
    "block": (
        f"0a001a0d0a0401551220120568656c6c6f2226{CID_1}2226{CID_0}100128ac02",
        BitswapMessage(
            payload=(Payload(1, multicodec.RAW, multicodec.SHA2_256, HELLO),),
            presences=(BlockPresence(ONE, Presence.HAVE), BlockPresence(ZERO, Presence.DONT_HAVE)),
            pending_bytes=300,
        ),
    ),
    "version 0": (
        "0a001a0d0a0400701220120568656c6c6f",
        BitswapMessage(payload=(Payload(0, multicodec.DAG_PB, multicodec.SHA2_256, HELLO),)),
    ),
}


@pytest.mark.parametrize(("raw", "message"), THEIRS.values(), ids=THEIRS)
def test_what_ipfs_bitswap_writes(raw: str, message: BitswapMessage) -> None:
    assert decode(bytes.fromhex(raw)) == message
    assert encode(message).hex() == raw.removeprefix("0a00")


def test_a_block_of_version_1_0() -> None:
    message = decode(bytes.fromhex("0a00120568656c6c6f"))
    assert [payload.block() for payload in message.payload] == [block_of(HELLO, multicodec.DAG_PB, version=0)]
    assert encode(message, V1_0).hex() == "120568656c6c6f"


def test_a_payload_hashes_to_what_was_asked_for() -> None:
    for function in (multicodec.SHA2_256, multicodec.SHA2_512, multicodec.BLAKE2B_256):
        block = block_of(HELLO, function=function)
        (payload,) = decode(encode(BitswapMessage(payload=(payload_of(block.cid, HELLO),)))).payload
        assert payload.block() == block


def test_older_versions_leave_out_what_they_cannot_say() -> None:
    message = BitswapMessage(
        (WantEntry(ONE, 3, asks_dont_have=True), WantEntry(ZERO, 2, WantKind.HAVE)),
        payload=(payload_of(ONE, HELLO),),
        presences=(BlockPresence(ONE, Presence.HAVE),),
        pending_bytes=7,
    )
    told = decode(encode(message, V1_1))
    assert told == BitswapMessage((WantEntry(ONE, 3),), payload=(payload_of(ONE, HELLO),))
    assert decode(encode(message, V1_2)) == message
    with pytest.raises(UsageError, match="no version"):
        encode(message, "/ipfs/bitswap/2.0.0")


BLOCKS = st.binary(max_size=60).map(block_of)
CIDS = BLOCKS.map(lambda block: block.cid) | st.just(ZERO)
WANTS = st.builds(
    WantEntry,
    CIDS,
    st.integers(-(2**31), 2**31 - 1),
    st.sampled_from(WantKind),
    st.booleans(),
    st.booleans(),
)
MESSAGES = st.builds(
    BitswapMessage,
    st.lists(WANTS, max_size=5).map(tuple),
    st.booleans(),
    st.lists(BLOCKS.map(lambda block: payload_of(block.cid, block.data)), max_size=3).map(tuple),
    st.lists(st.builds(BlockPresence, CIDS, st.sampled_from(Presence)), max_size=4).map(tuple),
    st.integers(0, 2**31 - 1),
)


@given(MESSAGES)
def test_round_trip(message: BitswapMessage) -> None:
    raw = encode(message)
    assert decode(raw) == message
    assert b"".join(part.raw for part in messages.dissect(raw)) == raw


@given(st.binary(max_size=60) | MESSAGES.map(encode).flatmap(lambda raw: st.just(raw[:-1] + b"\xff")))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        message = decode(raw)
    except DecodeError:
        return
    assert decode(encode(message)) == message or message.left_out


def test_drawn() -> None:
    raw = bytes.fromhex(THEIRS["block"][0])
    assert [(part.name, part.note) for part in messages.dissect(raw)][:4] == [
        ("wantlist: tag and size", "0 bytes follow"),
        ("payload: tag and size", "13 bytes follow"),
        ("prefix: tag and size", "4 bytes follow"),
        ("prefix", ""),
    ]


def field(number: int, value: int | bytes) -> ProtoField:
    return ProtoField(number, VARINT if isinstance(value, int) else BYTES, value)


def pb(*fields: tuple[int, int | bytes]) -> bytes:
    return protobuf.encode([field(*each) for each in fields], max_fields=20_000)


def want(*fields: tuple[int, int | bytes]) -> bytes:
    return pb((1, pb((1, pb((1, cids.encode_bytes(ONE)), *fields)))))


def block(prefix: bytes, data: bytes = b"") -> bytes:
    return pb((3, pb((1, prefix), (2, data))))


PREFIX = bytes([1, 0x55, 0x12, 0x20])
REFUSED = {
    "no signed number of 32 bits": want((2, 2**31)),
    "0 or 1, not 2": want((3, 2)),
    "no WantKind 2": want((4, 2)),
    "is there 2 times": want((2, 1), (2, 1)),
    "no Presence 3": pb((4, pb((1, cids.encode_bytes(ONE)), (2, 3)))),
    "no CID version 9": pb((4, pb((1, b"\x09\x55\x12\x20" + bytes(32))))),
    "the data ends inside a varint": pb((4, pb((2, 1)))),
    "a CID of 200 bytes": pb((4, pb((1, bytes(200))))),
    "2 times wantlist": pb((1, b""), (1, b"")),
    "the wantlist are bytes, not varint": pb((1, 5)),
    "a prefix of 40 bytes": block(bytes(40)),
    "goes on for 1 bytes": block(PREFIX + b"\0"),
    "sha2-256 digest of 31 bytes": block(bytes([1, 0x55, 0x12, 31])),
    "sha1 digest of 20 bytes": block(bytes([1, 0x55, 0x11, 20])),
    "identity digest of 5 bytes": block(bytes([1, 0x55, 0, 5]), HELLO),
    "under version 0 of a CID that is raw": block(bytes([0, 0x55, 0x12, 0x20])),
    "under version 2": block(bytes([2, 0x70, 0x12, 0x20])),
    "which needs fewer": block(b"\x81\x00" + PREFIX[1:]),
    f"a block of {MAX_BLOCK_BYTES + 1} bytes": block(PREFIX, bytes(MAX_BLOCK_BYTES + 1)),
    f"{MAX_BLOCK_BYTES + 1} bytes, where": pb((2, bytes(MAX_BLOCK_BYTES + 1))),
    "a message of 4194305 bytes": bytes(4 * 1024 * 1024 + 1),
    "a message of more than 4097 fields": pb((1, pb(*[(1, b"")] * 4098))),
    "4097 block presences": pb(*[(4, pb((1, cids.encode_bytes(ONE))))] * 4097),
    "says 5 bytes, 0 are left": b"\x0a\x05",
}


@pytest.mark.parametrize(("rule", "raw"), REFUSED.items(), ids=REFUSED)
def test_what_is_refused(rule: str, raw: bytes) -> None:
    with pytest.raises(DecodeError, match=rule):
        decode(raw)


def test_what_proves_nothing_is_left_out_and_the_rest_is_read() -> None:
    sha1 = b"\x01\x78\x11\x14" + bytes(20)  # a commit of git's
    raw = pb(
        (1, pb((1, pb((1, sha1), (2, 1))), (1, pb((1, cids.encode_bytes(ONE)))))),
        (4, pb((1, sha1))),
        (99, b"from the future"),
    )
    assert decode(raw) == BitswapMessage((WantEntry(ONE, 0),), left_out=2)


def test_what_is_never_written() -> None:
    too_large = Payload(1, multicodec.RAW, multicodec.SHA2_256, bytes(MAX_BLOCK_BYTES + 1))
    with pytest.raises(UsageError, match="is the most"):
        encode(BitswapMessage(payload=(too_large,)))
    with pytest.raises(UsageError, match="at most 4194304 bytes"):
        encode(BitswapMessage(payload=(payload_of(ONE, bytes(MAX_BLOCK_BYTES)),) * 2))
    with pytest.raises(UsageError, match="4096 wants"):
        encode(BitswapMessage((WantEntry(ONE),) * 4097))
    with pytest.raises(UsageError, match="no block is sent under identity"):
        encode(BitswapMessage(payload=(Payload(1, multicodec.RAW, multicodec.IDENTITY, b""),)))
    with pytest.raises(UsageError, match="32 bits"):
        encode(BitswapMessage((WantEntry(ONE, 2**31),)))


def test_an_empty_block_and_an_empty_message() -> None:
    empty = block_of(b"")
    raw = encode(BitswapMessage(payload=(payload_of(empty.cid, b""),)))
    assert decode(raw).payload[0].block() == empty
    assert decode(b"").is_empty
    assert varint.encode(len(raw)) + raw == messages.FRAMES.encode(raw)
    assert Cid(1, multicodec.RAW, empty.cid.multihash) == empty.cid
