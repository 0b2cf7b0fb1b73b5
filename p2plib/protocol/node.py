"""Node: listens at addresses, dials addresses, and speaks protocols on what comes of it. A driver.

::

    async with Node(secret, {"/echo/1.0.0": echo}) as node:
        address = await node.listen("/ip4/127.0.0.1/tcp/0")     # .../tcp/41234/p2p/12D3Koo...
        async with await node.dial(other_address) as connection:
            stream, _ = await connection.open_stream("/echo/1.0.0")

libp2p's ping and identify are always among what it speaks.

Rules
    1. Addresses are those of `p2plib.protocol.endpoints`, over TCP.
    2. At most `max_pending` connections may be on their way through the handshake. When one more comes, the
       oldest of the host that has the most of them is given up: so thousands of half-open connections keep
       nobody out, and one host that floods us keeps out nobody but itself.
    3. At most `max_connections` that others made are kept. When one more comes, it is refused.
    4. A host whose handshakes go wrong too often is refused for a while before it costs us anything
       (`p2plib.protocol.conduct`). One that breaks off in the middle counts, for it costs us the same. To be
       silent or slow is no offence; to hold more than half of all pending connections and want more is a
       small one.
    5. When the block is left, nothing is left: no task, no socket.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
from collections.abc import Mapping
from typing import Self

from p2plib.errors import RemoteError, UsageError
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.protocol import identify, ping
from p2plib.protocol.conduct import Conduct, subject
from p2plib.protocol.connection import UPGRADE_TIMEOUT_S, Connection, StreamHandler, upgrade
from p2plib.protocol.endpoints import Endpoint, endpoint, numeric
from p2plib.protocol.identify import Identity
from p2plib.protocol.tcp import TcpListener, TcpStream, connect_tcp
from p2plib.protocol.yamux.limits import Limits
from p2plib.wire.multiaddr import Multiaddr

AGENT = "p2plib/0.1.0"
VERSION = "p2plib/0.1.0"
MAX_PENDING = 64
MAX_CONNECTIONS = 1024
CROWDING = 0.1  # of an offence


def _over_tcp(address: Multiaddr | str) -> Endpoint:
    place = endpoint(address)
    if place.transport != "tcp":
        raise UsageError(f"{address} is no host and TCP port, perhaps with a peer")
    return place


class Node:
    """One peer's side of all its connections; used with `async with`.

    Args:
        identity: who we are.
        handlers: what we speak on streams that others open, by name.
        limits: what one connection may cost us.
        max_pending: connections in the handshake.
        max_connections: connections that others made.
        upgrade_timeout_s: for the handshake, negotiations included.
        conduct: rule 4; by default one of its own, with the limits written there.
    """

    def __init__(
        self,
        identity: SecretKey,
        handlers: Mapping[str, StreamHandler] | None = None,
        *,
        limits: Limits | None = None,
        max_pending: int = MAX_PENDING,
        max_connections: int = MAX_CONNECTIONS,
        upgrade_timeout_s: float = UPGRADE_TIMEOUT_S,
        agent: str = AGENT,
        conduct: Conduct | None = None,
    ) -> None:
        self.identity = identity
        self.conduct = Conduct() if conduct is None else conduct  # an empty one is false
        self.handlers: dict[str, StreamHandler] = {
            ping.PROTOCOL_ID: ping.handle,
            identify.PROTOCOL_ID: identify.handler(self.describe),
            **(handlers or {}),
        }
        self.agent = agent
        self.connections: set[Connection] = set()
        self.given_up: collections.Counter[str] = collections.Counter()
        self._limits = limits
        self._max_pending = max_pending
        self._max_connections = max_connections
        self._timeout_s = upgrade_timeout_s
        self._listeners: list[TcpListener] = []
        self._pending: dict[TcpStream, str] = {}  # and whose they are, the oldest first
        self._cleanup = contextlib.AsyncExitStack()

    @property
    def peer_id(self) -> str:
        """Our own peer id."""
        return ids.peer_id(self.identity.public)

    @property
    def addresses(self) -> tuple[Multiaddr, ...]:
        """Where we listen, with our peer id."""
        return tuple(self._ours(listener) for listener in self._listeners)

    @property
    def pending(self) -> int:
        """How many connections that others made are in the handshake."""
        return len(self._pending)

    @property
    def failures(self) -> collections.Counter[str]:
        """Why connections that others made came to nothing, by name."""
        return sum((each.failures for each in self._listeners), collections.Counter(self.given_up))

    async def listen(self, address: Multiaddr | str) -> Multiaddr:
        """Takes connections at an address from now on; returns it with the real port and our peer id.

        Raises:
            CannotListen: this machine does not let us.
            UsageError: nobody can listen there.
        """
        place = _over_tcp(address)
        if place.peer not in (None, self.peer_id):
            raise UsageError(f"{address} is another peer's")
        room = self._max_connections + self._max_pending + 1
        listener = TcpListener(self._take, place.host, place.port, max_connections=room)
        await self._cleanup.enter_async_context(listener)
        self._listeners.append(listener)
        return self._ours(listener)

    async def dial(self, address: Multiaddr | str) -> Connection:
        """A connection to an address, open already; used with `async with`, or until the node closes.

        Raises:
            Unreachable: nobody answers there.
            PeerTimeout: nobody answers there.
            WrongPeer: another peer does.
            HandshakeFailed: the handshake does not hold; and what else
                `p2plib.protocol.connection.upgrade` raises.
        """
        place = _over_tcp(address)
        expected = None if place.peer is None else ids.canonical(place.peer)
        stream = await connect_tcp(place.host, place.port, timeout_s=self._timeout_s)
        connection = await upgrade(
            stream,
            self.identity,
            is_client=True,
            expected=expected,
            handlers=self.handlers,
            limits=self._limits,
            timeout_s=self._timeout_s,
        )
        connection.start()
        self._remember(connection, stream)
        return connection

    def describe(self, connection: Connection) -> Identity:
        """What we say of ourselves to a peer that asks."""
        seen_at, names = connection.seen_at, tuple(self.handlers)
        return Identity(self.identity.public, self.addresses, names, seen_at, VERSION, self.agent)

    def _ours(self, listener: TcpListener) -> Multiaddr:
        return numeric(*listener.address).address.with_peer(self.peer_id)

    def _remember(self, connection: Connection, stream: TcpStream) -> None:
        connection.seen_at = numeric(*stream.remote_address).address
        self.connections.add(connection)
        connection.when_over = lambda: self.connections.discard(connection)

    async def _take(self, stream: TcpStream) -> None:
        """One connection that somebody made, from the handshake to its end."""
        host, clock = stream.remote_address[0], asyncio.get_running_loop().time
        if self.conduct.is_banned(host, clock()):
            self.given_up["banned"] += 1
            stream.reset()
            return
        if sum(not connection.is_client for connection in self.connections) >= self._max_connections:
            self.given_up["too many connections"] += 1
            stream.reset()
            return
        while len(self._pending) >= self._max_pending:
            self._give_up_one(clock())
        self._pending[stream] = subject(host)
        try:
            connection = await upgrade(
                stream,
                self.identity,
                is_client=False,
                handlers=self.handlers,
                limits=self._limits,
                timeout_s=self._timeout_s,
            )
        except RemoteError:
            self.conduct.offence(host, clock())
            raise
        finally:
            self._pending.pop(stream, None)
        async with connection:
            self._remember(connection, stream)
            await connection.wait_closed()

    def _give_up_one(self, now: float) -> None:
        """Rule 2, and what rule 4 says of it."""
        ((crowd, count),) = collections.Counter(self._pending.values()).most_common(1)
        oldest = next(stream for stream, whose in self._pending.items() if whose == crowd)
        del self._pending[oldest]
        self.given_up["another handshake came"] += 1
        if count > self._max_pending / 2:
            self.conduct.offence(oldest.remote_address[0], now, CROWDING)
        oldest.reset()

    async def close(self) -> None:
        """Ends all connections, and listens no more."""
        await self._cleanup.aclose()
        self._listeners.clear()
        await asyncio.gather(*(connection.close() for connection in tuple(self.connections)))
        self.connections.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
