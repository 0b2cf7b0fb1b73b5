"""Handlers: what they raise, who may call them, and that nobody works for a peer that has gone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from p2plib.errors import CallFailed, PeerTimeout
from p2plib.protocol.muxrpc.driver import Muxrpc
from p2plib.protocol.muxrpc.methods import asynchronous
from tests.protocol.muxrpc.pairs import Offered, connected, settle


@pytest.mark.parametrize(
    ("name", "args", "sentence"),
    [
        ("nosuch", (), "Error: method:nosuch is not in list of allowed methods"),
        ("numbers.nosuch", (), "Error: method:numbers,nosuch is not in list of allowed methods"),
        ("secret", (1, 2), "Error: method:secret is not in list of allowed methods"),
        ("numbers.count", (1,), "Error: no async:numbers.count"),
        ("add", (1,), "Error: add does not take 1 arguments"),
        ("add", (1, 2, 3), "Error: add does not take 3 arguments"),
        ("refuse", (), "TypeError: not today"),
        ("add", (1, None), "Error: failed"),
    ],
)
def test_what_is_refused(name: str, args: tuple[Any, ...], sentence: str) -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with connected() as (near, _):
            with pytest.raises(CallFailed) as caught:
                await near.call(name, *args)
            assert str(caught.value) == sentence
            assert await near.call("add", 1, 2) == 3

    asyncio.run(main())


def test_who_is_trusted_may_call_more() -> None:
    async def main() -> None:
        async with connected(is_trusted=True) as (near, _):
            assert await near.call("secret", 1, 2) == 3

    asyncio.run(main())


def test_streams_are_refused_by_their_end() -> None:
    async def main() -> None:
        async with connected() as (near, far):
            for stream in (near.source("add", 1, 2), near.sink("nosuch"), near.duplex("store", "x")):
                with pytest.raises(CallFailed):
                    await anext(stream)
            await settle()
            assert near.machine.open_ids == far.machine.open_ids == ()

    asyncio.run(main())


def test_a_bug_of_ours_is_counted_and_told_to_nobody() -> None:
    async def main() -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        async with connected() as (near, far):
            for _ in range(3):
                with pytest.raises(CallFailed, match=r"^Error: failed$"):
                    await near.call("break")
            assert far.failures == {"KeyError": 3}
        return told

    (told,) = asyncio.run(main())
    assert isinstance(told["exception"], KeyError)


def test_a_source_that_is_dropped_is_cancelled() -> None:
    async def main() -> None:
        offered = Offered()
        async with connected(offered.methods, limit_bytes=1000) as (near, far):
            async with near.source("numbers.count", 10**9) as stream:
                assert await anext(stream) == 0
            await settle(500)
            assert offered.cancelled == ["count"]
            assert near.machine.open_ids == far.machine.open_ids == ()
            assert near.machine.strays == far.machine.strays == 0

    asyncio.run(main())


def test_handlers_end_with_the_connection() -> None:
    async def main() -> None:
        offered = Offered()
        async with connected(offered.methods) as (near, _):
            call = asyncio.create_task(near.call("wait"))
            await settle()
            call.cancel()
            await settle()
            assert offered.cancelled == []  # muxrpc cannot take an async call back
        await settle()
        assert offered.cancelled == ["wait"]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_a_call_that_is_not_answered_times_out() -> None:
    async def main() -> None:
        async with connected() as (near, _):
            with pytest.raises(PeerTimeout, match="did not answer wait"):
                await near.call("wait", timeout_s=0.01)

    asyncio.run(main())


def test_a_handler_may_close_its_connection() -> None:
    async def main() -> None:
        offered = Offered()

        async def hang_up(rpc: Muxrpc) -> int:
            await rpc.close()
            return 1

        async def call_back(rpc: Muxrpc) -> Any:
            return await rpc.call("manifest")

        offered.methods["hangUp"] = asynchronous(hang_up, is_public=True)
        offered.methods["callBack"] = asynchronous(call_back, is_public=True)
        async with connected(offered.methods) as (near, far):
            assert await near.call("callBack") == {"manifest": "async"}
            with pytest.raises(Exception, match="goodbye"):
                await near.call("hangUp")
            await near.close()
            assert far.is_over
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
