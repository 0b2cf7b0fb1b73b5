"""Sources, sinks and duplexes: both ends, back-pressure, and slow readers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.errors import CallFailed, Closed, UsageError
from p2plib.protocol.muxrpc.methods import source
from p2plib.sim import Internet
from tests.protocol.muxrpc.pairs import Offered, connected, settle


def test_a_source_is_iterated() -> None:
    async def main() -> None:
        async with connected() as (near, _):
            async with near.source("numbers.count", 500) as stream:
                assert [value async for value in stream] == list(range(500))
            stream = near.source("numbers.fail")
            assert await anext(stream) == 1
            for _ in range(2):
                with pytest.raises(CallFailed, match="no more"):
                    await anext(stream)

    asyncio.run(main())


def test_a_sink_is_written_to_and_says_how_it_went() -> None:
    async def main() -> None:
        offered = Offered()
        async with connected(offered.methods) as (near, _):
            async with near.sink("store", "a") as stream:
                for value in (b"\x00", "text", [1]):
                    await stream.send(value)
                stream.end()
                assert [value async for value in stream] == []
            assert offered.got == [("a", b"\x00"), ("a", "text"), ("a", [1])]
            stream = near.sink("store", "b")
            await stream.send("bad")
            await settle()
            with pytest.raises(CallFailed, match="I do not store that"):
                await stream.send("more")

    asyncio.run(main())


def test_a_duplex_echoes() -> None:
    async def main() -> None:
        async with connected(limit_bytes=200) as (near, _), near.duplex("echo") as stream:

            async def write() -> None:
                for number in range(200):
                    await stream.send({"number": number})
                stream.end()

            writing = asyncio.create_task(write())
            got = [value async for value in stream]
            await writing
            assert got == [{"number": number} for number in range(200)]

    asyncio.run(main())


def test_items_that_come_together_with_the_call_are_not_lost() -> None:
    async def main() -> None:
        offered = Offered()
        async with connected(offered.methods) as (near, _):
            stream = near.sink("store", "early")
            near.machine.send(stream.id, 1)
            near.machine.send(stream.id, 2)
            near.machine.end(stream.id)
            assert [value async for value in stream] == []
            assert offered.got == [("early", 1), ("early", 2)]

    asyncio.run(main())


def test_what_cannot_be_sent() -> None:
    async def main() -> None:
        async with connected() as (near, _):
            source, duplex = near.source("numbers.count", 1), near.duplex("echo")
            with pytest.raises(UsageError):
                await source.send(1)
            with pytest.raises(UsageError, match="a body has 1 to"):
                await duplex.send(b"")
            duplex.end()
            with pytest.raises(Closed):
                await duplex.send(1)
            duplex.drop()
            with pytest.raises(Closed):
                await anext(duplex)

    asyncio.run(main())


def test_a_source_runs_no_faster_than_it_is_read() -> None:
    async def main() -> None:
        offered = Offered()
        made = 0
        count = offered.count

        async def counted(rpc: Any, end: int) -> Any:
            nonlocal made
            async for number in count(rpc, end):
                made = number
                yield number

        offered.methods["numbers.count"] = source(counted, is_public=True)
        async with connected(offered.methods, limit_bytes=1000) as (near, _):
            near._buffer_bytes = 5000
            stream = near.source("numbers.count", 10**9)
            await settle(2000)
            waiting = made
            assert 0 < waiting < 25_000  # what fits the buffers, and no more
            await settle(2000)
            assert made == waiting
            for _ in range(waiting):
                await anext(stream)
            await settle(2000)
            assert made > waiting

    Internet(seed=1).run(lambda _: main())  # in real time a slow machine would read too slowly


def test_a_reader_that_is_too_slow_loses_its_stream_alone() -> None:
    async def main(net: Any) -> None:
        async with connected() as (near, _):
            near._buffer_bytes = 20_000
            slow = near.source("numbers.count", 10**6)
            begun = asyncio.get_running_loop().time()
            assert (
                await near.call("add", 1, 2, timeout_s=60) == 3
            )  # its answer comes behind what nobody takes
            assert 9 < asyncio.get_running_loop().time() - begun < 11
            with pytest.raises(Closed, match="too slowly"):
                await anext(slow)
            assert slow.buffered_bytes == 0
            assert await near.call("add", 3, 2) == 5
            await settle()
            assert near.machine.open_ids == ()

    Internet(seed=1).run(main)


def test_a_stream_that_ended_and_is_never_read_blocks_nobody_for_long() -> None:
    async def main(net: Any) -> None:
        async with connected() as (near, _):
            near._buffer_bytes = 20_000
            kept = near.source("numbers.count", 200)  # fits, ends, and is kept
            async with near.source("numbers.count", 5000) as stream:
                assert len([value async for value in stream]) == 5000
            with pytest.raises(Closed, match="too slowly"):
                await anext(kept)

    Internet(seed=1).run(main)


def test_small_items_count_for_what_they_cost() -> None:
    async def main() -> None:
        async with connected() as (near, _):
            stream = near.source("numbers.count", 100)
            await settle()
            assert stream.buffered_bytes > 100 * 256
            async for _ in stream:
                pass
            assert stream.buffered_bytes == near._buffered == 0

    asyncio.run(main())


def test_what_has_come_is_taken_without_waiting() -> None:
    async def main() -> None:
        async with connected() as (near, _):
            stream = near.source("numbers.count", 10)
            assert stream.ready(5) == []
            await settle()
            assert stream.ready(4) == [0, 1, 2, 3]
            assert await anext(stream) == 4
            assert stream.ready(100) == [5, 6, 7, 8, 9]
            assert stream.buffered_bytes == near._buffered == 0
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    asyncio.run(main())
