"""The loop's network calls: asyncio's own names and arguments, with the simulated network under them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any

from p2plib.sim.clock.chance import Chance, state_of
from p2plib.sim.sockets import udp
from p2plib.sim.sockets.opened import FIRST_DESCRIPTOR, current_incarnation
from p2plib.sim.sockets.readiness import ReadinessCalls
from p2plib.sim.sockets.sockets import own_socket
from p2plib.sim.tcp import streams, tls

if TYPE_CHECKING:
    from p2plib.sim.internet import Internet


class NetworkLoop(ReadinessCalls):
    """A loop over virtual time with a simulated network.

    Args:
        net: the internet.
        max_events: how many events a run may take; None for no limit.
        began_s: what the hosts' wall clocks show at the start, in seconds of the Unix epoch.
    """

    def __init__(self, net: Internet, max_events: int | None, began_s: float) -> None:
        super().__init__(max_events)
        self.net, self.began_s = net, began_s
        self.next_descriptor = count(FIRST_DESCRIPTOR).__next__
        self.random = Random(f"{net.seed}/programs")
        self.chance = Chance(f"{net.seed}/random")  # of the main program
        self.imported_by_name = state_of(f"{net.seed}/random imported by name")

    async def create_datagram_endpoint(  # type: ignore[override]
        self,
        protocol_factory: Callable[[], asyncio.DatagramProtocol],
        local_addr: Any = None,
        remote_addr: Any = None,
        *,
        family: int = 0,
        proto: int = 0,
        flags: int = 0,
        reuse_port: bool | None = None,
        allow_broadcast: bool | None = None,
        sock: Any = None,
    ) -> tuple[udp.SimDatagramTransport, Any]:
        """Open a UDP socket on the current host."""
        if sock is not None:
            given = (local_addr, remote_addr, family, proto, flags, reuse_port, allow_broadcast)
            if any(given):
                raise ValueError("socket modifier keyword arguments can not be used when sock is specified")
            own = own_socket("create_datagram_endpoint", sock, socket.SOCK_DGRAM)
            return await udp.over_socket(self, own, protocol_factory)
        return await udp.open_endpoint(
            self,
            current_incarnation(),
            protocol_factory,
            local_addr,
            remote_addr,
            family=family,
            proto=proto,
            flags=flags,
            reuse_port=reuse_port,
            allow_broadcast=allow_broadcast,
        )

    async def create_connection(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: Any = None,
        port: Any = None,
        **named: Any,
    ) -> Any:
        """Open a TCP connection from the current host."""
        return await streams.connect(self, current_incarnation(), protocol_factory, host, port, **named)

    async def create_server(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: Any = None,
        port: Any = None,
        **named: Any,
    ) -> Any:
        """Listen for TCP connections on the current host."""
        return await streams.listen(self, current_incarnation(), protocol_factory, host, port, **named)

    async def connect_accepted_socket(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        sock: Any,
        *,
        ssl: Any = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> Any:
        """Give a connection that a program has accepted its transport and its protocol."""
        secure = tls.for_accepted(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
        own = own_socket("connect_accepted_socket", sock, socket.SOCK_STREAM)
        return await streams.opened(self, own.opened.end, protocol_factory, secure, own)

    async def start_tls(self, transport: Any, protocol: Any, sslcontext: Any, **named: Any) -> Any:
        """Begin TLS on an open connection; asyncio's own method does it, on our transports."""
        return await asyncio.BaseEventLoop.start_tls(self, transport, protocol, sslcontext, **named)  # type: ignore[arg-type]

    async def getaddrinfo(
        self, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        """Look a name up in the internet's own DNS."""
        return await self.net.names.getaddrinfo(
            host, port, family=family, type=type, proto=proto, flags=flags
        )

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> Any:
        """Look an address up in the internet's own DNS."""
        return await self.net.names.getnameinfo(sockaddr, flags)
