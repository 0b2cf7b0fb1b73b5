"""TrackerSource: trackers as a source of peers, by the rules of `p2plib.discovery.source`.

::

    async with TrackerSource([["http://tracker.example/announce"], ["udp://other.example:6969"]], rng) as
    source:
        await source.announce(topic, 6881)
        async for found in source.lookup(topic): ...

Rules
    1. Trackers are tried in the order of BEP 12 (`tiers`): one that answers is enough. If none does, the
       error is a refusal if somebody refused, and otherwise that of the last one tried.
    2. What is announced is renewed after the interval that the tracker asks for, clamped; after a renewal
       that failed, sooner: `RETRY_S` later, then twice as long each time.
    3. Everybody is a leecher here. Some trackers do not name seeders to seeders, and a topic has neither.
    4. A lookup of a topic that we announce is an announce. Of any other it must not enter us into the swarm:
       it says "stopped", which we were not, and asks for peers in the same breath. It does so under an id of
       its own and from port `DISCARD`, so that no tracker takes it for the end of what we have announced.
    5. Some trackers name nobody to a peer that has stopped. A lookup does not pretend to be a peer there, for
       that would send real ones to a port where nobody listens: it finds nothing, and `ignored` counts
       "counted, not named". (Browsers and peers of the other family are counted without being named as well,
       so it is no error.) Whoever needs such a tracker announces first.
    6. "Stopped" is said to each tracker that was told of us, or may have been: after a failure there are
       several, and an announce that was cancelled may have arrived. Leaving the block says it for all that is
       announced, and waits for that no longer than `GOODBYE_S`.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from p2plib.discovery.source import MAX_FOUND, Found, checked_port, checked_topic
from p2plib.discovery.tracker.announce import MAX_NUMWANT, PEER_ID_BYTES, Announce, Event
from p2plib.discovery.tracker.client import TrackerClient, TrackerReply
from p2plib.discovery.tracker.tiers import Tiers
from p2plib.discovery.turns import Turns
from p2plib.errors import Closed, PeerTimeout, RequestRefused, Unreachable

CLIENT = b"-P20001-"  # BEP 20: two letters and a version, then random bytes
DISCARD = 9  # RFC 863: whatever is sent there is thrown away
GOODBYE_S = 3.0
RETRY_S, MAX_RETRY_S = 15.0, 1800.0
SOMETHING_LEFT = 1
CLOSED = "this source's block is over"
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Announcement:
    """A topic that is kept announced.

    Args:
        port: the port that was announced.
        renewing: the task that renews it.
    """

    port: int
    renewing: asyncio.Task[None]


class TrackerSource:
    """Trackers as a source; used with `async with`.

    Args:
        tiers: the URLs of each tier; see `p2plib.discovery.tracker.client.parsed_url`.
        rng: see `p2plib.machine.machine`.
        name: see `p2plib.discovery.source.Source`.

    Attributes:
        name: see there.
        ignored: see there.
        tiers: the order in which trackers are tried.
        peer_id: the id that this source announces.

    Raises:
        UsageError: a URL cannot be one of a tracker, or see `Tiers`.
    """

    def __init__(self, tiers: Sequence[Sequence[str]], rng: random.Random, *, name: str = "tracker") -> None:
        self.name = name
        self.ignored: Counter[str] = Counter()
        self.tiers = Tiers(tiers, rng)
        self.peer_id, self._looking_id = (
            CLIENT + rng.randbytes(PEER_ID_BYTES - len(CLIENT)) for _ in range(2)
        )
        self._key = rng.getrandbits(32)
        self._clients = {url: TrackerClient(url, rng) for url in self.tiers}
        self._announced: dict[bytes, Announcement] = {}
        self._told: dict[tuple[bytes, int], set[str]] = {}  # who may name us, by topic and port
        self._calls: set[asyncio.Task[Any]] = set()
        self._turns = Turns(self._must_be_open)
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        announced, self._announced = self._announced, {}
        ending = [*self._calls, *(each.renewing for each in announced.values())]
        for task in ending:
            task.cancel()
        goodbyes: list[asyncio.Task[None]] = []
        try:
            if ending:
                await asyncio.wait(ending)
            goodbyes = [asyncio.ensure_future(self._stop(*each)) for each in list(self._told)]
            if goodbyes:
                await asyncio.wait(goodbyes, timeout=GOODBYE_S)
        finally:
            for goodbye in goodbyes:
                goodbye.cancel()
            if ending or goodbyes:
                await asyncio.wait([*ending, *goodbyes])

    async def announce(self, topic: bytes, port: int) -> None:
        """See `p2plib.discovery.source.Source`."""
        topic, port = checked_topic(topic), checked_port(port)
        async with self._turns.of(topic):
            reply = await self._unless_closed(self._tell(topic, port, Event.STARTED))
            before = self._announced.pop(topic, None)
            renewing = asyncio.ensure_future(self._renew(topic, port, reply.interval_s))
            self._announced[topic] = Announcement(port, renewing)
            if before is not None:
                before.renewing.cancel()
            await self._unless_closed(self._stop_old(topic))

    async def withdraw(self, topic: bytes) -> None:
        """See `p2plib.discovery.source.Source`."""
        topic = checked_topic(topic)
        async with self._turns.of(topic):
            announcement = self._announced.pop(topic, None)
            if announcement is not None:
                announcement.renewing.cancel()
            await self._unless_closed(self._stop_old(topic))

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        """See `p2plib.discovery.source.Source`."""
        reply = await self._unless_closed(self._look(checked_topic(topic)))
        host, port = reply.tracker
        for address in reply.peers[:MAX_FOUND]:
            yield Found(address, self.name, said_by=f"{host}:{port}")

    # ------------------------------------------------------------------------------------------------------

    def _must_be_open(self) -> None:
        if not self._is_open:
            raise Closed(CLOSED)

    async def _unless_closed(self, doing: Coroutine[Any, Any, T]) -> T:
        """The outcome of something, or Closed when the block ends first."""
        if not self._is_open:
            doing.close()
            raise Closed(CLOSED)
        call = asyncio.ensure_future(doing)
        self._calls.add(call)
        try:
            await asyncio.wait([call])
        except asyncio.CancelledError:
            call.cancel()
            await asyncio.wait([call])
            if not call.cancelled():
                call.exception()  # nobody is left to hear of it
            raise
        finally:
            self._calls.discard(call)
        if call.cancelled() or not self._is_open:
            raise Closed(CLOSED)
        return call.result()

    async def _look(self, topic: bytes) -> TrackerReply:
        """Rules 4 and 5."""
        announcement = self._announced.get(topic)
        if announcement is not None:
            return await self._tell(topic, announcement.port, Event.UPDATE, MAX_NUMWANT)
        question = self._announce(topic, self._looking_id, DISCARD, Event.STOPPED, MAX_NUMWANT)
        reply = await self._ask_in_turn(question, set())
        if not reply.peers and not reply.ignored and reply.seeders + reply.leechers:
            self.ignored["counted, not named"] += 1
        return reply

    async def _tell(self, topic: bytes, port: int, event: Event, numwant: int = 0) -> TrackerReply:
        """Announces, and remembers who was told."""
        question = self._announce(topic, self.peer_id, port, event, numwant)
        told: set[str] = set()
        try:
            return await self._ask_in_turn(question, told)
        finally:
            if told:
                self._told.setdefault((topic, port), set()).update(told)

    def _announce(self, topic: bytes, peer_id: bytes, port: int, event: Event, numwant: int) -> Announce:
        key = self._key if peer_id == self.peer_id else 0
        return Announce(topic, peer_id, port, left=SOMETHING_LEFT, event=event, numwant=numwant, key=key)

    async def _ask_in_turn(self, announce: Announce, told: set[str]) -> TrackerReply:
        """Rule 1.

        Args:
            announce: what to say.
            told: is given the URL of the tracker that was told, or may have been.
        """
        refusal: RequestRefused | None = None
        last: PeerTimeout | Unreachable | None = None
        for url in self.tiers:
            try:
                reply = await self._clients[url].announce(announce)
            except RequestRefused as error:
                refusal = error
                self.ignored["refused"] += 1
            except (PeerTimeout, Unreachable) as error:
                last = error
            except asyncio.CancelledError:
                told.add(url)
                raise
            else:
                told.add(url)
                self.tiers.answered(url)
                self.ignored.update(reply.ignored)
                return reply
        raise refusal or last or Unreachable("there is no tracker")

    async def _stop_old(self, topic: bytes) -> None:
        """Says of each port of a topic that is announced no longer that we are not there any more."""
        for port in [port for about, port in self._told if about == topic]:
            announcement = self._announced.get(topic)
            if announcement is None or announcement.port != port:
                await self._stop(topic, port)

    async def _stop(self, topic: bytes, port: int) -> None:
        """Rule 6; what goes wrong is counted."""
        goodbye = self._announce(topic, self.peer_id, port, Event.STOPPED, 0)
        told = self._told.pop((topic, port), set())

        async def to(url: str) -> None:
            try:
                await self._clients[url].announce(goodbye)
            except (PeerTimeout, Unreachable, RequestRefused):
                self.ignored["goodbye failed"] += 1

        try:
            async with asyncio.TaskGroup() as group:
                for url in sorted(told):
                    group.create_task(to(url))
        except asyncio.CancelledError:
            self._told.setdefault((topic, port), set()).update(told)
            raise

    async def _renew(self, topic: bytes, port: int, interval_s: float) -> None:
        """Rule 2."""
        retry_s = RETRY_S
        while True:
            await asyncio.sleep(interval_s)
            try:
                reply = await self._tell(topic, port, Event.UPDATE)
            except (PeerTimeout, Unreachable, RequestRefused):
                self.ignored["renewal failed"] += 1
                interval_s, retry_s = retry_s, min(MAX_RETRY_S, 2 * retry_s)
            else:
                interval_s, retry_s = reply.interval_s, RETRY_S
