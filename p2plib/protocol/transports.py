"""Transports: how a node reaches an endpoint, and takes connections at one. An interface, and TCP behind it.

Rules
    1. What a transport gives is a `Connection` that has shaken hands and has not been started. Whatever takes
       it starts it, and closes it in the end.
    2. An incoming connection is handed over before its handshake, so that it can be refused while it has cost
       nothing, and given up in the middle.
    3. A call that fails or is cancelled leaves no socket.
"""

from __future__ import annotations

import abc
import collections
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from p2plib.identity.keys import SecretKey
from p2plib.protocol.connection import UPGRADE_TIMEOUT_S, Connection, StreamHandler, upgrade
from p2plib.protocol.endpoints import Endpoint, numeric
from p2plib.protocol.keep_alive import KeepAlive
from p2plib.protocol.tcp import TcpListener, TcpStream, connect_tcp
from p2plib.protocol.yamux.limits import Limits


@dataclass(frozen=True, slots=True)
class Options:
    """What all connections of a node have in common.

    Args:
        identity: who we are.
        handlers: what we speak on streams that others open, by name.
        limits: what one connection may cost us.
        keep_alive: when one is ended for its silence; None never does.
        timeout_s: for the handshake, negotiations included.
        max_incoming: connections that others made, with those in the handshake; more are not even looked at.
    """

    identity: SecretKey
    handlers: Mapping[str, StreamHandler]
    limits: Limits | None = None
    keep_alive: KeepAlive | None = None
    timeout_s: float = UPGRADE_TIMEOUT_S
    max_incoming: int = 4096


class Incoming(abc.ABC):
    """A connection that somebody made, before its handshake."""

    @property
    @abc.abstractmethod
    def place(self) -> Endpoint:
        """Where it comes from; Closed if it was gone before we could see that."""

    @abc.abstractmethod
    async def upgrade(self) -> Connection:
        """Shakes hands; raises as `p2plib.protocol.connection.upgrade`."""

    @abc.abstractmethod
    def reset(self) -> None:
        """Gives it up, at once, whatever is under way."""


Take = Callable[[Incoming], Awaitable[None]]
"""What is done with an incoming connection, to its end; what it raises because of the peer is counted."""


class Listener(abc.ABC):
    """Takes connections from `open` to `close`.

    Attributes:
        failures: why connections that others made came to nothing, by name.
    """

    failures: collections.Counter[str]

    @property
    @abc.abstractmethod
    def places(self) -> tuple[Endpoint, ...]:
        """Where it can be reached: with the port that was chosen, and all interfaces where that was asked."""

    @abc.abstractmethod
    async def open(self) -> None:
        """Listens from now on; CannotListen if this machine does not let us."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Listens no more, cancels what is done with its connections, and waits for that."""


class Transport(abc.ABC):
    """One way to reach endpoints."""

    @abc.abstractmethod
    async def dial(self, place: Endpoint) -> Connection:
        """A connection to an endpoint, by rule 1; raises as `p2plib.protocol.node.Node.dial`."""

    @abc.abstractmethod
    def listener(self, place: Endpoint, take: Take) -> Listener:
        """Will listen at an endpoint, and give each connection to `take` in a task of its own."""


class TcpTransport(Transport):
    """TCP, then Noise and yamux.

    Args:
        options: of all its connections.
    """

    def __init__(self, options: Options) -> None:
        self._options = options

    async def dial(self, place: Endpoint) -> Connection:
        """A connection to an endpoint."""
        stream = await connect_tcp(
            place.host, place.port, timeout_s=self._options.timeout_s, family=place.socket_family
        )
        return await _upgraded(stream, self._options, is_client=True, expected=place.peer)

    def listener(self, place: Endpoint, take: Take) -> Listener:
        """Will listen at an endpoint."""
        return _Listening(place, take, self._options)


async def _upgraded(stream: TcpStream, options: Options, **sides: Any) -> Connection:
    try:
        seen_at = numeric(*stream.remote_address).address
    except BaseException:
        stream.reset()
        raise
    connection = await upgrade(
        stream,
        options.identity,
        handlers=options.handlers,
        limits=options.limits,
        keep_alive=options.keep_alive,
        timeout_s=options.timeout_s,
        **sides,
    )
    connection.seen_at = seen_at
    return connection


class _TcpIncoming(Incoming):
    def __init__(self, stream: TcpStream, options: Options) -> None:
        self._stream = stream
        self._options = options

    @property
    def place(self) -> Endpoint:
        return numeric(*self._stream.remote_address)

    async def upgrade(self) -> Connection:
        return await _upgraded(self._stream, self._options, is_client=False)

    def reset(self) -> None:
        self._stream.reset()


class _Listening(Listener):
    def __init__(self, place: Endpoint, take: Take, options: Options) -> None:
        self._listener = TcpListener(
            lambda stream: take(_TcpIncoming(stream, options)),
            place.host,
            place.port,
            family=place.socket_family,
            max_connections=options.max_incoming,
        )
        self.failures = self._listener.failures

    @property
    def places(self) -> tuple[Endpoint, ...]:
        return tuple(numeric(*address) for address in self._listener.addresses)

    async def open(self) -> None:
        await self._listener.__aenter__()

    async def close(self) -> None:
        await self._listener.__aexit__()
