"""MainlineSource: finding peers through the Mainline DHT, in the shape of every source. A driver.

::

    async with MainlineSource([("192.0.2.7", 6881)], rng, "192.0.2.1") as source:
        await source.announce(topic_of("cats of Lisbon"), 4001)
        async for found in source.lookup(topic_of("cats of Lisbon")):
            print(found.address)

A topic is an info_hash as it is. The rules are those of `p2plib.discovery.source`. In particular:

    1. The node enters the DHT with the first call that needs it. When nobody that it knows answers a call, it
       enters once more, and the call is made again: perhaps all of them are gone, and others are there.
    2. The DHT has no word for taking an announcement back: after `withdraw`, nodes name us until what they
       heard has run out, half an hour later at most.
    3. A topic that was never announced because the call failed or was cancelled is not announced later. One
       that was is announced again until `withdraw`, whatever becomes of a second call.
    4. Nodes are asked in the order of their distance from the topic, and each may name 50 peers or so. Nobody
       has checked that these exist: whoever can send a datagram can announce (F071 stops only forged hosts).
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Self

from p2plib.discovery.mainline.driver import ALONE, JOIN_S, MainlineNode
from p2plib.discovery.mainline.machine import DEFAULT_SETTINGS
from p2plib.discovery.mainline.parts import DhtSettings
from p2plib.discovery.source import MAX_FOUND, Found, checked_port, checked_topic
from p2plib.errors import Closed, P2PError, PeerTimeout, UsageError
from p2plib.machine.addresses import Address, given_address


class MainlineSource:
    """One way to find peers: a node of the Mainline DHT, and what it is asked.

    Args:
        bootstrap: where nodes may be, IP addresses with their ports; the first node of a DHT has none.
        rng: see `p2plib.machine.machine`.
        host: see `p2plib.machine.peer.Peer.open`.
        port: see there.
        settings: see `DhtSettings`.
        public: see `p2plib.machine.peer.Peer.open`.
        within_s: for how many seconds a call goes on trying to enter the DHT.

    Attributes:
        name: "dht".
        ignored: how much of what strangers sent was dropped, by reason.

    Raises:
        UsageError: a bootstrap address is not of a peer.
    """

    name = "dht"

    def __init__(
        self,
        bootstrap: Iterable[Address],
        rng: random.Random,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        settings: DhtSettings = DEFAULT_SETTINGS,
        public: Address | None = None,
        within_s: float = JOIN_S,
    ) -> None:
        self.bootstrap = tuple(map(given_address, bootstrap))
        self._rng, self._where, self._settings, self._public = rng, (host, port), settings, public
        self._within_s = within_s
        self._stack = AsyncExitStack()
        self._node: MainlineNode | None = None
        self._has_ended = False
        self._entering = asyncio.Lock()
        self._announcing: dict[bytes, object] = {}  # the call under way that decides about a topic
        self._announced: set[bytes] = set()
        self.ignored: Counter[str] = Counter()

    @property
    def node(self) -> MainlineNode:
        """The node underneath.

        Raises:
            Closed: the block is over.
            UsageError: it has not begun.
        """
        if self._has_ended:
            raise Closed("this source was closed")
        if self._node is None:
            raise UsageError("a source is used with `async with`")
        return self._node

    async def __aenter__(self) -> Self:
        opened = MainlineNode.open(self._rng, *self._where, settings=self._settings, public=self._public)
        self._node = await self._stack.enter_async_context(opened)
        self._node.machine.ignored = self.ignored  # from now on the machine counts here
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._has_ended = True
        await self._stack.aclose()

    async def announce(self, topic: bytes, port: int) -> None:
        """See `p2plib.discovery.source.Source.announce`."""
        topic, port, node = checked_topic(topic), checked_port(port), self.node
        call = self._announcing[topic] = object()
        try:
            await self._enter()
            try:
                await self._announce(topic, port, call)
            except PeerTimeout:
                await self._enter_again()
                await self._announce(topic, port, call)
        except (P2PError, asyncio.CancelledError):
            is_first = topic not in self._announced
            if is_first and self._announcing.get(topic) is call and not self._has_ended:
                node.withdraw(topic)
            raise
        finally:
            if self._announcing.get(topic) is call:
                del self._announcing[topic]

    async def _announce(self, topic: bytes, port: int, call: object) -> None:
        """Announces, unless the topic was withdrawn or announced anew while this call waited."""
        if self._announcing.get(topic) is call:
            await self.node.announce_peer(topic, port)
            if topic in self._announcing:  # not withdrawn in the meantime
                self._announced.add(topic)

    async def withdraw(self, topic: bytes) -> None:
        """See `p2plib.discovery.source.Source.withdraw`. Rule 2."""
        topic = checked_topic(topic)
        self.node.withdraw(topic)
        self._announcing.pop(topic, None)
        self._announced.discard(topic)

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        """See `p2plib.discovery.source.Source.lookup`."""
        topic, node, given = checked_topic(topic), self.node, 0
        await self._enter()
        for is_last in (False, True):
            try:
                async with aclosing(node.get_peers(topic)) as peers:
                    async for address, teller in peers:
                        if given == MAX_FOUND:
                            self.ignored["too many peers"] += 1
                            return
                        given += 1
                        said_by = "" if teller is None else f"{teller[0]}:{teller[1]}"
                        yield Found(address, self.name, said_by)
                return
            except PeerTimeout:  # then there was nobody, and nothing was given
                if is_last:
                    raise
                await self._enter_again()

    async def _enter(self) -> None:
        """Bootstraps, if the node knows nobody. Rule 1."""
        async with self._entering:
            node = self.node
            if self.bootstrap and not len(node.machine.table):
                await node.bootstrap(self.bootstrap, within_s=self._within_s)

    async def _enter_again(self) -> None:
        """Bootstraps, though the node knows somebody; those that it knows are silent.

        Raises:
            PeerTimeout: nobody answers at the bootstrap addresses either, or there are none.
        """
        async with self._entering:
            if not self.bootstrap:
                raise PeerTimeout(ALONE)
            await self.node.bootstrap(self.bootstrap, within_s=self._within_s)
