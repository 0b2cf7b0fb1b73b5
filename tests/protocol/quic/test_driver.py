"""QUIC's streams and connections over loopback: the conformance suite, closing, and what a peer may break."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from p2plib.errors import Closed, HandshakeFailed, PeerTimeout, StreamReset, WrongPeer
from p2plib.identity import ids
from p2plib.protocol import conformance
from p2plib.protocol.conformance import check_stream, read_all
from p2plib.protocol.quic.driver import FAREWELLS, QuicConnection, spell
from p2plib.protocol.quic.limits import QuicLimits
from p2plib.protocol.quic.machine import Machine
from p2plib.protocol.quic.sockets import dial
from p2plib.protocol.quic.stream import QuicStream
from p2plib.protocol.stream import LIMIT_BYTES, PIECE_BYTES
from tests.protocol.quic import pairs
from tests.protocol.quic.pairs import ALICE, BOB, opened

pytest.importorskip("aioquic")

LIMIT_S = 200.0  # of real time, which nothing here takes on any machine

Check = Callable[[QuicConnection, QuicConnection], Awaitable[None]]


def run(check: Check, limits: QuicLimits | None = None) -> None:
    """Runs a check with both ends of a fresh connection, and sees that nothing is left of them."""

    async def main() -> None:
        before = asyncio.all_tasks()
        async with asyncio.timeout(LIMIT_S), pairs.connections(limits=limits) as (near, far):
            await check(near, far)
        assert asyncio.all_tasks() == before
        for one in (near, far):
            assert one._is_silent
            assert not [each for each in (one._timer, one._beat, one._wake) if each and not each.cancelled()]

    asyncio.run(main())


@pytest.mark.slow
@pytest.mark.fault("F051")
def test_its_streams_conform() -> None:
    asyncio.run(check_stream(pairs.streams, timeout_s=LIMIT_S))  # each; a handshake takes 20 ms, or a second


@pytest.mark.fault("F050")
def test_what_waits_in_memory_is_bounded_on_both_sides() -> None:
    async def check(near: QuicConnection, far: QuicConnection) -> None:
        stream, unread = await opened(near, far)
        writing, written = await conformance.blocked_writer(stream)
        window = QuicLimits().window_bytes
        while written[0] < window:  # what was lost on the way is sent again after a while
            await asyncio.sleep(0.001)
        await conformance.still_waits(writing, "writing what nobody reads")
        assert len(unread._incoming) <= window
        assert window <= written[0] <= window + LIMIT_BYTES + PIECE_BYTES
        await conformance.cancelled(writing)
        assert len(await unread.read_exactly(written[0])) == written[0]

    run(check)


def held_in_all(connection: QuicConnection) -> int:
    return sum(connection.machine.held_by_stream().values())


@pytest.mark.finding("K2")
def test_what_waits_to_be_sent_is_bounded_over_all_streams() -> None:
    """A peer that opens many streams and reads none of the answers: the fullest of them are reset."""
    limits = QuicLimits(window_bytes=1000, memory_bytes=500_000)

    async def check(near: QuicConnection, far: QuicConnection) -> None:
        pairs_of_streams = [await opened(near, far) for _ in range(20)]

        async def answer(stream: QuicStream, size_bytes: int) -> None:
            await stream.write(bytes(size_bytes))
            held.append(held_in_all(far))

        held: list[int] = []
        answers = [
            answer(far_end, 1000 * (number + 1)) for number, (_, far_end) in enumerate(pairs_of_streams)
        ]
        await asyncio.gather(*answers)
        assert max(held) < 500_000, "these fit"
        big = [asyncio.ensure_future(answer(far_end, 200_000)) for _, far_end in pairs_of_streams[:15]]
        for _ in range(50):
            assert held_in_all(far) <= 500_000
            await asyncio.sleep(0)
        for one in big:
            await conformance.cancelled(one)
        for near_end, far_end in pairs_of_streams[15:]:  # who holds less than its share is not touched
            await far_end.close_write()
            assert len(await read_all(near_end)) == 1000 * (near_end.stream_id // 4 + 1)
        resets = [each for _, each in pairs_of_streams[:15] if each._was_reset]
        assert resets
        with pytest.raises(StreamReset):
            await resets[0].write(b"more")

    run(check, limits)


@pytest.mark.finding("K2")
def test_what_is_never_acknowledged_is_bounded_too() -> None:
    """A peer takes all that it is sent, and acknowledges all but the first bytes of a stream: they may have
    to be sent again, and so may what is behind them."""

    async def main() -> None:
        memory_bytes = 600_000
        async with (
            pairs.listening(limits=QuicLimits(memory_bytes=memory_bytes)) as (listener, arrived),
            await dial(ALICE, *listener.address, limits=QuicLimits(2**24, 2**24)) as near,
        ):
            far = await arrived.get()
            taker, bad = await opened(near, far)
            withhold(far, bad)
            taking = asyncio.ensure_future(read_all(taker))
            writing = asyncio.ensure_future(bad.write(bytes(2_000_000)))
            while far.machine.held(bad.stream_id) <= memory_bytes - PIECE_BYTES:
                await asyncio.sleep(0.001)
            while bad.unsent_bytes >= LIMIT_BYTES:  # it is not to be this for which it waits
                await asyncio.sleep(0.001)
            await conformance.still_waits(writing, "writing what nobody acknowledges")
            assert held_in_all(far) <= memory_bytes
            taker_of_good, good = await opened(near, far)
            async with good:
                await good.write(bytes(200_000))
            assert len(await read_all(taker_of_good)) == 200_000
            with pytest.raises(StreamReset):
                await writing
            assert held_in_all(far) <= memory_bytes
            with pytest.raises(StreamReset):
                await taking

    asyncio.run(asyncio.wait_for(main(), LIMIT_S))


def withhold(connection: QuicConnection, stream: QuicStream) -> None:
    """The other side acknowledges nothing in which this stream's first bytes are."""
    sender = connection.machine._streams[stream.stream_id].sender
    delivered = sender.on_data_delivery

    def withheld(delivery: Any, start: int, stop: int, fin: bool) -> None:
        if start > 0:
            delivered(delivery, start, stop, fin)

    setattr(sender, "on_data_delivery", withheld)  # noqa: B010


