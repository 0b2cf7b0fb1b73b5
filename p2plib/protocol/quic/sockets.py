"""The UDP sockets under QUIC connections: one for each that we make, one for all that others make. A driver.

::

    async with QuicListener(handler, identity, "127.0.0.1", 4001) as listener: ...

    async with await dial(identity, "127.0.0.1", 4001, expected="12D3Koo...") as connection: ...

Rules
    1. A connection that comes is given to its handler with its first datagram, in a task of its own; the
       handler calls `handshake`, and so decides how long that may take and how many of them there may be.
    2. Anybody can write anybody's address on a datagram. While `PROVE_ABOVE` handshakes or more are under way
       with addresses that may be forged, further ones have to prove theirs first, which costs them a round
       trip and us no memory.
    3. What a handler raises because of its peer is counted by name in `failures`; anything else is a bug of
       ours and goes to the loop's exception handler.
"""

from __future__ import annotations

import asyncio
import collections
import socket
from collections.abc import Awaitable, Callable
from typing import Self, cast

from p2plib.errors import (
    CannotListen,
    Closed,
    HandshakeFailed,
    PeerTimeout,
    RemoteError,
    Unreachable,
    UsageError,
)
from p2plib.identity.foreign_keys import PeerKey
from p2plib.identity.keys import SecretKey
from p2plib.protocol.buffers import Bell
from p2plib.protocol.interfaces import interface_addresses
from p2plib.protocol.quic.door import Door, Opening, destination_id
from p2plib.protocol.quic.driver import HANDSHAKE_TIMEOUT_S, Address, QuicConnection, spell
from p2plib.protocol.quic.limits import QuicLimits
from p2plib.protocol.quic.machine import Machine, configure
from p2plib.protocol.tcp import WILDCARDS

MAX_CONNECTIONS = 4096  # of one listener; past it a first datagram is not answered
PROVE_ABOVE = 16

Handler = Callable[[QuicConnection], Awaitable[None]]


class _Wire(asyncio.DatagramProtocol):
    """What asyncio tells us about one socket."""

    def __init__(self, receive: Callable[[bytes, Address], None]) -> None:
        self._receive = receive
        self.transport: asyncio.DatagramTransport
        self.refusal: OSError | None = None
        self.is_lost = False
        self.changed = Bell()
        self.when_refused: Callable[[OSError], object] = lambda _: None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: Address) -> None:
        self._receive(data, address)

    def error_received(self, error: Exception) -> None:
        if isinstance(error, OSError):
            self.refusal = error
            self.when_refused(error)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True
        self.changed.ring()

    async def close(self) -> None:
        """Returns when the socket is closed."""
        self.transport.close()
        while not self.is_lost:
            await self.changed.wait()


def _check_port(port: int) -> None:
    if not 0 <= port < 65_536:
        raise UsageError(f"a port is 0 to 65535, not {port}")


async def dial(
    identity: SecretKey,
    host: str,
    port: int,
    *,
    expected: str | PeerKey | None = None,
    family: int = socket.AF_UNSPEC,
    limits: QuicLimits | None = None,
    timeout_s: float = HANDSHAKE_TIMEOUT_S,
) -> QuicConnection:
    """A connection to an address, after its handshake; to be used with `async with`.

    Args:
        identity: who we are.
        host: a name or a numeric address; of a name's addresses, the first one that nobody refuses.
        expected: the peer that must be there, as a key or an id; None if any will do.
        family: of the address, `AF_INET` or `AF_INET6`; `AF_UNSPEC` if either will do.
        limits: what the other side may cost us.
        timeout_s: for all of it, in seconds.

    Raises:
        Unreachable: refused, no route, or no such host.
        PeerTimeout: nobody answered in time.
        WrongPeer: another peer did.
        HandshakeFailed: the handshake does not hold.
        UsageError: there is no such port.
        LocalError: aioquic is not installed.
    """
    _check_port(port)
    configuration = configure(identity, is_client=True, limits=limits)
    loop, where = asyncio.get_running_loop(), spell((host, port))
    deadline = loop.time() + timeout_s
    why: OSError | None = None
    try:
        async with asyncio.timeout_at(deadline):
            found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_DGRAM)
    except TimeoutError:
        raise PeerTimeout(f"{where} was not found within {timeout_s:g} s") from None
    except (OSError, ValueError) as error:  # the look-up raises ValueError for what cannot be a name
        raise Unreachable(f"no connection to {where}: {error}") from error
    for *_, address in found:
        try:
            return await _connect(Machine(configuration, limits), address, expected, deadline)
        except PeerTimeout:  # which is itself an OSError
            raise
        except OSError as error:
            why = error
    raise Unreachable(f"no connection to {where}: {why}") from why


async def _connect(
    machine: Machine, address: Address, expected: str | PeerKey | None, deadline: float
) -> QuicConnection:
    """The connection to one address; OSError if there is no way there, or nobody listens."""
    loop = asyncio.get_running_loop()
    transport, wire = await loop.create_datagram_endpoint(
        lambda: _Wire(lambda data, _: connection.receive(data, address)), remote_addr=address[:2]
    )
    connection = QuicConnection(machine, lambda data, _: transport.sendto(data), address)
    connection.when_over = transport.close

    def refused(error: OSError) -> None:
        if connection.remote_key is None:  # later on it may be forged, and the idle limit will tell
            connection.fail(str(error))

    wire.when_refused = refused
    connection.connect()
    try:
        await connection.handshake(expected=expected, timeout_s=deadline - loop.time())
    except HandshakeFailed:
        if wire.refusal is not None:
            raise wire.refusal from None
        raise
    return connection


