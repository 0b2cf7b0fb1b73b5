"""Node: listens at addresses, dials addresses, and speaks protocols on what comes of it. A driver.

::

    async def echo(stream, connection):                         # a handler, called for each stream
        await stream.write(await stream.read(1000))

    async with Node(SecretKey.generate(), {"/echo/1.0.0": echo}) as node:
        address = await node.listen("/ip4/127.0.0.1/tcp/0")     # .../tcp/41234/p2p/12D3Koo...
        await node.listen("/ip4/127.0.0.1/udp/0/quic-v1")       # QUIC, too: pip install 'p2plib[quic]'
        async with await node.dial(one_address, another) as connection:     # the first that works
            stream, _ = await connection.open_stream("/echo/1.0.0")
            await stream.write(b"hello")
            print(await stream.read(1000))
        await node.serve_forever()

libp2p's ping and identify are always among what it speaks. A node is put together from parts: `transports`
reach an endpoint and take connections there, `dialling` tries several addresses, `admission` counts places,
`peer_score` remembers which hosts misbehaved, a `gater` says which peers may come at all, and `keep_alive`
ends what is silent.

Rules
    1. Addresses are those of `p2plib.protocol.endpoints`. Of several, `dial` tries those that it can.
    2. `p2plib.protocol.admission` says how many connections others may make, and which gives way when one
       more comes.
    3. A host whose handshakes go wrong too often is refused for a while before it costs us anything
       (`p2plib.protocol.peer_score`). One that breaks off in the middle counts, because it costs us the same.
       To be silent or slow is never penalised; to hold more than half of all pending connections and want
       more is, a little.
    4. No peer is dialled, let in or kept that the gater does not allow (`p2plib.protocol.gater`).
    5. When the block is left, nothing is left: no task, no socket. Whatever was being dialled or opened then
       raises `Closed`, and so does every later call.
"""

from __future__ import annotations

import asyncio
import collections
import functools
from collections.abc import Coroutine, KeysView, Mapping
from typing import Any, Self, TypeVar

from p2plib.errors import Closed, DecodeError, NotAllowed, P2PError, RemoteError, UsageError
from p2plib.identity import ids
from p2plib.identity.keys import SecretKey
from p2plib.protocol import dialling, identify, ping
from p2plib.protocol.admission import Admission, Pending, Places, Refusal
from p2plib.protocol.connection import KEEP_ALIVE, UPGRADE_TIMEOUT_S, Connection, StreamHandler
from p2plib.protocol.endpoints import Endpoint, endpoint
from p2plib.protocol.gater import Gater
from p2plib.protocol.identify import Identity
from p2plib.protocol.keep_alive import KeepAlive
from p2plib.protocol.peer_score import PeerScore
from p2plib.protocol.transports import Incoming, Listener, Options, TcpTransport, Transport
from p2plib.protocol.yamux.limits import Limits
from p2plib.wire.multiaddr import Multiaddr

AGENT = "p2plib/0.1.0"
VERSION = "p2plib/0.1.0"
CROWDING = 0.1  # of the penalty for a handshake that fails
PLACES = Places()

T = TypeVar("T")