@pytest.mark.finding("K2")
def test_what_the_other_side_does_not_want_any_more_is_not_held() -> None:
    async def check(near: QuicConnection, far: QuicConnection) -> None:
        taker, stream = await opened(near, far)
        await stream.write(bytes(LIMIT_BYTES))
        taker.reset()
        near.receive = lambda *_: None  # type: ignore[method-assign]  # so it acknowledges no more
        while far.machine.held(stream.stream_id):
            await asyncio.sleep(0.001)
        assert stream.stream_id in far.machine.held_by_stream()
        near.close_timeout_s = far.close_timeout_s = 0.1

    run(check, QuicLimits(window_bytes=1000))


@pytest.mark.finding("K2")
def test_a_stream_that_was_closed_counts_until_it_is_acknowledged() -> None:
    async def main() -> None:
        memory_bytes = 600_000
        async with (
            pairs.listening(limits=QuicLimits(memory_bytes=memory_bytes)) as (listener, arrived),
            await dial(ALICE, *listener.address, limits=QuicLimits(2**24, 2**24)) as near,
        ):
            far = await arrived.get()
            for _ in range(6):
                taker, bad = await opened(near, far)
                withhold(far, bad)
                await taker.close_write()
                async with bad:
                    await bad.write(bytes(200_000))
                assert held_in_all(far) <= memory_bytes
            assert not far._streams, "they are done with"
            assert far.machine.held_by_stream()

    asyncio.run(asyncio.wait_for(main(), LIMIT_S))


def test_a_stream_is_opened_when_the_other_side_is_done_with_one() -> None:
    async def check(near: QuicConnection, far: QuicConnection) -> None:
        stream, other = await opened(near, far)
        opening = asyncio.ensure_future(near.open_stream())
        await asyncio.gather(stream.close(), other.close_write())
        await conformance.still_waits(opening, "opening a stream while the only one is not given back")
        await other.close()
        async with await opening:
            pass

    run(check, QuicLimits(max_streams=1))


def test_a_stream_that_is_reset_at_once_is_given_to_nobody() -> None:
    async def check(near: QuicConnection, far: QuicConnection) -> None:
        for _ in range(20):
            stream = await near.open_stream()
            await stream.write(b"x")
            stream.reset()
        await near.ping()
        assert far.is_idle
        stream, _ = await opened(near, far)
        assert stream.stream_id == 80

    run(check)


# Closing


@pytest.mark.finding("W1")
@pytest.mark.parametrize("talks", [False, True])
def test_a_connection_that_is_closed_has_delivered_what_was_closed(talks: bool) -> None:
    """The program of finding W1: many streams at once, closed, and the connection right after them."""

    async def check(near: QuicConnection, far: QuicConnection) -> None:
        async def take() -> int:
            stream = await far.accept_stream()
            if talks:
                await stream.write(b"I talk while you close, and you do not read it")
            return len(await read_all(stream))

        async def give() -> None:
            async with await near.open_stream() as stream:
                stream.close_timeout_s = 60
                await stream.write(bytes(50_000))

        taking = [asyncio.ensure_future(take()) for _ in range(20)]
        await asyncio.gather(*(give() for _ in taking))
        near.close_timeout_s = 60
        await near.close()
        assert await asyncio.gather(*taking) == [50_000] * 20

    run(check)


