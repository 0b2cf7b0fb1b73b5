"""Calls and subscriptions: answers, errors, limits, deadlines, and callers that go away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from p2plib.errors import (
    CallFailed,
    Closed,
    DecodeError,
    EndOfStream,
    NoCommonProtocol,
    P2PError,
    PeerTimeout,
    StoreCorrupt,
    StreamReset,
    UsageError,
)
from p2plib.identity.keys import SecretKey
from p2plib.protocol.connection import Connection, upgrade
from p2plib.protocol.framing import VarintFrames, read_frame
from p2plib.protocol.rpc import (
    BYTES,
    TEXT,
    Call,
    Client,
    Codec,
    Refusal,
    Service,
    Subscription,
    messages,
)
from p2plib.protocol.rpc.messages import END, ERROR, VALUE, Request, Response
from p2plib.protocol.stream import memory_pair
from p2plib.sim import Internet
from tests.protocol.rpc.calculator import (
    BREAK,
    COUNT,
    DOUBLE,
    LARGE,
    NAME,
    NUMBER,
    NUMBERS,
    REFUSE,
    STUCK,
    Calculator,
    bytes_number,
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


def in_virtual_time(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Where a deadline of milliseconds is not met, however slow the machine is."""
    Internet(seed=1).run(lambda _: main())


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
            async with client.subscribe(COUNT, 1000) as numbers:
                assert [number async for number in numbers] == list(range(1000))
            assert made.was_cancelled.is_set()

    asyncio.run(main())


@pytest.mark.fault("F050")
def test_a_generator_runs_no_faster_than_it_is_read_and_ends_with_its_reader() -> None:
    async def main() -> None:
        async with calculator() as (client, made, _):
            async with client.subscribe(COUNT, 10**9) as numbers:
                assert [await anext(numbers) for _ in range(3)] == [0, 1, 2]
                before = -1
                while made.counted != before:
                    before = made.counted
                    for _ in range(100):
                        await asyncio.sleep(0)
                assert made.counted < 100_000
                assert not made.was_cancelled.is_set()
            async with asyncio.timeout(100):
                await made.was_cancelled.wait()
            assert await client.call(DOUBLE, 1) == 2

    in_virtual_time(main)


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
            async with asyncio.timeout(100):
                await made.was_cancelled.wait()
            expected = {"cancel": asyncio.CancelledError, "timeout": PeerTimeout, "connection": Closed}
            with pytest.raises((expected[how], CallFailed)):
                await calling

    in_virtual_time(main)


@pytest.mark.fault("F040")
def test_the_other_side_keeps_the_deadline_too() -> None:
    async def main() -> None:
        async with calculator() as (client, made, _):
            stream, _ = await client.connection.open_stream(NAME)
            await stream.write(VarintFrames().encode(Request("stuck", 20, b"1").encode()))
            response = messages.decode_response(await read_frame(stream, VarintFrames()))
            assert response == Response(ERROR, b"", "too late", "not done within 20 ms")
            assert made.was_cancelled.is_set()
            made.service.request_timeout_s = 0.01
            silent, _ = await client.connection.open_stream(NAME)
            with pytest.raises(StreamReset):
                await silent.read()

    in_virtual_time(main)


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
                await code(Call("double", Codec(lambda _: b"x", bytes_number), NUMBER))
                == "bad request: a number has digits"
            )
            assert await code(LARGE, 1001) == "failed"
            assert await code(Call("count", *NUMBERS)) == (
                "bad request: a call has a deadline, a subscription has none"
            )
            with pytest.raises(CallFailed, match="a subscription has none"):
                async with client.subscribe(Subscription("double", *NUMBERS), 1) as numbers:
                    await anext(numbers)
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
    small: Call[bytes, bytes] = Call("large", BYTES, BYTES, max_request_bytes=10)

    async def main() -> None:
        async with calculator() as (client, _, _):
            with pytest.raises(UsageError, match="11 bytes, where 10 is the most"):
                await client.call(small, bytes(11))
            stream, _ = await client.connection.open_stream(NAME)
            await stream.write(b"\xff\xff\xff\x7f")
            response = messages.decode_response(await read_frame(stream, VarintFrames()))
            assert (response.code, "is the most" in response.sentence) == ("bad request", True)
            tiny: Call[int, bytes] = Call("large", NUMBER, BYTES, max_response_bytes=10)
            with pytest.raises(DecodeError, match="500 bytes, where 10 is the most"):
                await client.call(tiny, 500)

    asyncio.run(main())


