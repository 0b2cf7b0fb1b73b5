"""TCP in the simulated internet: what is behind `loop.create_connection` and `loop.create_server`.

What it asks of a host: `send_segment`, `source_for` and `local`, its tables `tcp` (by both addresses) and
`listening` (by address), and its internet's loop, seed and names. What it gives to the network:
`receive_segment`, for each segment that reaches a host.

Rules
    1. Errors are those of an operating system: refused (a RST came), timed out (nobody answered for 127 s),
       reset, address in use.
    2. `local_addr` may name a port that is in use, as if SO_REUSEPORT were set on both: that is what TCP hole
       punching needs. The two addresses of a connection together are taken only once.
    3. Initial sequence numbers are a clock and a keyed hash of the addresses (RFC 9293, 3.4.1): different for
       each connection, the same in each run.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import socket
from asyncio import staggered
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from p2plib.sim.current import Incarnation
from p2plib.sim.packet import Address, Flag, Segment
from p2plib.sim.sockets.refused import SOCKETS, refuse
from p2plib.sim.tcp import tls
from p2plib.sim.tcp.connection import Connection
from p2plib.sim.tcp.server import SimServer
from p2plib.sim.tcp.states import MODULUS, refusal
from p2plib.sim.tcp.transport import SimStreamTransport

if TYPE_CHECKING:
    from p2plib.sim.host import Host

Factory = Callable[[], asyncio.BaseProtocol]
ISS_TICKS_PER_S = 250_000  # RFC 9293, 3.4.1: one every 4 microseconds


def receive_segment(host: Host, source: Address, destination: Address, segment: Segment) -> None:
    """Takes a segment that reached a host: to its connection, else to who listens, else it is refused.

    Args:
        source: where it comes from, as this host sees it.
        destination: the address of this host that it arrived at.
    """
    transport = host.tcp.get((destination, source))
    everywhere = ("::" if ":" in destination[0] else "0.0.0.0"), destination[1]
    server = host.listening.get(destination) or host.listening.get(everywhere)
    if transport is not None:
        transport.receive(segment)
    elif server is not None and segment.flags == Flag.SYN:
        server.receive_syn(destination, source, segment, initial_sequence_number(host, destination, source))
    elif answer := refusal(segment):  # RFC 9293, 3.10.7.1
        host.send_segment(destination, source, answer)


def initial_sequence_number(host: Host, local: Address, remote: Address) -> int:
    """Rule 3: 0 to 2**32 - 1."""
    key = f"{host.net.seed}/tcp/{host.name}/{local}/{remote}".encode()
    clock = int(host.net.loop.time() * ISS_TICKS_PER_S)
    return (int.from_bytes(hashlib.sha256(key).digest()[:4], "big") + clock) % MODULUS


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
    """Connects from a host, as `loop.create_connection` does.

    Returns:
        The transport and the protocol.

    Raises:
        OSError: refused, timed out, unreachable, address in use, no such name; a TLS handshake that failed.
        Unsupported: a socket of one's own.
        ValueError: arguments that do not go together.
    """
    secure = tls.for_client(ssl, host, server_hostname, ssl_handshake_timeout, ssl_shutdown_timeout)
    _no_sockets(sock, "create_connection")
    if host is None and port is None:
        raise ValueError("host and port was not specified and no sock specified")
    found = await loop.getaddrinfo(
        host, port, family=family, type=socket.SOCK_STREAM, proto=proto, flags=flags
    )
    remotes: list[Address] = [(str(info[4][0]), int(info[4][1])) for info in found]
    if interleave or (interleave is None and happy_eyeballs_delay is not None):
        remotes = _interleaved(remotes, interleave or 1)
    errors: list[OSError] = []
    transport: SimStreamTransport | None = None
    if happy_eyeballs_delay is None:
        for remote in remotes:
            if transport := await _attempt(incarnation, remote, local_addr, errors):
                break
    else:
        attempts = [partial(_attempt_or_raise, incarnation, remote, local_addr, errors) for remote in remotes]
        transport, _, _ = await staggered.staggered_race(attempts, happy_eyeballs_delay)
    if transport is None:
        raise _one_error(errors, all_errors)
    try:
        protocol = protocol_factory()
    except BaseException:
        transport.reset()
        raise
    if secure is not None:
        return await secure.begin(loop, transport, protocol), protocol
    transport.begin(protocol)
    return transport, protocol


async def _attempt(
    incarnation: Incarnation, remote: Address, local_addr: Any, errors: list[OSError]
) -> SimStreamTransport | None:
    """A connection that is open and has no protocol yet; None, and what went wrong among *errors*."""
    try:
        transport = _open(incarnation, remote, local_addr)
        try:
            await transport.connected
        except asyncio.CancelledError:
            transport.reset()
            raise
    except OSError as error:
        errors.append(error)
        return None
    return transport


async def _attempt_or_raise(
    incarnation: Incarnation, remote: Address, local_addr: Any, errors: list[OSError]
) -> SimStreamTransport:
    """The same, for a race, in which who fails raises."""
    transport = await _attempt(incarnation, remote, local_addr, errors)
    if transport is None:
        raise errors[-1]
    return transport


def _open(incarnation: Incarnation, remote: Address, local_addr: Any) -> SimStreamTransport:
    host = incarnation.host
    wanted = host.source_for(host.local(local_addr, host.listening, remote[0]), remote[0])
    for _ in range(1 if local_addr is not None and local_addr[1] else 65_536):
        local = wanted
        if (local, remote) not in host.tcp:
            break
        wanted = host.source_for(host.local((local[0], 0), host.listening, remote[0]), remote[0])
    else:
        raise OSError(errno.EADDRINUSE, f"Address already in use: {wanted} is connected to {remote}")
    connection = Connection(initial_sequence_number(host, local, remote))
    transport = SimStreamTransport(incarnation, local, remote, connection)
    connection.open()
    transport.pump()
    return transport


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
    """Listens on a host, as `loop.create_server` does.

    Args:
        host: an address or name of this host, or several; None or "" for all of its addresses.
        port: 0 or None for a free one, which is then the same for all the addresses.
        backlog: has no effect, as connections are accepted at once.

    Raises:
        OSError: the port is in use, or the address is not this host's.
        TypeError: `ssl` is no context.
        Unsupported: a socket of one's own.
        ValueError: arguments that do not go together.
    """
    secure = tls.for_server(ssl, ssl_handshake_timeout, ssl_shutdown_timeout)
    _no_sockets(sock, "create_server")
    names = [host] if host is None or isinstance(host, str) else list(host)
    ips: dict[str, None] = {}
    for name in names:
        found = await loop.getaddrinfo(name, port, family=family, type=socket.SOCK_STREAM, flags=flags)
        ips |= dict.fromkeys(str(info[4][0]) for info in found)
    addresses: list[Address] = []
    for ip in ips:
        chosen = addresses[0][1] if addresses else int(port or 0)
        addresses.append(incarnation.host.local((ip, chosen), incarnation.host.listening, ip))
    if secure is not None:
        protocol_factory = secure.factory(loop, protocol_factory)
    server = SimServer(incarnation, protocol_factory, addresses)
    if start_serving:
        server.serve()
    return server


def _no_sockets(sock: Any, call: str) -> None:
    if sock is not None:
        refuse(f"{call} with sock", SOCKETS)


def _interleaved(remotes: list[Address], first: int) -> list[Address]:
    """Families in turn, *first* of the first family ahead (RFC 8305, 4)."""
    same = [remote for remote in remotes if (":" in remote[0]) == (":" in remotes[0][0])]
    other = [remote for remote in remotes if remote not in same]
    order, same = same[: first - 1], same[first - 1 :]
    for pair in zip(same, other, strict=False):
        order += pair
    rest = min(len(same), len(other))
    return order + same[rest:] + other[rest:]


def _one_error(errors: Iterable[OSError], all_errors: bool) -> Exception:
    """What `create_connection` raises when every address failed."""
    found = list(errors)
    if all_errors:
        return ExceptionGroup("create_connection failed", found)
    if len({str(error) for error in found}) == 1:
        return found[0]
    return OSError("Multiple exceptions: " + ", ".join(map(str, found)))
