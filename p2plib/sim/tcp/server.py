"""SimServer: a server at a TCP port of a simulated host, with the interface of `asyncio.Server`. A driver.

Rules
    1. It has a `p2plib.sim.tcp.listener` for each address, and accepts connections as soon as they are there.
    2. In every version, `wait_closed` waits for the connections too, as asyncio's does since Python 3.12.1.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any

from p2plib.sim.current import Incarnation
from p2plib.sim.sockets.sockets import SimSocket, socket_of
from p2plib.sim.tcp.endpoint import TcpEndpoint
from p2plib.sim.tcp.listener import TcpListener
from p2plib.sim.tcp.transport import SimStreamTransport


class SimServer(asyncio.AbstractServer):
    """A server.

    Args:
        incarnation: the life of the host that it belongs to.
        protocol_factory: makes the protocol of each connection.
        listeners: where it listens.
        backlog: how many connections may wait to be accepted.
        sock: the program's own socket for the listener; None if the program has none.
    """

    def __init__(
        self,
        incarnation: Incarnation,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        listeners: list[TcpListener],
        backlog: int = 100,
        sock: SimSocket | None = None,
    ) -> None:
        self._loop = incarnation.host.net.loop
        self._factory, self._backlog = protocol_factory, backlog
        self._listeners = listeners
        self._shown: list[SimSocket] = []
        if sock is not None:
            sock.opened.transport = self
            self._shown.append(sock)
        self._connections: dict[SimStreamTransport, None] = {}
        self._serving = self._closed = False
        self._waiters: list[asyncio.Future[None]] = []
        self._forever: asyncio.Future[None] | None = None
        self.context = contextvars.copy_context()

    # What arrives

    def _on_ready(self) -> None:
        """Accept the connections that wait."""
        for listener in self._listeners:
            while (endpoint := listener.accept()) is not None:
                self.context.run(self._accepted, endpoint)
        if self._listeners and not any(listener.is_open for listener in self._listeners):
            self.close()  # the kernel has closed them: the host stops

    def _accepted(self, endpoint: TcpEndpoint) -> None:
        try:
            protocol = self._factory()
        except BaseException as error:
            message = {"message": "the protocol factory of a server raised", "exception": error}
            self._loop.handle_raised(message)
            endpoint.abort()
        else:
            transport = SimStreamTransport(endpoint, protocol, self)
            self._connections[transport] = None
            transport.begin()

    def detach(self, transport: SimStreamTransport) -> None:
        """Forget a connection that is over."""
        self._connections.pop(transport, None)
        self._wake()

    def _wake(self) -> None:
        if self._closed and not self._connections:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        for sock in self._shown:
            sock.close()

    # asyncio.Server

    @property
    def sockets(self) -> tuple[Any, ...]:
        """Its listening sockets; none when it is closed."""
        if not self._closed and not self._shown:
            self._shown += [socket_of(self, listener) for listener in self._listeners]
        return () if self._closed else tuple(self._shown)

    def is_closing(self) -> bool:
        """Whether it has stopped listening."""
        return self._closed

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return its event loop."""
        return self._loop

    def is_serving(self) -> bool:
        """Whether it accepts connections."""
        return self._serving

    async def start_serving(self) -> None:
        """Accept connections from now on."""
        self.serve()
        await asyncio.sleep(0)

    def serve(self) -> None:
        """Accept connections from now on."""
        if self._closed:
            raise RuntimeError(f"server {self!r} is closed")
        self._serving = True
        for listener in self._listeners:
            listener.on_ready = self._on_ready
            listener.listen(self._backlog)
            if listener.readable:
                self._loop.call_soon(self._on_ready, context=self.context.copy())

    async def serve_forever(self) -> None:
        """Accept connections until it is cancelled or closed."""
        if self._forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        self.serve()
        self._forever = self._loop.create_future()
        try:
            await self._forever
        except asyncio.CancelledError:
            self.close()
            await self.wait_closed()
            raise
        finally:
            self._forever = None

    def close(self) -> None:
        """Stop listening. Open connections stay open; handshakes under way come to nothing."""
        if self._closed:
            return
        self._serving, self._closed = False, True
        self._close_listeners()
        if self._forever is not None and not self._forever.done():
            self._forever.cancel()
        self._wake()

    def close_clients(self) -> None:
        """Close every connection that was accepted here (in asyncio since Python 3.13)."""
        for transport in list(self._connections):
            transport.close()

    def abort_clients(self) -> None:
        """Abort every connection that was accepted here (in asyncio since Python 3.13)."""
        for transport in list(self._connections):
            transport.abort()

    async def wait_closed(self) -> None:
        """Wait until it is closed and its connections have ended."""
        if not self._closed or self._connections:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter
