"""Lab 3, the capstone's ground: a DHT of 500 nodes in a simulated internet, in fair weather and foul.

The nodes speak KRPC on real (simulated) sockets. What is wrong with them is a `Weather`. A search's program
runs on a host of its own, and everything that this host sends is counted in the network's trace, whatever the
program does.

Vocabulary::

    topic     an info_hash that a few peers were announced for
    peer      a host that answers "hello" and the info_hash with "here" and the info_hash
    fake      a node that a liar made up, nearer to the topic than any honest one; behind it sits the liar
    ghost     a peer that a liar made up; nobody is there
    trap      a peer that only forged answers name; it says "here" to everything
    forger    a node that sees a question, and sends answers to it from another address
"""

from __future__ import annotations

import asyncio
import functools
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from p2plib.errors import DecodeError, NotFound
from p2plib.labs.engine.tasks import Wrong
from p2plib.labs.engine.words import describe
from p2plib.labs.lab00_network.world import _in_words, asked
from p2plib.labs.lab03_dht.contacts import K, packed
from p2plib.labs.lab06_kademlia.crowd import Crowd
from p2plib.machine.addresses import Address, Contact
from p2plib.sim import Internet, Link
from p2plib.wire import bencode

NODES, SEARCHES, PEERS, BOOTSTRAP = 500, 12, 3, 4
FAKES = 8  # of each liar, each on a port of its own
FORGED = 24  # answers for each question that a forger sees
LIMIT_S, LIMIT = 30.0, 60  # for one search: seconds, and datagrams
HELLO, HERE = b"hello ", b"here "
TRAP = ("10.222.1.1", 4000)

FindOne = Callable[..., Any]  # a reader's program


@dataclass(frozen=True)
class Weather:
    """What is wrong with a network, and what a search in it may cost.

    Args:
        name: what it is called.
        goal: how many of `SEARCHES` must find a peer.
        datagrams: how many a search may send, on average.
        seconds: how long it may take, on average.
        loss: what part of all datagrams is lost.
        dead: what part of the nodes does not answer.
        liars: what part of them lies; how, say the next three.
        fakes, ghosts, forges: whether liars name fakes, name ghosts, forge answers.
        babbles: whether every second liar answers with what breaks the rules.
    """

    name: str
    goal: int
    datagrams: float
    seconds: float
    loss: float = 0.0
    dead: float = 0.0
    liars: float = 0.0
    fakes: bool = False
    ghosts: bool = False
    forges: bool = False
    babbles: bool = False


@dataclass(frozen=True)
class Search:
    """What one search came to.

    Args:
        outcome: "found", "nobody" (NotFound), "ghost" (an address where no peer is), "trap" or "late".
        datagrams: how many it sent.
        seconds: how long it took.
    """

    outcome: str
    datagrams: int
    seconds: float


@dataclass(frozen=True)
class Score:
    """What all searches in one weather came to."""

    weather: Weather
    searches: tuple[Search, ...]

    def count(self, outcome: str) -> int:
        """How many searches came to that."""
        return sum(search.outcome == outcome for search in self.searches)

    @property
    def datagrams(self) -> float:
        """On average."""
        return sum(search.datagrams for search in self.searches) / len(self.searches)

    @property
    def seconds(self) -> float:
        """On average."""
        return sum(search.seconds for search in self.searches) / len(self.searches)


@functools.cache
def the_dht(seed: int) -> Crowd:
    """Who is there, and who knows whom."""
    return Crowd(NODES, k=K, seed=seed)


class Ground:
    """The nodes, peers and liars of one network.

    Args:
        weather: what is wrong with it.
        seed: of everything.
    """

    def __init__(self, weather: Weather, seed: int) -> None:
        rng = random.Random(seed)
        self.weather, self.crowd = weather, the_dht(seed)
        troubled = rng.sample(self.crowd.peers, round((weather.dead + weather.liars) * NODES))
        dead = round(weather.dead * NODES)
        self.dead, self.liars = set(troubled[:dead]), troubled[dead:]
        self.topics = [rng.randbytes(20) for _ in range(SEARCHES)]
        self.absent = rng.randbytes(20)
        self.peers = _hidden(random.Random(f"peers {seed}"))
        self.holders = {topic: self.crowd.nearest(int.from_bytes(topic, "big"), K) for topic in self.topics}
        self._rng = rng

    def bootstrap(self) -> list[Address]:
        """Four addresses to begin with; at least two are of honest nodes that are there."""
        enough = min(2, NODES - len(self.dead) - len(self.liars))
        while True:
            chosen = self._rng.sample(self.crowd.peers, BOOTSTRAP)
            if sum(node not in self.dead and node not in self.liars for node in chosen) >= enough:
                return [node.address for node in chosen]

    def peers_for(self, topic: bytes) -> list[Address]:
        """Where peers for a topic really are."""
        if topic not in self.topics:
            return []
        first = self.topics.index(topic) * PEERS
        return self.peers[first : first + PEERS]

    def answer(self, node: Contact, port: int, topic: bytes) -> dict[bytes, Any]:
        """What a node answers to get_peers."""
        target = int.from_bytes(topic, "big")
        ident, nodes, values = node.id, self.crowd.named(node.id, target), list[Address]()
        if node in self.liars and self.weather.fakes:
            place = self.liars.index(node)
            nodes = self._fakes(target, (place + 1) % len(self.liars))
            if port != node.address[1]:
                ident = self._fakes(target, place)[port - node.address[1] - 1].id
        elif node in self.holders.get(topic, []):
            values = self.peers_for(topic)[self.holders[topic].index(node) % 2 :]
        if node in self.liars and self.weather.ghosts:
            values = [(f"10.230.{node.id % 200}.{i + 1}", 4000) for i in range(4)]
        answer: dict[bytes, Any] = {b"id": ident.to_bytes(20, "big"), b"token": b"%d" % (node.id % 10**6)}
        answer[b"nodes"] = b"".join(packed(one.id, *one.address) for one in nodes)
        if self.weather.babbles and node in self.liars[::2]:
            answer |= {
                b"nodes": answer[b"nodes"][:-1] if node in self.liars[::4] else [7],
                b"values": b"none",
            }
            return answer
        if values:
            answer[b"values"] = [
                socket.inet_aton(host) + number.to_bytes(2, "big") for host, number in values
            ]
        return answer

    def _fakes(self, target: int, place: int) -> list[Contact]:
        host, port = self.liars[place].address
        return [Contact(target ^ 1 + place * FAKES + i, (host, port + 1 + i)) for i in range(FAKES)]


