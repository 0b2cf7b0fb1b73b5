"""BootstrapSource: peers from a fixed list, and from what the peers of the list answer. A driver.

::

    listed = read_list(Path("peers.json").read_text())
    async with BootstrapSource(listed, host="192.0.2.1") as source:
        await source.announce(topic_of("cats of Lisbon"), 4001)
        async for found in source.lookup(topic_of("cats of Lisbon")):
            ...
        first = await source.meet(topic_of("cats of Lisbon"))      # or this: eight to connect to, tried until

What a list can do: it says where a peer may be that knows others. It knows no topic and cannot be told
anything: it shipped with the program. So `lookup` and `announce` are said to the peers of the list, in the
messages of `p2plib.discovery.bootstrap.messages`; an entry that does not speak them does not answer.

Rules, besides those of `p2plib.discovery.source`
    1. The cache comes first, then the list in random order (`p2plib.discovery.bootstrap.cache`). What answers
       goes into the cache.
    2. Entries that are names are looked up each time, since a seed may move. Entries of another family than
       ours, and those that are not plain UDP, are left out and counted.
    3. `lookup` gives at most `MAX_OF_NETWORK` addresses of one network.
    4. `announce` is renewed at half of the time that the seeds keep it. If nobody answers, it is tried again
       after pauses that double (`p2plib.machine.retries`), counted as "not renewed".
    5. `meet` is for a newcomer that must get in: it tries again with the same pauses, and picks from what all
       tellers named in turns (`p2plib.discovery.bootstrap.diversity`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import socket
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from types import TracebackType
from typing import Self

from p2plib.discovery.bootstrap.cache import GoodPeers, datagram_address
from p2plib.discovery.bootstrap.diversity import NetworkQuota, spread
from p2plib.discovery.bootstrap.entries import check_entry
from p2plib.discovery.bootstrap.messages import REASONS
from p2plib.discovery.bootstrap.newcomer import (
    DidNotAnswer,
    Newcomer,
    NewcomerEvent,
    RoundOver,
    WasNamed,
    WasRefused,
    WasTold,
)
from p2plib.discovery.bootstrap.seed import KEPT_S
from p2plib.discovery.source import MAX_FOUND, Found, checked_port, checked_topic
from p2plib.discovery.turns import Turns
from p2plib.errors import Closed, P2PError, PeerTimeout, RequestRefused, Unreachable
from p2plib.machine.addresses import Address, Scope, is_ipv6, scope_of
from p2plib.machine.peer import Peer
from p2plib.machine.retries import Retries
from p2plib.machine.timers import TimerName, Timers
from p2plib.wire import multiaddr
from p2plib.wire.multiaddr import Multiaddr

NAME = "bootstrap"
MAX_OF_NETWORK = 8  # of one lookup: a university's, or a provider's NAT, may have several
MAX_OF_NAME = 8  # addresses that one name may stand for
NAME_S = 5.0  # for all names at once: those that we know by number wait for them
MEET_S = 300.0  # for how long a newcomer tries to get in
FIRST_PEERS = 8  # as many as a Bitcoin peer connects to
MAX_ASKED = 32  # addresses of one round
MIN_KEPT_S = 60.0  # a seed that says less would have us send all the time
# The entries whose hosts are names, with the families to look them up in.
FAMILIES: dict[tuple[str, ...], int] = {
    ("dns", "udp"): socket.AF_UNSPEC,
    ("dns4", "udp"): socket.AF_INET,
    ("dns6", "udp"): socket.AF_INET6,
}
CLOSED = "this bootstrap source is closed"

log = logging.getLogger(__name__)


class _Again(TimerName):
    TRY = "the next try of a call"


class BootstrapSource:
    """A `p2plib.discovery.source.Source` on a list of peers; used with `async with`.

    Args:
        listed: the entries, as multiaddrs or as text; see `p2plib.discovery.bootstrap.entries`.
        host: an IP address of ours, of the family in which the seeds are asked.
        rng: see `p2plib.machine.machine`; by default the operating system's.
        cache: peers that were good in an earlier life, and will be added to.

    Attributes:
        name: "bootstrap".
        ignored: what was dropped, by reason.
        cache: the peers that have answered so far; save it for the next start.

    Raises:
        DecodeError: an entry is none.
    """

    name = NAME

    def __init__(
        self,
        listed: Iterable[Multiaddr | str],
        *,
        host: str = "127.0.0.1",
        rng: random.Random | None = None,
        cache: GoodPeers | None = None,
    ) -> None:
        self.listed = tuple(multiaddr.parse(entry) if isinstance(entry, str) else entry for entry in listed)
        for entry in self.listed:
            check_entry(entry)
        self.ignored: Counter[str] = Counter()
        self.cache = GoodPeers() if cache is None else cache
        self._host, self._rng = host, rng or random.SystemRandom()
        self._peer: Peer[Newcomer] | None = None
        self._stack = contextlib.AsyncExitStack()
        self._rounds: dict[int, asyncio.Queue[NewcomerEvent | None]] = {}  # None: the block is over
        self._announced: dict[bytes, tuple[int, asyncio.Task[None]]] = {}
        self._turns = Turns(self._open)
        self._told: dict[bytes, dict[Address, None]] = {}  # which seeds will name us
        self._seen: dict[Address, str] = {}  # our host, as each seed sees it

    async def __aenter__(self) -> Self:
        newcomer = Newcomer(self._rng)
        newcomer.ignored = self.ignored
        opened = Peer.open(lambda address, now: newcomer, self._host, on_event=self._happened)
        self._peer = await self._stack.enter_async_context(opened)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [task for _, task in self._announced.values()]
        self._announced.clear()
        for task in tasks:
            task.cancel()
        for queue in self._rounds.values():
            queue.put_nowait(None)
        self._peer = None
        await self._stack.aclose()
        if tasks:
            await asyncio.wait(tasks)

    async def announce(self, topic: bytes, port: int) -> None:
        """See `p2plib.discovery.source.Source.announce`."""
        topic, port = checked_topic(topic), checked_port(port)
        async with self._turns.of(topic):
            await self._stop_telling(topic)
            loop = asyncio.get_running_loop()
            first: asyncio.Future[None] = loop.create_future()
            self._announced[topic] = port, loop.create_task(self._keep_told(topic, port, first))
            try:
                await first
            except BaseException:
                await self._stop_telling(topic)
                raise

    async def withdraw(self, topic: bytes) -> None:
        """See `p2plib.discovery.source.Source.withdraw`."""
        topic = checked_topic(topic)
        async with self._turns.of(topic):
            await self._stop_telling(topic)
            seeds = tuple(self._told.pop(topic, ()))
            if seeds:
                try:
                    async for _ in self._round(seeds, topic, 0):
                        pass
                except (PeerTimeout, Unreachable, RequestRefused):
                    self.ignored["not withdrawn"] += 1

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        """See `p2plib.discovery.source.Source.lookup`; said by the seed that named it."""
        topic = checked_topic(topic)
        quota, given = NetworkQuota(MAX_OF_NETWORK), set[Address]()
        async with contextlib.aclosing(self._round(await self._seeds(), topic, None)) as events:
            async for event in events:
                if not isinstance(event, WasNamed):
                    continue
                for address in event.peers:
                    if not self._may_give(event.seed, address, topic, given, quota):
                        continue
                    given.add(address)
                    yield Found(address, NAME, f"{event.seed[0]}:{event.seed[1]}")

    async def meet(
        self, topic: bytes, most: int = FIRST_PEERS, *, within_s: float = MEET_S
    ) -> tuple[Found, ...]:
        """The peers to connect to first, of as many tellers and networks as there are.

        Args:
            topic: see `p2plib.discovery.source.topic_of`.
            most: how many.
            within_s: for how many seconds another try may begin, while nobody was found.

        Returns:
            One or more.

        Raises:
            PeerTimeout: nobody answered in all that time, or nobody is there yet.
            Unreachable: as `lookup` does.
            RequestRefused: as `lookup` does.
            Closed: the block is over.
        """
        loop = asyncio.get_running_loop()
        timers: Timers[_Again] = Timers()
        retries = Retries(self._rng, timers, _Again.TRY)
        retries.start(loop.time(), within_s)
        while True:
            trouble: P2PError = PeerTimeout("the seeds answer, and nobody has told them of this topic")
            named: dict[Address, list[Found]] = {}
            try:
                async for teller, found in self._by_teller(topic):
                    named.setdefault(teller, []).append(found)
            except (PeerTimeout, Unreachable, RequestRefused) as error:
                trouble = error
            if named:
                return _picked(named, most)
            if not retries.failed(loop.time()):
                raise trouble
            await asyncio.sleep((timers.first() or 0.0) - loop.time())
            self._open()

    # How it works.

    def _open(self) -> Peer[Newcomer]:
        if self._peer is None:
            raise Closed(CLOSED)
        return self._peer

    def _happened(self, event: NewcomerEvent) -> bool:
        if isinstance(event, WasNamed):
            self.cache.good(event.seed)
        elif isinstance(event, DidNotAnswer):
            self.cache.bad(event.seed)
        queue = self._rounds.get(event.round)
        if queue is not None:
            queue.put_nowait(event)
        return True

    def _may_give(
        self, seed: Address, address: Address, topic: bytes, given: set[Address], quota: NetworkQuota
    ) -> bool:
        port, _ = self._announced.get(topic, (0, None))
        # Where a seed sees us matters for what it names itself, and for nothing else: otherwise it could hide
        # a peer that others name, by telling us that we are there.
        if address in given or address == (self._seen.get(seed), port):
            return False
        reason = ""
        if len(given) >= MAX_FOUND:
            reason = "too many"
        elif not quota.allows(address):
            reason = "too many of one network"
        if reason:
            self.ignored[reason] += 1
        return not reason

    async def _by_teller(self, topic: bytes) -> AsyncIterator[tuple[Address, Found]]:
        """All that is named, by all: an address that two tellers name counts for both."""
        async with contextlib.aclosing(
            self._round(await self._seeds(), checked_topic(topic), None)
        ) as events:
            async for event in events:
                if isinstance(event, WasNamed):
                    for address in event.peers:
                        if self._may_give(event.seed, address, topic, set(), NetworkQuota()):
                            yield event.seed, Found(address, NAME, f"{event.seed[0]}:{event.seed[1]}")

    async def _round(
        self, seeds: Iterable[Address], topic: bytes, port: int | None
    ) -> AsyncGenerator[NewcomerEvent, None]:
        """What happens in a round, one event after another; raises if nobody was reached."""
        peer, seeds = self._open(), tuple(seeds)
        if not seeds:
            raise Unreachable("there is no address in the list that we can send to")
        queue: asyncio.Queue[NewcomerEvent | None] = asyncio.Queue()
        number = self._begin(peer, queue, seeds, topic, port)
        answers, refusal, code = 0, "", 0
        try:
            while not isinstance(event := await queue.get(), RoundOver):
                if event is None:
                    raise Closed(CLOSED)
                if isinstance(event, WasRefused):
                    refusal = f"{event.seed[0]}:{event.seed[1]}: {REASONS.get(event.reason, 'no reason')}"
                    code = event.reason
                answers += isinstance(event, WasNamed if port is None else WasTold)
                yield event
        finally:
            self._rounds.pop(number, None)
            peer.machine.stop(number, peer.now())
        if not answers and refusal:
            raise RequestRefused(refusal, code)
        if not answers:
            raise PeerTimeout(f"none of {len(seeds)} bootstrap peers answered")

    def _begin(
        self,
        peer: Peer[Newcomer],
        queue: asyncio.Queue[NewcomerEvent | None],
        seeds: tuple[Address, ...],
        topic: bytes,
        port: int | None,
    ) -> int:
        """Begins a round whose events go into the queue, the very first included."""
        machine, now = peer.machine, peer.now()
        number = machine.ask(seeds, topic, now) if port is None else machine.tell(seeds, topic, port, now)
        self._rounds[number] = queue
        peer.flush()
        return number

    async def _keep_told(self, topic: bytes, port: int, first: asyncio.Future[None]) -> None:
        """Tells the seeds, again and again; `first` learns how the first time ended. Rule 4."""
        loop = asyncio.get_running_loop()
        timers: Timers[_Again] = Timers()
        retries = Retries(self._rng, timers, _Again.TRY)
        try:
            while True:
                try:
                    kept_s = await self._tell(topic, port, first)
                    retries.start(loop.time(), math.inf)
                    pause_s = kept_s / 2
                except (PeerTimeout, Unreachable, RequestRefused) as error:
                    if not first.done():
                        first.set_exception(error)
                        return
                    self.ignored["not renewed"] += 1
                    log.info("nobody was told that we are still here: %s", error)
                    retries.failed(loop.time())
                    pause_s = (timers.first() or loop.time()) - loop.time()
                await asyncio.sleep(pause_s)
        finally:
            if not first.done():
                first.set_exception(Closed(CLOSED))

    async def _tell(self, topic: bytes, port: int, first: asyncio.Future[None]) -> float:
        """Tells the seeds once; returns for how long the first that is told keeps us, within reason."""
        kept_s = float(KEPT_S)
        async for event in self._round(await self._seeds(), topic, port):
            if isinstance(event, WasTold):
                self._told.setdefault(topic, {})[event.seed] = None
                self._seen[event.seed] = event.seen[0]
                kept_s = min(kept_s, max(MIN_KEPT_S, event.kept_s))
                if not first.done():
                    first.set_result(None)
        return kept_s

    async def _stop_telling(self, topic: bytes) -> None:
        if topic in self._announced:
            _, task = self._announced.pop(topic)
            task.cancel()
            await asyncio.wait([task])

    async def _seeds(self) -> tuple[Address, ...]:
        """Whom to ask, the best first. Rules 1 and 2."""
        family = is_ipv6(self._open().address)
        each = await asyncio.gather(*map(self._addresses, self.listed))
        listed = [address for addresses in each for address in addresses]
        ordered = self.cache.order(listed, self._rng)
        ours = [address for address in ordered if is_ipv6(address) == family]
        self.ignored["other family"] += len(ordered) - len(ours)
        self.ignored += Counter()  # without what is zero
        return tuple(ours[:MAX_ASKED])

    async def _addresses(self, entry: Multiaddr) -> list[Address]:
        address = datagram_address(entry)
        if address is not None:
            return [address]
        parts = entry.components
        if entry.names[:2] not in FAMILIES or entry.names[2:] not in ((), ("p2p",)):
            self.ignored["not plain UDP"] += 1
            return []
        family = FAMILIES[entry.names[:2]]
        try:
            async with asyncio.timeout(NAME_S):
                found = await asyncio.get_running_loop().getaddrinfo(
                    parts[0].value, int(parts[1].value), family=family, type=socket.SOCK_DGRAM
                )
        except (OSError, UnicodeError):  # TimeoutError is an OSError; a label of 64 letters, a UnicodeError
            self.ignored["name not found"] += 1
            return []
        named = [(str(place[0]), int(place[1])) for *_, place in found[:MAX_OF_NAME]]
        return [each for each in named if "%" not in each[0] and scope_of(each[0]) is not Scope.NOWHERE]


def _picked(named: dict[Address, list[Found]], most: int) -> tuple[Found, ...]:
    """Rule 5."""
    by_address = {found.address: found for each in named.values() for found in each}
    turns = {teller: [found.address for found in each] for teller, each in named.items()}
    return tuple(by_address[address] for address in spread(turns, most))
