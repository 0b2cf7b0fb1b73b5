"""SignalSource: peers of a topic tell each other where they are, signed, through hubs that nobody trusts.

A driver over `p2plib.discovery.signal.client`. ::

    async with SignalSource(["http://192.0.2.1:8080"], secret, host="198.51.100.7") as source:
        await source.announce(topic_of("cats of Lisbon"), 4001)
        async for found in source.lookup(topic_of("cats of Lisbon")):
            print(found.peer, found.address)        # found.peer has signed found.address

The channel of a topic is its 40 hexadecimal digits, in the application's name. One that looks has a second
channel, for the answers to it: the topic's digits, a hyphen, and its own peer id.

Rules, besides those of `p2plib.discovery.source`
    1. A hub does not say from where a message came, so each peer says where it is: `host` is the address at
       which others reach us. Whoever finds it can trust that the peer said it, no more.
    2. Announcing is listening, too: the peer says "here" once, then to those that ask "who", at most once in
       `ANSWER_S`, and to all every `RENEW_S`. One that asks alone is answered on its own channel. If several
       ask at once, all are answered by one message on the topic's, so that a flood of questions costs little.
       If n peers answered to all, each lookup would have the hub send (n + 1)² messages; so it is 2n + 1.
    3. A lookup listens on both channels, asks "who", and ends `LISTEN_S` after that: a hub has no word
       for "that was all".
    4. Several hubs are used at once: a peer is found while one of them passes messages on. Copies are seen by
       the peer's `Inbox`, one for each lookup.
    5. A hub that breaks off is tried again while we announce, after pauses that double.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine, Iterable
from types import TracebackType
from typing import Any, Self

from p2plib.discovery.signal.client import HubClient
from p2plib.discovery.signal.inbox import Inbox
from p2plib.discovery.signal.messages import GONE, HERE, WHO, SignalMessage, encode, sign
from p2plib.discovery.signal.presence import TROUBLE, Presence, Presences, worst
from p2plib.discovery.source import MAX_FOUND, Found, checked_port, checked_topic
from p2plib.errors import Closed, DecodeError, P2PError, UsageError
from p2plib.identity import ids
from p2plib.identity.keys import PublicKey, SecretKey
from p2plib.machine.addresses import Address, acceptable, given_address
from p2plib.wire import multiaddr

NAME = "signal"
APP = "p2plib"
LISTEN_S = 3.0
ANSWER_S = 0.5
RENEW_S = 120.0
FIRST_PAUSE_S, MAX_PAUSE_S = 1.0, 60.0
MAX_ADDRESSES = 8  # of one peer
MAX_APP = 128  # characters; the topic and a peer id come behind it in a channel's name
CLOSED = "this signal source is closed"

log = logging.getLogger(__name__)


class SignalSource:
    """A `p2plib.discovery.source.Source` over signal hubs; used with `async with`.

    Args:
        hubs: their addresses, such as "http://192.0.2.1:8080".
        secret: who we are, and sign as.
        host: the IP address at which others reach us.
        app: the application, a part of every channel's name.
        rng: draws pauses; by default the operating system's.
        listen_s: rule 3.

    Attributes:
        name: "signal".
        ignored: what was dropped, by reason.

    Raises:
        UsageError: there is no hub, or one of the arguments is none.
    """

    name = NAME

    def __init__(
        self,
        hubs: Iterable[str],
        secret: SecretKey,
        *,
        host: str = "127.0.0.1",
        app: str = APP,
        rng: random.Random | None = None,
        listen_s: float = LISTEN_S,
    ) -> None:
        self._hubs = [HubClient(url, app) for url in dict.fromkeys(hubs)]
        if not self._hubs:
            raise UsageError("a signal source needs a hub")
        if len(app) > MAX_APP or not app.isprintable():
            raise UsageError(f"an application's name has at most {MAX_APP} characters, all printable")
        self.ignored: Counter[str] = Counter()
        self._secret, self._app, self._listen_s = secret, app, listen_s
        self._host = given_address((host, 1))[0]
        self._rng = rng or random.SystemRandom()
        self._seq = 0
        self._stack = contextlib.AsyncExitStack()
        self._presences = Presences(self._hubs, self._stay, self._spawn, self._check_open)
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._is_open = False

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as undo:
            for hub in self._hubs:
                await undo.enter_async_context(hub)
            self._stack = undo.pop_all()
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_open = False
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._stack.aclose()

    async def announce(self, topic: bytes, port: int) -> None:
        """See `p2plib.discovery.source.Source.announce`."""
        topic, port = checked_topic(topic), checked_port(port)
        self._check_open()
        await self._presences.announce(topic, port)

    async def withdraw(self, topic: bytes) -> None:
        """See `p2plib.discovery.source.Source.withdraw`."""
        topic = checked_topic(topic)
        self._check_open()
        if not self._presences.leave(topic):
            return
        for result in await asyncio.gather(
            *(self._say(hub, topic.hex(), GONE) for hub in self._hubs), return_exceptions=True
        ):
            if isinstance(result, P2PError):
                self.ignored["not withdrawn"] += 1
            elif result is not None:
                raise result

    async def lookup(self, topic: bytes) -> AsyncGenerator[Found, None]:
        """See `p2plib.discovery.source.Source.lookup`; said by the hub that passed it on."""
        topic = checked_topic(topic)
        self._check_open()
        names = topic.hex(), _aside(topic, self._secret.public)
        inbox = Inbox(self._secret.public, [f"{self._app}/{name}" for name in names])
        found: asyncio.Queue[Found | Exception | None] = asyncio.Queue()
        tasks = [self._spawn(self._ask(hub, names, inbox, found)) for hub in self._hubs]
        given, troubles, ended = set[Address](), list[P2PError](), 0
        try:
            while ended < len(tasks):
                item = await found.get()
                if isinstance(item, Found):
                    if self._may_give(item.address, given):
                        given.add(item.address)
                        yield item
                    continue
                ended += 1
                if isinstance(item, TROUBLE):
                    troubles.append(item)
                elif item is not None:
                    raise item
        finally:
            self.ignored.update(inbox.ignored)
            await self._end(tasks)
        if len(troubles) == len(tasks):
            raise worst(troubles)

    # How it works.

    def _check_open(self) -> None:
        if not self._is_open:
            raise Closed(CLOSED)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    async def _end(self, tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _may_give(self, address: Address, given: set[Address]) -> bool:
        if address in given:
            return False
        if len(given) >= MAX_FOUND:
            self.ignored["too many"] += 1
            return False
        return True

    async def _say(
        self, hub: HubClient, name: str, kind: str, body: str = "", to: PublicKey | None = None
    ) -> None:
        """Signs one message, and sends it to the channel of that name."""
        now_s = time.time()
        self._seq = max(self._seq + 1, int(now_s * 1000))  # so it grows over restarts, too
        channel = f"{self._app}/{name}"
        message = SignalMessage(channel, self._secret.public, to, kind, self._seq, int(now_s), body)
        await hub.broadcast(name, encode(sign(message, self._secret)))

    async def _say_here(self, hub: HubClient, presence: Presence, to: PublicKey | None = None) -> None:
        family = "ip6" if ":" in self._host else "ip4"
        port = presence.port
        address = multiaddr.of((family, self._host), ("tcp", port))
        name = presence.topic.hex() if to is None else _aside(presence.topic, to)
        await self._say(hub, name, HERE, str(address), to)
        if port == presence.port:
            presence.told(hub, port)

    # Announcing

    async def _stay(self, presence: Presence, hub: HubClient) -> None:
        """Announces at one hub until cancelled. Rules 2 and 5."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                await self._attend(presence, hub)
            except TROUBLE as error:
                log.info("announcing at %s broke off: %s", hub.url, error)
                self.ignored["announcing broke off"] += 1
                if presence.failed(hub, error):
                    pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s * self._rng.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, MAX_PAUSE_S)

    async def _attend(self, presence: Presence, hub: HubClient) -> None:
        inbox = Inbox(self._secret.public, [f"{self._app}/{presence.topic.hex()}"])
        askers: dict[PublicKey, None] = {}
        async with hub.subscribe(presence.topic.hex()) as texts:
            asked = presence.asked
            await self._say_here(hub, presence)
            speaking = self._spawn(self._answer(presence, hub, asked, askers))
            try:
                async for text in texts:
                    message = inbox.receive(text, time.time())
                    if message is not None and message.kind == WHO and len(askers) < 2:
                        askers[message.sender] = None
                        presence.wake()
            finally:
                self.ignored.update(inbox.ignored)
                await self._end([speaking])

    async def _answer(
        self, presence: Presence, hub: HubClient, heard: int, askers: dict[PublicKey, None]
    ) -> None:
        """Says "here" to those that ask, and to all when there is reason to since then, and now and then."""
        time_of = asyncio.get_running_loop().time
        renew_at = 0.0
        while True:
            renew_at = renew_at or time_of() + RENEW_S * self._rng.uniform(0.75, 1.0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(renew_at):
                    while presence.asked == heard and not askers:
                        await presence.changed()
            await asyncio.sleep(ANSWER_S * self._rng.random())
            is_for_all = presence.asked != heard or len(askers) != 1 or time_of() >= renew_at
            to = None if is_for_all else next(iter(askers))
            heard, renew_at = presence.asked, 0.0 if is_for_all else renew_at
            askers.clear()
            try:
                await self._say_here(hub, presence, to)
            except TROUBLE as error:
                self.ignored["not answered"] += 1
                presence.failed(hub, error)

    # Looking

    async def _ask(
        self,
        hub: HubClient,
        names: tuple[str, str],
        inbox: Inbox,
        found: asyncio.Queue[Found | Exception | None],
    ) -> None:
        """One hub's part of a lookup; puts its end into the queue, too. Rule 3."""
        end: Exception | None = None
        try:
            async with hub.subscribe(*names) as texts:
                await self._say(hub, names[0], WHO)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._listen_s):
                        async for text in texts:
                            message = inbox.receive(text, time.time())
                            if message is not None and message.kind == HERE:
                                self._hand_over(self._found(message, hub), found)
        except asyncio.CancelledError:
            end = Closed(CLOSED)
            raise
        except Exception as error:  # whatever it is, the lookup raises it
            end = error
        finally:
            found.put_nowait(end)

    def _hand_over(self, new: list[Found], found: asyncio.Queue[Found | Exception | None]) -> None:
        """Whoever reads may be slow, and a hub may know peers without end: what waits is bounded."""
        for each in new:
            if found.qsize() < MAX_FOUND:
                found.put_nowait(each)
            else:
                self.ignored["too many"] += 1

    def _found(self, message: SignalMessage, hub: HubClient) -> list[Found]:
        """What a "here" says, filtered. Rule 1."""
        peer, made = ids.peer_id(message.sender), list[Found]()
        for word in message.body.split(" ")[:MAX_ADDRESSES]:
            address = _address_in(word)
            if address is None:
                self.ignored["not an address"] += 1
            elif not acceptable(address, (self._host, 1)):
                self.ignored["address of no peer"] += 1
            else:
                made.append(Found(address, NAME, hub.url, peer))
        return made


def _aside(topic: bytes, asker: PublicKey) -> str:
    """The channel on which one that looks is answered."""
    return f"{topic.hex()}-{ids.peer_id(asker)}"


def _address_in(word: str) -> Address | None:
    """The host and port that a multiaddr begins with, over TCP or UDP; None if it does not."""
    try:
        parts = multiaddr.parse(word).components
    except DecodeError:
        return None
    names = tuple(part.name for part in parts[:2])
    if names not in (("ip4", "tcp"), ("ip6", "tcp"), ("ip4", "udp"), ("ip6", "udp")):
        return None
    return parts[0].value, int(parts[1].value)