def _hidden(rng: random.Random) -> list[Address]:
    """Addresses for the peers of all topics, so many that nobody finds one by trying."""
    places = rng.sample(range(1 << 16), SEARCHES * PEERS)
    return [(f"10.250.{place >> 8}.{place & 255}", 4000) for place in places]


class NodeSocket(asyncio.DatagramProtocol):
    """One socket of a node; a liar has several.

    Args:
        ground: who is who.
        node: whose socket it is.
        port: on which port.
    """

    def __init__(self, ground: Ground, node: Contact, port: int) -> None:
        self.ground, self.node, self.port = ground, node, port
        self.forging: Any = None  # the transport of a forger's other socket

    def connection_made(self, transport: Any) -> None:
        """The socket is there."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A question, perhaps."""
        topic, transaction = _question(data)
        if topic is None:
            return
        answer = self.ground.answer(self.node, self.port, topic)
        if self.forging is not None:
            self._forge(topic, transaction, addr, answer)
        self.transport.sendto(_response(transaction, answer), addr)

    def _forge(self, topic: bytes, transaction: bytes, addr: Any, answer: dict[bytes, Any]) -> None:
        trap = socket.inet_aton(TRAP[0]) + TRAP[1].to_bytes(2, "big")
        seen, size = int.from_bytes(transaction, "big"), len(transaction)
        self.forging.sendto(HERE + topic, addr)
        for step in range(FORGED):
            guess = ((seen + step) % (1 << 8 * size)).to_bytes(size, "big") if size else b""
            self.forging.sendto(_response(guess, {b"id": answer[b"id"], b"values": [trap]}), addr)


def _question(data: bytes) -> tuple[bytes | None, bytes]:
    """The info_hash and the transaction of a get_peers; no info_hash for anything else."""
    try:
        message = bencode.decode(data)
    except DecodeError:
        return None, b""
    if not isinstance(message, dict) or message.get(b"y") != b"q":
        return None, b""
    transaction, arguments = message.get(b"t"), message.get(b"a")
    if not isinstance(transaction, bytes) or not isinstance(arguments, dict):
        return None, b""
    if message.get(b"q") != b"get_peers":
        return None, transaction
    ident = arguments.get(b"id")
    topic = arguments.get(b"info_hash")
    is_whole = isinstance(ident, bytes) and isinstance(topic, bytes) and len(ident) == len(topic) == 20
    return (topic if is_whole and isinstance(topic, bytes) else None), transaction


def _response(transaction: bytes, answer: dict[bytes, Any]) -> bytes:
    return bencode.encode({b"t": transaction, b"y": b"r", b"r": answer})


class Greeter(asyncio.DatagramProtocol):
    """A peer.

    Args:
        topics: what it is a peer for; None for anything, as a trap is.
    """

    def __init__(self, topics: set[bytes] | None) -> None:
        self.topics = topics

    def connection_made(self, transport: Any) -> None:
        """The socket is there."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A greeting, perhaps."""
        topic = data.removeprefix(HELLO)
        if data.startswith(HELLO) and (self.topics is None or topic in self.topics):
            self.transport.sendto(HERE + topic, addr)


# Searching


