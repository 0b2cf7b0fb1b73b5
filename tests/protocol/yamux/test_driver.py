"""yamux over streams: the conformance suite, slow readers, many streams, and connections that end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from p2plib.errors import Closed, DecodeError, PeerTimeout, StreamReset
from p2plib.identity.keys import SecretKey
from p2plib.protocol import conformance
from p2plib.protocol.conformance import check_stream, pattern, read_all
from p2plib.protocol.connection import Connection, upgrade
from p2plib.protocol.stream import LIMIT_BYTES, PIECE_BYTES, Stream, memory_pair
from p2plib.protocol.yamux.codec import ACK, DATA, FIN, GO_AWAY, PING, SYN, WINDOW_UPDATE, Header
from p2plib.protocol.yamux.driver import YamuxConnection, YamuxStream
from p2plib.protocol.yamux.limits import Limits
from p2plib.protocol.yamux.substream import INITIAL_WINDOW_BYTES
from p2plib.sim import Internet
from tests.protocol import pairs
from tests.protocol.yamux.sessions import headers

SECRETS = [SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2)]


@pytest.fixture(autouse=True)
def _no_kernel_is_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "QUIET_S", 0.005)


@asynccontextmanager
async def upgraded(
    below: tuple[Stream, Stream] | None = None,
) -> AsyncIterator[tuple[Connection, Connection]]:
    """Both sides of a connection: Noise and yamux over two ends of a stream."""
    a, b = below or memory_pair()
    one, two = await asyncio.gather(
        upgrade(a, SECRETS[0], is_client=True, expected=SECRETS[1].public),
        upgrade(b, SECRETS[1], is_client=False),
    )
    async with one, two:
        yield one, two


@asynccontextmanager
async def streams_over_noise() -> AsyncIterator[tuple[YamuxStream, YamuxStream]]:
    a, b = memory_pair()
    one, two = await asyncio.gather(
        upgrade(a, SECRETS[0], is_client=True), upgrade(b, SECRETS[1], is_client=False)
    )
    async with one.muxed, two.muxed:  # without the connections: the test accepts
        near = await one.muxed.open_stream()
        yield near, await two.muxed.accept_stream()


@asynccontextmanager
async def turned() -> AsyncIterator[tuple[YamuxStream, YamuxStream]]:
    """The server opens the stream; below is very little room."""
    async with pairs.yamux_connections(memory_pair(limit_bytes=1)) as (client, server):
        near = await server.open_stream()
        yield near, await client.accept_stream()


@asynccontextmanager
async def over_tcp() -> AsyncIterator[tuple[YamuxStream, YamuxStream]]:
    async with pairs.tcp() as below, pairs.yamux_connections(below) as (client, server):
        near = await client.open_stream()
        yield near, await server.accept_stream()


@pytest.mark.fault("F051")
@pytest.mark.parametrize("make_pair", [pairs.yamux, turned, over_tcp, streams_over_noise])
def test_its_streams_conform(make_pair: conformance.MakePair) -> None:
    asyncio.run(check_stream(make_pair))


async def echo_all(connection: YamuxConnection) -> None:
    """Echoes on every stream that the other side opens, until the connection ends."""

    async def echo(stream: YamuxStream) -> None:
        async with stream:
            while data := await stream.read():
                await stream.write(data)

    async with asyncio.TaskGroup() as group:
        try:
            while True:
                group.create_task(echo(await connection.accept_stream()))
        except Closed:
            return


@pytest.mark.parametrize("limits", [None, Limits(ack_backlog=3, accept_backlog=3)])
def test_many_streams_at_once(limits: Limits | None) -> None:
    async def main() -> None:
        async with pairs.yamux_connections(limits=limits) as (client, server):
            echoing = asyncio.ensure_future(echo_all(server))

            async def ask(number: int) -> None:
                async with await client.open_stream() as stream:
                    sent = pattern(3000 + number, number)
                    await stream.write(sent)
                    await stream.close_write()
                    assert await read_all(stream) == sent

            async with asyncio.TaskGroup() as group:
                for number in range(500):
                    group.create_task(ask(number))
            assert (client.session.streams, client._streams) == ({}, {})
            await client.close()
            await echoing
            assert (server.session.streams, server.session.refused) == ({}, 0)

    asyncio.run(main())


@pytest.mark.fault("F050")
def test_a_slow_reader_stops_its_own_stream_only() -> None:
    async def main() -> None:
        async with pairs.yamux_connections() as (client, server):
            slow = await client.open_stream()
            unread = await server.accept_stream()
            writing, written = await conformance.blocked_writer(slow)
            held = INITIAL_WINDOW_BYTES + LIMIT_BYTES + PIECE_BYTES
            assert INITIAL_WINDOW_BYTES <= written[0] <= held
            assert len(unread._substream.incoming) == INITIAL_WINDOW_BYTES
            for number in range(20):  # five windows' worth, past the one that is stuck
                async with await client.open_stream() as stream:
                    other = await server.accept_stream()
                    sent = pattern(65_536, number)
                    await stream.write(sent)
                    await stream.close_write()
                    assert await read_all(other) == sent
                    await other.close()
            assert not writing.done()
            await conformance.cancelled(writing)
            assert len(await unread.read_exactly(written[0])) == written[0]

    asyncio.run(main())


@pytest.mark.finding("K2")
def test_streams_that_the_other_side_does_not_read_stop_no_other() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with (
            YamuxConnection(a, is_client=True, limits=Limits(memory_bytes=INITIAL_WINDOW_BYTES)) as client,
            YamuxConnection(b, is_client=False) as server,
        ):
            writing = []
            for _ in range(50):  # they fill what may wait to be sent, and then wait
                stream = await client.open_stream()
                await server.accept_stream()
                writing.append(asyncio.ensure_future(stream.write(bytes(2_000_000))))
            await asyncio.sleep(1)
            assert client.session._table.unsent.size_bytes < INITIAL_WINDOW_BYTES + PIECE_BYTES
            lively = [(await client.open_stream(), await server.accept_stream()) for _ in range(3)]

            async def goes_through(near: YamuxStream, far: YamuxStream, number: int) -> None:
                sent = pattern(1_000_000, number)
                sending = asyncio.ensure_future(near.write(sent))
                assert await far.read_exactly(len(sent)) == sent
                await sending

            async with asyncio.timeout(100), asyncio.TaskGroup() as group:
                for number, (near, far) in enumerate(lively):
                    group.create_task(goes_through(near, far, number))
            await client.close()
            found = await asyncio.gather(*writing, return_exceptions=True)
            assert {type(one) for one in found} == {Closed}

    Internet(seed=1).run(lambda _: main())


@pytest.mark.finding("K2")
def test_writers_to_a_peer_that_reads_nothing_at_all_keep_to_the_budget() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with YamuxConnection(
            a, is_client=True, limits=Limits(memory_bytes=INITIAL_WINDOW_BYTES)
        ) as client:
            client.close_timeout_s = 1
            writing = [
                asyncio.ensure_future((await client.open_stream()).write(bytes(200_000))) for _ in range(100)
            ]
            await asyncio.sleep(1)
            assert client.session._table.unsent.size_bytes < INITIAL_WINDOW_BYTES + PIECE_BYTES
            reading = asyncio.ensure_future(read_all(b))  # and once it reads, everything goes
            await asyncio.gather(*writing)
            while client.session._table.unsent.size_bytes:
                await asyncio.sleep(1)
        assert len(await reading) > 100 * 200_000

    Internet(seed=1).run(lambda _: main())


@pytest.mark.finding("K2")
def test_a_writer_that_waits_for_memory_is_woken_when_the_other_side_resets_what_holds_it() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with (
            YamuxConnection(a, is_client=True, limits=Limits(memory_bytes=INITIAL_WINDOW_BYTES)) as client,
            YamuxConnection(b, is_client=False) as server,
        ):
            near, far = await client.open_stream(), await server.accept_stream()
            await near.write(bytes(INITIAL_WINDOW_BYTES - 1000))
            stuck = [(await client.open_stream(), await server.accept_stream()) for _ in range(10)]
            writing = [asyncio.ensure_future(mine.write(bytes(1_000_000))) for mine, _ in stuck]
            await asyncio.sleep(1)
            last = asyncio.ensure_future(near.write(bytes(1000)))
            await asyncio.sleep(1)
            assert not last.done()  # its window has no room for a whole piece
            for _, theirs in stuck:
                theirs.reset()
            await asyncio.wait_for(last, 1)
            found = await asyncio.gather(*writing, return_exceptions=True)
            assert {type(one) for one in found} == {StreamReset}
            assert len(await far.read_exactly(INITIAL_WINDOW_BYTES)) == INITIAL_WINDOW_BYTES

    Internet(seed=1).run(lambda _: main())


@pytest.mark.finding("K1")
@pytest.mark.finding("K2")
def test_who_works_for_a_stream_that_held_too_much_is_told_why() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with YamuxConnection(
            a, is_client=True, limits=Limits(memory_bytes=INITIAL_WINDOW_BYTES)
        ) as client:
            told: list[int] = []
            await b.write(Header(WINDOW_UPDATE, SYN, 2, 0).encode())
            stream = await client.accept_stream()
            stream.when_broken = lambda: told.append(stream.stream_id)
            for number, size in (
                (2, 50_000),
                (4, 49_999),
                (6, 49_999),
                (8, 49_999),
                (10, 49_999),
                (12, 49_999),
            ):
                flags = SYN if number > 2 else 0
                await b.write(Header(DATA, flags, number, size).encode() + bytes(size))
            async with asyncio.timeout(100):
                while not told:
                    await asyncio.sleep(0)
            with pytest.raises(StreamReset, match="too much of the connection was not read, and most of it"):
                await stream.read()

    asyncio.run(main())


@pytest.mark.fault("F051")
def test_everybody_is_woken_when_the_other_side_goes() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with YamuxConnection(a, is_client=True, limits=Limits(ack_backlog=2)) as client:
            reader_stream, writer_stream = await client.open_stream(), await client.open_stream()
            waiting = [
                asyncio.ensure_future(reader_stream.read()),
                (await conformance.blocked_writer(writer_stream))[0],
                asyncio.ensure_future(client.accept_stream()),
                asyncio.ensure_future(client.open_stream()),
                asyncio.ensure_future(client.ping()),
                asyncio.ensure_future(client.wait_closed()),
            ]
            await asyncio.sleep(0)
            b.reset()
            found = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(one) for one in found] == [
                StreamReset,
                StreamReset,
                Closed,
                Closed,
                Closed,
                type(None),
            ]
            for doing in (client.open_stream, client.accept_stream, client.ping):
                with pytest.raises(Closed, match="is over"):
                    await doing()
            await reader_stream.close()

    asyncio.run(main())


@pytest.mark.fault("F047")
def test_a_connection_that_ends_in_the_middle_is_no_end_of_its_streams() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with YamuxConnection(a, is_client=True) as client:
            await b.write(Header(DATA, SYN, 2, 4).encode() + b"half")
            stream = await client.accept_stream()
            await b.close_write()
            await client.wait_closed()
            assert await stream.read_exactly(4) == b"half"
            with pytest.raises(StreamReset, match="has gone"):
                await stream.read()

    asyncio.run(main())


@pytest.mark.fault("F047")
def test_what_was_dropped_because_of_data_behind_a_fin_is_not_read_as_an_end() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with YamuxConnection(a, is_client=True) as client:
            await b.write(Header(DATA, SYN | FIN, 2, 5).encode() + b"whole")
            stream = await client.accept_stream()
            await b.write(Header(DATA, 0, 2, 4).encode() + b"more")
            while 2 in client.session.streams:
                await asyncio.sleep(0)
            with pytest.raises(StreamReset, match="was reset"):
                await stream.read()

    asyncio.run(main())


@pytest.mark.fault("F048")
def test_a_peer_that_breaks_a_rule_is_told_and_left() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with YamuxConnection(a, is_client=True) as client:
            stream = await client.open_stream()
            await b.write(Header(WINDOW_UPDATE, 0, 99, 1).encode())
            with pytest.raises(StreamReset, match=r"broke a rule: .*which nobody has opened"):
                await stream.read()
            said = await read_all(b)
            assert said.endswith(Header(GO_AWAY, 0, 0, 1).encode())

    asyncio.run(main())


def test_close_says_goodbye_and_resets_what_is_open() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with YamuxConnection(b, is_client=False) as server:
            async with YamuxConnection(a, is_client=True) as client:
                done = await client.open_stream()
                await done.write(b"whole")
                await done.close()
                cut = await client.open_stream()
                await cut.write(b"half")
                whole, half = await server.accept_stream(), await server.accept_stream()
                assert await half.read_exactly(4) == b"half"
            with pytest.raises(Closed, match="we closed the connection"):
                await client.open_stream()
            with pytest.raises(Closed, match="we closed the connection"):
                await cut.read()
            assert await read_all(whole) == b"whole"
            with pytest.raises(StreamReset):
                await half.read()
            await server.wait_closed()
            assert server.session.remote_reason == 0
            await client.close()

    asyncio.run(main())


def test_what_had_ended_well_is_not_reset_by_the_close() -> None:
    """Other implementations drop what they have of a stream that is reset, even behind its end."""

    async def main() -> None:
        a, b = memory_pair()
        async with YamuxConnection(a, is_client=True) as client:
            async with await client.open_stream() as done:
                await done.write(b"whole")
            await (await client.open_stream()).write(b"half")
        found = headers(await read_all(b))
        assert found[:2] == ["data 5 SYN on stream 1", "window update 0 FIN on stream 1"]
        assert "window update 0 RST on stream 1" not in found
        assert found[-1] == "go away 0"

    asyncio.run(main())


def test_close_takes_its_time_and_no_longer() -> None:
    async def main() -> None:
        a, b = memory_pair(limit_bytes=1)
        client = YamuxConnection(a, is_client=True)
        client.close_timeout_s = 0.02
        async with client:
            (await conformance.blocked_writer(await client.open_stream()))[0].cancel()
        assert a.is_closed
        with pytest.raises(StreamReset):
            await read_all(b)

    asyncio.run(main())


def test_ping() -> None:
    async def main() -> None:
        async with pairs.yamux_connections() as (client, server):
            assert await client.ping() > 0
            assert all(took > 0 for took in await asyncio.gather(*(server.ping() for _ in range(10))))
        a, _ = memory_pair()
        async with YamuxConnection(a, is_client=True) as alone:
            with pytest.raises(PeerTimeout, match="did not answer a ping"):
                await alone.ping(timeout_s=0.01)

    asyncio.run(main())


@pytest.mark.finding("W7")
def test_pings_that_nobody_answers_do_no_harm_to_later_ones() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with YamuxConnection(a, is_client=True) as client:
            for _ in range(40):  # what keeps a connection alive asks again and again
                with pytest.raises(PeerTimeout):
                    await client.ping(timeout_s=1)
            all_at_once = [asyncio.ensure_future(client.ping(timeout_s=1)) for _ in range(40)]
            found = await asyncio.gather(*all_at_once, return_exceptions=True)
            assert [type(one) for one in found] == [PeerTimeout] * 40
            async with YamuxConnection(b, is_client=False):
                assert await client.ping() == 0.0  # in virtual time, in memory
            assert (client._pings, client.session._pings) == ({}, set())

    Internet(seed=1).run(lambda _: main())


@pytest.mark.finding("W7")
def test_pings_that_never_left_are_taken_back() -> None:
    async def main() -> None:
        a, b = memory_pair(limit_bytes=1)
        async with YamuxConnection(a, is_client=True) as client:
            (await conformance.blocked_writer(await client.open_stream()))[0].cancel()
            for _ in range(20):
                with pytest.raises(PeerTimeout):
                    await client.ping(timeout_s=1)
            assert len(client.session._scheduler._announcements) == 0
            b.reset()

    Internet(seed=1).run(lambda _: main())


@pytest.mark.finding("W6")
def test_who_waits_for_a_stream_is_told_when_the_other_side_goes_away() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with YamuxConnection(a, is_client=True, limits=Limits(ack_backlog=1)) as client:
            first = await client.open_stream()
            waiting = [asyncio.ensure_future(client.open_stream()) for _ in range(3)]
            await asyncio.sleep(1)
            await b.write(Header(GO_AWAY, 0, 0, 0).encode())
            async with asyncio.timeout(1):
                found = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(one) for one in found] == [Closed] * 3
            with pytest.raises(Closed, match="gone away"):
                await client.open_stream()
            await b.write(Header(DATA, ACK, 1, 5).encode() + b"still")  # what is open goes on
            assert await first.read() == b"still"

    Internet(seed=1).run(lambda _: main())


@pytest.mark.finding("W2")
def test_two_that_reset_everything_at_once_still_hear_each_other() -> None:
    """Both are in the middle of sending on 600 streams each way, and give all of them up in one step."""

    async def rounds(one: YamuxConnection, other: YamuxConnection) -> None:
        for _ in range(5):
            streams = []
            for near, far in ((one, other), (other, one)):
                for _ in range(600):
                    streams += [await near.open_stream(), await far.accept_stream()]
            await asyncio.gather(*(stream.write(bytes(20_000)) for stream in streams))
            for _ in range(10):
                await asyncio.sleep(0)
            for stream in streams:
                stream.reset()
            assert await one.ping(timeout_s=20) < 20
            assert await other.ping(timeout_s=20) < 20
        assert (one.session.streams, other.session.streams) == ({}, {})

    async def over_tcp() -> None:
        async with pairs.tcp(limit_bytes=1) as ends, pairs.yamux_connections(ends) as both:
            await rounds(*both)

    asyncio.run(over_tcp())


@pytest.mark.fault("F049")
def test_a_peer_that_floods_and_does_not_read_is_not_read() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with YamuxConnection(a, is_client=False) as server:
            server.close_timeout_s = 0.02
            raw = b"".join(Header(PING, SYN, 0, value).encode() for value in range(5000))
            sent = 0

            async def flood() -> None:
                nonlocal sent
                while True:
                    await b.write(raw)
                    sent += 5000

            flooding = asyncio.ensure_future(flood())
            before = -1
            while sent != before:
                before = sent
                await asyncio.wait([flooding], timeout=0.01)
            assert not flooding.done()
            assert server.session._scheduler.waiting_answers < 20_000
            assert sent < 50_000
            asked, answered_bytes = sent, 0
            while answered_bytes < 12 * asked:  # when it reads, it gets every answer, and is read again
                answered_bytes += len(await b.read())
            await conformance.cancelled(flooding)

    asyncio.run(main())


@pytest.mark.fault("F051")
def test_a_cancelled_opener_leaves_nothing() -> None:
    async def main() -> None:
        async with pairs.yamux_connections(limits=Limits(ack_backlog=1)) as (client, server):
            first = await client.open_stream()
            for _ in range(10):
                waiting = asyncio.ensure_future(client.open_stream())
                await asyncio.sleep(0)
                await conformance.cancelled(waiting)
            far = await server.accept_stream()
            second = await client.open_stream()
            assert (first.stream_id, second.stream_id, len(client.session.streams)) == (1, 3, 2)
            await second.write(b"x")
            assert await (await server.accept_stream()).read() == b"x"
            far.reset()

    asyncio.run(main())


def test_errors_say_where() -> None:
    async def main() -> None:
        async with pairs.yamux_connections(memory_pair(names=("alice", "bob"))) as (client, server):
            near = await client.open_stream()
            far = await server.accept_stream()
            assert (near.remote, far.remote, client.remote) == ("stream 1 of bob", "stream 1 of alice", "bob")
            assert repr(client) == "YamuxConnection(bob, 1 streams)"
            far.reset()
            with pytest.raises(StreamReset, match="stream 1 of bob was reset"):
                await near.read()

    asyncio.run(main())


def test_nothing_of_a_broken_session_is_sent() -> None:
    async def main() -> None:
        a, b = memory_pair()
        async with YamuxConnection(a, is_client=True) as client:
            stream = await client.open_stream()
            await stream.write(b"x" * 10)
            with pytest.raises(DecodeError):
                client.session.receive(b"\xff" * 12)
            assert client.session.to_send() == Header(GO_AWAY, 0, 0, 1).encode()
            b.reset()

    asyncio.run(main())
