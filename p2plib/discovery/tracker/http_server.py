"""HttpTracker: a tracker over HTTP, and over WebSocket on the same port. A driver over aiohttp.

aiohttp comes with the extra `discovery`. It reads HTTP; what is asked and answered is `http_messages` and
`offer_relay`.

Rules
    1. A path that ends in /announce or /scrape is answered, any other is 404; a WebSocket may come to any
       path.
    2. The host of a peer is the other end of its connection, no header and no parameter. (So behind a proxy
       all peers would be at the proxy: this tracker wants to be reached directly.)
    3. What is refused is a bencoded failure reason with status 200, as BEP 3 has it.
    4. For a WebSocket that does not read, `MAX_UNSENT` texts are kept and the rest is dropped; if it goes on
       talking, it is closed. So is one that sends too long a text, or anything but texts, and one that
       answers no ping.
    5. A connection on which no whole question has come for `KEEP_ALIVE_S` is closed, by aiohttp (3.14, with
       which it is tested; 3.11 waits for the first one): silence must not use up a tracker's connections.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Self

from p2plib.discovery.source import check_place
from p2plib.discovery.tracker import compact
from p2plib.discovery.tracker import http_messages as wire
from p2plib.discovery.tracker.announce import Counts
from p2plib.discovery.tracker.core import TrackerCore
from p2plib.discovery.tracker.offer_relay import OfferRelay
from p2plib.discovery.tracker.offers import MAX_TEXT_BYTES
from p2plib.discovery.tracker.swarms import Swarm
from p2plib.errors import CannotListen, DecodeError, Refusal
from p2plib.machine.addresses import Address
from p2plib.machine.udp import plain

if TYPE_CHECKING:
    from aiohttp import web

KEEP_ALIVE_S = 15.0  # a client that announces every half hour need not hold its connection
HEARTBEAT_S = 30.0  # how often a WebSocket is pinged; one that does not answer is gone
MAX_UNSENT = 100
# Without a name of our own, aiohttp would tell everybody its version and Python's.
HEADERS = {"Content-Type": "text/plain", "Server": "p2plib"}
GOODBYE_S = 1.0  # how long the other side has to say that it closes, too
GOING_AWAY = 1001
TRY_LATER = 1013  # why a WebSocket is closed, RFC 6455 and IANA's registry
NOT_ACCEPTED = 1003
TOO_SLOW = 1008


class HttpTracker:
    """A tracker on an HTTP port; used with `async with`.

    Args:
        core: what it answers from.
        relay: what serves WebSockets; None for none.
        host: where to listen, an IP address.
        port: the port there; 0 lets the operating system choose.

    Attributes:
        address: where it listens.
        ignored: how many requests broke a rule, by reason.
    """

    def __init__(self, core: TrackerCore, relay: OfferRelay | None, host: str, port: int = 0) -> None:
        self.core, self.relay = core, relay
        self.address: Address = (host, port)
        self.ignored: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._unsent: dict[int, asyncio.Queue[str]] = {}
        self._open: set[web.WebSocketResponse] = set()
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Self:
        from aiohttp import web

        check_place(*self.address)
        server = web.Server(self._handle, access_log=None, keepalive_timeout=KEEP_ALIVE_S)
        self._runner = web.ServerRunner(server, shutdown_timeout=GOODBYE_S)
        await self._runner.setup()
        host, port = self.address
        try:
            await web.TCPSite(self._runner, host, port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise CannotListen(f"cannot listen at {host}, port {port}: {error}") from error
        self.address = plain(self._runner.addresses[0])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await asyncio.gather(*(socket.close(code=GOING_AWAY) for socket in self._open))
        await self._runner.cleanup()

    # ------------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        from aiohttp import web

        transport = request.transport
        if transport is None:  # it hung up meanwhile
            return web.Response(status=400)
        host = plain(transport.get_extra_info("peername"))[0]
        if self.relay is not None and request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._talk(request, self.relay, host)
        if request.method != "GET":
            return web.Response(status=405, text="a tracker is asked with GET\n")
        path, _, query = request.raw_path.partition("?")
        if path.endswith("/announce"):
            return web.Response(body=self.announce(query, host), headers=HEADERS)
        if path.endswith("/scrape"):
            return web.Response(body=self.scrape(query, host), headers=HEADERS)
        return web.Response(status=404, text="this is a tracker: ask for /announce or /scrape\n")

    def announce(self, query: str, host: str) -> bytes:
        """The response to an announce.

        Args:
            query: what follows the question mark of the URL.
            host: where the peer is.
        """
        now = asyncio.get_running_loop().time()
        try:
            announce, is_compact = wire.decode_announce(wire.decode_query(query))
            swarm, packed = self.core.announce(announce, host, "http", now)
        except DecodeError as error:
            self.ignored["malformed"] += 1
            return wire.encode_failure(str(error))
        except Refusal as refusal:
            return wire.encode_failure(refusal.sentence)
        counts = Counts() if swarm is None else swarm.counts()
        peer_ids = None if is_compact else _peer_ids(swarm, packed, ipv6=":" in host)
        return wire.encode_announced(self.core.swarms.interval_s, counts, host, packed, peer_ids)

    def scrape(self, query: str, host: str) -> bytes:
        """The response to a scrape; see `announce`."""
        try:
            hashes = wire.decode_scrape(wire.decode_query(query))
            counts = self.core.scrape(hashes, host, asyncio.get_running_loop().time())
        except DecodeError as error:
            self.ignored["malformed"] += 1
            return wire.encode_failure(str(error))
        except Refusal as refusal:
            return wire.encode_failure(refusal.sentence)
        return wire.encode_scraped(dict(zip(hashes, counts, strict=True)))

    # ------------------------------------------------------------------------------------------------------

    async def _talk(self, request: web.BaseRequest, relay: OfferRelay, host: str) -> web.StreamResponse:
        """Serves one WebSocket until it is closed."""
        from aiohttp import web

        socket = web.WebSocketResponse(max_msg_size=MAX_TEXT_BYTES, heartbeat=HEARTBEAT_S, timeout=GOODBYE_S)
        if not socket.can_prepare(request):
            return web.Response(status=400, text="this is not the beginning of a WebSocket\n")
        await socket.prepare(request)
        number = next(self._numbers)
        try:
            relay.opened(number, host)
        except Refusal as refusal:
            await socket.close(code=TRY_LATER, message=refusal.sentence.encode())
            return socket
        queue: asyncio.Queue[str] = asyncio.Queue(MAX_UNSENT)
        self._unsent[number] = queue
        self._open.add(socket)
        sending = asyncio.ensure_future(_send_all(socket, queue))
        try:
            await self._listen(socket, relay, number)
        finally:
            del self._unsent[number]
            self._open.discard(socket)
            relay.closed(number)
            sending.cancel()
            await asyncio.wait([sending])
        return socket

    async def _listen(self, socket: web.WebSocketResponse, relay: OfferRelay, number: int) -> None:
        from aiohttp import WSMsgType

        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                await socket.close(code=NOT_ACCEPTED)
                return
            if self._unsent[number].full():  # rule 4
                await socket.close(code=TOO_SLOW)
                return
            relay.receive(number, message.data, asyncio.get_running_loop().time())
            for text, to in relay.to_send():
                queue = self._unsent.get(to)
                if queue is not None and not queue.full():
                    queue.put_nowait(text)
                else:
                    self.ignored["not read"] += 1


async def _send_all(socket: web.WebSocketResponse, queue: asyncio.Queue[str]) -> None:
    try:
        while True:
            await socket.send_str(await queue.get())
    except ConnectionError:
        pass  # the side that listens notices, too, and takes down both


def _peer_ids(swarm: Swarm | None, packed: list[bytes], *, ipv6: bool) -> list[bytes]:
    """The ids of some peers of a swarm, for BEP 3's list of dicts."""
    if swarm is None:
        return []
    return [swarm.peers[address].peer_id for address in compact.unpack(b"".join(packed), ipv6=ipv6)]
