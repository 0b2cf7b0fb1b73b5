"""SimServer: who listens at a TCP port of a simulated host, with the interface of `asyncio.Server`. A driver.

Rules
    1. An address belongs to one server at a time, and one that listens at all addresses has each of them.
    2. A SYN is answered at once; the program hears of a connection when its handshake is over.
    3. `wait_closed` waits for the connections too, as it does since Python 3.12.1, in every version.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
from collections.abc import Callable
from typing import Any

from p2plib.sim.clock.places import caller
from p2plib.sim.current import Incarnation
from p2plib.sim.packet import Address, Segment
from p2plib.sim.sockets.sockets import SimSocket
from p2plib.sim.tcp.connection import Connection
from p2plib.sim.tcp.states import refusal
from p2plib.sim.tcp.transport import SimStreamTransport

MAX_OPENING = 4096  # handshakes under way at one port: Linux's tcp_max_syn_backlog on a large machine


class SimServer(asyncio.AbstractServer):
    """A listener.

    Args:
        incarnation: the life of the host that it belongs to.
        protocol_factory: makes the protocol of each connection.
        addresses: where it listens, all at one port; "0.0.0.0" and "::" stand for all of the host's.

    Raises:
        OSError: EADDRINUSE, as soon as it starts to serve.
    """

    def __init__(
        self,
        incarnation: Incarnation,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        addresses: list[Address],
    ) -> None:
        self._incarnation, self._host, self._loop = incarnation, incarnation.host, incarnation.host.net.loop
        self._factory = protocol_factory
        self._addresses = addresses
        self._sockets = tuple(SimSocket(self, address, None, udp=False) for address in addresses)
        self._connections: dict[SimStreamTransport, None] = {}
        self._opening: dict[SimStreamTransport, None] = {}
        self._serving = self._closed = False
        self._waiters: list[asyncio.Future[None]] = []
        self._forever: asyncio.Future[None] | None = None
        self.context = contextvars.copy_context()
        self.place = caller()
        for address in addresses:
            self._check_free(address)
        self._host.listening.update(dict.fromkeys(addresses, self))

    def _check_free(self, address: Address) -> None:
        """Rule 1."""
        ip, port = address
        for other, other_port in self._host.listening:
            same_family = (":" in ip) == (":" in other)
            if port == other_port and (ip == other or (same_family and {ip, other} & {"0.0.0.0", "::"})):
                raise OSError(
                    errno.EADDRINUSE, f"Address already in use: {self._host.name} listens at {other}:{port}"
                )

    @property
    def port(self) -> int:
        """The port at which it listens."""
        return self._addresses[0][1]

    def what_it_is(self) -> str:
        """Return words for what it is and who made it."""
        return f"a TCP server at port {self.port}, made by {self.place}"

    # What arrives

    def receive_syn(self, local: Address, remote: Address, segment: Segment, iss: int) -> None:
        """Begins a connection, or refuses it before `start_serving`."""
        if not self._serving:
            self._host.send_segment(local, remote, refusal(segment))
        elif len(self._opening) < MAX_OPENING:
            self.context.run(self._open, local, remote, segment, iss)

    def _open(self, local: Address, remote: Address, segment: Segment, iss: int) -> None:
        transport = SimStreamTransport(self._incarnation, local, remote, Connection(iss), self)
        self._opening[transport] = None
        transport.connection.accept(segment)
        transport.pump()

    def accepted(self, transport: SimStreamTransport) -> None:
        """A handshake is over: gives the connection its protocol."""
        self._opening.pop(transport, None)
        self._connections[transport] = None
        try:
            protocol = transport.context.run(self._factory)
        except Exception as error:
            message = {"message": "the protocol factory of a server raised", "exception": error}
            transport.context.run(self._loop.call_exception_handler, message)
            transport.reset()
        else:
            transport.begin(protocol)

    def detach(self, transport: SimStreamTransport) -> None:
        """A connection is over."""
        self._opening.pop(transport, None)
        self._connections.pop(transport, None)
        self._wake()

    def _wake(self) -> None:
        if self._closed and not self._connections:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiters.clear()

    def vanish(self) -> None:
        """Be gone without a word: the machine has crashed."""
        self._serving, self._closed = False, True
        for address in self._addresses:
            if self._host.listening.get(address) is self:
                del self._host.listening[address]

    # asyncio.Server

    @property
    def sockets(self) -> tuple[Any, ...]:
        """Its listening sockets; none when it is closed."""
        return () if self._closed else self._sockets

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return its event loop."""
        return self._loop

    def is_serving(self) -> bool:
        """Whether it accepts connections."""
        return self._serving

    async def start_serving(self) -> None:
        """Accepts connections from now on."""
        self.serve()
        await asyncio.sleep(0)

    def serve(self) -> None:
        """Accepts connections from now on."""
        if self._closed:
            raise RuntimeError(f"server {self!r} is closed")
        self._serving = True

    async def serve_forever(self) -> None:
        """Accepts connections until it is cancelled or closed."""
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
        """Listens no more. Connections that are open stay open; handshakes under way are reset."""
        if self._closed:
            return
        self.vanish()
        for transport in list(self._opening):
            transport.reset()
        if self._forever is not None and not self._forever.done():
            self._forever.cancel()
        self._wake()

    def close_clients(self) -> None:
        """Closes every connection that came in here (since Python 3.13)."""
        for transport in list(self._connections):
            transport.close()

    def abort_clients(self) -> None:
        """Aborts every connection that came in here (since Python 3.13)."""
        for transport in list(self._connections):
            transport.abort()

    async def wait_closed(self) -> None:
        """Waits until it is closed and its connections are over."""
        if not self._closed or self._connections:
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter
