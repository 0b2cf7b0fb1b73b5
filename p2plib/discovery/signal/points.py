"""RendezvousSource: peers of a topic register at rendezvous points, and are looked up there. A driver.

Over `p2plib.discovery.signal.meeting`. ::

    async with RendezvousSource([address_of_a_point], secret, host="198.51.100.7") as source:
        await source.announce(topic_of("cats of Lisbon"), 4001)
        async for found in source.lookup(topic_of("cats of Lisbon")):
            print(found.peer, found.address)        # found.peer has signed found.address

The namespace of a topic is its 40 hexadecimal digits, behind the application's name and a slash.

Rules, besides those of `p2plib.discovery.source`
    1. A point would see where our connection comes from, but the record is ours to sign: `host` is the
       address at which others reach us.
    2. Each call makes a connection and ends it: a registration outlives it, by the point's time.
    3. `announce` registers for the point's own time, two hours by default, and again after half of it, or
       of three days if the point claims to keep us for longer.
    4. A lookup reads page after page, by the point's cookie, until a page is empty, and at most
       `MAX_PAGES`.
    5. A point that answers, but not as one does, counts as unreachable, with the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterable
from types import TracebackType
from typing import Any, Self

from p2plib.discovery.signal import meeting
from p2plib.discovery.signal.point import MAX_TTL_S
from p2plib.discovery.signal.presence import TROUBLE, Presence, Presences, worst
from p2plib.discovery.source import MAX_FOUND, Found, checked_port, checked_topic
from p2plib.discovery.turns import Turns
from p2plib.errors import Closed, P2PError, PeerTimeout, RemoteError, RequestRefused, Unreachable, UsageError
from p2plib.identity.ids import peer_id
from p2plib.identity.keys import SecretKey
from p2plib.machine.addresses import Address, acceptable, given_address
from p2plib.protocol.connection import Connection
from p2plib.protocol.endpoints import endpoint
from p2plib.protocol.node import Node
from p2plib.wire import multiaddr
from p2plib.wire.multiaddr import Multiaddr

NAME = "rendezvous"
APP = "p2plib"
PAGE = 100
MAX_PAGES = 20
MAX_ADDRESSES = 8  # of one peer
MAX_APP = 128  # bytes; the topic comes behind it in a namespace
MIN_TTL_S = 60  # a point that gives less would have us ask all the time
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
CLOSED = "this rendezvous source is closed"


class RendezvousSource:
    """A `p2plib.discovery.source.Source` over rendezvous points; used with `async with`.

    Args:
        points: their addresses, such as "/ip4/192.0.2.1/tcp/4001/p2p/12D3Koo...".
        secret: who we are, and sign as.
        host: the IP address at which others reach us.
        app: the application, a part of every namespace.
        rng: draws pauses; by default the operating system's.

    Attributes:
        name: "rendezvous".
        ignored: what was dropped, by reason.

    Raises:
        UsageError: there is no point, or one of the arguments is none.
        DecodeError: an address is none.
    """

    name = NAME

    def __init__(
        self,
        points: Iterable[Multiaddr | str],
        secret: SecretKey,
        *,
        host: str = "127.0.0.1",
        app: str = APP,
        rng: random.Random | None = None,
    ) -> None:
        self._points = list(dict.fromkeys(str(endpoint(point).address) for point in points))
        if not self._points:
            raise UsageError("a rendezvous source needs a point")
        if not app or len(app.encode()) > MAX_APP:
            raise UsageError(f"an application's name has 1 to {MAX_APP} bytes")
        self.ignored: Counter[str] = Counter()
        self._secret, self._app = secret, app
        self._host = given_address((host, 1))[0]
        self._rng = rng or random.SystemRandom()
        self._node: Node | None = None
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._turns = Turns(self._check_open)
        self._presences = Presences(self._points, self._stay, self._spawn, self._check_open)

    async def __aenter__(self) -> Self:
        self._node = Node(self._secret)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        node, self._node = self._node, None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if node is not None:
            await node.close()

    async def announce(self, topic: bytes, port: int) -> None:
        """See `p2plib.discovery.source.Source.announce`."""
        topic, port = checked_topic(topic), checked_port(port)
        async with self._turns.of(topic):
            await self._presences.announce(topic, port)

    async def withdraw(self, topic: bytes) -> None:
        """See `p2plib.discovery.source.Source.withdraw`."""
        topic = checked_topic(topic)
        async with self._turns.of(topic):
            if self._presences.leave(topic):
                await asyncio.gather(*(self._unregister(point, topic) for point in self._points))

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        """See `p2plib.discovery.source.Source.lookup`; said by the point that named it."""
        topic = checked_topic(topic)
        self._check_open()
        found: asyncio.Queue[Found | Exception | None] = asyncio.Queue()
        tasks = [self._spawn(self._ask(point, topic, found)) for point in self._points]
        given, troubles, ended = set[Address](), list[P2PError](), 0
        try:
            while ended < len(tasks):
                item = await found.get()
                if isinstance(item, Found):
                    if item.address not in given and len(given) < MAX_FOUND:
                        given.add(item.address)
                        yield item
                    continue
                ended += 1
                if isinstance(item, TROUBLE):
                    troubles.append(item)
                elif item is not None:
                    raise item
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if len(troubles) == len(tasks):
            raise worst(troubles)

    # How it works.

    def _check_open(self) -> None:
        if self._node is None:
            raise Closed(CLOSED)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    def _namespace(self, topic: bytes) -> str:
        return f"{self._app}/{topic.hex()}"

    @contextlib.asynccontextmanager
    async def _at(self, point: str) -> AsyncIterator[Connection]:
        """A connection to a point; what goes wrong is one of `TROUBLE`, or `Closed`. Rules 2 and 5."""
        if self._node is None:
            raise Closed(CLOSED)
        try:
            async with await self._node.dial(point) as connection:
                yield connection
        except (PeerTimeout, Unreachable, RequestRefused):
            raise
        except RemoteError as error:
            raise Unreachable(f"{point} is no rendezvous point: {error}") from None
        except Closed as error:
            if self._node is None:
                raise Closed(CLOSED) from None
            raise Unreachable(f"{point} hung up: {error}") from None

    async def _stay(self, presence: Presence, point: str) -> None:
        """Registers at one point, and again, until cancelled. Rule 3."""
        pause_s = FIRST_PAUSE_S
        while True:
            heard = presence.asked
            try:
                lasts_s = await self._register(presence, point)
                wait_s = min(max(MIN_TTL_S, lasts_s), MAX_TTL_S) / 2
                pause_s = FIRST_PAUSE_S
            except TROUBLE as error:
                self.ignored["not registered"] += 1
                presence.failed(point, error)
                wait_s, pause_s = pause_s * self._rng.uniform(0.5, 1.0), min(2 * pause_s, MAX_PAUSE_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await presence.until_asked(heard)

    async def _register(self, presence: Presence, point: str) -> int:
        port = presence.port
        family = "ip6" if ":" in self._host else "ip4"
        here = multiaddr.of((family, self._host), ("tcp", port))
        async with self._at(point) as connection:
            lasts_s = await meeting.register(
                connection, self._namespace(presence.topic), [here], self._secret
            )
        if port == presence.port:
            presence.told(point, port)
        return lasts_s

    async def _unregister(self, point: str, topic: bytes) -> None:
        try:
            async with self._at(point) as connection:
                await meeting.unregister(connection, self._namespace(topic))
        except (*TROUBLE, Closed):
            self.ignored["not withdrawn"] += 1

    async def _ask(self, point: str, topic: bytes, found: asyncio.Queue[Found | Exception | None]) -> None:
        """One point's part of a lookup; puts its end into the queue, too. Rule 4."""
        end: Exception | None = None
        try:
            async with self._at(point) as connection:
                cookie = b""
                for _ in range(MAX_PAGES):
                    met = await meeting.discover(
                        connection, self._namespace(topic), limit=PAGE, cookie=cookie
                    )
                    self.ignored.update(met.dropped)
                    for each in self._found(met, point):
                        found.put_nowait(each)
                    if not met.records or met.cookie == cookie or found.qsize() >= MAX_FOUND:
                        break  # at its end, in a circle, or with more than whoever reads will take
                    cookie = met.cookie
        except asyncio.CancelledError:
            end = Closed(CLOSED)
            raise
        except Exception as error:  # whatever it is, the lookup raises it
            end = error
        finally:
            found.put_nowait(end)

    def _found(self, met: meeting.Met, point: str) -> list[Found]:
        """What the records of a page say, filtered; our own is no news."""
        made: list[Found] = []
        for record in met.records:
            if record.peer_id == peer_id(self._secret.public):
                continue
            for entry in record.addresses[:MAX_ADDRESSES]:
                try:
                    place = endpoint(entry)
                except (UsageError, RemoteError):
                    self.ignored["not an address"] += 1
                    continue
                address = place.host, place.port
                if entry.names[0] not in ("ip4", "ip6") or not acceptable(address, (self._host, 1)):
                    self.ignored["address of no peer"] += 1
                else:
                    made.append(Found(address, NAME, point, record.peer_id))
        return made
