"""The side that asks: calls and subscriptions over a connection. A driver.

Rules
    1. Each request has a stream to itself. The caller's side of it is **not** half-closed after the request,
       as is usual elsewhere: an end there says that the response is no longer wanted
       (`p2plib.protocol.rpc.service`).
    2. A call's time-out covers all of it, from opening the stream to the end of the response, and is sent
       along, so that both sides keep it.
    3. What the other side sends is decoded here, and what is wrong with it is `DecodeError`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator

from p2plib.errors import CallFailed, DecodeError, PeerTimeout, UsageError
from p2plib.protocol.connection import NEGOTIATION_TIMEOUT_S, Connection
from p2plib.protocol.framing import FramedStream, read_frame
from p2plib.protocol.rpc import messages
from p2plib.protocol.rpc.messages import END, ERROR, MAX_DEADLINE_MS, Request, Response
from p2plib.protocol.rpc.methods import Call, Method, RequestT, ResponseT, Subscription
from p2plib.protocol.stream import Stream

CALL_TIMEOUT_S = 10.0


class Client:
    """Asks one service of one peer.

    Args:
        connection: to the peer that is asked, as `Node.dial` returns it.
        protocol: the name of the service, as it was given to `Service`.
    """

    def __init__(self, connection: Connection, protocol: str) -> None:
        self.connection = connection
        self.protocol = protocol
        self._is_spoken = False  # they took the protocol once, so it need not be negotiated again

    async def call(
        self, method: Call[RequestT, ResponseT], request: RequestT, *, timeout_s: float = CALL_TIMEOUT_S
    ) -> ResponseT:
        """Sends a request, and returns the response. If it is cancelled, so is the other side's work.

        Args:
            method: what is asked, by name and codecs.
            request: with what.
            timeout_s: how long it may take, in seconds: a millisecond to an hour.

        Raises:
            CallFailed: the response is an error; its `code` says of which kind.
            PeerTimeout: no response in time.
            NoCommonProtocol: the other side has no such service.
            DecodeError: the response breaks a rule.
            Closed: the connection ended.
            UsageError: the codec cannot encode the request, it is too large, or the time is out of range.
        """
        if not 0.001 <= timeout_s <= MAX_DEADLINE_MS / 1000:
            raise UsageError(f"a call takes a millisecond to an hour, not {timeout_s:g} s")
        raw = _asked(method, request, math.ceil(timeout_s * 1000))
        try:
            async with asyncio.timeout(timeout_s) as bound, await self._open(timeout_s) as stream:
                await stream.write(raw)
                response = await read_frame(stream, method.response_frames)
        except TimeoutError:
            if not bound.expired():
                raise
            raise PeerTimeout(
                f"{self.connection.remote} did not answer {method.name} within {timeout_s:g} s"
            ) from None
        return _result(method, response)  # after the block: an error inside it would reset the stream

    @contextlib.asynccontextmanager
    async def subscribe(
        self,
        method: Subscription[RequestT, ResponseT],
        request: RequestT,
        *,
        timeout_s: float = NEGOTIATION_TIMEOUT_S,
    ) -> AsyncIterator[AsyncIterator[ResponseT]]:
        """Asks for news: `async with client.subscribe(...) as news`, then `async for each in news`.

        Leaving the block ends the subscription at the other side. Iterating raises what `call` raises, except
        for a time-out, and EndOfStream if the other side ended without saying so.

        Args:
            method: what is asked, by name and codecs.
            request: with what.
            timeout_s: how long it may take to open the stream, in seconds.
        """
        raw = _asked(method, request, 0)
        async with await self._open(timeout_s) as stream:
            await stream.write(raw)
            responses = _results(method, FramedStream(stream, method.response_frames))
            async with contextlib.aclosing(responses):
                yield responses

    async def _open(self, timeout_s: float) -> Stream:
        if self._is_spoken:
            try:
                async with asyncio.timeout(timeout_s) as bound:
                    return await self.connection.propose_stream(self.protocol)
            except TimeoutError:
                if not bound.expired():
                    raise
                raise PeerTimeout(f"{self.connection.remote} took no stream within {timeout_s:g} s") from None
        stream, _ = await self.connection.open_stream(self.protocol, timeout_s=timeout_s)
        self._is_spoken = True
        return stream


def _asked(method: Method[RequestT, ResponseT], request: RequestT, deadline_ms: int) -> bytes:
    body = method.encode_request(request)
    return method.request_frames.encode(Request(method.name, deadline_ms, body).encode())


def _result(method: Method[RequestT, ResponseT], raw: bytes) -> ResponseT:
    response = messages.decode_response(raw)
    if response.kind == END:
        raise DecodeError("a call was answered with an end, not with a response")
    return _value(method, response)


def _value(method: Method[RequestT, ResponseT], response: Response) -> ResponseT:
    if response.kind == ERROR:
        raise CallFailed(response.code, response.sentence)
    return method.decode_response(response.body)


async def _results(
    method: Method[RequestT, ResponseT], framed: FramedStream
) -> AsyncGenerator[ResponseT, None]:
    while (response := messages.decode_response(await framed.receive())).kind != END:
        yield _value(method, response)