class Node:
    """One peer's side of all its connections; used with `async with`.

    Args:
        identity: who we are.
        handlers: what we speak on streams that others open, by name: async functions of a stream and its
            connection. When one returns, its stream is closed.
        limits: what one connection may cost us.
        places: how many connections others may make (rule 2).
        upgrade_timeout_s: for the handshake, negotiations included.
        agent: what identify calls this program.
        gater: rule 4; by default everybody is allowed.
        scores: rule 3; by default its own, with the limits written there.
        keep_alive: when a silent connection is ended, by default after ten minutes without a stream; None
            never does.

    Attributes:
        given_up: why connections that others made were refused or broken off, by name.
    """

    def __init__(
        self,
        identity: SecretKey,
        handlers: Mapping[str, StreamHandler] | None = None,
        *,
        limits: Limits | None = None,
        places: Places = PLACES,
        upgrade_timeout_s: float = UPGRADE_TIMEOUT_S,
        agent: str = AGENT,
        gater: Gater | None = None,
        scores: PeerScore | None = None,
        keep_alive: KeepAlive | None = KEEP_ALIVE,
    ) -> None:
        self.identity = identity
        self.gater = gater or Gater()
        self.scores = PeerScore() if scores is None else scores  # an empty one is false
        self.handlers: dict[str, StreamHandler] = {
            ping.PROTOCOL_ID: ping.handle,
            identify.PROTOCOL_ID: identify.handler(self.describe),
            **(handlers or {}),
        }
        self.agent = agent
        self.given_up: collections.Counter[str] = collections.Counter()
        incoming = places.max_connections + places.max_pending + 1
        self._options = options = Options(
            identity, self.handlers, limits, keep_alive, upgrade_timeout_s, incoming
        )
        self._transports: dict[str, Transport] = {"tcp": TcpTransport(options)}
        self._listeners: list[Listener] = []
        self._pending = Pending[Incoming](places.max_pending)
        self._admission = Admission[Connection](places)
        self._past_failures: collections.Counter[str] = collections.Counter()
        self._connections: dict[Connection, None] = {}  # a set with an order, as is the next
        self._under_way: dict[asyncio.Task[Any], None] = {}  # what must end before we are closed
        self._closing: asyncio.Task[None] | None = None
        self._is_over = asyncio.Event()

    @property
    def peer_id(self) -> str:
        """Our own peer id."""
        return ids.peer_id(self.identity.public)

    @property
    def addresses(self) -> tuple[Multiaddr, ...]:
        """Where we listen, with our peer id."""
        return tuple(self._ours(place) for each in self._listeners for place in each.places)

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, or is being closed."""
        return self._closing is not None

    @property
    def connections(self) -> KeysView[Connection]:
        """Those that are open, whichever side dialled; the oldest first."""
        return self._connections.keys()

    @property
    def pending(self) -> int:
        """How many connections that others made are in the handshake."""
        return len(self._pending)

    @property
    def failures(self) -> collections.Counter[str]:
        """Why connections that others made, and streams that others opened, came to nothing, by name; past
        ones included."""
        found = self.given_up + self._past_failures
        for listener in self._listeners:
            found += listener.failures
        for connection in self._connections:
            found += connection.failures
        return found

    async def listen(self, address: Multiaddr | str) -> Multiaddr:
        """Takes connections at an address from now on; returns it with the real port and our peer id.

        Raises:
            CannotListen: this machine does not let us.
            UsageError: nobody can listen there.
            Closed: the node is closed.
        """
        self._check_open()
        place = endpoint(address)
        if place.peer not in (None, self.peer_id):
            raise UsageError(f"{address} is another peer's")
        return await self._own(self._listen(place))

    async def _listen(self, place: Endpoint) -> Multiaddr:
        listener = self._transport(place).listener(place, self._take)
        await listener.open()
        self._listeners.append(listener)
        return self._ours(listener.places[0])

    async def dial(self, *addresses: Multiaddr | str) -> Connection:
        """A connection to a peer, open already; used with `async with`, or until one of the sides ends it.

        Args:
            addresses: where it may be, the most promising first. Those that we cannot dial are left out.

        Raises:
            Unreachable: nobody answers there; or none of several addresses works, and it says why.
            PeerTimeout: nobody answers there.
            WrongPeer: another peer does.
            HandshakeFailed: the handshake does not hold; and what else
                `p2plib.protocol.connection.upgrade` raises.
            NotAllowed: our gater refuses it.
            UsageError: it is our own address, or not an address that we can dial.
            Closed: the node is closed.
        """
        self._check_open()
        attempts: dict[str, dialling.Attempt] = {}
        problems: dict[str, P2PError] = {}
        for address in addresses:
            try:
                attempts[str(address)] = functools.partial(self._dial, self._dialable(address))
            except (UsageError, DecodeError, NotAllowed) as error:
                problems[str(address)] = error
        if not addresses:
            raise UsageError("there is no address to dial")
        return await self._own(dialling.first_of(attempts, problems))

    def _dialable(self, address: Multiaddr | str) -> Endpoint:
        place = endpoint(address)
        self._transport(place)
        if not place.port:
            raise UsageError(f"{address} has no port that can be dialled")
        if place.peer == self.peer_id:
            raise UsageError(f"{address} is our own")
        if not self.gater.allows_dial(place):
            raise NotAllowed(f"our gater does not let us dial {address}")
        return place

    async def _dial(self, place: Endpoint) -> Connection:
        connection = await self._transport(place).dial(place)
        self._begin(connection)
        if not self._may_stay(connection):
            await connection.close("our gater does not allow it")
            raise NotAllowed(f"our gater does not let us keep {connection!r}")
        return connection

    def describe(self, connection: Connection) -> Identity:
        """What we say of ourselves to a peer that asks."""
        addresses, names = self.addresses[: identify.MAX_ADDRESSES], tuple(self.handlers)
        return Identity(self.identity.public, addresses, names, connection.seen_at, VERSION, self.agent)

    async def serve_forever(self) -> None:
        """Waits until the node is closed, or the waiting is cancelled."""
        await self._is_over.wait()

    async def close(self) -> None:
        """Ends all connections and whatever is under way, and listens no more; a handler may call it, too."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # How it works.

    def _transport(self, place: Endpoint) -> Transport:
        if place.transport not in self._transports:
            from p2plib.protocol.quic.transport import QuicTransport  # aioquic takes long to import

            self._transports[place.transport] = QuicTransport(self._options)
        return self._transports[place.transport]

    def _ours(self, place: Endpoint) -> Multiaddr:
        return place.address.with_peer(self.peer_id)

    async def _own(self, work: Coroutine[Any, Any, T]) -> T:
        """Does work that `close` cancels: a caller that waits for it gets `Closed` then."""
        task = self._spawn(work)
        try:
            return await task
        except asyncio.CancelledError:
            mine = asyncio.current_task()
            if self.is_closed and mine is not None and not mine.cancelling():
                raise Closed("this node was closed") from None
            if task.done() and not task.cancelled() and not task.exception():
                self._undo(task.result())
            raise

    def _undo(self, result: object) -> None:
        """The caller that asked for it was cancelled at the very moment when it was there."""
        if isinstance(result, Connection):
            self._spawn(result.close())

    def _check_open(self) -> None:
        if self.is_closed:
            raise Closed("this node is closed")

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._under_way[task] = None
        task.add_done_callback(self._under_way.pop)
        return task

    def _begin(self, connection: Connection) -> None:
        self._connections[connection] = None
        connection.when_over = functools.partial(self._forget, connection)
        connection.start()

    def _forget(self, connection: Connection) -> None:
        self._connections.pop(connection)
        self._admission.discard(connection)
        self._past_failures.update(connection.failures)

    def _may_stay(self, connection: Connection) -> bool:
        host = "" if connection.seen_at is None else endpoint(connection.seen_at).host
        return self.gater.allows_peer(connection.remote_id, host)

    async def _take(self, incoming: Incoming) -> None:
        """One connection that somebody made, from before the handshake to its end."""
        host = incoming.place.host
        refusal = self._refuses(host)
        if refusal:
            self.given_up[refusal] += 1
            incoming.reset()
            return
        connection = await self._shake_hands(incoming, host)
        async with connection:
            self._begin(connection)
            if not self._may_stay(connection):
                self.given_up["not allowed"] += 1
            elif self._has_place(connection, host):
                await connection.wait_closed()

    def _refuses(self, host: str) -> str:
        """Why a host gets no handshake; "" if it gets one."""
        if not self.gater.allows_accept(host):
            return "not allowed"
        if self.scores.is_banned(host, asyncio.get_running_loop().time()):
            return "banned"
        refusal = self._admission.room_for(host)
        return "" if refusal is None else refusal.value

    async def _shake_hands(self, incoming: Incoming, host: str) -> Connection:
        gives_way = self._pending.add(incoming, host)
        clock = asyncio.get_running_loop().time
        if gives_way is not None:
            oldest, is_crowding = gives_way
            self.given_up["another handshake came"] += 1
            if is_crowding:
                self.scores.penalise(oldest.place.host, clock(), CROWDING)
            oldest.reset()
        try:
            return await incoming.upgrade()
        except RemoteError:
            self.scores.penalise(host, clock())
            raise
        finally:
            self._pending.discard(incoming)

    def _has_place(self, connection: Connection, host: str) -> bool:
        found = self._admission.admit(connection, host)
        if isinstance(found, Refusal):
            self.given_up[found.value] += 1
            return False
        if found is not None:
            self.given_up["another connection came"] += 1
            self._spawn(found.close("another connection came"))
        return True

    async def _close(self) -> None:
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)
        ends = [listener.close() for listener in self._listeners]
        ends += [connection.close() for connection in self._connections]
        await asyncio.gather(*ends)
        for listener in self._listeners:
            self._past_failures.update(listener.failures)
        self._listeners.clear()
        self._is_over.set()
