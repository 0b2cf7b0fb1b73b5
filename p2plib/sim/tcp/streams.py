"""TCP in the simulated internet: what is behind `loop.create_connection` and `loop.create_server`.

Rules
    1. Errors are those of an operating system: refused (a RST came), timed out (no answer for 127 s), reset,
       address in use.
    2. `local_addr` may name a port that is in use, as if both sockets had set SO_REUSEPORT: that is what TCP
       hole punching needs. But no two connections have the same pair of addresses.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio import staggered
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from p2plib.sim.capture.trace import shown
from p2plib.sim.clock.places import caller
from p2plib.sim.current import Incarnation
from p2plib.sim.packet import Address
from p2plib.sim.sockets.kernel import family_of
from p2plib.sim.sockets.sockets import SimSocket, listener_of, own_socket
from p2plib.sim.tcp import tls
from p2plib.sim.tcp.endpoint import TcpEndpoint
from p2plib.sim.tcp.listener import TcpListener, server_options
from p2plib.sim.tcp.server import SimServer
from p2plib.sim.tcp.transport import SimStreamTransport

Factory = Callable[[], asyncio.BaseProtocol]


async def connect(
    loop: asyncio.AbstractEventLoop,
    incarnation: Incarnation,
    protocol_factory: Factory,
    host: Any = None,
    port: Any = None,
    *,
    ssl: Any = None,
    family: int = 0,
    proto: int = 0,
    flags: int = 0,
    sock: Any = None,
    local_addr: Any = None,
    server_hostname: str | None = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    happy_eyeballs_delay: float | None = None,
    interleave: int | None = None,
    all_errors: bool = False,
) -> tuple[Any, Any]:
    """Connect from a host, as `loop.create_connection` does.

    Returns:
        The transport and the protocol.

    Raises:
        OSError: refused, timed out, unreachable, address in use, no such name; a TLS handshake that failed.
        ValueError: the arguments do not fit together.
    """
    secure = tls.for_client(ssl, host, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
    if sock is not None:
        if host is not None or port is not None:
            raise ValueError("host/port and sock can not be specified at the same time")
        own = own_socket("create_connection", sock, socket.SOCK_STREAM)
        return await opened(loop, own.opened.end, protocol_factory, secure, own)
    if host is None and port is None:
        raise ValueError("host and port was not specified and no sock specified")
    look_up = incarnation.host.net.names.ensure_resolved
    found = await look_up((host, port), family=family, proto=proto, flags=flags)
    remotes: list[Address] = [(str(info[4][0]), int(info[4][1])) for info in found]
    ours: list[Address] | None = None
    if local_addr is not None:
        found = await look_up(local_addr, family=family, proto=proto, flags=flags, call="bind()")
        ours = [(str(info[4][0]), int(info[4][1])) for info in found]
    if interleave or (interleave is None and happy_eyeballs_delay is not None):
        remotes = _interleaved(remotes, interleave or 1)
    errors: list[OSError] = []
    endpoint: TcpEndpoint | None = None
    if happy_eyeballs_delay is None:
        for remote in remotes:
            if endpoint := await _attempt(incarnation, remote, ours, errors):
                break
    else:
        attempts = [partial(_attempt_or_raise, incarnation, remote, ours, errors) for remote in remotes]
        endpoint, _, _ = await staggered.staggered_race(attempts, happy_eyeballs_delay)
    if endpoint is None:
        raise _one_error(errors, all_errors)
    return await opened(loop, endpoint, protocol_factory, secure)


async def opened(
    loop: asyncio.AbstractEventLoop,
    endpoint: TcpEndpoint,
    protocol_factory: Factory,
    secure: tls.Tls | None,
    sock: SimSocket | None = None,
) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
    """Give an established connection its transport and its protocol, after the handshake if it has TLS.

    Args:
        loop: the loop.
        endpoint: the kernel's end of it.
        protocol_factory: makes the protocol.
        secure: the TLS arguments; None for a connection without TLS.
        sock: the program's own socket for this endpoint; None if the program has none.

    Returns:
        The transport and the protocol.

    Raises:
        OSError: the TLS handshake failed.
    """
    waiter: asyncio.Future[None] = loop.create_future()
    try:
        protocol = protocol_factory()
        below = protocol if secure is None else secure.over(loop, protocol, waiter)
    except BaseException:
        if sock is None:
            endpoint.abort()
        raise
    transport = SimStreamTransport(endpoint, below, sock=sock)
    secured = None if secure is None else tls.transport_of(below)
    transport.begin()
    if secured is None:
        return transport, protocol
    try:
        await waiter
    except BaseException:
        secured.close()
        raise
    return secured, protocol


async def _attempt(
    incarnation: Incarnation, remote: Address, ours: list[Address] | None, errors: list[OSError]
) -> TcpEndpoint | None:
    """Return an open connection that has no transport yet; or None, and what went wrong in *errors*."""
    endpoint = TcpEndpoint(incarnation, socket.AF_INET6 if ":" in remote[0] else socket.AF_INET)
    try:
        if ours is not None:
            same = [address for address in ours if family_of(address[0]) == endpoint.family]
            if not same:
                raise OSError(f"no matching local address with family={endpoint.family!r} found")
            endpoint.bind(same[0], shared=True)  # rule 2
        await _connected(endpoint, remote)
    except OSError as error:
        endpoint.close()
        errors.append(error)
        return None
    except BaseException:
        endpoint.close()
        raise
    return endpoint


async def _connected(endpoint: TcpEndpoint, remote: Address) -> None:
    ready = asyncio.Event()
    endpoint.on_ready = ready.set
    endpoint.connect(remote)
    await ready.wait()
    if (error := endpoint.take_error()) is not None:
        raise OSError(error.errno, f"Connect call failed {shown(remote)}")


async def _attempt_or_raise(
    incarnation: Incarnation, remote: Address, ours: list[Address] | None, errors: list[OSError]
) -> TcpEndpoint:
    """Do the same for a race, in which an attempt that fails must raise."""
    endpoint = await _attempt(incarnation, remote, ours, errors)
    if endpoint is None:
        raise errors[-1]
    return endpoint


async def listen(
    loop: asyncio.AbstractEventLoop,
    incarnation: Incarnation,
    protocol_factory: Factory,
    host: Any = None,
    port: Any = None,
    *,
    family: int = 0,
    flags: int = socket.AI_PASSIVE,
    sock: Any = None,
    backlog: int = 100,
    ssl: Any = None,
    reuse_address: Any = None,
    reuse_port: Any = None,
    keep_alive: Any = None,
    ssl_handshake_timeout: float | None = None,
    ssl_shutdown_timeout: float | None = None,
    start_serving: bool = True,
) -> SimServer:
    """Listen on a host, as `loop.create_server` does.

    Args:
        host: an address or name of this host, or several; None or "" for all of its addresses.
        port: 0 or None for a free one, which is then the same for all the addresses.
        backlog: how many connections may wait; it has no effect, as they are accepted at once.

    Raises:
        OSError: the port is in use, or the address is not this host's.
        TypeError: `ssl` is not a context.
        ValueError: the arguments do not fit together.
    """
    secure = tls.for_server(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
    if secure is not None:
        protocol_factory = secure.factory(loop, protocol_factory)
    if sock is not None:
        if host is not None or port is not None:
            raise ValueError("host/port and sock can not be specified at the same time")
        own = own_socket("create_server", sock, socket.SOCK_STREAM)
        server = SimServer(incarnation, protocol_factory, [listener_of(own)], backlog, own)
        if start_serving:
            server.serve()
        return server
    if host is None and port is None:
        raise ValueError("Neither host/port nor sock were specified")
    names = [host] if host is None or isinstance(host, str) else list(host)
    ips: dict[str, int] = {}
    look_up = incarnation.host.net.names.ensure_resolved
    for name in names:
        found = await look_up((name or None, port), family=family, flags=flags, call="bind()")
        ips |= {str(info[4][0]): int(info[4][1]) for info in found}
    addresses: list[Address] = []
    for ip, wanted in ips.items():
        chosen = addresses[0][1] if addresses else wanted
        addresses.append(incarnation.host.local((ip, chosen), incarnation.host.listening, ip))
    made = _listeners(incarnation, addresses, reuse_address, reuse_port)
    server = SimServer(incarnation, protocol_factory, made, backlog)
    if start_serving:
        server.serve()
    return server


def _listeners(
    incarnation: Incarnation, addresses: list[Address], reuse_address: Any, reuse_port: Any
) -> list[TcpListener]:
    """Return a listener at each address, or raise and leave none."""
    made: list[TcpListener] = []
    place = caller()
    try:
        for address in addresses:
            options = server_options(family_of(address[0]), reuse_address, reuse_port)
            made.append(TcpListener(incarnation, address, options, place))
    except OSError:
        for listener in made:
            listener.close()
        raise
    return made


def _interleaved(remotes: list[Address], first: int) -> list[Address]:
    """Return the addresses with families alternating, after *first* of the first family (RFC 8305, 4)."""
    same = [remote for remote in remotes if (":" in remote[0]) == (":" in remotes[0][0])]
    other = [remote for remote in remotes if remote not in same]
    order, same = same[: first - 1], same[first - 1 :]
    for pair in zip(same, other, strict=False):
        order += pair
    rest = min(len(same), len(other))
    return order + same[rest:] + other[rest:]


def _one_error(errors: Iterable[OSError], all_errors: bool) -> Exception:
    """Return what `create_connection` raises if every address has failed."""
    found = list(errors)
    if all_errors:
        return ExceptionGroup("create_connection failed", found)
    if len({str(error) for error in found}) == 1:
        return found[0]
    return OSError("Multiple exceptions: " + ", ".join(map(str, found)))
