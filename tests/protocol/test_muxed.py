"""What every connection of many streams does, over all that there are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from p2plib.errors import Closed, StreamReset
from p2plib.protocol.conformance import blocked_writer, cancelled, pattern, read_all
from p2plib.protocol.muxed import MuxedConnection, MuxedStream
from tests.protocol import pairs
from tests.protocol.quic import pairs as quic_pairs

Muxed = MuxedConnection
MakePair = Callable[[], AbstractAsyncContextManager[tuple[MuxedConnection, MuxedConnection]]]
MAKERS: dict[str, MakePair] = {"yamux": pairs.yamux_connections, "quic": quic_pairs.connections}

every = pytest.mark.parametrize("name", MAKERS)


def run(name: str, check: Callable[[Muxed, Muxed], Awaitable[None]]) -> None:
    """Runs a check with a fresh pair, and sees that nothing is left of it."""

    async def main() -> None:
        before = asyncio.all_tasks()
        async with asyncio.timeout(60), MAKERS[name]() as (a, b):
            await check(a, b)
        assert asyncio.all_tasks() == before

    asyncio.run(main())


async def all_raise_closed(connection: Muxed) -> None:
    """Every call that could wait raises at once."""
    assert connection.is_over
    for call in (connection.open_stream, connection.accept_stream, connection.ping):
        with pytest.raises(Closed):
            await call()
    await connection.wait_closed()


@every
def test_streams_go_both_ways(name: str) -> None:
    async def check(a: Muxed, b: Muxed) -> None:
        a.start()  # a second time
        clock = asyncio.get_running_loop().time
        began = clock()
        for one, other in ((a, b), (b, a)):
            near = await one.open_stream()
            await near.write(pattern(1000))
            await near.close_write()
            far = await other.accept_stream()
            assert await read_all(far) == pattern(1000)
            assert near.remote != far.remote
            assert one.remote in near.remote
            assert began <= other.heard_at <= clock()
        assert await a.ping() >= 0
        assert not a.is_over

    run(name, check)


@every
@pytest.mark.fault("F050")
def test_a_stream_that_nobody_reads_stops_no_other(name: str) -> None:
    async def check(a: Muxed, b: Muxed) -> None:
        writing, _ = await blocked_writer(await a.open_stream())
        await b.accept_stream()
        for number in range(20):
            near = await a.open_stream()
            await asyncio.gather(near.write(pattern(100_000, number)), near.close_write())
            assert await read_all(await b.accept_stream()) == pattern(100_000, number)
        assert not writing.done()
        await cancelled(writing)

    run(name, check)


@every
@pytest.mark.parametrize("we_close", [True, False])
def test_whatever_waits_is_woken_at_the_end(name: str, we_close: bool) -> None:
    async def check(a: Muxed, b: Muxed) -> None:
        stream = await a.open_stream()
        await stream.write(b"x")
        await b.accept_stream()
        waiting = [
            asyncio.ensure_future(each) for each in (a.accept_stream(), a.wait_closed(), stream.read())
        ]
        await asyncio.sleep(0)
        await (a if we_close else b).close()
        found: list[Any] = await asyncio.gather(*waiting, return_exceptions=True)
        assert [type(each) for each in found] == [Closed, type(None), Closed if we_close else StreamReset]
        await all_raise_closed(a)
        await b.wait_closed()
        await all_raise_closed(b)
        await asyncio.gather(a.close(), b.close())

    run(name, check)


@every
def test_an_error_in_the_block_closes_it_too(name: str) -> None:
    async def check(a: Muxed, b: Muxed) -> None:
        with pytest.raises(KeyError):
            async with a:
                raise KeyError
        await all_raise_closed(a)
        await b.wait_closed()

    run(name, check)


@every
@pytest.mark.finding("K1")
def test_a_stream_that_breaks_tells_what_works_for_it_unless_it_had_ended(name: str) -> None:
    async def check(a: Muxed, b: Muxed) -> None:
        told: list[str] = []

        async def opened(what: str) -> tuple[MuxedStream, MuxedStream]:
            near = await a.open_stream()
            await near.write(b"x")
            far = await b.accept_stream()
            far.when_broken = lambda: told.append(what)
            assert await far.read_exactly(1) == b"x"
            return near, far

        assert a.is_idle
        assert b.is_idle
        near, far = await opened("reset")
        assert not a.is_idle
        assert not b.is_idle
        near.reset()
        while not told:
            await asyncio.sleep(0)
        with pytest.raises(StreamReset):
            await far.read()
        assert told == ["reset"]
        far.reset()

        near, far = await opened("while it reads")  # which says it well enough
        reading = asyncio.ensure_future(far.read())
        await asyncio.sleep(0)
        near.reset()
        with pytest.raises(StreamReset):
            await reading
        far.reset()
        assert a.is_idle
        assert b.is_idle

        near, far = await opened("reset after its end")
        await near.write(b"y")
        await near.close_write()
        await a.ping()
        near.reset()
        await a.ping()
        assert await read_all(far) == b"y"

        near, far = await opened("connection over")
        near.when_broken = lambda: told.append("we closed")
        near, far = await opened("connection over after its end")
        await near.write(b"z")
        await near.close_write()
        await a.ping()
        await a.close()
        await b.wait_closed()
        assert await read_all(far) == b"z"
        assert told == ["reset", "connection over"]

    run(name, check)


@every
def test_a_closed_connection_says_why(name: str) -> None:
    async def check(a: Muxed, b: Muxed) -> None:
        await a.close("nothing to say")
        with pytest.raises(Closed, match=": nothing to say"):
            await a.open_stream()

    run(name, check)
