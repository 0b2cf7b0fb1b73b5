"""MainlineNode: a node of the Mainline DHT on a UDP socket. A driver.

::

    rng = random.SystemRandom()
    async with MainlineNode.open(rng, "192.0.2.1", 6881) as node:       # an address of ours
        await node.bootstrap([("192.0.2.7", 6881)])                     # the first node of a DHT asks nobody
        await node.announce_peer(info_hash, 4001)                       # and again, until `withdraw`
        async for peer in node.get_peers(info_hash):
            print(peer.address)
        stored = await node.put_immutable(b"Hello World!")
        print(await node.get_immutable(stored.target))
        item = sign_item(secret, b"version 1", seq=1, salt=b"news")
        await node.put_mutable(item)
        print((await node.get_mutable(secret.public.raw, b"news")).value)
        saved = node.save()

In its next life the node needs no bootstrap address, as long as one node of its table is there::

    async with MainlineNode.restore(saved, rng) as node:
        await node.bootstrap()

One that only asks, because no stranger reaches it or because it is there for a moment, is read-only::

    MainlineNode.open(rng, "192.0.2.1", settings=DhtSettings(is_read_only=True))

IPv6 is a second network with a second node. The two are told of each other, so that each finds contacts for
the other::

    async with MainlineNode.open(rng, "192.0.2.1") as node, MainlineNode.open(rng, "2001:db8::1") as node6:
        node.pair(node6)

Rules
    1. A call returns what was found. If there is nothing, it raises an error that says why: nobody answered
       (`PeerTimeout`), nobody has the item (`NotFound`), somebody refused (`RequestRefused`).
    2. A call that is cancelled stops waiting; so does a lookup of peers that is left.
    3. A call during which the block ends raises `Closed`, and so does every call after it, except `save` and
       `stats`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from functools import partial
from typing import Any, NamedTuple

from p2plib.discovery.mainline.items import MutableItem, PutRefused, checked_immutable, target_of, verify
from p2plib.discovery.mainline.krpc import MAX_BYTES
from p2plib.discovery.mainline.machine import DEFAULT_SETTINGS, Mainline
from p2plib.discovery.mainline.messages import CAS_MISMATCH, OLD_SEQ
from p2plib.discovery.mainline.node_id import is_of, node_id_for
from p2plib.discovery.mainline.parts import (
    DhtItemDone,
    DhtPeers,
    DhtPeersDone,
    DhtSamples,
    DhtSettings,
    DhtStored,
    MovedOutside,
    OtherFamily,
)
from p2plib.discovery.mainline.saved import FORMAT, SavedNode, decode
from p2plib.discovery.mainline.stats import DhtStats, dht_stats_of
from p2plib.discovery.source import checked_port, checked_topic
from p2plib.errors import Closed, NotFound, PeerTimeout, RequestRefused, UsageError
from p2plib.machine.addresses import (
    Address,
    bootstrap_addresses,
    given_address,
    is_ipv6,
    restored_place,
)
from p2plib.machine.peer import Peer
from p2plib.topology.kademlia.parts import Crowded, FindDone, Joined, JoinFailed
from p2plib.wire.bencode import Value

JOIN = "bootstrap"  # what that waits under; lookups have numbers
JOIN_S = 30.0
ALONE = "this node knows no other: bootstrap first"

log = logging.getLogger(__name__)


class NamedPeer(NamedTuple):
    """A peer for an info_hash.

    Args:
        address: where it is, says the teller.
        teller: the node that named it; None if it had announced itself to us.
    """

    address: Address
    teller: Address | None


class KrpcPeer(Peer[Mainline]):
    """The socket of a node: with room for datagrams of KRPC, which may be longer than our own overlays'."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        super().connection_made(transport)
        with contextlib.suppress(AttributeError):  # a simulated socket has no such thing
            transport.max_size = MAX_BYTES + 1  # type: ignore[attr-defined]


