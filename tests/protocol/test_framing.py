"""Framing: known bytes, limits before allocation, and that splitting changes nothing."""

from __future__ import annotations

import asyncio
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2plib.errors import DecodeError, EndOfStream, Truncated, UsageError
from p2plib.protocol.framing import (
    FrameDecoder,
    FramedStream,
    Framing,
    LineFrames,
    SizedFrames,
    VarintFrames,
    read_frame,
    write_frame,
)
from p2plib.protocol.stream import memory_pair

FRAMINGS: list[Framing] = [VarintFrames(300), SizedFrames(2, 300), SizedFrames(4, 300), LineFrames(300)]
EVERY = pytest.mark.parametrize("framing", FRAMINGS, ids=repr)


@pytest.mark.parametrize(
    ("framing", "payload", "raw"),
    [
        (VarintFrames(), b"", "00"),
        (VarintFrames(), b"na\n", "036e610a"),
        (VarintFrames(), b"x" * 300, "ac02" + "78" * 300),
        (SizedFrames(2), b"hi", "00026869"),
        (SizedFrames(4), b"hi", "000000026869"),
        (LineFrames(), b"hi", "68690a"),
        (LineFrames(), b"", "0a"),
    ],
)
def test_known_bytes(framing: Framing, payload: bytes, raw: str) -> None:
    assert framing.encode(payload).hex() == raw
    decoder = FrameDecoder(framing)
    decoder.receive(bytes.fromhex(raw))
    assert decoder.next_frame() == payload
    assert decoder.next_frame() is None
    decoder.end_of_stream()
    fields = framing.dissect(bytes.fromhex(raw))
    assert b"".join(field.raw for field in fields).hex() == raw
    assert [field.raw for field in fields if field.name == "payload"] == [payload]


def outcome(framing: Framing, pieces: list[bytes]) -> tuple[list[bytes], str, int]:
    """What comes out of a decoder: the frames, the refusal, and what is left over."""
    decoder, frames = FrameDecoder(framing), []
    for piece in pieces:
        decoder.receive(piece)
        try:
            while (frame := decoder.next_frame()) is not None:
                frames.append(frame)
        except DecodeError as error:
            with pytest.raises(DecodeError):  # and so is everything behind it
                decoder.next_frame()
            return frames, str(error), 0
    return frames, "", decoder.buffered_bytes


@pytest.mark.fault("F033")
@EVERY
@given(data=st.data())
def test_splits_and_joins_change_nothing(framing: Framing, data: st.DataObject) -> None:
    payloads = data.draw(st.lists(st.binary(max_size=300).map(lambda raw: raw.replace(b"\n", b"."))))
    tail = data.draw(st.sampled_from([b"", b"\x80", b"\xff" * 400, b"\x00", b"tail"]))
    raw = b"".join(map(framing.encode, payloads)) + tail
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)))))
    pieces = [raw[a:b] for a, b in pairwise([0, *cuts, len(raw)])]
    at_once = outcome(framing, [raw])
    assert at_once[0][: len(payloads)] == payloads
    assert outcome(framing, pieces) == at_once
    assert outcome(framing, [raw[i : i + 1] for i in range(len(raw))]) == at_once


@pytest.mark.fault("F033")
@EVERY
def test_every_boundary(framing: Framing) -> None:
    raw = framing.encode(b"one") + framing.encode(b"") + framing.encode(b"y" * 200)
    for cut in range(len(raw) + 1):
        assert outcome(framing, [raw[:cut], raw[cut:]]) == ([b"one", b"", b"y" * 200], "", 0)


@pytest.mark.fault("F053")
@pytest.mark.parametrize(
    ("framing", "prefix", "rule"),
    [
        (VarintFrames(1000), "c09a", "a frame of 3392 bytes or more, where 1000 is the most"),  # of 200,000
        (SizedFrames(4), "80000000", "a frame of 2147483648 bytes, where 1048576 is the most"),
        (SizedFrames(4, 300), "0000012d", "a frame of 301 bytes, where 300 is the most"),
        (SizedFrames(2, 300), "012d", "a frame of 301 bytes"),
        (VarintFrames(), "8080808008", "a frame of 2147483648 bytes"),
        (VarintFrames(300), "ad02", "a frame of 301 bytes"),
        (VarintFrames(300), "80ff", "where 300 is the most"),  # known to be too large before it is whole
        (VarintFrames(), "8000", "a varint of 2 bytes for 0"),
        (VarintFrames(), "80" * 9, "a size of more than 9 bytes"),
        (LineFrames(3), "61626364", "no line feed in 4 bytes"),
        (LineFrames(3), "616263640a", "no line feed in 4 bytes"),
    ],
)
def test_a_size_is_refused_as_soon_as_it_is_known(framing: Framing, prefix: str, rule: str) -> None:
    decoder = FrameDecoder(framing)
    raw = bytes.fromhex(prefix)
    if isinstance(framing, (SizedFrames, VarintFrames)):
        decoder.receive(raw[:-1])
        assert decoder.next_frame() is None
        raw = raw[-1:]
    decoder.receive(raw)
    with pytest.raises(DecodeError, match=rule):
        decoder.next_frame()
    decoder.receive(b"x" * 100_000)
    assert decoder.buffered_bytes == 0

    async def main() -> None:
        a, b = memory_pair()
        await a.write(bytes.fromhex(prefix))
        with pytest.raises(DecodeError, match=rule):
            await read_frame(b, framing)

    asyncio.run(main())