def test_no_such_service_and_responses_that_are_none() -> None:
    async def main() -> None:
        async with calculator("/none/1") as (client, _, back):
            with pytest.raises(NoCommonProtocol):
                await client.call(DOUBLE, 1)
            for said, error in (
                (Response(END).encode(), DecodeError),
                (b"", DecodeError),
                (None, EndOfStream),
                (Response(VALUE, b"x").encode(), DecodeError),
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


@asynccontextmanager
async def serving(service: Service) -> AsyncIterator[tuple[Client, Connection, list[str]]]:
    """A client of a service, the service's side of the connection, and what goes to the exception handler."""
    shown: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: shown.append(type(context["exception"]).__name__)
    )
    a, b = memory_pair()
    one, two = await asyncio.gather(
        upgrade(a, SECRETS[0], is_client=True),
        upgrade(b, SECRETS[1], is_client=False, handlers={service.protocol: service.handle}),
    )
    async with one, two:
        yield Client(one, service.protocol), two, shown


def every_error() -> list[Exception]:
    """One of every error of the tree, and what else a handler may let out."""

    def under(kind: type[P2PError]) -> list[type[P2PError]]:
        return [kind, *(each for sub in kind.__subclasses__() for each in under(sub))]

    kinds = [kind for kind in under(P2PError) if kind is not Refusal and kind.__module__ == "p2plib.errors"]
    with_more = {CallFailed: ("code", "theirs"), StoreCorrupt: ("another's", "a file")}
    made = [kind(*with_more.get(kind, ("another peer's",))) for kind in kinds]
    return [*made, TimeoutError(), ValueError("x"), OSError(5, "x"), StopAsyncIteration(), RuntimeError("x")]


@pytest.mark.finding("W4")
@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_what_a_handler_lets_out_is_its_own_whatever_its_class(error: Exception) -> None:
    """A handler that uses the network itself meets the errors of other connections."""
    call, news = Call("call", TEXT, TEXT), Subscription("news", TEXT, TEXT)

    async def raises(request: str, caller: Connection) -> str:
        raise error

    async def raises_later(request: str, caller: Connection) -> AsyncGenerator[str, None]:
        yield "one"
        raise error

    async def main() -> None:
        service = Service(NAME)
        service.add(call, raises)
        service.add_subscription(news, raises_later)
        async with serving(service) as (client, back, shown):
            with pytest.raises(CallFailed, match=r"^failed$"):
                await client.call(call, "")
            with pytest.raises(CallFailed, match=r"^failed$"):  # noqa: PT012
                async with client.subscribe(news, "") as responses:
                    assert await anext(responses) == "one"
                    await anext(responses)
            name = "RuntimeError" if isinstance(error, StopAsyncIteration) else type(error).__name__
            assert service.failures["failed"] == 2
            assert service.failures[name] == (1 if isinstance(error, StopAsyncIteration) else 2)
            assert shown[-1] == name
            assert set(back.failures) <= {"StreamReset"}  # the subscriber has left its block with an error

    asyncio.run(main())


@pytest.mark.finding("W4")
def test_a_handler_that_raises_cancelled_error_has_failed_and_its_own_timeouts_are_not_the_deadline() -> None:
    cancels, waits, late = (Call(name, BYTES, BYTES) for name in ("cancels", "waits", "late"))

    async def raises_cancelled(request: bytes, caller: Connection) -> bytes:
        raise asyncio.CancelledError

    async def times_out(request: bytes, caller: Connection) -> bytes:
        async with asyncio.timeout(0.001):
            await asyncio.Event().wait()
        return b""

    async def is_late(request: bytes, caller: Connection) -> bytes:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("while cleaning up") from None
        return b""

    async def main() -> None:
        service = Service(NAME)
        service.add(cancels, raises_cancelled)
        service.add(waits, times_out)
        service.add(late, is_late)
        async with serving(service) as (client, _, shown):
            for method, timeout_s in ((cancels, 60), (waits, 60)):
                with pytest.raises(CallFailed, match=r"^failed$"):
                    await client.call(method, b"", timeout_s=timeout_s)
            stream, _ = await client.connection.open_stream(NAME)
            await stream.write(VarintFrames().encode(Request("late", 20, b"").encode()))
            assert messages.decode_response(await read_frame(stream, VarintFrames())).code == "failed"
            assert shown == ["CancelledError", "TimeoutError", "ValueError"]

    in_virtual_time(main)


@pytest.mark.finding("W4")
def test_an_error_of_the_stream_itself_is_the_callers() -> None:
    """The caller is gone: nothing of ours has failed."""
    large = Call("large", TEXT, BYTES)

    async def handler(request: str, caller: Connection) -> bytes:
        return bytes(1_000_000)

    async def main() -> None:
        service = Service(NAME)
        service.add(large, handler)
        async with serving(service) as (client, _, shown):
            stream, _ = await client.connection.open_stream(NAME)
            await stream.write(VarintFrames().encode(Request("large", 60_000, b"").encode()))
            assert await stream.read(1)  # the response has begun
            stream.reset()
            while service._running:
                await asyncio.sleep(0)
            assert not shown
            assert not service.failures

    asyncio.run(main())


