"""Secured streams: they conform; slow, silent and meddling peers; what is cut; what is left open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from p2plib.errors import (
    Closed,
    HandshakeFailed,
    P2PError,
    PeerTimeout,
    StreamReset,
    Tampered,
    Truncated,
)
from p2plib.identity.keys import SecretKey
from p2plib.protocol import secure
from p2plib.protocol.conformance import check_stream, pattern, read_all
from p2plib.protocol.secure import SecureStream
from p2plib.protocol.stream import Stream, memory_pair
from tests.protocol import pairs

ALICE = SecretKey.from_seed(bytes([1]) * 32)
BOB = SecretKey.from_seed(bytes([2]) * 32)
MALLORY = SecretKey.from_seed(bytes([3]) * 32)
NETWORK = bytes([6]) * 32
YAMUX = "/yamux/1.0.0"

Sides = tuple[Callable[..., Awaitable[SecureStream]], Callable[..., Awaitable[SecureStream]]]


async def noise_call(stream: Stream, **more: Any) -> SecureStream:
    return await secure.noise(stream, ALICE, initiator=True, expected=BOB.public, **more)


async def noise_answer(stream: Stream, **more: Any) -> SecureStream:
    return await secure.noise(stream, more.pop("identity", BOB), initiator=False, **more)


async def shs_call(stream: Stream, **more: Any) -> SecureStream:
    return await secure.shs_client(stream, ALICE, BOB.public, network=NETWORK, **more)


async def shs_answer(stream: Stream, **more: Any) -> SecureStream:
    return await secure.shs_server(stream, more.pop("identity", BOB), network=NETWORK, **more)


SIDES: dict[str, Sides] = {"noise": (noise_call, noise_answer), "shs": (shs_call, shs_answer)}
every_channel = pytest.mark.parametrize("channel", SIDES)


@asynccontextmanager
async def connected(
    channel: str, below: Callable[[], AbstractAsyncContextManager[tuple[Stream, Stream]]] = pairs.memory
) -> AsyncIterator[tuple[SecureStream, SecureStream]]:
    async with below() as (a, b):
        call, answer = SIDES[channel]
        near, far = await asyncio.gather(call(a), answer(b))
        yield near, far
        near.reset()
        far.reset()


@pytest.mark.fault("F051")
@every_channel
def test_it_is_a_stream_in_memory(channel: str) -> None:
    asyncio.run(check_stream(lambda: connected(channel)))


@pytest.mark.fault("F051")
@every_channel
def test_it_is_a_stream_over_tcp(channel: str) -> None:
    asyncio.run(check_stream(lambda: connected(channel, pairs.tcp)))


@every_channel
def test_each_side_knows_the_other(channel: str) -> None:
    async def main() -> None:
        async with connected(channel) as (near, far):
            assert (near.remote_key, far.remote_key) == (BOB.public, ALICE.public)
            assert near.muxer is None

    asyncio.run(main())


def test_the_muxer_of_the_handshake() -> None:
    async def main() -> None:
        a, b = memory_pair()
        near, far = await asyncio.gather(noise_call(a, muxers=[YAMUX]), noise_answer(b, muxers=[YAMUX]))
        assert near.muxer == far.muxer == YAMUX

    asyncio.run(main())


def one_byte_at_a_time(stream: Stream) -> None:
    read = stream.read

    async def read_one(max_bytes: int = 1) -> bytes:
        return await read(1)

    stream.read = read_one  # type: ignore[method-assign]


@pytest.mark.fault("F033")
@every_channel
def test_the_pieces_in_which_bytes_arrive_do_not_matter(channel: str) -> None:
    async def main() -> None:
        a, b = memory_pair()
        one_byte_at_a_time(a)
        one_byte_at_a_time(b)
        call, answer = SIDES[channel]
        near, far = await asyncio.gather(call(a), answer(b))
        for data in (b"a", pattern(5000)):
            await near.write(data)
            assert await far.read_exactly(len(data)) == data
        await near.write(b"one")
        await near.write(b"two")  # and several frames in one piece
        await near.close_write()
        assert await far.read_exactly(6) == b"onetwo"

    asyncio.run(main())


# A handshake that does not come to its end


async def outcome(doing: Awaitable[SecureStream]) -> str:
    try:
        await doing
    except P2PError as error:
        return type(error).__name__
    return "finished"


@pytest.mark.fault("F040")
@every_channel
@pytest.mark.parametrize("side", [0, 1], ids=["calls", "answers"])
def test_a_silent_peer_and_a_slow_one_are_left(channel: str, side: int) -> None:
    async def main() -> None:
        for drips in (False, True):
            ours, theirs = memory_pair()
            securing = asyncio.ensure_future(outcome(SIDES[channel][side](ours, timeout_s=0.2)))
            # The first byte of a frame that is as large as it should be; in a challenge all bytes go.
            drops = iter(b"\x01" if side == 0 and channel == "noise" else b"\0\x20")
            while drips and not ours.is_closed:
                await theirs.write(bytes([next(drops, 7)]))
                await asyncio.wait([securing], timeout=0.02)
            assert await securing == "PeerTimeout"
            assert ours.is_closed
            with pytest.raises(StreamReset):
                await read_all(theirs)

    asyncio.run(main())


async def relay(source: Stream, sink: Stream, change: Callable[[int, bytes], bytes], log: list[int]) -> None:
    """Carry bytes one by one, each changed by its place; what breaks one side off breaks the other off."""
    place = 0
    try:
        while data := await source.read(1):
            await sink.write(change(place, data))
            place += 1
            log.append(place)
        await sink.close_write()
    except Closed:
        sink.reset()


async def meddled(
    channel: str,
    towards_answer: Callable[[int, bytes], bytes],
    towards_call: Callable[[int, bytes], bytes],
    timeout_s: float = 100.0,
) -> tuple[str, str, list[int], list[int]]:
    """A handshake with somebody in the middle: what came of it at both ends, and what went each way."""
    (a, middle_a), (b, middle_b) = memory_pair(), memory_pair()
    there, back = list[int](), list[int]()
    carrying = [
        asyncio.ensure_future(relay(middle_a, middle_b, towards_answer, there)),
        asyncio.ensure_future(relay(middle_b, middle_a, towards_call, back)),
    ]
    call, answer = SIDES[channel]
    near, far = await asyncio.gather(
        outcome(call(a, timeout_s=timeout_s)), outcome(answer(b, timeout_s=timeout_s))
    )
    for stream in (a, b):
        if near == far == "finished":
            stream.reset()
    await asyncio.wait(carrying)
    return near, far, there, back


def unchanged(place: int, byte: bytes) -> bytes:
    return byte


def flipped(at: int) -> Callable[[int, bytes], bytes]:
    return lambda place, byte: bytes([byte[0] ^ 1]) if place == at else byte


# Of Noise's frames the sizes: one that became larger is waited for, and says nothing to who changed it.
SIZE_PLACES = {"noise": ({0, 1, 34, 35}, {0, 1}), "shs": (set[int](), set[int]())}


@pytest.mark.fault("F042")
@every_channel
@pytest.mark.parametrize("direction", [0, 1], ids=["to who answers", "to who calls"])
def test_every_changed_byte_looks_the_same_from_outside(channel: str, direction: int) -> None:
    """Both ends say that the handshake failed, and whoever noticed it sends not a byte more."""

    async def main() -> set[tuple[str, str]]:
        near, far, *sizes = await meddled(channel, unchanged, unchanged)
        assert (near, far) == ("finished", "finished")
        seen = set()
        for place in range(len(sizes[direction])):
            if place in SIZE_PLACES[channel][direction]:
                continue
            changes = (unchanged, flipped(place)) if direction else (flipped(place), unchanged)
            near, far, there, back = await meddled(channel, *changes)
            seen.add((near, far))
            assert len(there) <= len(sizes[0])
            assert len(back) <= len(sizes[1])
        return seen

    seen = asyncio.run(main())
    # Who wrote the last message is finished before the other reads it.
    last_writer_is_done = {"noise": ("finished", "HandshakeFailed"), "shs": ("HandshakeFailed", "finished")}
    assert ("HandshakeFailed", "HandshakeFailed") in seen
    assert seen <= {("HandshakeFailed", "HandshakeFailed"), last_writer_is_done[channel]}


@pytest.mark.fault("F045")
def test_a_frame_whose_size_grew_is_waited_for_until_the_deadline() -> None:
    async def main() -> None:
        for changes in ((unchanged, flipped(1)), (flipped(35), unchanged)):
            near, far, _, _ = await meddled("noise", *changes, timeout_s=0.2)
            assert {near, far} <= {"PeerTimeout", "HandshakeFailed", "finished"}
            assert (near, far) != ("finished", "finished")

    asyncio.run(main())


@pytest.mark.fault("F043")
def test_another_peer_than_the_one_that_was_dialled() -> None:
    async def main() -> None:
        a, b = memory_pair()
        near, far = await asyncio.gather(outcome(noise_call(a)), outcome(noise_answer(b, identity=MALLORY)))
        assert (near, far) == ("WrongPeer", "HandshakeFailed")
        assert a.is_closed
        assert b.is_closed
        a, b = memory_pair()
        near, far = await asyncio.gather(outcome(shs_call(a)), outcome(shs_answer(b, identity=MALLORY)))
        assert (near, far) == ("HandshakeFailed", "HandshakeFailed")

    asyncio.run(main())


@every_channel
@pytest.mark.parametrize("side", [0, 1], ids=["calls", "answers"])
@pytest.mark.parametrize("breaks_off", [False, True], ids=["ends", "breaks off"])
def test_a_peer_that_hangs_up_in_the_middle(channel: str, side: int, breaks_off: bool) -> None:
    async def main() -> None:
        for received in (0, 1, 20):
            ours, theirs = memory_pair()
            await theirs.write(bytes(received))
            if breaks_off:
                theirs.reset()
            else:
                await theirs.close_write()
            assert await outcome(SIDES[channel][side](ours)) == "HandshakeFailed"
            assert ours.is_closed

    asyncio.run(main())


@every_channel
def test_a_handshake_that_is_cancelled_resets_the_stream(channel: str) -> None:
    async def main() -> None:
        ours, theirs = memory_pair()
        task = asyncio.ensure_future(SIDES[channel][0](ours))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        with pytest.raises(StreamReset):
            await read_all(theirs)

    asyncio.run(main())


def test_a_client_that_is_not_let_in() -> None:
    async def main() -> None:
        a, b = memory_pair()
        near, far = await asyncio.gather(
            outcome(shs_call(a)), outcome(shs_answer(b, allows=lambda key: key != ALICE.public))
        )
        assert (near, far) == ("HandshakeFailed", "HandshakeFailed")

    asyncio.run(main())


@every_channel
def test_bytes_right_behind_the_handshake_are_not_lost(channel: str) -> None:
    """Whoever finishes first may write at once; what it writes arrives together with its last message."""

    async def write_at_once(securing: Awaitable[SecureStream]) -> SecureStream:
        stream = await securing
        await stream.write(b"already here")
        return stream

    async def main() -> None:
        a, b = memory_pair()
        call, answer = SIDES[channel]
        near, far = await asyncio.gather(write_at_once(call(a)), write_at_once(answer(b)))
        assert await near.read_exactly(12) == await far.read_exactly(12) == b"already here"

    asyncio.run(main())


# What is done to a stream after it


@pytest.mark.fault("F044")
@every_channel
def test_tampering_is_the_end_but_what_came_before_is_read(channel: str) -> None:
    async def main() -> None:
        async with connected(channel) as (near, far):
            raw = bytearray(near._sealer.seal(b"true") + near._sealer.seal(b"false"))
            raw[-1] ^= 1
            near._below.send(bytes(raw))
            assert await far.read() == b"true"
            for _ in range(2):
                with pytest.raises(Tampered):
                    await far.read()
            with pytest.raises(Tampered):
                await far.write(b"into the void")
            with pytest.raises(StreamReset):
                await near.read()

    asyncio.run(main())


@pytest.mark.fault("F047")
@every_channel
def test_a_stream_that_is_cut_inside_a_frame_is_truncated(channel: str) -> None:
    async def main() -> None:
        async with connected(channel) as (near, far):
            near._below.send(near._sealer.seal(b"whole") + near._sealer.seal(b"cut")[:-1])
            await near._below.close_write()
            assert await far.read() == b"whole"
            for _ in range(2):
                with pytest.raises(Truncated):
                    await far.read()

    asyncio.run(main())


@pytest.mark.fault("F047")
def test_a_stream_that_ends_between_frames_is_truncated_where_the_protocol_has_a_goodbye() -> None:
    async def main() -> None:
        async with connected("shs") as (near, far):
            await near.write(b"all?")
            await near._below.close_write()
            assert await far.read() == b"all?"
            for _ in range(2):
                with pytest.raises(Truncated, match="without a goodbye"):
                    await far.read()
        async with connected("noise") as (near, far):
            await near.write(b"all?")
            await near._below.close_write()
            assert await far.read() == b"all?"
            assert await far.read() == b""  # nobody can tell, as the module's head says

    asyncio.run(main())


def test_a_goodbye_leaves_the_stream_below_open_until_we_close() -> None:
    async def main() -> None:
        async with connected("shs") as (near, far):
            await near.close_write()
            assert not near._below._has_ended_writing
            assert await far.read() == b""
            await far.write(b"but I have more to say")
            assert await near.read() == b"but I have more to say"
            await near.close()
            assert near._below.is_closed
        async with connected("noise") as (near, _):
            await near.close_write()
            assert near._below._has_ended_writing

    asyncio.run(main())


@every_channel
def test_a_goodbye_to_somebody_who_is_gone_is_no_error(channel: str) -> None:
    async def main() -> None:
        async with connected(channel) as (near, far):
            far.reset()
            await near.close_write()
            await near.close()
            assert near._below.is_closed

    asyncio.run(main())


def test_the_prologue_and_whom_the_noise_driver_expects() -> None:
    """What the driver is given reaches the machine."""

    async def main() -> None:
        a, b = memory_pair()
        ends = await asyncio.gather(
            outcome(noise_call(a, prologue=b"one")), outcome(noise_answer(b, prologue=b"one"))
        )
        assert ends == ["finished", "finished"]
        a, b = memory_pair()
        ends = await asyncio.gather(outcome(noise_call(a, prologue=b"one")), outcome(noise_answer(b)))
        assert ends == ["HandshakeFailed", "HandshakeFailed"]
        a, b = memory_pair()
        ends = await asyncio.gather(outcome(noise_call(a)), outcome(noise_answer(b, expected=MALLORY.public)))
        assert ends[1] == "WrongPeer"

    asyncio.run(main())


def test_what_follows_a_goodbye_is_not_read() -> None:
    async def main() -> None:
        async with connected("shs") as (near, far):
            goodbye = near._sealer.goodbye()
            near._below.send(goodbye + b"something else")
            assert await far.read() == b""
            assert await far.read() == b""

    asyncio.run(main())


def test_frames_of_no_bytes_are_no_end() -> None:
    async def main() -> None:
        async with connected("noise") as (near, far):
            for _ in range(3):
                empty = near._sealer._session.encrypt(b"")  # type: ignore[attr-defined]
                near._below.send(len(empty).to_bytes(2, "big") + empty)
            await near.write(b"and then")
            assert await far.read() == b"and then"

    asyncio.run(main())


@pytest.mark.fault("F050")
@every_channel
def test_what_waits_in_memory_is_bounded(channel: str) -> None:
    async def main() -> None:
        async with connected(channel) as (near, far):
            writing = asyncio.ensure_future(near.write(bytes(5_000_000)))
            for _ in range(200):
                await asyncio.sleep(0)
            assert not writing.done()
            assert len(far._plain) == len(far._sealed) == 0
            await far.read(1)
            for _ in range(200):
                await asyncio.sleep(0)
            assert len(far._plain) + len(far._sealed) <= 2 * 65_536
            await far.read_exactly(4_999_999)
            await writing

    asyncio.run(main())


def test_the_error_of_a_deadline_says_who_and_how_long() -> None:
    async def main() -> None:
        ours, _ = memory_pair(names=("left", "192.0.2.1:4001"))
        with pytest.raises(PeerTimeout, match=r"did not finish the handshake in 0\.05 s"):
            await noise_call(ours, timeout_s=0.05)
        ours, theirs = memory_pair()
        theirs.reset()
        with pytest.raises(HandshakeFailed, match="hung up during the handshake") as failed:
            await noise_call(ours)
        assert failed.value.__cause__ is None

    asyncio.run(main())
