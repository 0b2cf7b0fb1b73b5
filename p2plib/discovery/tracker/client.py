"""TrackerClient: asking one tracker, given its URL. A driver; HTTP needs aiohttp, UDP needs nothing.

::

    client = TrackerClient("udp://192.0.2.80:6969", random.SystemRandom())
    reply = await client.announce(Announce(topic, peer_id, 6881))
    for address in reply.peers: ...

Rules
    1. Nothing is kept between two calls but the name: each opens a socket, asks, and closes it. Half an hour
       later our own address may be another, and so may the tracker's.
    2. A name is looked up once for a call, and its addresses are tried in turn, `MAX_ADDRESSES` at most.
    3. Of the peers in a response only those are given where a peer can be, as seen from the tracker
       (`p2plib.machine.addresses.acceptable`): a tracker on the internet cannot send us into our own network.
       We ourselves are left out. What is dropped is counted by reason.
    4. The interval is clamped: see `clamped`.
    5. Whatever a tracker sends, a call raises `PeerTimeout`, `Unreachable` or `RequestRefused`, and nothing
       else. A response that breaks the rules of its form is a `RequestRefused`: somebody answered, and gave
       us nothing.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from p2plib.discovery.tracker.announce import (
    Announce,
    Announced,
    Counts,
    TrackerFailure,
    checked_announce,
    checked_hashes,
    clamped,
)
from p2plib.discovery.tracker.udp_client import AskerEvent, UdpAnswered, UdpAsker
from p2plib.discovery.tracker.udp_messages import Scraped
from p2plib.errors import CannotListen, PeerTimeout, RequestRefused, Unreachable, UsageError
from p2plib.machine.addresses import MAX_PORT, Address, Scope, acceptable, scope_of
from p2plib.machine.peer import Peer
from p2plib.machine.udp import plain

MAX_ADDRESSES = 4
RESOLVE_S = 10.0
DEFAULT_PORTS = {"http": 80, "https": 443, "udp": None}
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TrackerUrl:
    """Where a tracker is.

    Args:
        scheme: "http", "https" or "udp".
        host: a name or an IP address.
        port: its port.
        path: of HTTP, with its query, if it has one.
    """

    scheme: str
    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"


def parsed_url(url: str) -> TrackerUrl:
    """The parts of a tracker's URL.

    Args:
        url: such as "udp://tracker.example:6969" or "http://tracker.example/announce".

    Raises:
        UsageError: it is no URL of a tracker that names peers; a WebSocket tracker carries offers instead,
            see `p2plib.discovery.tracker.offer_client`.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is no URL: {error}") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise UsageError(f"a tracker's URL begins with http://, https:// or udp://, and not as {url!r} does")
    port = DEFAULT_PORTS[parts.scheme] if port is None else port
    if not host or not port or not 1 <= port <= MAX_PORT:
        raise UsageError(f"a tracker's URL names a host and a port, and {url!r} does not")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError(f"a URL is printable ASCII without spaces, and {url!r} is not")
    path = (parts.path or "/announce") + (f"?{parts.query}" if parts.query else "")
    return TrackerUrl(parts.scheme, host, port, "" if parts.scheme == "udp" else path)


@dataclass(frozen=True, slots=True)
class TrackerReply:
    """What a tracker said to an announce, as far as it is to be believed.

    Args:
        tracker: the address that answered.
        interval_s: after how many seconds to announce again, clamped.
        seeders: how many peers have everything, as it says.
        leechers: how many lack something, as it says.
        peers: where peers are, filtered.
        ignored: how many of those that it named were dropped, by reason.
        warning: a sentence for people; "" if there is none.
    """

    tracker: Address
    interval_s: int
    seeders: int
    leechers: int
    peers: tuple[Address, ...]
    ignored: Counter[str] = field(default_factory=Counter)
    warning: str = ""


def believed(answer: Announced, tracker: Address, own_host: str, own_port: int) -> TrackerReply:
    """What is to be believed of an answer. Rules 3 and 4.

    Args:
        answer: what the tracker said.
        tracker: its address.
        own_host: the address that we asked from.
        own_port: the port that we announced.
    """
    ignored: Counter[str] = Counter()
    # A host of ours that the tracker names decides nothing but what of its own list we leave out.
    own = {(host, own_port) for host in (own_host, answer.own_host)}
    peers: dict[Address, None] = {}
    for named in answer.peers:
        address = _in_one_form(named)
        if address in own:
            ignored["own address"] += 1
        elif not _can_be_a_peer(address, tracker):
            ignored["not acceptable"] += 1
        else:
            peers[address] = None
    interval_s = clamped(answer.interval_s, answer.min_interval_s)
    return TrackerReply(
        tracker, interval_s, answer.seeders, answer.leechers, tuple(peers), ignored, answer.warning
    )


def _in_one_form(address: Address) -> Address:
    """An address as datagrams show it: an IPv6 one can be spelt in many ways, and BEP 3's list has text."""
    host, port = address
    if ":" not in host:
        return address
    try:
        return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, host)), port
    except (OSError, ValueError):
        return address