@pytest.mark.finding("W1")
def test_what_was_ended_and_not_closed_is_delivered_too() -> None:
    async def check(near: QuicConnection, far: QuicConnection) -> None:
        streams = [await near.open_stream() for _ in range(3)]
        for stream in streams:
            await stream.write(bytes(60_000))
        await streams[0].close_write()
        await streams[1].close_write()
        streams[1].reset()
        await near.close()
        await far.wait_closed()
        assert await read_all(far._streams[streams[0].stream_id]) == bytes(60_000)
        for stream in streams[1:]:
            if stream.stream_id in far._streams:
                with pytest.raises(StreamReset):
                    await read_all(far._streams[stream.stream_id])

    run(check)


@pytest.mark.finding("W1")
def test_the_other_side_is_told_to_stop_when_it_has_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """js-libp2p gives up both directions when it is told: what it had not got by then would be lost."""
    stop, stopped = Machine.stop_stream, []

    def noting(machine: Machine, stream_id: int, error_code: int) -> None:
        stopped.append(machine.has_delivered_all(stream_id))
        stop(machine, stream_id, error_code)

    monkeypatch.setattr(Machine, "stop_stream", noting)

    async def check(near: QuicConnection, far: QuicConnection) -> None:
        stream, other = await opened(near, far)
        await asyncio.gather(stream.write(bytes(100_000)), other.read_exactly(100_000))
        assert stopped == []
        await stream.close()
        await near.ping()
        assert stopped == [True]
        with pytest.raises(StreamReset, match="reads no more"):
            await conformance._write_until_blocked(other, [0])

    run(check)


def test_closing_is_bounded_even_if_the_other_side_takes_nothing() -> None:
    async def check(near: QuicConnection, far: QuicConnection) -> None:
        stream, _ = await opened(near, far)
        writing, _ = await conformance.blocked_writer(stream)
        await conformance.cancelled(writing)
        await stream.close_write()
        near.close_timeout_s = 0.05
        await near.close()
        with pytest.raises(Closed):
            await stream.read()

    run(check)


def test_farewell_is_said_more_than_once() -> None:
    async def check(near: QuicConnection, far: QuicConnection) -> None:
        sent: list[bytes] = []
        near._put = lambda data, _: sent.append(data)
        near.abort()
        assert len(sent) == FAREWELLS == 3
        assert set(sent) == {sent[0]}
        far.receive(sent[-1], far._address)
        assert far.is_over
        with pytest.raises(Closed, match="has gone"):
            await far.accept_stream()

    run(check)


def test_a_handshake_that_is_cancelled_leaves_nothing() -> None:
    async def main() -> None:
        async with pairs.listening() as (listener, _):
            for steps in range(40):
                task = asyncio.ensure_future(dial(ALICE, *listener.address, expected=BOB.public))
                for _ in range(steps):
                    await asyncio.sleep(0)
                await conformance.cancelled(task)
                if not task.cancelled():
                    await task.result().close()
            before = asyncio.all_tasks()
        assert len(asyncio.all_tasks() & before) == 1

    asyncio.run(main())


# Who is there


def test_who_is_there() -> None:
    async def check(near: QuicConnection, far: QuicConnection) -> None:
        assert (near.remote_key, far.remote_key) == (BOB.public, ALICE.public)
        assert near.remote_address == (near.remote.split(":")[0], int(near.remote.split(":")[1]))
        assert repr(near) == f"QuicConnection({near.remote}, 0 streams)"
        assert await near.handshake(expected=ids.peer_id(BOB.public)) == BOB.public, "again, if one wants"
        assert spell(("::1", 4001, 0, 0)) == "[::1]:4001"

    run(check)


