"""QUIC as one of a node's transports: `/udp/<port>/quic-v1`. A driver."""

from __future__ import annotations

from typing import Literal

from p2plib.protocol.connection import Connection
from p2plib.protocol.endpoints import Endpoint, numeric
from p2plib.protocol.quic.driver import QuicConnection
from p2plib.protocol.quic.limits import QuicLimits
from p2plib.protocol.quic.sockets import QuicListener, dial
from p2plib.protocol.transports import Incoming, Listener, Options, Take, Transport

NAME: Literal["quic-v1"] = "quic-v1"


class QuicTransport(Transport):
    """QUIC, which secures and multiplexes by itself.

    Args:
        options: of all its connections. Of the limits, those of windows, memory and streams hold here, too.
    """

    def __init__(self, options: Options) -> None:
        self._options = options

    async def dial(self, place: Endpoint) -> Connection:
        """A connection to an endpoint."""
        options = self._options
        muxed = await dial(
            options.identity,
            place.host,
            place.port,
            expected=place.peer,
            family=place.socket_family,
            limits=_limits(options),
            timeout_s=options.timeout_s,
        )
        return _connection(muxed, options, is_client=True)

    def listener(self, place: Endpoint, take: Take) -> Listener:
        """Will listen at an endpoint."""
        return _Listening(place, take, self._options)


def _limits(options: Options) -> QuicLimits | None:
    limits = options.limits
    if limits is None:
        return None
    return QuicLimits(limits.window_bytes, limits.memory_bytes, limits.max_streams)


def _connection(muxed: QuicConnection, options: Options, *, is_client: bool) -> Connection:
    """What a connection that has shaken hands is to a node."""
    assert muxed.remote_key is not None
    connection = Connection(
        muxed,
        muxed.remote_key,
        is_client=is_client,
        handlers=options.handlers,
        keep_alive=options.keep_alive,
    )
    connection.seen_at = numeric(*muxed.remote_address, NAME).address
    return connection


class _QuicIncoming(Incoming):
    def __init__(self, muxed: QuicConnection, options: Options) -> None:
        self._muxed = muxed
        self._options = options

    @property
    def place(self) -> Endpoint:
        return numeric(*self._muxed.remote_address, NAME)

    async def upgrade(self) -> Connection:
        await self._muxed.handshake(timeout_s=self._options.timeout_s)
        return _connection(self._muxed, self._options, is_client=False)

    def reset(self) -> None:
        self._muxed.abort()


class _Listening(Listener):
    def __init__(self, place: Endpoint, take: Take, options: Options) -> None:
        self._listener = QuicListener(
            lambda muxed: take(_QuicIncoming(muxed, options)),
            options.identity,
            place.host,
            place.port,
            family=place.socket_family,
            limits=_limits(options),
            max_connections=options.max_incoming,
        )
        self.failures = self._listener.failures

    @property
    def places(self) -> tuple[Endpoint, ...]:
        return tuple(numeric(*address, NAME) for address in self._listener.addresses)

    async def open(self) -> None:
        await self._listener.__aenter__()

    async def close(self) -> None:
        await self._listener.__aexit__()
