"""UDP in the simulated internet: the transport behind `loop.create_datagram_endpoint`, over a UdpEndpoint.

Rules:

* A datagram that arrives runs `datagram_received` in the context of its socket, so that what the handler
  starts belongs to the socket's host.
* What can be known in advance of the way to an address is worked out for the first datagram and kept, as a
  `p2plib.sim.path`.
* Errors come as with asyncio on Linux: what `socket.sendto` would raise as an OSError goes to
  `error_received`, before `sendto` returns; ECONNREFUSED from a connected peer comes there later.
* Datagrams leave at once, so the write buffer is always empty: its limits are kept, and nothing is paused.

What differs: a programming error (a malformed address, or no address and no peer) is raised by `sendto`; in
asyncio it closes the transport.
"""

from __future__ import annotations

import asyncio
import contextvars
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from p2plib.sim.current import Incarnation
from p2plib.sim.sockets.arguments import write_buffer_limits
from p2plib.sim.sockets.constants import SO_REUSEPORT
from p2plib.sim.sockets.datagrams import LARGEST_BYTES, UdpEndpoint
from p2plib.sim.sockets.refused import refuse
from p2plib.sim.sockets.sockets import SimSocket, socket_of

if TYPE_CHECKING:
    from p2plib.sim.clock.loop import SimLoop
    from p2plib.sim.path import Path
    from p2plib.sim.sockets.names import Names


class SimDatagramTransport(asyncio.DatagramTransport):
    """A UDP socket of a simulated host, as asyncio has it.

    Args:
        endpoint: the socket in the kernel, bound.
        protocol: the protocol that receives the datagrams.
        peer: where datagrams go if `sendto` gets no address; None for the endpoint's peer.
        sock: the program's own socket for this endpoint; None if the program has none.
    """

    __slots__ = (  # a crowd of ten thousand has to fit into a processor's cache
        "_closing", "_limits", "_loop", "_paths", "_peer", "_protocol", "_socket", "context", "endpoint",
        "host",
    )  # fmt: skip

    def __init__(
        self, endpoint: UdpEndpoint, protocol: asyncio.DatagramProtocol, peer: Any = None, sock: Any = None
    ) -> None:
        super().__init__()
        self.endpoint, self.host, self.context = endpoint, endpoint.host, endpoint.context
        self._loop = endpoint.host.net.loop
        self._paths: dict[Any, Path] = endpoint.paths
        self._closing, self._limits = False, write_buffer_limits(None, None)
        self._peer = peer or endpoint.shown(endpoint.remote)
        self._socket = sock
        if sock is not None:
            sock.opened.transport = self
        endpoint.on_ready = self._look_for_error
        self.set_protocol(protocol)

    def sendto(self, data: Any, addr: Any = None) -> None:
        """Send a datagram to *addr*, or to the peer that the socket is connected to."""
        path = self._paths.get(addr)
        if path is None:
            path = self._first_time(data, addr)
            if path is None:
                return
        if type(data) is not bytes or len(data) > LARGEST_BYTES:
            self._send_by_the_endpoint(data, addr)
            return
        path.send(data)

    def _first_time(self, data: Any, addr: Any) -> Path | None:
        """Find the way to an address; None if there is none, or if it leads to many and is not kept."""
        if self._peer is not None and addr is not None and addr[:2] != self._peer[:2]:
            raise ValueError(f"Invalid address: must be None or {self._peer}")
        if self._peer is None and addr is None:
            raise ValueError("this socket is not connected, so sendto needs an address")
        path = None
        if not self.is_closing():
            try:
                path = self.endpoint.path_to(self._peer or addr)
            except OSError as error:
                self._check_type(data)
                self._protocol.error_received(error)
                return None
        if path is None:
            self._send_by_the_endpoint(data, addr)
        else:
            self._paths[addr] = path
        return path

    def _send_by_the_endpoint(self, data: Any, addr: Any) -> None:
        """Send what the fast path does not: bytes of another type, a datagram too long, one for many."""
        self._check_type(data)
        if self.is_closing():
            return
        try:
            self.endpoint.send(data, self._peer or addr)
        except OSError as error:
            self._protocol.error_received(error)

    def _look_for_error(self) -> None:
        error = self.endpoint.take_error()
        if error is not None and not self._closing:
            self._loop.call_soon(self._protocol.error_received, error, context=self.context)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol receive the datagrams from now on."""
        self._protocol: Any = protocol
        whole: Any = protocol
        self.endpoint.hand_to(whole.datagram_received)

    @staticmethod
    def _check_type(data: Any) -> None:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol that receives the datagrams."""
        return self._protocol  # type: ignore[no-any-return]

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return "sockname", "peername" or "socket"; *default* for any other name."""
        endpoint = self.endpoint
        if name == "sockname":
            return endpoint.sockname()
        if name == "peername":
            return endpoint.shown(endpoint.remote)
        if name == "socket":
            if self._socket is None:
                self._socket = socket_of(self, endpoint)
            return self._socket
        return default

    def is_closing(self) -> bool:
        """Whether the socket is closed."""
        return self._closing or self.endpoint.is_closed

    def close(self) -> None:
        """Close the socket; the protocol's `connection_lost` comes next."""
        if not self.is_closing():
            self._closing = True
            self.endpoint.close()
            self._loop.call_soon(self._call_connection_lost, context=self.context)

    abort = close

    def _call_connection_lost(self) -> None:
        try:
            self._protocol.connection_lost(None)
        finally:
            if self._socket is not None:
                self._socket.close()

    def get_write_buffer_size(self) -> int:
        """Return 0: datagrams leave at once."""
        return 0

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return the two limits of the write buffer in bytes, the lower first."""
        return self._limits

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the limits at which a protocol is paused and resumed; the defaults are asyncio's."""
        self._limits = write_buffer_limits(high, low)