class MainlineNode:
    """One node; `open` makes it, or `restore`.

    Attributes:
        peer: the driver underneath, with `failures`, `sent` and `received`, and `wait` for other events.
        remembered: the addresses of the nodes that were in its table in an earlier life, of its family.
    """

    def __init__(self) -> None:
        self.peer: Peer[Mainline]
        self.remembered: tuple[Address, ...] = ()
        self._found: dict[int, deque[DhtPeers | DhtPeersDone]] = {}  # by the number of the lookup
        self._other: MainlineNode | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        rng: random.Random,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        own_id: int | None = None,
        settings: DhtSettings = DEFAULT_SETTINGS,
        public: Address | None = None,
    ) -> AsyncIterator[MainlineNode]:
        """Opens a socket, and runs a node on it for as long as the block runs.

        Args:
            rng: see `p2plib.machine.machine`.
            host: see `p2plib.machine.peer.Peer.open`.
            port: see there.
            own_id: its id; None for a random one that belongs to its address.
            settings: see `DhtSettings`.
            public: see `p2plib.machine.peer.Peer.open`.

        Raises:
            CannotListen: as there.
            UsageError: as there.
        """
        made = cls()

        def make(address: Address, now: float) -> Mainline:
            ident = node_id_for(address[0], rng) if own_id is None else own_id
            return Mainline(ident, rng, now=now, settings=settings, address=address)

        async with KrpcPeer.open(make, host, port, public=public, on_event=made._happened) as made.peer:
            yield made

    @classmethod
    @contextlib.asynccontextmanager
    async def restore(
        cls,
        data: bytes,
        rng: random.Random,
        host: str | None = None,
        port: int | None = None,
        *,
        settings: DhtSettings = DEFAULT_SETTINGS,
        public: Address | None = None,
    ) -> AsyncIterator[MainlineNode]:
        """Opens a node with the id, the addresses, the contacts and the announcements that `save` gave.

        `bootstrap` then needs no addresses, and after it all that was announced and put is so again. At
        another host the node has a new id if the old one does not belong there (BEP 42).

        Args:
            data: what `save` returned.
            rng: see `p2plib.machine.machine`.
            host: where to listen; None for where it did.
            port: the port there; None for the same as before.
            settings: see `DhtSettings`; these are not saved.
            public: where others reach it; None for where they did, if it listens where it did.

        Raises:
            DecodeError: these are not the bytes of a node that was saved.
            CannotListen: as in `open`.
            UsageError: as in `open`.
        """
        saved = decode(data)
        where, public = restored_place(saved.bound, saved.public, host, port, public)
        before, here = (saved.public or saved.bound)[0], (public or where)[0]
        own_id = saved.id if here == before or is_of(saved.id, here) else None
        async with cls.open(rng, *where, own_id=own_id, settings=settings, public=public) as made:
            known = (contact.address for contact in saved.contacts)
            made.remembered = tuple(one for one in known if is_ipv6(one) == is_ipv6(made.address))
            made.machine.restore(saved.ours)
            yield made

    @property
    def machine(self) -> Mainline:
        """The machine underneath: its table, what it keeps, what it ignored."""
        return self.peer.machine

    @property
    def address(self) -> Address:
        """Where others reach it."""
        return self.peer.address

    def save(self) -> bytes:
        """What `restore` needs to take this node up again; see `p2plib.discovery.mainline.saved`."""
        machine, bound = self.machine, self.peer.bound
        return FORMAT.encode(
            SavedNode(
                id=machine.own_id,
                bound=bound,
                public=None if self.address == bound else self.address,
                contacts=tuple(entry.contact for entry in machine.table),
                ours=tuple(machine.deliveries.ours.values()),
            )
        )

    def stats(self) -> DhtStats:
        """What this node has counted so far, and what it has now."""
        return dht_stats_of(self.peer)

    def pair(self, other: MainlineNode) -> None:
        """Tells this node and one of the other family of each other; see the head of the module.

        Raises:
            UsageError: both are of one family.
            Closed: the block of one is over.
        """
        if is_ipv6(self.address) == is_ipv6(other.address):
            raise UsageError("two nodes of one family are in one network already, and need no pairing")
        for one, two in ((self, other), (other, self)):
            one.peer.call(lambda now, one=one, two=two: one.machine.pair(two.machine))
            one._other = two

    async def bootstrap(self, addresses: Iterable[Address] = (), *, within_s: float = JOIN_S) -> Joined:
        """Enters the DHT through any of these addresses, or of the nodes it remembers.

        If all of them fail, they are asked again after a pause, which doubles each time.

        Args:
            addresses: where nodes may be, IP addresses with their ports.
            within_s: for how many seconds another try may begin; 0 for one try alone.

        Raises:
            PeerTimeout: nobody answered there.
            UsageError: there is no address, one is not of a peer of our family, or an earlier `bootstrap` has
                not ended.
            Closed: the block is over.
        """
        given = bootstrap_addresses([*addresses, *self.remembered], self.address)
        if JOIN in self.peer.awaited:
            raise UsageError("an earlier `bootstrap` of this node has not ended: wait for it")
        begin = partial(self.peer.call, lambda now: self.machine.join(given, now, within_s))
        joined: Joined = await self.peer.awaited.wait(JOIN, begin)
        log.info("%040x at %s, port %d: %d contacts", self.machine.own_id, *self.address, joined.contacts)
        return joined

    async def find(self, target: int) -> FindDone:
        """The k nodes nearest to an id.

        Raises:
            PeerTimeout: nobody answered.
            UsageError: it is no id.
            Closed: the block is over.
        """
        done: FindDone = await self.peer.outcome(self.machine.find, target)
        if not done.closest:
            raise PeerTimeout(_nobody_answered(done.queries))
        return done

    # Peers ------------------------------------------------------------------------------------------------

    async def get_peers(self, info_hash: bytes) -> AsyncGenerator[NamedPeer, None]:
        """The peers for an info_hash, each as soon as a node names it, and each once.

        Raises:
            PeerTimeout: nobody answered.
            UsageError: it is not 20 bytes.
            Closed: the block is over.
        """
        target = _key_of(info_hash)
        number = self.peer.call(lambda now: self._begin(target, now))
        try:
            while True:
                event = await self._next(number)
                if isinstance(event, DhtPeersDone):
                    break
                for address in event.peers:
                    yield NamedPeer(address, event.teller)
        finally:
            self._found.pop(number, None)
            self.machine.stop(number)
        if event.queries == event.failures and not event.peers:
            raise PeerTimeout(_nobody_answered(event.queries))

    def _begin(self, target: int, now: float) -> int:
        number = self.machine.get_peers(target, now)
        self._found[number] = deque()  # before its first events are read
        return number

    async def _next(self, number: int) -> DhtPeers | DhtPeersDone:
        if not self._found[number]:
            await self.peer.awaited.wait((number, "peers"), lambda: None)
        return self._found[number].popleft()

    async def announce_peer(self, info_hash: bytes, port: int, *, implied_port: bool = False) -> DhtStored:
        """Tells the nodes nearest to an info_hash that we are a peer, and again until `withdraw`.

        It is announced again even if this raises, and as soon as this node bootstraps.

        Args:
            info_hash: 20 bytes.
            port: where the peer listens; its host is the one that others see.
            implied_port: whether nodes are to take the port that our queries come from instead.

        Raises:
            PeerTimeout: nobody has accepted it.
            RequestRefused: all that were asked have refused.
            UsageError: the info_hash or the port cannot be one.
            Closed: the block is over.
        """
        target, port = _key_of(info_hash), checked_port(port)

        def announce(now: float) -> int:
            return self.machine.announce(target, port, now, implied_port)

        return self._stored(await self.peer.outcome(announce))

    def withdraw(self, key: bytes) -> None:
        """Stops announcing an info_hash, or putting the item under a target.

        Raises:
            UsageError: it is not 20 bytes.
            Closed: the block is over.
        """
        target = _key_of(key)
        self.peer.call(lambda now: self.machine.withdraw(target))

    # Items ------------------------------------------------------------------------------------------------

    async def get_immutable(self, target: bytes) -> Value:
        """The value whose hash is a target.

        Raises:
            NotFound: nodes answered, and none has it.
            PeerTimeout: nobody answered.
            UsageError: it is not 20 bytes.
            Closed: the block is over.
        """
        done: DhtItemDone = await self.peer.outcome(self.machine.get, _key_of(target))
        if done.item is None:
            raise _no_item(done)
        return done.item.value

    async def put_immutable(self, value: Value) -> DhtStored:
        """Stores a value under its hash (`DhtStored.target`), and again until `withdraw`.

        Raises:
            PeerTimeout: nobody has accepted it.
            RequestRefused: all that were asked have refused.
            UsageError: bencode cannot say it, or it is too long.
            Closed: the block is over.
        """
        return self._stored(await self.peer.outcome(self.machine.put, checked_immutable(value)))

    async def get_mutable(self, public_key: bytes, salt: bytes = b"") -> MutableItem:
        """The newest version of an item of a key that any node has.

        Args:
            public_key: 32 bytes.
            salt: which of its items.

        Raises:
            NotFound: nodes answered, and none has it.
            PeerTimeout: nobody answered.
            Closed: the block is over.
        """
        target = _key_of(target_of(public_key, salt))

        def get(now: float) -> int:
            return self.machine.get(target, now, salt)

        done: DhtItemDone = await self.peer.outcome(get)
        if not isinstance(done.item, MutableItem):
            raise _no_item(done)
        return done.item

    async def put_mutable(self, item: MutableItem, *, cas: int | None = None) -> DhtStored:
        """Stores a version of an item (`sign_item` makes it), and again until `withdraw` or a refusal.

        Args:
            item: a valid one.
            cas: the number of the version that it replaces; nodes that have another refuse (301).

        Raises:
            PeerTimeout: nobody has accepted it.
            RequestRefused: all that were asked have refused, or any of them has another version than this one
                would replace (301, 302): then read again, and decide.
            UsageError: the item is not valid.
            Closed: the block is over.
        """

        try:
            verify(item)
        except PutRefused as refusal:
            raise UsageError(f"nobody would store this: {refusal.sentence}") from None

        def put(now: float) -> int:
            return self.machine.put(item, now, cas)

        stored: DhtStored = await self.peer.outcome(put)
        if stored.code in (CAS_MISMATCH, OLD_SEQ):
            raise _refused(stored)
        return self._stored(stored)

    async def sample(self, address: Address, target: int) -> DhtSamples:
        """Some of the info_hashes that the node at an address has peers for (BEP 51).

        Args:
            address: which node to ask.
            target: an id; the node names contacts near it as well.

        Raises:
            PeerTimeout: it did not answer.
            RequestRefused: it answered without samples.
            UsageError: no node can be there, or the target is no id.
            Closed: the block is over.
        """

        address = given_address(address)

        def ask(now: float) -> int:
            return self.machine.sample(address, target, now)

        samples: DhtSamples = await self.peer.outcome(ask)
        if samples.samples is None:
            if samples.is_silent:
                raise PeerTimeout(f"no answer from {address[0]}, port {address[1]}")
            raise RequestRefused(f"{address[0]}, port {address[1]}, tells no info_hashes")
        return samples

    # ------------------------------------------------------------------------------------------------------

    def _stored(self, stored: Any) -> DhtStored:
        done: DhtStored = stored
        if done.copies:
            return done
        if done.code is not None:
            raise _refused(done)
        if not len(self.machine.table):
            raise PeerTimeout(f"nobody has accepted it; {ALONE}")
        if not done.asked:
            raise PeerTimeout(f"nobody has accepted it: of {done.queries} nodes asked, none gave a token")
        raise PeerTimeout(f"nobody has accepted it, of {done.asked} nodes that were asked to")

    def _happened(self, event: object) -> bool:
        match event:
            case DhtPeers(number=number) | DhtPeersDone(number=number):
                if number in self._found:
                    self._found[number].append(event)
                    self.peer.awaited.resolve((number, "peers"), None)
                return True
            case (
                FindDone(number=number)
                | DhtStored(number=number)
                | DhtItemDone(number=number)
                | DhtSamples(number=number)
            ):
                self.peer.awaited.resolve(number, event)
                return True
            case Joined():
                return self.peer.awaited.resolve(JOIN, event)
            case JoinFailed(asked=asked):
                names = ", ".join(f"{host}:{port}" for host, port in asked[:3])
                return self.peer.awaited.fail(JOIN, PeerTimeout(f"no answer from {names}"))
            case OtherFamily(contacts=contacts):
                if self._other is not None:
                    with contextlib.suppress(Closed):  # its block may be over before ours
                        self._other.peer.call(self._other.machine.heard_of, contacts)
                return True
            case MovedOutside(host=host, node_id=node_id):
                log.info("others see us at %s: our id is %040x now", host, node_id)
            case Crowded(key=key, surprise=surprise):
                log.info("more nodes round %040x than chance explains: %.2g", key, surprise)
        return False


def _key_of(raw: bytes) -> int:
    return int.from_bytes(checked_topic(raw), "big")


def _no_item(done: DhtItemDone) -> Exception:
    answered = done.queries - done.failures
    if not answered:
        return PeerTimeout(_nobody_answered(done.queries))
    return NotFound(f"none of the {answered} nodes that answered has an item under {done.target:040x}")


def _refused(stored: DhtStored) -> RequestRefused:
    return RequestRefused(f"{stored.asked} nodes were asked; one said: {stored.sentence}", stored.code)


def _nobody_answered(asked: int) -> str:
    return f"none of the {asked} nodes that were asked has answered" if asked else ALONE