def searched(
    yours: FindOne, weather: Weather, seed: int = 1, *, is_absent: bool = False
) -> tuple[Score, Internet]:
    """Run a reader's program for every topic of a network.

    Args:
        yours: the program.
        weather: what is wrong with the network.
        seed: of everything.
        is_absent: whether to look for something that nobody has instead, once.

    Returns:
        What came out, and the internet with its trace.

    Raises:
        Wrong: the program did what it must not, such as to wait without end or to leave a socket open.
    """
    ground = Ground(weather, seed)
    net = Internet(seed, link=Link(latency=0.05, jitter_s=0.03, loss=weather.loss))
    spans: list[_Span] = []

    async def main(net: Internet) -> None:
        transports = await _settled(net, ground)
        you = net.host("you", address="10.99.1.1")
        loop = asyncio.get_running_loop()
        for number, topic in enumerate([ground.absent] if is_absent else ground.topics):
            began, way_in = loop.time(), ground.bootstrap()
            rng = random.Random(seed * 1000 + number)
            got, outcome = await _one(you, yours, topic, ground, way_in, rng)
            spans.append(_Span(began, loop.time(), way_in, got, outcome))
            await asyncio.sleep(1)
        for transport in transports:
            transport.close()

    try:
        net.run(main, time_limit_s=SEARCHES * (LIMIT_S + 2))
    except Exception as error:
        # What a handler raised comes first: what the program then missed is its consequence.
        in_handlers = [raised.context.get("exception") for raised in net.loop.raised]
        raise _in_words(error, next(filter(None, in_handlers), None)) from None
    return Score(weather, tuple(_search(span, net) for span in spans)), net


@dataclass(frozen=True)
class _Span:
    """One search as it was seen from outside."""

    began: float
    ended: float
    way_in: list[Address]
    got: Any  # what the program returned; None if it did not
    outcome: str


def _search(span: _Span, net: Internet) -> Search:
    """What a search came to, by the trace.

    Raises:
        Wrong: it sent to an address, or found one, that it cannot know.
    """
    during = [packet for packet in net.trace if span.began <= packet.sent_s <= span.ended]
    sent = [packet for packet in during if packet.sender == "you"]
    heard = [packet for packet in during if packet.receiver == "you" and packet.arrives_s is not None]

    def is_told(address: Address, now: float) -> bool:
        named = socket.inet_aton(address[0]) + address[1].to_bytes(2, "big")
        return address in span.way_in or any(
            (one.arrives_s or 0) <= now and named in one.data for one in heard
        )

    hint = "a search begins with the four addresses that it is given, and goes on with what it hears"
    if not all(is_told(packet.destination, packet.sent_s) for packet in sent):
        raise Wrong("it sent a datagram to an address that nobody had named in this search", hint)
    if span.outcome == "found" and not is_told(span.got, span.ended):
        raise Wrong("it found a peer that nobody had named in this search", hint)
    return Search(span.outcome, len(sent), span.ended - span.began)


async def _settled(net: Internet, ground: Ground) -> list[Any]:
    """All hosts of a network with their sockets."""
    transports = []

    async def opened(host: Any, make: Callable[[], Any], port: int) -> Any:
        with host:
            loop = asyncio.get_running_loop()
            transport, protocol = await loop.create_datagram_endpoint(make, local_addr=("0.0.0.0", port))
        transports.append(transport)
        return protocol

    for number, node in enumerate(ground.crowd.peers):
        if node in ground.dead:
            continue
        host, port = net.host(f"node{number}", address=node.address[0]), node.address[1]
        lies = ground.weather.fakes and node in ground.liars
        for at in range(port, port + 1 + (FAKES if lies else 0)):
            made = await opened(host, functools.partial(NodeSocket, ground, node, at), at)
            if ground.weather.forges and node in ground.liars and at == port:
                await opened(host, asyncio.DatagramProtocol, 7000)
                made.forging = transports[-1]
    for number, (address, port) in enumerate(ground.peers):
        topics = {topic for topic in ground.topics if (address, port) in ground.peers_for(topic)}
        await opened(net.host(f"peer{number}", address=address), functools.partial(Greeter, topics), port)
    await opened(net.host("trap", address=TRAP[0]), functools.partial(Greeter, None), TRAP[1])
    return transports


async def _one(
    you: Any, yours: FindOne, topic: bytes, ground: Ground, way_in: list[Address], rng: random.Random
) -> tuple[Any, str]:
    """What a program returned, and what that came to."""

    async def program() -> Any:
        return await asked(yours(topic, list(way_in), rng), "find_one")

    limit = asyncio.timeout(LIMIT_S)
    try:
        async with limit:
            got = await you.run(program())
    except NotFound:
        return None, "nobody"
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        if not ground.weather.babbles:
            raise
        hint = "a stranger may put anything under nodes and values: look at types and sizes, and go on"
        raise Wrong(f"it raised {type(error).__name__} where nodes answer nonsense", hint) from None
    except TimeoutError:
        if limit.expired():
            return None, "late"
        raise Wrong(
            "it raised TimeoutError", "silence is part of the game: catch it, and ask somebody else"
        ) from None
    return got, _judged(got, topic, ground)


def _judged(got: Any, topic: bytes, ground: Ground) -> str:
    if got in ground.peers_for(topic):
        return "found"
    if got == TRAP:
        return "trap"
    if isinstance(got, tuple) and len(got) == 2 and isinstance(got[0], str):
        return "ghost"
    hint = "return the address of a peer: a host and a port. If there is none, raise NotFound"
    raise Wrong(f"it returned {describe(got)}", hint)