async def open_endpoint(
    loop: SimLoop,
    incarnation: Incarnation,
    protocol_factory: Callable[[], asyncio.DatagramProtocol],
    local_addr: Any = None,
    remote_addr: Any = None,
    *,
    family: int = 0,
    proto: int = 0,
    flags: int = 0,
    reuse_port: bool | None = None,
    allow_broadcast: bool | None = None,
) -> tuple[SimDatagramTransport, Any]:
    """Open a UDP socket on a host, as `loop.create_datagram_endpoint` does.

    Returns:
        The transport and the protocol.

    Raises:
        OSError: as `bind` and `connect` of a socket; of several addresses, the first one's.
    """
    errors: list[OSError] = []
    for kin, local, remote in await _addresses(
        incarnation.host.net.names, local_addr, remote_addr, family, proto, flags
    ):
        endpoint = UdpEndpoint(incarnation, kin)
        try:
            if reuse_port:
                endpoint.set_option(socket.SOL_SOCKET, SO_REUSEPORT, 1)
            if allow_broadcast:
                endpoint.set_option(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            if local is not None:
                endpoint.bind(local)
            if (
                remote is not None and not allow_broadcast
            ):  # as asyncio: a socket that broadcasts hears everybody
                endpoint.connect(remote)
        except BaseException as error:
            endpoint.close()
            if not isinstance(error, OSError):
                raise
            errors.append(error)
        else:
            return await begin(loop, endpoint, protocol_factory, remote)
    raise errors[0]


async def begin(
    loop: SimLoop, endpoint: UdpEndpoint, protocol_factory: Callable[[], Any], peer: Any, sock: Any = None
) -> tuple[SimDatagramTransport, Any]:
    """Give a socket in the kernel its transport and its protocol, and return both."""
    try:
        protocol = protocol_factory()
    except BaseException:
        endpoint.close()
        raise
    transport = SimDatagramTransport(endpoint, protocol, peer, sock)
    loop.call_soon(protocol.connection_made, transport, context=transport.context)
    opened = loop.create_future()
    loop.call_soon(_wake, opened)
    try:
        await opened
    except BaseException:
        transport.close()
        raise
    return transport, protocol


async def over_socket(
    loop: SimLoop, sock: SimSocket, protocol_factory: Callable[[], Any]
) -> tuple[SimDatagramTransport, Any]:
    """Give a program's own socket its transport and its protocol, and return both."""
    endpoint = sock.opened.end
    if not isinstance(endpoint, UdpEndpoint):
        refuse("create_datagram_endpoint with one end of a pair", "use loop.sock_recv and loop.sock_sendall")
    endpoint.context = contextvars.copy_context()
    opened = await begin(loop, endpoint, protocol_factory, None, sock)
    endpoint.hand_over_what_waits()
    return opened


async def _addresses(
    names: Names, local_addr: Any, remote_addr: Any, family: int, proto: int, flags: int
) -> list[tuple[int, Any, Any]]:
    """Return what to try: (family, local address, remote address)."""
    if not local_addr and not remote_addr:
        if not family:
            raise ValueError("unexpected address family")
        return [(family, None, None)]
    found: dict[int, list[Any]] = {}
    for place, (address, call) in enumerate(((local_addr, "bind()"), (remote_addr, "connect()"))):
        if address is None:
            continue
        if not isinstance(address, tuple) or len(address) != 2:
            raise TypeError("2-tuple is expected")
        for answer in await names.ensure_resolved(
            address, family=family, type=socket.SOCK_DGRAM, proto=proto, flags=flags, call=call
        ):
            found.setdefault(answer[0], [None, None])
            if found[answer[0]][place] is None:
                found[answer[0]][place] = answer[4]
    tries = [
        (kin, local, remote)
        for kin, (local, remote) in found.items()
        if not (local_addr and local is None) and not (remote_addr and remote is None)
    ]
    if not tries:
        raise ValueError("can not get address information")
    return tries


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