class QuicListener:
    """Takes connections and gives each to a handler, in a task of its own; used with `async with`.

    Args:
        handler: called with each connection, before its handshake; the connection is closed after it.
        identity: who we are.
        host, port: where to listen; port 0 lets the machine choose.
        family: of the address, `AF_INET` or `AF_INET6`; `AF_UNSPEC` if either will do.
        limits: what one connection may cost us.
        max_connections: how many there may be at a time, those in the handshake included.

    When the block is left, it cancels the handlers, waits for them, and listens no more.
    """

    def __init__(
        self,
        handler: Handler,
        identity: SecretKey,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        family: int = socket.AF_UNSPEC,
        limits: QuicLimits | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self.failures: collections.Counter[str] = collections.Counter()
        self._handler = handler
        self._where = host, port
        self._family = family
        self._limits = limits
        self._max_connections = max_connections
        self._configuration = configure(identity, is_client=False, limits=limits)
        self._door = Door()
        self._routes: dict[bytes, QuicConnection] = {}
        self._unproved: dict[QuicConnection, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wire: _Wire | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, with the port that was chosen; Closed when it does not."""
        if self._wire is None:
            raise Closed("this listener is not open")
        host, port = self._wire.transport.get_extra_info("sockname")[:2]
        return host, port

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Where others reach it: as `address`, but for "0.0.0.0" and "::" the addresses of this machine's
        interfaces, as they are now. Closed when it does not listen."""
        host, port = self.address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        hosts = interface_addresses(family) if host in WILDCARDS else [host]
        return tuple((each, port) for each in hosts)

    @property
    def connections(self) -> int:
        """How many connections are being handled."""
        return len(self._tasks)

    async def __aenter__(self) -> Self:
        _check_port(self._where[1])
        loop = asyncio.get_running_loop()
        try:
            bound = await self._bound()
            try:
                _, self._wire = await loop.create_datagram_endpoint(lambda: _Wire(self._receive), sock=bound)
            except BaseException:
                bound.close()
                raise
        except (OSError, ValueError) as error:  # as in `dial`
            raise CannotListen(f"cannot listen at {spell(self._where)}: {error}") from error
        return self

    async def _bound(self) -> socket.socket:
        """A socket of one family only: at "::" asyncio's would take IPv4, too, and block "0.0.0.0"."""
        found = await asyncio.get_running_loop().getaddrinfo(
            *self._where, family=self._family, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
        )
        family, *_, address = found[0]
        made = socket.socket(family, socket.SOCK_DGRAM)
        try:
            made.setblocking(False)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind(address)
        except BaseException:
            made.close()
            raise
        return made

    async def __aexit__(self, *_: object) -> None:
        assert self._wire is not None
        wire, self._wire = self._wire, None  # nobody gets in any more, and what is open is closed properly
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await wire.close()

    def _receive(self, data: bytes, address: Address) -> None:
        connection = self._routes.get(destination_id(data))
        if connection is None:
            self._knock(data, address)
        else:
            connection.receive(data, address)
            if connection in self._unproved and connection.machine.has_proved_its_address:
                del self._unproved[connection]

    def _knock(self, data: bytes, address: Address) -> None:
        """A datagram that belongs to no connection."""
        if self._wire is None:  # not yet, or not any more
            return
        transport = self._wire.transport
        now = asyncio.get_running_loop().time()
        answer = self._door.receive(data, address, now, must_prove=len(self._unproved) >= PROVE_ABOVE)
        if isinstance(answer, bytes):
            transport.sendto(answer, address)
        elif answer is not None and len(self._tasks) >= self._max_connections:
            self.failures["too many connections"] += 1
        elif answer is not None:
            self._accept(answer, address, transport).receive(data, address)

    def _accept(
        self, opening: Opening, address: Address, transport: asyncio.DatagramTransport
    ) -> QuicConnection:
        machine = Machine(
            self._configuration,
            self._limits,
            original_id=opening.original_id,
            retry_id=opening.arrived_at if opening.is_proved else None,
        )
        connection = QuicConnection(machine, transport.sendto, address)
        ids = [opening.arrived_at, machine.host_cid]  # by which it is known, to be forgotten with it

        def known(name: bytes, is_known: bool) -> None:
            if is_known:
                ids.append(name)
                self._routes[name] = connection
            else:
                self._routes.pop(name, None)

        def over() -> None:
            self._unproved.pop(connection, None)
            for name in ids:
                self._routes.pop(name, None)

        for name in ids:
            self._routes[name] = connection
        connection.when_known, connection.when_over = known, over
        if not opening.is_proved:
            self._unproved[connection] = None
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: connection.abort())  # it may be cancelled before it has begun
        return connection

    async def _serve(self, connection: QuicConnection) -> None:
        try:
            async with connection:
                await self._handler(connection)
        except (RemoteError, Closed, PeerTimeout) as error:
            self.failures[type(error).__name__] += 1
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"the handler of {connection.remote} raised", "exception": error}
            )
