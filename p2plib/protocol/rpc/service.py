"""The side that answers: what one protocol can be asked for. A driver.

Rules
    1. A caller keeps its side of the stream open as long as it wants the response. Ending or resetting it, or
       losing the connection, cancels the handler: nobody works for a peer that does not wait.
    2. A call has a deadline, which both sides keep. A subscription has none.
    3. A subscription's generator runs no faster than its responses are read.
    4. At most `max_calls` of one connection are served at a time; more get the error "too busy". A handler
       counts until it has really ended, even if it was cancelled.
    5. What a handler raises as `Refusal` is the response. Anything else that the application raises, whatever
       its class, is answered with "failed" and nothing more: a stranger need not know what broke. It is
       counted; the first of each kind goes to the loop's exception handler, so that nobody can fill a log.
    6. A request that is refused is read to its end and thrown away, because what is not read would turn the
       end of the stream into a reset, and the refusal would be lost with it.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from typing import Any

from p2plib.errors import Closed, DecodeError, PeerTimeout, Refusal, UsageError
from p2plib.protocol.connection import Connection
from p2plib.protocol.framing import VarintFrames, read_frame, write_frame
from p2plib.protocol.rpc import messages
from p2plib.protocol.rpc.messages import (
    BAD_REQUEST,
    END,
    ERROR,
    FAILED,
    OVERHEAD_BYTES,
    TOO_BUSY,
    TOO_LATE,
    UNKNOWN_METHOD,
    VALUE,
    Request,
    Response,
)
from p2plib.protocol.rpc.methods import Call, Method, RequestT, ResponseT, Subscription
from p2plib.protocol.stream import Stream
from p2plib.protocol.tasks import end_tasks

MAX_CALLS = 64
REQUEST_TIMEOUT_S = 10.0  # for a request to arrive once its stream is open, and for a refused one to end
MAX_DISCARDED_BYTES = 4 * 1024 * 1024  # of a request that is refused

CallHandler = Callable[[RequestT, Connection], Awaitable[ResponseT]]
SubscriptionHandler = Callable[[RequestT, Connection], AsyncGenerator[ResponseT, None]]

_NO_MORE = object()


class _Raised(Exception):
    """What the application raised, kept apart from what its own stream raises (rule 5)."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


@contextlib.contextmanager
def _the_application() -> Iterator[None]:
    """Runs code of the application: its errors leave the block as `Refusal` or `_Raised`."""
    try:
        yield
    except Refusal:
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise _Raised(error) from error  # nobody cancelled it, it raised this itself
    except Exception as error:
        raise _Raised(error) from error