def _can_be_a_peer(address: Address, tracker: Address) -> bool:
    try:
        return acceptable(address, tracker)
    except UsageError:  # a name: BEP 3 allows it, and nothing that strangers name is looked up
        return False


class TrackerClient:
    """Asks one tracker.

    Args:
        url: see `parsed_url`.
        rng: see `p2plib.machine.machine`.

    Attributes:
        url: the parts of its URL.

    Raises:
        UsageError: see `parsed_url`.
    """

    def __init__(self, url: str, rng: random.Random) -> None:
        self.url, self._rng = parsed_url(url), rng

    async def announce(self, announce: Announce) -> TrackerReply:
        """Announces, and gives what is to be believed of the answer.

        Raises:
            PeerTimeout: nobody answered.
            Unreachable: there is no way to the tracker, or its name is not known.
            RequestRefused: it answered, and refused, or gave an answer that is none.
            UsageError: the announce cannot be sent; see `checked_announce`.
        """
        checked_announce(announce)

        async def ask(address: Address) -> TrackerReply:
            own_host = await host_towards(address)
            if self.url.scheme == "udp":
                answer = await self._by_udp(address, own_host, lambda asker: asker.announce, announce)
            else:
                from p2plib.discovery.tracker import http_client  # aiohttp takes long to import

                answer = await http_client.announce_over_http(self.url, address, announce)
            if isinstance(answer, TrackerFailure):
                raise self._refused(answer)
            return believed(answer, address, own_host, announce.port)

        return await self._at_some_address(ask)

    async def scrape(self, *info_hashes: bytes) -> dict[bytes, Counts]:
        """Asks how many peers swarms have, without entering them.

        Args:
            info_hashes: 20 bytes each, `MAX_SCRAPED` at most.

        Raises:
            PeerTimeout: as `announce`.
            Unreachable: as `announce`.
            RequestRefused: as `announce`.
            UsageError: see `checked_hashes`.
        """
        hashes = checked_hashes(info_hashes)

        async def ask(address: Address) -> dict[bytes, Counts]:
            if self.url.scheme == "udp":
                own_host = await host_towards(address)
                answer = await self._by_udp(address, own_host, lambda asker: asker.scrape, hashes)
                if isinstance(answer, Scraped):
                    if len(answer.counts) != len(hashes):
                        counted = f"{len(answer.counts)} of {len(hashes)} swarms"
                        raise RequestRefused(f"{self.url} counted {counted}")
                    return dict(zip(hashes, answer.counts, strict=True))
            else:
                from p2plib.discovery.tracker import http_client

                answer = await http_client.scrape_over_http(self.url, address, hashes)
            if isinstance(answer, TrackerFailure):
                raise self._refused(answer)
            return answer  # type: ignore[no-any-return]

        return await self._at_some_address(ask)

    # ------------------------------------------------------------------------------------------------------

    def _refused(self, failure: TrackerFailure) -> RequestRefused:
        return RequestRefused(f"{self.url} refused: {failure.sentence!r}")

    async def _at_some_address(self, ask: Callable[[Address], Awaitable[T]]) -> T:
        """Rule 2."""
        last: PeerTimeout | Unreachable | None = None
        for address in await self._addresses():
            try:
                return await ask(address)
            except (PeerTimeout, Unreachable) as error:
                last = error
        raise last or Unreachable(f"{self.url.host} has no address")

    async def _addresses(self) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(RESOLVE_S):
                found = await loop.getaddrinfo(self.url.host, self.url.port, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise PeerTimeout(f"no answer to what the address of {self.url.host} is") from None
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"no address is known for {self.url.host}: {error}") from None
        addresses = dict.fromkeys(plain(each[4]) for each in found)
        return [each for each in addresses if scope_of(each[0]) is not Scope.NOWHERE][:MAX_ADDRESSES]

    async def _by_udp(
        self, tracker: Address, own_host: str, method: Callable[[UdpAsker], Any], what: object
    ) -> Any:
        async with _asker(tracker, own_host, self._rng) as peer:
            outcome: AskerEvent = await peer.outcome(method(peer.machine), what)
        if isinstance(outcome, UdpAnswered):
            return outcome.answer
        raise PeerTimeout(f"{self.url} did not answer")


@asynccontextmanager
async def _asker(tracker: Address, own_host: str, rng: random.Random) -> AsyncIterator[Peer[UdpAsker]]:
    def settled(event: AskerEvent) -> bool:
        return peer.awaited.resolve(event.number, event)

    try:
        opened = Peer.open(lambda address, now: UdpAsker(tracker, rng), own_host, on_event=settled)
        async with opened as peer:
            yield peer
    except CannotListen as error:
        raise Unreachable(f"no socket towards {tracker[0]}: {error}") from error


async def host_towards(address: Address) -> str:
    """The address of ours that what we send to somebody comes from. Nothing is sent.

    Raises:
        Unreachable: there is no way to them.
    """
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=address)
    except OSError as error:
        raise Unreachable(f"there is no way to {address[0]}: {error}") from None
    try:
        return plain(transport.get_extra_info("sockname"))[0]
    finally:
        transport.close()
