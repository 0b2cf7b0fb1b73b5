"""The loop's network calls: asyncio's own names and arguments, with the simulated network under them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from p2plib.errors import HostDown
from p2plib.sim.clock.chance import Chance, state_of
from p2plib.sim.clock.loop import SimLoop
from p2plib.sim.current import CURRENT, Incarnation, current_host
from p2plib.sim.sockets.refused import SOCKETS, refuse
from p2plib.sim.sockets.udp import SimDatagramTransport
from p2plib.sim.tcp import streams

if TYPE_CHECKING:
    from p2plib.sim.internet import Internet


class NetworkLoop(SimLoop):
    """A loop over virtual time with a simulated network.

    Args:
        net: the internet.
        max_events: how many events a run may take; None for no limit.
        began_s: what the wall clocks show when it begins, in seconds of the Unix epoch.
    """

    def __init__(self, net: Internet, max_events: int | None, began_s: float) -> None:
        super().__init__(max_events)
        self.net, self.began_s = net, began_s
        self.random = Random(f"{net.seed}/programs")
        self.chance = Chance(f"{net.seed}/random")  # of the main program
        self.imported_by_name = state_of(f"{net.seed}/random imported by name")

    def _incarnation(self) -> Incarnation:
        """Return the life of the current host, which must be up."""
        host = current_host()
        incarnation = CURRENT.get()
        if incarnation is None or not incarnation.alive:
            raise HostDown(f"{host.name} is down")
        return incarnation

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
    ) -> tuple[SimDatagramTransport, Any]:
        """Open a UDP socket on the current host."""
        if sock is not None:
            refuse("create_datagram_endpoint(sock=...)", SOCKETS)
        incarnation = self._incarnation()
        host = incarnation.host
        remote = None
        if remote_addr is not None:
            found = await self.getaddrinfo(*remote_addr[:2], family=family, type=socket.SOCK_DGRAM)
            like = local_addr[0] if local_addr and local_addr[0] else ""
            same = [answer for answer in found if not like or (":" in answer[4][0]) == (":" in like)]
            remote = (same or found)[0][4][:2]
        elsewhere = remote[0] if remote else "::" if family == socket.AF_INET6 else ""
        local = host.local(local_addr, host.udp, like=elsewhere)
        if remote is not None:
            local = host.source_for(local, remote[0])
        protocol = protocol_factory()
        transport = SimDatagramTransport(incarnation, local, remote, protocol)
        host.bind(transport, shared=bool(reuse_port))
        self.call_soon(protocol.connection_made, transport, context=transport.context)
        opened = self.create_future()
        self.call_soon(_wake, opened)
        await opened
        return transport, protocol

    async def create_connection(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: Any = None,
        port: Any = None,
        **named: Any,
    ) -> Any:
        """Open a TCP connection from the current host."""
        return await streams.connect(self, self._incarnation(), protocol_factory, host, port, **named)

    async def create_server(
        self,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        host: Any = None,
        port: Any = None,
        **named: Any,
    ) -> Any:
        """Listen for TCP connections on the current host."""
        return await streams.listen(self, self._incarnation(), protocol_factory, host, port, **named)

    async def start_tls(self, transport: Any, protocol: Any, sslcontext: Any, **named: Any) -> Any:
        """Begin TLS on a connection that is open: asyncio's own does it with this loop and our transports."""
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


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