class Service:
    """What one protocol can be asked for; its `handle` goes among a node's handlers.

    Args:
        protocol: its name, with a version in it.
        max_calls: how many are served at a time for one connection.
        request_timeout_s: how long a request may take to arrive, in seconds.

    Attributes:
        failures: how many requests were not answered with a value, by code of the error, and by class of what
            a handler raised.
    """

    def __init__(
        self, protocol: str, *, max_calls: int = MAX_CALLS, request_timeout_s: float = REQUEST_TIMEOUT_S
    ) -> None:
        self.protocol = protocol
        self.failures: collections.Counter[str] = collections.Counter()
        self.request_timeout_s = request_timeout_s
        self._max_calls = max_calls
        self._methods: dict[str, tuple[Method[Any, Any], Callable[[Any, Connection], Any]]] = {}
        self._running: collections.Counter[Connection] = collections.Counter()
        self._reported: set[tuple[str, type[BaseException]]] = set()

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
            raise UsageError(f"{self.protocol} already has a method {method.name}")
        self._methods[method.name] = (method, handler)

    @property
    def _requests(self) -> VarintFrames:
        largest = max((method.max_request_bytes for method, _ in self._methods.values()), default=0)
        return VarintFrames(largest + OVERHEAD_BYTES)

    async def handle(self, stream: Stream, caller: Connection) -> None:
        """Answers what is asked on one stream."""
        if self._running[caller] >= self._max_calls:
            await self._turn_away(stream, TOO_BUSY, f"{self._max_calls} calls at a time")
            return
        self._running[caller] += 1
        try:
            await self._serve(stream, caller)
        finally:
            self._running[caller] -= 1
            if not self._running[caller]:
                del self._running[caller]

    async def _serve(self, stream: Stream, caller: Connection) -> None:
        try:
            async with asyncio.timeout(self.request_timeout_s):
                request = messages.decode_request(await read_frame(stream, self._requests))
        except TimeoutError:
            raise PeerTimeout(f"{stream.remote} opened a stream and asked nothing") from None
        except DecodeError as error:
            await self._turn_away(stream, BAD_REQUEST, error.rule)
            return
        work = asyncio.ensure_future(self._answer(stream, caller, request))
        gone = asyncio.ensure_future(stream.read(1))
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self.failures["no longer wanted"] += 1
        finally:
            await end_tasks(work, gone)
        if not work.cancelled():
            work.result()

    async def _answer(self, stream: Stream, caller: Connection, request: Request) -> None:
        try:
            await self._respond(stream, caller, request)
        except Refusal as refusal:
            await self._refuse(stream, refusal.code, refusal.sentence)
        except _Raised as raised:
            self._report(request.method, raised.error)
            await self._refuse(stream, FAILED)

    async def _respond(self, stream: Stream, caller: Connection, request: Request) -> None:
        method, handler = self._methods.get(request.method, (None, None))
        if method is None or handler is None:
            raise Refusal(UNKNOWN_METHOD, f"{self.protocol} has no method {request.method}")
        if isinstance(method, Subscription) == bool(request.deadline_ms):
            raise Refusal(BAD_REQUEST, "a call has a deadline, a subscription has none")
        try:
            asked = method.decode_request(request.body)
        except DecodeError as error:
            raise Refusal(BAD_REQUEST, error.rule) from error
        if isinstance(method, Subscription):
            await self._publish(stream, method, lambda: handler(asked, caller))
            return
        try:
            async with asyncio.timeout(request.deadline_ms / 1000):
                with _the_application():
                    value = await handler(asked, caller)
        except TimeoutError:
            raise Refusal(TOO_LATE, f"not done within {request.deadline_ms} ms") from None
        await self._send(stream, method, value)

    async def _publish(
        self, stream: Stream, method: Method[Any, Any], begin: Callable[[], AsyncGenerator[Any, None]]
    ) -> None:
        with _the_application():
            values = begin()
        try:
            while True:
                with _the_application():
                    value = await anext(values, _NO_MORE)
                if value is _NO_MORE:
                    break
                await self._send(stream, method, value)
        finally:
            with _the_application():
                await values.aclose()
        await write_frame(stream, method.response_frames, Response(END).encode())

    async def _send(self, stream: Stream, method: Method[Any, Any], value: Any) -> None:
        with _the_application():
            body = method.encode_response(value)
        await write_frame(stream, method.response_frames, Response(VALUE, body).encode())

    async def _refuse(self, stream: Stream, code: str, sentence: str = "") -> None:
        try:
            raw = Response(ERROR, b"", code, sentence).encode()
        except UsageError as error:  # the application's own code is none
            self._report(code, error)
            code, raw = FAILED, Response(ERROR, b"", FAILED, "").encode()
        self.failures[code] += 1
        await write_frame(stream, VarintFrames(OVERHEAD_BYTES), raw)

    async def _turn_away(self, stream: Stream, code: str, sentence: str) -> None:
        """Refuses a request that has not arrived yet, or not all of it (rule 6)."""
        await self._refuse(stream, code, sentence)
        await stream.close_write()
        left = MAX_DISCARDED_BYTES
        with contextlib.suppress(TimeoutError, Closed):
            async with asyncio.timeout(self.request_timeout_s):
                while left > 0 and (part := await stream.read()):
                    left -= len(part)

    def _report(self, where: str, error: BaseException) -> None:
        self.failures[type(error).__name__] += 1
        kind = (where, type(error))
        if kind not in self._reported:
            self._reported.add(kind)
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"{self.protocol}: {where} raised", "exception": error}
            )
