"""Calls and subscriptions: answers, errors, limits, deadlines, and callers that go away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from p2plib.errors import (
    CallFailed,
    Closed,
    DecodeError,
    EndOfStream,
    NoCommonProtocol,
    PeerTimeout,
    StreamReset,
    UsageError,
)
from p2plib.identity.keys import SecretKey
from p2plib.protocol import rpc_codec
from p2plib.protocol.connection import Connection, upgrade
from p2plib.protocol.framing import VarintFrames, read_frame
from p2plib.protocol.rpc import Client
from p2plib.protocol.rpc_codec import END, ERROR, ITEM, Call, Request, Response, Subscription
from p2plib.protocol.stream import memory_pair
from tests.protocol.calculator import (
    BREAK,
    COUNT,
    DOUBLE,
    LARGE,
    NAME,
    NUMBERS,
    REFUSE,
    STUCK,
    Calculator,
    bytes_number,
    number_bytes,
)

SECRETS = [SecretKey.from_seed(bytes([number]) * 32) for number in (1, 2)]


@asynccontextmanager
async def calculator(protocol: str = NAME) -> AsyncIterator[tuple[Client, Calculator, Connection]]:
    a, b = memory_pair()
    made = Calculator()
    one, two = await asyncio.gather(
        upgrade(a, SECRETS[0], is_client=True),
        upgrade(b, SECRETS[1], is_client=False, handlers={NAME: made.service.handle}),
    )
    async with one, two:
        yield Client(one, protocol), made, two


def test_calls() -> None:
    async def main() -> None:
        async with calculator() as (client, made, back):
            assert await client.call(DOUBLE, 21) == 42
            made.service._max_calls = 1000
            answers = await asyncio.gather(*(client.call(DOUBLE, number) for number in range(200)))
            assert answers == [2 * number for number in range(200)]
            assert set(made.seen) == {"12D3KooW"}
            assert (made.service.failures, back.failures) == ({}, {})
            while made.service._running:
                await asyncio.sleep(0)

    asyncio.run(main())


def test_subscriptions() -> None:
    async def main() -> None:
        async with calculator() as (client, made, _):
            async with client.subscribe(COUNT, 1000) as items:
                assert [item async for item in items] == list(range(1000))
            assert made.was_cancelled.is_set()

    asyncio.run(main())


@pytest.mark.fault("F050")
def test_a_generator_runs_no_faster_than_it_is_read_and_ends_with_its_reader() -> None:
    async def main() -> None:
        async with calculator() as (client, made, _):
            async with client.subscribe(COUNT, 10**9) as items:
                assert [await anext(items) for _ in range(3)] == [0, 1, 2]
                before = -1
                while made.counted != before:
                    before = made.counted
                    for _ in range(100):
                        await asyncio.sleep(0)
                assert made.counted < 100_000
                assert not made.was_cancelled.is_set()
            async with asyncio.timeout(5):
                await made.was_cancelled.wait()
            assert await client.call(DOUBLE, 1) == 2

    asyncio.run(main())


@pytest.mark.fault("F051")
@pytest.mark.parametrize("how", ["cancel", "timeout", "connection"])
def test_nobody_works_for_a_caller_that_does_not_wait(how: str) -> None:
    async def main() -> None:
        async with calculator() as (client, made, _):
            calling = asyncio.ensure_future(client.call(STUCK, 1, timeout_s=0.02 if how == "timeout" else 60))
            await made.is_stuck.wait()
            if how == "cancel":
                calling.cancel()
            elif how == "connection":
                await client.connection.close()
            async with asyncio.timeout(5):
                await made.was_cancelled.wait()
            expected = {"cancel": asyncio.CancelledError, "timeout": PeerTimeout, "connection": Closed}
            with pytest.raises((expected[how], CallFailed)):
                await calling

    asyncio.run(main())


@pytest.mark.fault("F040")
def test_the_other_side_keeps_the_deadline_too() -> None:
    async def main() -> None:
        async with calculator() as (client, made, _):
            stream, _ = await client.connection.open_stream(NAME)
            await stream.write(VarintFrames().encode(Request("stuck", 20, b"1").encode()))
            response = rpc_codec.decode_response(await read_frame(stream, VarintFrames()))
            assert response == Response(ERROR, b"", "too late", "not done within 20 ms")
            assert made.was_cancelled.is_set()
            made.service.request_timeout_s = 0.01
            silent, _ = await client.connection.open_stream(NAME)
            with pytest.raises(StreamReset):
                await silent.read()

    asyncio.run(main())


def test_errors_are_answers() -> None:
    async def main() -> None:
        shown: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: shown.append(context))
        async with calculator() as (client, made, _):

            async def code(method: Call[int, Any], question: int = 1) -> str:
                with pytest.raises(CallFailed) as caught:
                    await client.call(method, question)
                return str(caught.value)

            assert await code(REFUSE) == "not you: go away"
            assert await code(BREAK) == "failed"
            assert await code(Call("none", *NUMBERS)) == "unknown method: /test/1.0.0 has no method none"
            assert (
                await code(Call("double", lambda _: b"x", *NUMBERS[1:])) == "bad request: a number has digits"
            )
            assert await code(LARGE, 1001) == "failed"
            assert await code(Call("count", *NUMBERS)) == (
                "bad request: a call has a deadline, a subscription has none"
            )
            with pytest.raises(CallFailed, match="a subscription has none"):
                async with client.subscribe(Subscription("double", *NUMBERS), 1) as items:
                    await anext(items)
            assert len(await client.call(LARGE, 1000)) == 1000
            assert [repr(context["exception"])[:8] for context in shown] == ["KeyError", "UsageErr"]
            assert made.service.failures["failed"] == 2

    asyncio.run(main())


@pytest.mark.fault("F049")
def test_calls_at_a_time_are_counted() -> None:
    async def main() -> None:
        async with calculator() as (client, made, _):
            stuck = [asyncio.ensure_future(client.call(STUCK, 1, timeout_s=60)) for _ in range(4)]
            while made.service._running.total() < 4:
                await asyncio.sleep(0)
            with pytest.raises(CallFailed, match="too busy: 4 calls at a time"):
                await client.call(DOUBLE, 1)
            stuck[0].cancel()
            while made.service._running.total() == 4:
                await asyncio.sleep(0)
            assert await client.call(DOUBLE, 1) == 2
            for calling in stuck:
                calling.cancel()

    asyncio.run(main())


@pytest.mark.fault("F053")
def test_sizes_are_checked_on_both_sides() -> None:
    small: Call[bytes, bytes] = Call("large", bytes, bytes, bytes, bytes, max_request_bytes=10)

    async def main() -> None:
        async with calculator() as (client, _, _):
            with pytest.raises(UsageError, match="11 bytes, where 10 is the most"):
                await client.call(small, bytes(11))
            stream, _ = await client.connection.open_stream(NAME)
            await stream.write(b"\xff\xff\xff\x7f")
            response = rpc_codec.decode_response(await read_frame(stream, VarintFrames()))
            assert (response.code, "is the most" in response.sentence) == ("bad request", True)
            tiny: Call[int, bytes] = Call("large", *LARGE_CODECS, max_response_bytes=10)
            with pytest.raises(DecodeError, match="500 bytes, where 10 is the most"):
                await client.call(tiny, 500)

    asyncio.run(main())


LARGE_CODECS = (number_bytes, bytes_number, bytes, bytes)


def test_no_such_service_and_answers_that_are_none() -> None:
    async def main() -> None:
        async with calculator("/none/1") as (client, _, back):
            with pytest.raises(NoCommonProtocol):
                await client.call(DOUBLE, 1)
            for said, error in (
                (Response(END).encode(), DecodeError),
                (b"", DecodeError),
                (None, EndOfStream),
                (Response(ITEM, b"x").encode(), DecodeError),
            ):

                async def lie(stream: Any, caller: Connection, said: bytes | None = said) -> None:
                    await read_frame(stream, VarintFrames())
                    if said is not None:
                        await stream.write(VarintFrames().encode(said))

                back.handlers = {"/none/1": lie}
                with pytest.raises(error):
                    await client.call(DOUBLE, 1)
            with pytest.raises(UsageError, match="a millisecond to an hour"):
                await client.call(DOUBLE, 1, timeout_s=0)

    asyncio.run(main())
