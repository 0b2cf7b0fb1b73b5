"""SignalHub: a hub over HTTP, as npm's signalhub 4.9.0 is one. A driver, on aiohttp.

::

    async with SignalHub(host="192.0.2.1", port=8080) as hub:
        print(hub.url)
        await asyncio.Event().wait()

What it answers::

    GET  /v1/<app>/<name>,<name>    200, text/event-stream: one event for each message, until one side ends it
    POST /v1/<app>/<name>           200: the message goes to all subscribers of that channel
    GET  /                          200: {"name": ..., "version": ..., "subscribers": 2}
    OPTIONS                         200: browsers ask before they send to another site

Rules, besides those of `p2plib.discovery.signal.channels`
    1. The head of a subscription's response is sent at once, and a comment every `HEARTBEAT_S`, as npm's hub
       does: a proxy ends what is silent for a minute.
    2. What is refused gets a status and a sentence; npm's hub says 200 to everything, or nothing at all.
    3. A message that takes longer than `READ_S` to come is refused: nobody holds a place and sends nothing.
    4. A subscriber that takes nothing for `WRITE_S` is cut off, as is one that has too much waiting for it:
       its connection is torn down, because an ending would wait behind all that it does not read.
    5. aiohttp waits for the head of a first request for as long as the connection lasts, and so does a hub:
       only the operating system bounds such connections. In the open, put a proxy in front that is stricter.
    6. The host that counts is the connection's. Behind a proxy that is the proxy: then give `HubLimits` that
       fit, or have the proxy limit.

aiohttp comes with the extra `discovery`.
"""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from p2plib.discovery.signal import events
from p2plib.discovery.signal.channels import Channels, HubLimits, HubRefused, Subscriber
from p2plib.discovery.source import check_place
from p2plib.errors import CannotListen, LocalError

if TYPE_CHECKING:
    from aiohttp import web

HEARTBEAT_S = 30.0
SHUTDOWN_S = 1.0
READ_S = 10.0  # for the whole of a message
WRITE_S = 20.0  # for what waits for one subscriber
VERSION = "0.1.0"
MISSING = "for HTTP, run pip install 'p2plib[discovery]'"

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Content-Type, Accept",
}
STREAM = {
    "Content-Type": f"{events.MEDIA_TYPE}; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",  # nginx would collect what should go out at once
}


class SignalHub:
    """A hub; used with `async with`.

    Args:
        host: where to listen.
        port: 0 lets the operating system choose.
        limits: what it bears.

    Attributes:
        channels: who listens where, with counts.
        url: where it listens, such as "http://127.0.0.1:41234"; once the block has begun.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, limits: HubLimits | None = None) -> None:
        self.channels = Channels(limits)
        self.url = ""
        self._host, self._port = host, port
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        check_place(self._host, self._port)
        try:
            from aiohttp import web
        except ModuleNotFoundError:
            raise LocalError(MISSING) from None
        app = web.Application(client_max_size=self.channels.limits.max_message_bytes + 1)
        app.router.add_route("*", "/{rest:.*}", self._serve)
        # Otherwise a handler would go on writing into a response whose reader has left.
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=SHUTDOWN_S, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            raise CannotListen(f"cannot listen at {self._host}, port {self._port}: {error}") from error
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        host, port = runner.addresses[0][:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for subscriber in self.channels.everybody():
            subscriber.is_over = True
            subscriber.wake.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        try:
            return await self._answer(request)
        except HubRefused as refusal:
            return web.json_response({"error": str(refusal)}, status=refusal.status, headers=CORS)
        except web.HTTPRequestEntityTooLarge:
            sentence = f"a message has at most {self.channels.limits.max_message_bytes} bytes"
            return web.json_response({"error": sentence}, status=413, headers=CORS)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        if request.method == "OPTIONS":
            return web.Response(headers=CORS)
        if request.method == "GET" and request.path == "/":
            about: dict[str, Any] = {"name": "p2plib signal", "version": VERSION}
            return web.json_response(about | {"subscribers": len(self.channels)}, headers=CORS)
        if not request.path.startswith("/v1/") or request.method not in ("GET", "POST"):
            raise HubRefused(404, "there is GET and POST of /v1/<app>/<channel>")
        app, _, names = request.path.removeprefix("/v1/").partition("/")
        host = request.remote or ""
        if request.method == "POST":
            try:
                async with asyncio.timeout(READ_S):
                    body = await request.read()
            except TimeoutError:
                raise HubRefused(408, f"a message is there within {READ_S:g} s") from None
            self.channels.broadcast(f"{app}/{names}", body, host, asyncio.get_running_loop().time())
            return web.Response(headers=CORS)
        subscriber = self.channels.subscribe(app, names, host)
        try:
            return await self._stream(request, subscriber)
        finally:
            self.channels.unsubscribe(subscriber)

    async def _stream(self, request: web.Request, subscriber: Subscriber) -> web.StreamResponse:
        """Rules 1 and 4."""
        from aiohttp import web

        response = web.StreamResponse(headers=CORS | STREAM)
        await response.prepare(request)
        if request.transport is not None:
            subscriber.on_cut = request.transport.abort
        with contextlib.suppress(ConnectionError):  # it has left
            while True:
                if not subscriber.has_ended:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(HEARTBEAT_S):
                            await subscriber.wake.wait()
                data = subscriber.take()
                if not data and subscriber.has_ended:
                    break
                try:
                    async with asyncio.timeout(WRITE_S):
                        await response.write(data or events.HEARTBEAT)
                except TimeoutError:
                    self.channels.cut_off(subscriber)
                self.channels.sent(subscriber, data)
        return response