def test_somebody_else_is_there() -> None:
    async def main() -> None:
        async with pairs.listening() as (listener, arrived):
            with pytest.raises(WrongPeer, match="the peer that answered is"):
                await dial(ALICE, *listener.address, expected=ALICE.public)
            connection = await arrived.get()
            await connection.wait_closed()
            with pytest.raises(Closed, match="has gone"):
                await connection.accept_stream()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda made: made[:-9] + bytes(9), "not signed by its own key"),
        (lambda made: bytes.fromhex("3000"), "not an X.509 certificate"),
    ],
)
@pytest.mark.parametrize("of_the_server", [True, False])
def test_a_certificate_that_proves_nothing(
    spoil: Callable[[bytes], bytes], sentence: str, of_the_server: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = Machine.peer_certificate

    def spoiled(machine: Machine) -> bytes:
        raw = right(machine)
        return spoil(raw) if machine._is_client == of_the_server else raw

    monkeypatch.setattr(Machine, "peer_certificate", spoiled)

    async def main() -> None:
        async with pairs.listening() as (listener, _):
            if of_the_server:
                with pytest.raises(HandshakeFailed, match=sentence):
                    await dial(ALICE, *listener.address)
            else:  # the client hears of it once it believes the handshake to be over
                async with await dial(ALICE, *listener.address) as connection:
                    await connection.wait_closed()
            while not listener.failures:
                await asyncio.sleep(0.001)
            # A client that refuses us has not come far enough to prove its address.
            assert listener.failures == {"Closed" if of_the_server else "HandshakeFailed": 1}

    asyncio.run(asyncio.wait_for(main(), LIMIT_S))


@pytest.mark.fault("F040")
def test_a_handshake_has_a_deadline() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
        )
        with pytest.raises(PeerTimeout, match="did not finish the handshake"):
            await dial(ALICE, *transport.get_extra_info("sockname"), timeout_s=0.05)
        transport.close()

    asyncio.run(main())


# What a peer may break


@pytest.mark.fault("F052")
def test_whatever_aioquic_does_not_expect_ends_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def check(near: QuicConnection, far: QuicConnection) -> None:
        stream, _ = await opened(near, far)

        def breaks(data: bytes, addr: Any, now: float) -> None:
            raise IndexError("pop from an empty deque")

        monkeypatch.setattr(near.machine, "receive_datagram", breaks)
        with pytest.raises(StreamReset, match=r"aioquic could not read what came: IndexError\('pop from"):
            await asyncio.gather(stream.read(), far.ping())
        assert near.is_over

    run(check)


@pytest.mark.fault("F052")
def test_a_peer_that_breaks_a_rule_of_quic() -> None:
    async def check(near: QuicConnection, far: QuicConnection) -> None:
        near.machine._remote_max_streams_uni = 1000  # which it was not allowed
        name = near.machine.get_next_available_stream_id(is_unidirectional=True)
        near.machine.send_stream_data(name, b"x")
        near.wake()
        await far.wait_closed()
        with pytest.raises(Closed, match="Too many streams open"):
            await far.open_stream()
        await near.wait_closed()
        with pytest.raises(Closed, match="Too many streams open"):
            await near.open_stream()

    run(check)


@pytest.mark.finding("W7")
def test_pings_that_nobody_answers_are_forgotten() -> None:
    async def check(near: QuicConnection, far: QuicConnection) -> None:
        near._put = lambda data, address: None
        for _ in range(50):
            with pytest.raises(PeerTimeout, match="did not answer a ping"):
                await near.ping(timeout_s=0.001)
        assert near._pings == {}

    run(check)


@pytest.mark.finding("W8")
def test_whoever_closes_second_waits_as_well() -> None:
    async def check(near: QuicConnection, far: QuicConnection) -> None:
        stream, _ = await opened(near, far)
        await stream.write(bytes(LIMIT_BYTES))
        await stream.close_write()
        first = asyncio.ensure_future(near.close())
        await asyncio.sleep(0)
        assert not near._is_silent  # it still delivers
        await near.close()
        assert near._is_silent
        await first

    run(check)


@pytest.mark.finding("W1")
@pytest.mark.parametrize("ends", [QuicConnection.close, QuicConnection.abort])
def test_what_our_own_close_throws_away_never_looks_like_an_end(
    ends: Callable[[QuicConnection], Any],
) -> None:
    async def check(near: QuicConnection, far: QuicConnection) -> None:
        stream, theirs = await opened(near, far)
        await theirs.write(bytes(1000))
        await theirs.close_write()
        while not stream._has_ended:
            await stream.changed.wait()
        ended = ends(near)
        if ended is not None:
            await ended
        with pytest.raises(Closed):
            await read_all(stream)

    run(check)


@pytest.mark.finding("K2")
def test_what_is_broken_off_is_freed_at_once_and_counts_no_more() -> None:
    """Before the reset is even sent, for a peer need not acknowledge it."""

    async def check(near: QuicConnection, far: QuicConnection) -> None:
        ends = [(await opened(near, far))[1] for _ in range(20)]
        for end in ends:
            with contextlib.suppress(StreamReset):
                for _ in range(2):
                    end.send(bytes(PIECE_BYTES))
                    assert sum(each.unsent_bytes for each in ends) <= 500_000
        kept = [len(far.machine._streams[end.stream_id].sender._buffer) for end in ends]
        assert sum(kept) <= 500_000
        assert 0 < sum(end._was_reset for end in ends) < 20

    run(check, QuicLimits(memory_bytes=500_000))