@pytest.mark.finding("W5")
@pytest.mark.parametrize("size_bytes", [300_000, 1_000_000])
def test_a_refusal_arrives_though_the_request_is_larger_than_the_window(size_bytes: int) -> None:
    method = Call("keep", BYTES, BYTES, max_request_bytes=size_bytes)

    async def main() -> None:
        leave = asyncio.Event()

        async def keep(request: bytes, caller: Connection) -> bytes:
            await leave.wait()
            return b"kept"

        service = Service(NAME, max_calls=2)
        service.add(method, keep)
        async with serving(service) as (client, back, _):
            calls = [
                asyncio.ensure_future(client.call(method, bytes(size_bytes), timeout_s=600)) for _ in range(6)
            ]
            while sum(call.done() for call in calls) < 4:
                await asyncio.sleep(0)
            leave.set()
            found = await asyncio.gather(*calls, return_exceptions=True)
            assert sorted(map(str, found)) == ["b'kept'"] * 2 + ["too busy: 2 calls at a time"] * 4
            assert not back.failures

    asyncio.run(main())


@pytest.mark.finding("W5")
def test_a_request_that_is_too_large_for_the_service_is_told_so() -> None:
    here, there = Call("keep", BYTES, BYTES), Call("keep", BYTES, BYTES, max_request_bytes=1000)

    async def keep(request: bytes, caller: Connection) -> bytes:
        return b""

    async def main() -> None:
        service = Service(NAME)
        service.add(there, keep)
        async with serving(service) as (client, _, _):
            with pytest.raises(CallFailed, match=r"bad request: .* is the most"):
                await client.call(here, bytes(1_000_000), timeout_s=600)

    asyncio.run(main())


@pytest.mark.finding("W5")
def test_a_refused_request_without_an_end_is_not_read_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2plib.protocol.rpc.service.MAX_DISCARDED_BYTES", 1_000_000)

    async def main() -> None:
        service = Service(NAME, max_calls=0)
        async with serving(service) as (client, _, _):
            stream, _ = await client.connection.open_stream(NAME)
            written = 0
            with pytest.raises(StreamReset):  # noqa: PT012
                while True:
                    await stream.write(bytes(50_000))
                    written += 50_000
            assert written < 2_000_000

    asyncio.run(main())


@pytest.mark.finding("K1")
def test_a_call_counts_until_its_handler_has_ended() -> None:
    """A handler that takes its time to be cancelled: resetting its stream makes no room for another."""
    method = Call("slow", BYTES, BYTES)

    async def main() -> None:
        alive = most = 0
        ends = asyncio.Event()

        async def slow(request: bytes, caller: Connection) -> bytes:
            nonlocal alive, most
            alive += 1
            most = max(most, alive)
            try:
                await asyncio.Event().wait()
            finally:
                await ends.wait()
                alive -= 1
            return b""

        service = Service(NAME, max_calls=4)
        service.add(method, slow)
        async with serving(service) as (client, _, _):
            for _ in range(50):
                stream, _ = await client.connection.open_stream(NAME)
                await stream.write(VarintFrames().encode(Request("slow", 60_000, b"").encode()))
                for _ in range(20):
                    await asyncio.sleep(0)
                stream.reset()
            assert (alive, most) == (4, 4)
            ends.set()
            while service._running:
                await asyncio.sleep(0)
            assert alive == 0

    asyncio.run(main())


@pytest.mark.finding("K6")
@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), RecursionError(), UnicodeError("x")])
def test_a_codec_that_raises_is_a_bad_request_and_no_traceback(error: Exception) -> None:
    def refuse(raw: bytes) -> int:
        raise error

    odd = Call("odd", Codec(lambda _: b"x", refuse), BYTES)

    async def handler(request: int, caller: Connection) -> bytes:
        return b""

    async def main() -> None:
        service = Service(NAME)
        service.add(odd, handler)
        async with serving(service) as (client, _, shown):
            for _ in range(10):
                with pytest.raises(CallFailed, match=f"bad request: not a request.*{type(error).__name__}"):
                    await client.call(odd, 1)
            assert (shown, dict(service.failures)) == ([], {"bad request": 10})

    asyncio.run(main())


@pytest.mark.finding("K6")
def test_a_handler_that_strangers_can_break_fills_no_log() -> None:
    async def main() -> None:
        service = Service(NAME)
        service.add(BREAK, Calculator().breaks)
        async with serving(service) as (client, _, shown):
            for _ in range(20):
                with pytest.raises(CallFailed, match=r"^failed$"):
                    await client.call(BREAK, 1)
            assert (shown, service.failures["KeyError"]) == (["KeyError"], 20)

    asyncio.run(main())


def test_a_refusal_whose_code_is_none_is_a_failure_of_ours() -> None:
    method = Call("m", BYTES, BYTES)

    async def handler(request: bytes, caller: Connection) -> bytes:
        raise Refusal("c" * 65, "why")

    async def main() -> None:
        service = Service(NAME)
        service.add(method, handler)
        async with serving(service) as (client, _, shown):
            with pytest.raises(CallFailed, match=r"^failed$"):
                await client.call(method, b"")
            assert shown == ["UsageError"]

    asyncio.run(main())
