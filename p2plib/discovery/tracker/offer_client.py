"""OfferClient: a peer of a WebSocket tracker. A driver over aiohttp.

::

    async with OfferClient.open("ws://127.0.0.1:8000", peer_id) as client:
        answer = await client.announce(info_hash, [Offer(offer_id, sdp)])
        message = await client.next()           # somebody's offer, or the answer to ours
        if isinstance(message, OfferCarried):
            client.answer(message, my_sdp)

Rules
    1. What is carried to us is kept until `next` asks for it, `MAX_UNREAD` at most; the rest is dropped. So
       is an offer of a swarm that we are not in, and an answer to an offer that we did not make, or a second
       one. All are counted in `ignored`.
    2. The protocol has no numbers for questions. So there is one announce under way for each swarm, and one
       scrape; a failure that does not say what it is about ends all of them.
    3. When the connection is gone, every call that waits raises `Closed`, and so does every later one.
    4. No redirect is followed: a tracker could send us to ask something of a machine in our own network.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from p2plib.discovery.tracker.announce import UNKNOWN_LEFT, Counts, Event, checked_hashes
from p2plib.discovery.tracker.offers import (
    MAX_OFFERS,
    MAX_TEXT_BYTES,
    AnswerCarried,
    FromPeer,
    Offer,
    OfferCarried,
    OffersAnnounce,
    OffersAnnounced,
    OffersFailure,
    OffersScrape,
    OffersScraped,
    decode_from_tracker,
    encode,
)
from p2plib.errors import Closed, DecodeError, PeerTimeout, RequestRefused, Unreachable, UsageError
from p2plib.machine.awaited import Awaited

if TYPE_CHECKING:
    import aiohttp

MAX_UNREAD = 256
MAX_OPEN_OFFERS = 1_000  # of ours; nobody answers one that is older than as many others
CONNECT_S = 10.0
ANSWER_S = 10.0
HEARTBEAT_S = 30.0
SCRAPE = "scrape"
GONE = "the connection to the tracker is closed"


class OfferClient:
    """A peer on a WebSocket tracker; `open` makes it.

    Attributes:
        peer_id: its id.
        ignored: how many texts were dropped, by reason. Rule 1.
    """

    def __init__(self, peer_id: bytes, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.peer_id, self._socket = peer_id, socket
        self.ignored: Counter[str] = Counter()
        self._awaited = Awaited()
        self._carried: asyncio.Queue[OfferCarried | AnswerCarried | None] = asyncio.Queue()
        self._unsent: asyncio.Queue[str] = asyncio.Queue()
        self._swarms: set[bytes] = set()
        self._offered: dict[tuple[bytes, bytes], None] = {}
        self._is_gone = False

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, peer_id: bytes) -> AsyncIterator[OfferClient]:
        """Connects to a tracker, for as long as the block runs.

        Args:
            url: such as "ws://127.0.0.1:8000" or "wss://tracker.example".
            peer_id: 20 bytes.

        Raises:
            Unreachable: no connection, or what answers is no WebSocket.
            PeerTimeout: nobody answered.
            UsageError: the URL does not begin with ws:// or wss://, or the id is not 20 bytes.
        """
        import aiohttp

        if not url.startswith(("ws://", "wss://")):
            raise UsageError(
                f"a WebSocket tracker's URL begins with ws:// or wss://, and not as {url!r} does"
            )
        checked_hashes((peer_id,))

        async def redirected(*_: object) -> None:
            raise Unreachable(f"no WebSocket at {url}: it redirects to another address")

        tracing = aiohttp.TraceConfig()  # the one way of aiohttp's to be asked before it follows
        tracing.on_request_redirect.append(redirected)
        async with aiohttp.ClientSession(trace_configs=[tracing]) as session:
            try:
                async with asyncio.timeout(CONNECT_S):
                    socket = await session.ws_connect(url, max_msg_size=MAX_TEXT_BYTES, heartbeat=HEARTBEAT_S)
            except TimeoutError:
                raise PeerTimeout(f"{url} did not answer") from None
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise Unreachable(f"no WebSocket at {url}: {error}") from None
            client = cls(peer_id, socket)
            working = [asyncio.ensure_future(doing) for doing in (client._listen(), client._talk())]
            try:
                yield client
            finally:
                client._end()
                for task in working:
                    task.cancel()
                await asyncio.wait(working)
                await socket.close()

    async def announce(
        self,
        info_hash: bytes,
        offers: Sequence[Offer] = (),
        *,
        left: int = UNKNOWN_LEFT,
        event: Event = Event.STARTED,
    ) -> OffersAnnounced:
        """Announces, and has offers carried to other peers.

        Args:
            info_hash: which swarm.
            offers: for one other peer each, `MAX_OFFERS` at most.
            left: how many bytes we lack.
            event: why we announce.

        Raises:
            PeerTimeout: no answer came.
            RequestRefused: the tracker refused.
            Closed: rule 3.
            UsageError: too many offers, or a second announce for the same swarm at the same time.
        """
        checked_hashes((info_hash,))
        if len(offers) > MAX_OFFERS:
            raise UsageError(f"{len(offers)} offers at once, where {MAX_OFFERS} is the most")
        if event is Event.STOPPED:
            self._swarms.discard(info_hash)
        else:
            self._swarms.add(info_hash)
        self._offered.update(dict.fromkeys((info_hash, offer.offer_id) for offer in offers))
        while len(self._offered) > MAX_OPEN_OFFERS:
            del self._offered[next(iter(self._offered))]
        message = OffersAnnounce(info_hash, self.peer_id, tuple(offers), left, event)
        answer: OffersAnnounced = await self._ask(info_hash, message)
        return answer

    async def scrape(self, *info_hashes: bytes) -> Mapping[bytes, Counts]:
        """Asks how many peers swarms have.

        Raises:
            PeerTimeout: no answer came.
            RequestRefused: the tracker refused.
            Closed: rule 3.
            UsageError: see `checked_hashes`; or a second scrape at the same time.
        """
        answer: OffersScraped = await self._ask(SCRAPE, OffersScrape(checked_hashes(info_hashes)))
        return answer.counts

    def answer(self, offer: OfferCarried, sdp: str) -> None:
        """Answers an offer; the tracker does not confirm it.

        Args:
            offer: as `next` gave it.
            sdp: what the other browser needs to know.

        Raises:
            Closed: rule 3.
        """
        self._say(AnswerCarried(offer.info_hash, self.peer_id, offer.offer.offer_id, sdp, offer.peer_id))

    async def next(self) -> OfferCarried | AnswerCarried:
        """The next offer or answer that the tracker carries to us; waits for one.

        Raises:
            Closed: rule 3.
        """
        if self._is_gone and self._carried.empty():
            raise Closed(GONE)
        message = await self._carried.get()
        if message is None:
            self._carried.put_nowait(None)  # for whoever else waits
            raise Closed(GONE)
        return message

    # ------------------------------------------------------------------------------------------------------

    def _say(self, message: FromPeer) -> None:
        if self._is_gone:
            raise Closed(GONE)
        self._unsent.put_nowait(encode(message))

    async def _ask(self, key: Hashable, message: FromPeer) -> Any:
        if key in self._awaited:
            raise UsageError("an announce for this swarm, or a scrape, is already under way")
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._awaited.wait(key, lambda: self._say(message))
        except TimeoutError:
            raise PeerTimeout("the tracker did not answer") from None

    async def _talk(self) -> None:
        try:
            while True:
                await self._socket.send_str(await self._unsent.get())
        except ConnectionError:
            self._end()

    async def _listen(self) -> None:
        from aiohttp import WSMsgType

        try:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT:
                    self.ignored["not a text"] += 1
                    continue
                try:
                    self._heard(decode_from_tracker(message.data))
                except DecodeError:
                    self.ignored["malformed"] += 1
        finally:
            self._end()

    def _heard(self, message: object) -> None:
        match message:
            case OffersAnnounced():
                self._settle(self._awaited.resolve(message.info_hash, message))
            case OffersScraped():
                self._settle(self._awaited.resolve(SCRAPE, message))
            case OffersFailure():
                error = RequestRefused(f"the tracker refused: {message.sentence!r}")
                keys = [message.info_hash] if message.info_hash else [SCRAPE, *self._swarms]
                self._settle(sum(self._awaited.fail(key, error) for key in keys) > 0)
            case OfferCarried():
                self._keep(message, message.info_hash in self._swarms)
            case AnswerCarried():
                offer = message.info_hash, message.offer_id
                self._keep(message, offer in self._offered)
                self._offered.pop(offer, None)

    def _settle(self, is_awaited: bool) -> None:
        if not is_awaited:
            self.ignored["not awaited"] += 1

    def _keep(self, message: OfferCarried | AnswerCarried, is_wanted: bool) -> None:
        if not is_wanted:
            self.ignored["not wanted"] += 1
        elif self._carried.qsize() >= MAX_UNREAD:
            self.ignored["not read"] += 1
        else:
            self._carried.put_nowait(message)

    def _end(self) -> None:
        if not self._is_gone:
            self._is_gone = True
            self._awaited.close(GONE)
            self._carried.put_nowait(None)