@pytest.mark.fault("F053")
def test_nothing_is_allocated_for_a_frame_that_only_says_that_it_is_large() -> None:
    async def main() -> None:
        a, b = memory_pair()
        await a.write(b"\x0f\xff\xff\xff")
        tracemalloc.start()
        reading = asyncio.ensure_future(read_frame(b, SizedFrames(4, 2**28)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert tracemalloc.get_traced_memory()[1] < 100_000
        tracemalloc.stop()
        reading.cancel()

    asyncio.run(main())


@EVERY
def test_the_largest_frame(framing: Framing) -> None:
    assert outcome(framing, [framing.encode(b"x" * 300)]) == ([b"x" * 300], "", 0)
    with pytest.raises(UsageError, match="at most 300 bytes, not 301"):
        framing.encode(b"x" * 301)


def test_wrong_use() -> None:
    with pytest.raises(UsageError, match="2 or 4 bytes"):
        SizedFrames(3)
    with pytest.raises(UsageError, match="cannot say 65536"):
        SizedFrames(2, 65_536)
    with pytest.raises(UsageError, match="no frame has -1"):
        LineFrames(-1)
    with pytest.raises(UsageError, match="cannot carry a line feed"):
        LineFrames().encode(b"a\nb")
    for wrong, offset in ((b"\x02a", 0), (b"\x01ab", 2)):
        with pytest.raises(DecodeError, match=rf"not one whole frame \(at offset {offset}\)"):
            VarintFrames().dissect(wrong)


@pytest.mark.fault("F033")
@EVERY
def test_frames_over_a_stream_and_what_follows_them(framing: Framing) -> None:
    async def main() -> None:
        a, b = memory_pair()
        await write_frame(a, framing, b"first")
        await a.write(framing.encode(b"") + b"rest")
        assert await read_frame(b, framing) == b"first"
        assert await read_frame(b, framing) == b""
        assert await b.read() == b"rest"  # not a byte too many was read

    asyncio.run(main())


@pytest.mark.fault("F047")
@EVERY
def test_where_a_stream_ends(framing: Framing) -> None:
    async def main() -> None:
        a, b = memory_pair()
        await a.write(framing.encode(b"whole") + framing.encode(b"cut")[:-1])
        await a.close_write()
        framed = FramedStream(b, framing)
        assert await framed.receive() == b"whole"
        with pytest.raises(Truncated, match="inside a frame, of which"):
            await framed.receive()
        a, b = memory_pair()
        await a.write(framing.encode(b"cut")[:-1])
        await a.close_write()
        with pytest.raises(Truncated, match="inside a frame, of which"):
            await read_frame(b, framing)
        with pytest.raises(EndOfStream, match="a frame was waited for"):
            await read_frame(b, framing)

    asyncio.run(main())


@EVERY
def test_messages_until_the_end(framing: Framing) -> None:
    async def main() -> None:
        a, b = memory_pair(limit_bytes=10)
        messages = [b"%d" % number * 20 for number in range(50)]

        async def write() -> None:
            async with FramedStream(a, framing) as out:
                for message in messages:
                    await out.send(message)

        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            assert [message async for message in FramedStream(b, framing)] == messages

    asyncio.run(main())


def test_a_cancelled_receive_loses_nothing() -> None:
    async def main() -> None:
        a, b = memory_pair()
        framed = FramedStream(b, SizedFrames(4))
        raw = SizedFrames(4).encode(b"hello")
        for byte in raw:
            reading = asyncio.ensure_future(framed.receive())
            await asyncio.sleep(0)
            await a.write(bytes([byte]))
            reading.cancel()
            await asyncio.wait([reading])
        assert await framed.receive() == b"hello"

    asyncio.run(main())
