"""Meeting: a rendezvous point behind a `p2plib.protocol.node.Node`, and what to ask of one. A driver.

::

    point = RendezvousPoint(os.urandom(16))
    async with Node(secret, {rendezvous.PROTOCOL_ID: handler(point)}) as node: ...      # a point

    async with await node.dial(address_of_the_point) as connection:                     # a peer
        await register(connection, "my-app", node.addresses, node.identity)
        met = await discover(connection, "my-app")
        again = await discover(connection, "my-app", cookie=met.cookie)                 # who came since

Rules
    1. A stream may carry several requests, each in its turn. One that cannot be read ends the stream.
    2. The key that a peer registers under is the one that its connection has proved; nothing else counts.
    3. `discover` verifies each record itself: a point may lie. What does not hold is dropped and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, assert_never

from p2plib.discovery.signal import peer_record, rendezvous
from p2plib.discovery.signal.peer_record import RoutingRecord
from p2plib.discovery.signal.point import RendezvousPoint
from p2plib.discovery.signal.rendezvous import (
    FRAMES,
    PROTOCOL_ID,
    Discover,
    DiscoverResponse,
    Register,
    RegisterResponse,
    RendezvousMessage,
    Status,
    Unregister,
)
from p2plib.errors import (
    DecodeError,
    EndOfStream,
    PeerTimeout,
    RemoteError,
    RequestRefused,
)
from p2plib.identity.keys import SecretKey
from p2plib.protocol.connection import Connection, StreamHandler
from p2plib.protocol.endpoints import endpoint
from p2plib.protocol.framing import read_frame, write_frame
from p2plib.protocol.stream import Stream
from p2plib.wire.multiaddr import Multiaddr

TIMEOUT_S = 10.0

R = TypeVar("R", RegisterResponse, DiscoverResponse)


@dataclass(frozen=True)
class Met:
    """What a point answered.

    Args:
        records: of those that are registered, verified, each peer once.
        cookie: for the next time.
        dropped: what was named and does not hold, by the name of the error.
    """

    records: tuple[RoutingRecord, ...]
    cookie: bytes
    dropped: Counter[str] = field(default_factory=Counter)


def handler(point: RendezvousPoint) -> StreamHandler:
    """What answers on `rendezvous.PROTOCOL_ID` for a point."""

    async def handle(stream: Stream, connection: Connection) -> None:
        while True:
            try:
                asked = rendezvous.decode(await read_frame(stream, FRAMES))
            except EndOfStream:
                return
            response = _answer(point, asked, connection)
            if response is not None:
                await write_frame(stream, FRAMES, rendezvous.encode(response))

    return handle


def _answer(
    point: RendezvousPoint, asked: RendezvousMessage, connection: Connection
) -> RendezvousMessage | None:
    now = asyncio.get_running_loop().time()
    match asked:
        case Register():
            host = "" if connection.seen_at is None else endpoint(connection.seen_at).host
            return point.register(asked, connection.remote_key, host, now)
        case Unregister():
            point.unregister(asked, connection.remote_key)
            return None
        case Discover():
            return point.discover(asked, now)
        case RegisterResponse() | DiscoverResponse():
            raise DecodeError("a response, where a request belongs")
        case _:
            assert_never(asked)


async def register(
    connection: Connection,
    ns: str,
    addresses: Sequence[Multiaddr],
    identity: SecretKey,
    *,
    ttl_s: int | None = None,
    seq: int | None = None,
    timeout_s: float = TIMEOUT_S,
) -> int:
    """Registers us in a namespace; returns for how many seconds.

    Args:
        connection: to the point.
        ns: the namespace.
        addresses: where we listen.
        identity: who we are; the key that the connection was made with.
        ttl_s: for how many seconds we want it; None for the point's own choice.
        seq: the number of the record; by default the time in milliseconds.
        timeout_s: for the answer.

    Raises:
        RequestRefused: the point said no; the code is its status.
        PeerTimeout: it did not answer.
        NoCommonProtocol: it is no rendezvous point.
        DecodeError: what it answered breaks a rule.
        Closed: the connection ended.
    """
    number = int(time.time() * 1000) if seq is None else seq
    record = peer_record.encode(RoutingRecord(identity.public, number, tuple(addresses)), identity)
    response = await _ask(connection, Register(ns, record, ttl_s), RegisterResponse, timeout_s)
    _check(response.status, response.text, connection)
    return response.ttl_s or 0


async def unregister(connection: Connection, ns: str, *, timeout_s: float = TIMEOUT_S) -> None:
    """Says that we are in a namespace no more; the point says nothing to that.

    Raises:
        PeerTimeout: there was no stream to say it on.
        NoCommonProtocol: it is no rendezvous point.
        Closed: the connection ended.
    """
    async with _in_time(connection, timeout_s):
        stream, _ = await connection.open_stream(PROTOCOL_ID, timeout_s=timeout_s)
        async with stream:
            await write_frame(stream, FRAMES, rendezvous.encode(Unregister(ns)))
            await stream.close_write()
            await stream.read()  # its end: the point has read it


async def discover(
    connection: Connection,
    ns: str = "",
    *,
    limit: int | None = None,
    cookie: bytes = b"",
    timeout_s: float = TIMEOUT_S,
) -> Met:
    """Asks who is registered.

    Args:
        connection: to the point.
        ns: the namespace; "" for all.
        limit: how many at most.
        cookie: from an earlier answer, for those that came after it.
        timeout_s: for the answer.

    Raises:
        RequestRefused: the point said no; the code is its status.
        PeerTimeout: it did not answer.
        NoCommonProtocol: it is no rendezvous point.
        DecodeError: what it answered breaks a rule.
        Closed: the connection ended.
    """
    response = await _ask(connection, Discover(ns, limit, cookie), DiscoverResponse, timeout_s)
    _check(response.status, response.text, connection)
    records: dict[str, RoutingRecord] = {}
    dropped: Counter[str] = Counter()
    for each in response.registrations:
        if ns and each.ns != ns:
            dropped["another namespace"] += 1
            continue
        try:
            record = peer_record.decode(each.record)
        except RemoteError as error:  # rule 3
            dropped[type(error).__name__] += 1
            continue
        records[record.peer_id] = record
    return Met(tuple(records.values()), response.cookie, dropped)


async def _ask(connection: Connection, asked: RendezvousMessage, kind: type[R], timeout_s: float) -> R:
    async with _in_time(connection, timeout_s):
        stream, _ = await connection.open_stream(PROTOCOL_ID, timeout_s=timeout_s)
        async with stream:
            await write_frame(stream, FRAMES, rendezvous.encode(asked))
            response = rendezvous.decode(await read_frame(stream, FRAMES))
    if not isinstance(response, kind):
        raise DecodeError(f"{type(response).__name__}, where {kind.__name__} belongs")
    return response


@contextlib.asynccontextmanager
async def _in_time(connection: Connection, timeout_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        if isinstance(error, PeerTimeout):
            raise
        raise PeerTimeout(f"{connection.remote} did not answer within {timeout_s:g} s") from None


def _check(status: int, text: str, connection: Connection) -> None:
    if status != Status.OK:
        known = Status(status).name if status in list(Status) else "unknown status"
        raise RequestRefused(f"{connection.remote} refused, {known} {status}: {text}", status)
