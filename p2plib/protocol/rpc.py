"""Calls and subscriptions over a connection's streams. A driver; the bytes are `p2plib.protocol.rpc_codec`'s.

    ADD = Call("add", encode_pair, decode_pair, encode_number, decode_number)

    service = Service("/calculator/1.0.0")            one peer
    service.add(ADD, add)                             async def add(pair, caller): return sum(pair)
    node.handlers[service.protocol] = service.handle

    client = Client(connection, "/calculator/1.0.0")  the other
    assert await client.call(ADD, (2, 3)) == 5

Rules
    1. A caller keeps its side of the stream open as long as it wants the response. Ending or resetting it, or
       losing the connection, cancels the handler: nobody works for a peer that does not wait.
    2. A call has a deadline, which both sides keep. A subscription has none.
    3. A subscription's generator runs no faster than its items are read.
    4. At most `max_calls` of one connection are served at a time; more get the error "too busy".
    5. What a handler raises as `CallFailed` is the response. All else is answered with "failed" and nothing
       more, for a stranger need not know what broke; it is counted, and goes to the loop's exception handler.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

from p2plib.errors import CallFailed, Closed, DecodeError, PeerTimeout, UsageError
from p2plib.protocol import rpc_codec
from p2plib.protocol.connection import Connection
from p2plib.protocol.framing import FramedStream, VarintFrames, read_frame, write_frame
from p2plib.protocol.rpc_codec import (
    BAD_REQUEST,
    END,
    ERROR,
    FAILED,
    ITEM,
    OVERHEAD_BYTES,
    TOO_BUSY,
    TOO_LATE,
    UNKNOWN_METHOD,
    Call,
    Method,
    Request,
    RequestT,
    Response,
    ResponseT,
    Subscription,
)
from p2plib.protocol.stream import Stream

MAX_CALLS = 64
REQUEST_TIMEOUT_S = 10.0  # for a request to arrive once its stream is open
CALL_TIMEOUT_S = 10.0

CallHandler = Callable[[RequestT, Connection], Awaitable[ResponseT]]
SubscriptionHandler = Callable[[RequestT, Connection], AsyncIterator[ResponseT]]


class Service:
    """What one protocol can be asked for; its `handle` goes among a node's handlers.

    Args:
        protocol: its name, with a version in it.
        max_calls: of one connection at a time.
    """

    def __init__(self, protocol: str, *, max_calls: int = MAX_CALLS) -> None:
        self.protocol = protocol
        self.failures: collections.Counter[str] = collections.Counter()
        self.request_timeout_s = REQUEST_TIMEOUT_S
        self._max_calls = max_calls
        self._methods: dict[str, tuple[Method[Any, Any], Callable[[Any, Connection], Any]]] = {}
        self._running: collections.Counter[Connection] = collections.Counter()

    def add(self, method: Call[RequestT, ResponseT], handler: CallHandler[RequestT, ResponseT]) -> None:
        """Answers a call with what an async function returns."""
        self._add(method, handler)

    def add_subscription(
        self, method: Subscription[RequestT, ResponseT], handler: SubscriptionHandler[RequestT, ResponseT]
    ) -> None:
        """Answers a subscription with what an async generator yields."""
        self._add(method, handler)

    def _add(self, method: Method[Any, Any], handler: Callable[[Any, Connection], Any]) -> None:
        if method.name in self._methods:
            raise UsageError(f"{self.protocol} has a method {method.name} already")
        self._methods[method.name] = (method, handler)

    @property
    def _requests(self) -> VarintFrames:
        largest = max((method.max_request_bytes for method, _ in self._methods.values()), default=0)
        return VarintFrames(largest + OVERHEAD_BYTES)

    async def handle(self, stream: Stream, caller: Connection) -> None:
        """Answers what is asked on one stream."""
        if self._running[caller] >= self._max_calls:
            await self._refuse(stream, TOO_BUSY, f"{self._max_calls} calls at a time")
            return
        self._running[caller] += 1
        work = gone = None
        try:
            try:
                async with asyncio.timeout(self.request_timeout_s):
                    request = rpc_codec.decode_request(await read_frame(stream, self._requests))
            except TimeoutError:
                raise PeerTimeout(f"{stream.remote} opened a stream and asked nothing") from None
            except DecodeError as error:
                await self._refuse(stream, BAD_REQUEST, error.rule)
                return
            work = asyncio.ensure_future(self._answer(stream, caller, request))
            gone = asyncio.ensure_future(stream.read(1))
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self.failures["no longer wanted"] += 1
        finally:
            self._running[caller] -= 1
            if not self._running[caller]:
                del self._running[caller]
            await _end(work, gone)
        if work.done() and not work.cancelled():
            work.result()

    async def _answer(self, stream: Stream, caller: Connection, request: Request) -> None:
        try:
            method, handler = self._methods.get(request.method, (None, None))
            if method is None or handler is None:
                raise CallFailed(UNKNOWN_METHOD, f"{self.protocol} has no method {request.method}")
            arguments = _decoded(method, request)
            if isinstance(method, Subscription):
                async with contextlib.aclosing(handler(arguments, caller)) as items:
                    async for item in items:
                        await self._send(stream, method, item)
                await write_frame(stream, VarintFrames(OVERHEAD_BYTES), Response(END).encode())
            else:
                async with asyncio.timeout(request.deadline_ms / 1000):
                    found = await handler(arguments, caller)
                await self._send(stream, method, found)
        except CallFailed as error:
            await self._refuse(stream, error.code, error.sentence)
        except TimeoutError:
            await self._refuse(stream, TOO_LATE, f"not done within {request.deadline_ms} ms")
        except Closed:
            raise
        except Exception as error:
            self.failures[type(error).__name__] += 1
            await self._refuse(stream, FAILED, "")
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"{self.protocol}: {request.method} raised", "exception": error}
            )

    async def _send(self, stream: Stream, method: Method[Any, Any], item: Any) -> None:
        body = method.encode_response(item)
        if len(body) > method.max_response_bytes:
            raise UsageError(
                f"a response of {len(body)} bytes, where {method.max_response_bytes} is the most"
            )
        frames = VarintFrames(method.max_response_bytes + OVERHEAD_BYTES)
        await write_frame(stream, frames, Response(ITEM, body).encode())

    async def _refuse(self, stream: Stream, code: str, sentence: str) -> None:
        self.failures[code] += 1
        await write_frame(stream, VarintFrames(OVERHEAD_BYTES), Response(ERROR, b"", code, sentence).encode())


def _decoded(method: Method[RequestT, ResponseT], request: Request) -> RequestT:
    """What a request asks for, decoded; CallFailed if there is none in it."""
    if len(request.body) > method.max_request_bytes:
        raise CallFailed(
            BAD_REQUEST, f"{len(request.body)} bytes, where {method.max_request_bytes} is the most"
        )
    if isinstance(method, Subscription) == bool(request.deadline_ms):
        raise CallFailed(BAD_REQUEST, "a call has a deadline, a subscription has none")
    try:
        return method.decode_request(request.body)
    except DecodeError as error:
        raise CallFailed(BAD_REQUEST, error.rule) from None


async def _end(*tasks: asyncio.Future[Any] | None) -> None:
    there = [task for task in tasks if task is not None]
    for task in there:
        task.cancel()
    if there:
        await asyncio.wait(there)
    for task in there:
        if not task.cancelled():
            task.exception()


class Client:
    """The side that calls.

    Args:
        connection: to whom.
        protocol: the service's name.
    """

    def __init__(self, connection: Connection, protocol: str) -> None:
        self.connection = connection
        self.protocol = protocol
        self._is_spoken = False  # they took the protocol once, so it need not be asked for again

    async def _open(self) -> Stream:
        if self._is_spoken:
            return await self.connection.propose_stream(self.protocol)
        stream, _ = await self.connection.open_stream(self.protocol)
        self._is_spoken = True
        return stream

    async def call(
        self, method: Call[RequestT, ResponseT], request: RequestT, *, timeout_s: float = CALL_TIMEOUT_S
    ) -> ResponseT:
        """Sends a request, and returns the response. If it is cancelled, so is the other side's work.

        Raises:
            CallFailed: the response is an error; its `code` says of which kind.
            PeerTimeout: no response in time.
            NoCommonProtocol: the other side has no such service.
            DecodeError: the response breaks a rule.
            Closed: the connection ended.
        """
        if not 0.001 <= timeout_s <= rpc_codec.MAX_DEADLINE_MS / 1000:
            raise UsageError(f"a call takes a millisecond to an hour, not {timeout_s:g} s")
        raw = _asked(method, request, math.ceil(timeout_s * 1000))
        try:
            async with asyncio.timeout(timeout_s):
                stream = await self._open()
                async with stream:
                    await stream.write(raw)
                    return _item(method, await read_frame(stream, _response_frames(method)))
        except TimeoutError as error:
            if isinstance(error, PeerTimeout):
                raise
            raise PeerTimeout(
                f"{stream.remote} did not answer {method.name} within {timeout_s:g} s"
            ) from None

    @contextlib.asynccontextmanager
    async def subscribe(
        self, method: Subscription[RequestT, ResponseT], request: RequestT
    ) -> AsyncIterator[AsyncIterator[ResponseT]]:
        """Asks for news: `async with client.subscribe(...) as items`, then `async for item in items`.

        Leaving the block ends the subscription at the other side. Iterating raises what `call` raises, except
        for a time-out, and EndOfStream if the other side ended without saying so.
        """
        raw = _asked(method, request, 0)
        stream = await self._open()
        async with stream:
            await stream.write(raw)
            async with contextlib.aclosing(
                _items(method, FramedStream(stream, _response_frames(method)))
            ) as items:
                yield items


def _asked(method: Method[RequestT, ResponseT], request: RequestT, deadline_ms: int) -> bytes:
    body = method.encode_request(request)
    if len(body) > method.max_request_bytes:
        raise UsageError(f"a request of {len(body)} bytes, where {method.max_request_bytes} is the most")
    frames = VarintFrames(method.max_request_bytes + OVERHEAD_BYTES)
    return frames.encode(Request(method.name, deadline_ms, body).encode())


def _response_frames(method: Method[Any, Any]) -> VarintFrames:
    return VarintFrames(method.max_response_bytes + OVERHEAD_BYTES)


def _item(method: Method[RequestT, ResponseT], raw: bytes) -> ResponseT:
    response = rpc_codec.decode_response(raw)
    if response.kind == ERROR:
        raise CallFailed(response.code, response.sentence)
    if response.kind == END:
        raise DecodeError("an end, where a response was expected")
    if len(response.body) > method.max_response_bytes:
        raise DecodeError(f"{len(response.body)} bytes, where {method.max_response_bytes} is the most")
    return method.decode_response(response.body)


async def _items(
    method: Method[RequestT, ResponseT], framed: FramedStream
) -> AsyncGenerator[ResponseT, None]:
    while True:
        raw = await framed.receive()
        if rpc_codec.decode_response(raw).kind == END:
            return
        yield _item(method, raw)
