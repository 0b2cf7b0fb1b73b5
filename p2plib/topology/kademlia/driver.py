"""KademliaPeer: a peer of the distributed hash table on a UDP socket. A driver.

::

    from p2plib.topology.kademlia import KademliaPeer, Mode, Settings
    from p2plib.topology.kademlia.store import key_of

    rng = random.SystemRandom()
    async with KademliaPeer.open(KademliaPeer.new_id(rng), rng, "192.0.2.1") as peer:   # an address of ours
        await peer.join([("192.0.2.7", 4001)])      # the first peer of a network joins nobody
        await peer.put(key_of(b"value"), b"value")
        print(await peer.get(key_of(b"value")))
        saved = peer.save()
        await peer.leave()  # the values that it keeps go to others

In its next life the peer needs no bootstrap address, as long as one peer of its table is there::

    async with KademliaPeer.restore(saved, rng) as peer:
        await peer.join()

A peer that strangers do not reach, behind a NAT for example, should be a client, which only asks. In mode
AUTO it finds out by itself; without `settings` it is a server::

    KademliaPeer.open(KademliaPeer.new_id(rng), rng, "192.0.2.1", settings=Settings(mode=Mode.AUTO))

A value has at most `MAX_VALUE_BYTES`. What is larger is cut into chunks, and their keys are published as a
value of their own, whose key names the whole. 50 keys of 20 bytes fit, so this is good for 50,000 bytes; for
more, cut the list of keys in the same way. ::

    async def put_large(peer: KademliaPeer, data: bytes) -> int:
        keys = []
        for start in range(0, len(data), MAX_VALUE_BYTES):
            chunk = data[start : start + MAX_VALUE_BYTES]
            keys.append(key_of(chunk).to_bytes(20, "big"))
            await peer.put(key_of(chunk), chunk)
        index = b"".join(keys)
        await peer.put(key_of(index), index)
        return key_of(index)

    async def get_large(peer: KademliaPeer, key: int) -> bytes:
        index = await peer.get(key)
        keys = [index[start : start + 20] for start in range(0, len(index), 20)]
        return b"".join([await peer.get(int.from_bytes(key, "big")) for key in keys])

Rules
    1. A call returns what its search found. If there is no result, it raises an error that says why: nobody
       answered (`PeerTimeout`), nobody has the value (`NotFound`), we were not let in (`JoinRefused`).
    2. A call that is cancelled stops waiting; the search goes on, for other peers learn from it.
    3. A call during which the block ends raises `Closed`, and so does every call after it, except `save` and
       `stats`.
    4. What its owner may want to know is logged at INFO, which Python shows only if it is told to: that it
       joined, that its id is taken, that peers crowd round a key.
"""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import Any

from p2plib.errors import JoinRefused, NotFound, PeerTimeout, UsageError
from p2plib.machine.addresses import Address, bootstrap_addresses, is_ipv6, restored_place
from p2plib.machine.peer import Peer
from p2plib.topology.kademlia.machine import DEFAULTS, Kademlia
from p2plib.topology.kademlia.parts import (
    Crowded,
    FindDone,
    GetDone,
    IdTaken,
    Joined,
    JoinFailed,
    Left,
    PutDone,
    ReachTested,
    Settings,
)
from p2plib.topology.kademlia.saved import FORMAT, Published, Saved, decode
from p2plib.topology.kademlia.stats import KademliaStats, stats_of

JOIN, LEAVE, REACH = "join", "leave", "test_reachability"  # what these wait under; searches have numbers
JOIN_S = 30.0  # longer than it takes the others to notice that our earlier life, on another port, is over
ALONE = "this peer knows no other: join first"

log = logging.getLogger(__name__)


class KademliaPeer:
    """One peer; `open` makes it, or `restore`.

    Attributes:
        peer: the driver underneath, with `failures`, `sent` and `received`, and `wait` for other events.
        remembered: the addresses of the peers that were in its table in an earlier life, of its family.
    """

    def __init__(self) -> None:
        self.peer: Peer[Kademlia]
        self.remembered: tuple[Address, ...] = ()
        self._taken_at: Address | None = None

    @staticmethod
    def new_id(rng: random.Random, settings: Settings = DEFAULTS) -> int:
        """A random id; so many are possible that no two peers draw the same.

        Args:
            rng: see `p2plib.machine.machine`.
            settings: those of the network.
        """
        return rng.getrandbits(settings.bits)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        own_id: int,
        rng: random.Random,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        settings: Settings = DEFAULTS,
        public: Address | None = None,
    ) -> AsyncIterator[KademliaPeer]:
        """Opens a socket, and runs a peer on it for as long as the block runs.

        Args:
            own_id: its id; `new_id` makes one.
            rng: see `p2plib.machine.machine`.
            host: see `p2plib.machine.peer.Peer.open`.
            port: see there.
            settings: see `Settings`.
            public: see `p2plib.machine.peer.Peer.open`.

        Raises:
            CannotListen: as there.
            UsageError: as there, and as `Kademlia` does.
        """
        made = cls()

        def make(address: Address, now: float) -> Kademlia:
            return Kademlia(own_id, rng, now=now, settings=settings, address=address)

        async with Peer.open(make, host, port, public=public, on_event=made._happened) as made.peer:
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
        settings: Settings = DEFAULTS,
        public: Address | None = None,
    ) -> AsyncIterator[KademliaPeer]:
        """Opens a peer with the id, the addresses, the contacts and the published values that `save` gave.

        `join` then needs no addresses, and after it the values are published again.

        Args:
            data: what `save` returned.
            rng: see `p2plib.machine.machine`.
            host: where to listen; None for where it did.
            port: the port there; None for the same as before.
            settings: see `Settings`; these are not saved.
            public: where others reach it; None for where they did, if it listens where it did.

        Raises:
            DecodeError: these are not the bytes of a peer that was saved.
            CannotListen: as in `open`.
            UsageError: as in `open`, or the settings are for ids of another length.
        """
        saved = decode(data)
        if saved.bits != settings.bits:
            raise UsageError(f"the saved id has {saved.bits} bits, ids of these settings {settings.bits}")
        where, public = restored_place(saved.bound, saved.public, host, port, public)
        async with cls.open(saved.id, rng, *where, settings=settings, public=public) as made:
            known = (contact.address for contact in saved.contacts)
            made.remembered = tuple(one for one in known if is_ipv6(one) == is_ipv6(made.address))
            made.machine.restore(dict(saved.published))
            yield made

    @property
    def machine(self) -> Kademlia:
        """The machine underneath: its table, its values, what it ignored."""
        return self.peer.machine

    @property
    def address(self) -> Address:
        """Where others reach it."""
        return self.peer.address

    def save(self) -> bytes:
        """What `restore` needs to take this peer up again; see `p2plib.topology.kademlia.saved`."""
        machine, bound = self.machine, self.peer.bound
        return FORMAT.encode(
            Saved(
                bits=machine.settings.bits,
                id=machine.own_id,
                bound=bound,
                public=None if self.address == bound else self.address,
                contacts=tuple(entry.contact for entry in machine.table),
                published=tuple(Published(*item) for item in machine.maintenance.published.items()),
            )
        )

    def stats(self) -> KademliaStats:
        """What this peer has counted so far, and what it has now."""
        return stats_of(self.peer)

    async def join(self, addresses: Iterable[Address] = (), *, within_s: float = JOIN_S) -> Joined:
        """Enters the network through any of these bootstrap addresses, or of the peers it remembers.

        If all of them fail or refuse, they are asked again after a pause, which doubles each time.

        Args:
            addresses: where members of the network may be, IP addresses with their ports.
            within_s: for how many seconds another try may begin; 0 for one try alone.

        Raises:
            PeerTimeout: nobody answered there.
            JoinRefused: our id is taken, or only clients answered.
            UsageError: there is no address, one is not of a peer of our family, or an earlier `join` has not
                ended.
            Closed: the block is over.
        """
        bootstrap = bootstrap_addresses([*addresses, *self.remembered], self.address)

        def begin(now: float) -> None:
            self._taken_at = None
            self.machine.join(bootstrap, now, within_s)

        joined: Joined = await self._once(JOIN, begin)
        log.info(
            "%x at %s, port %d, has joined: %d contacts", self.machine.own_id, *self.address, joined.contacts
        )
        return joined

    async def find(self, target: int) -> FindDone:
        """The k peers nearest to an id.

        Raises:
            PeerTimeout: nobody answered.
            UsageError: it is not an id of this network.
            Closed: the block is over.
        """
        done: FindDone = await self.peer.outcome(self.machine.find, target)
        if not done.closest:
            raise PeerTimeout(_nobody_answered(done.queries))
        return done

    async def get(self, key: int) -> bytes:
        """The value that is stored under a key.

        Raises:
            NotFound: peers answered, and none of them has it.
            PeerTimeout: nobody answered.
            UsageError: it is not a key of this network.
            Closed: the block is over.
        """
        done: GetDone = await self.peer.outcome(self.machine.get, key)
        if done.value is not None:
            return done.value
        if done.queries == done.failures:
            raise PeerTimeout(_nobody_answered(done.queries))
        answered = done.queries - done.failures
        raise NotFound(f"none of the {answered} peers that answered has a value under {key:x}")

    async def put(self, key: int, value: bytes) -> PutDone:
        """Publishes a value, and publishes it again in time until `forget`.

        It is published again even if this raises `PeerTimeout`, and before that as soon as this peer joins.

        Args:
            key: an id; by default it must be the value's own hash (`p2plib.topology.kademlia.store.key_of`).
            value: at most `MAX_VALUE_BYTES`; the head of this module shows what to do with more.

        Raises:
            PeerTimeout: no other peer keeps it.
            UsageError: it is too large, or the validator of this network forbids it.
            Closed: the block is over.
        """
        done: PutDone = await self.peer.outcome(self.machine.put, key, value)
        if done.copies > done.here:
            return done
        if not len(self.machine.table):
            raise PeerTimeout(f"no other peer keeps the value; {ALONE}")
        raise PeerTimeout(f"no other peer keeps the value, of {done.asked} asked, ourselves included")

    def forget(self, key: int) -> None:
        """Stops publishing a value; the peers that keep it drop it within a day.

        Raises:
            Closed: the block is over.
        """
        self.peer.call(lambda now: self.machine.forget(key))

    async def leave(self) -> Left:
        """Hands the values that this peer keeps to others, before its block ends; then it serves nobody.

        `p2plib.topology.kademlia.handover` says what that is good for, and what is lost without it.

        Raises:
            UsageError: an earlier `leave` has not ended.
            Closed: the block is over.
        """
        left: Left = await self._once(LEAVE, self.machine.leave)
        log.info("%x has left: %d of %d values handed on", self.machine.own_id, left.handed_on, left.values)
        return left

    async def test_reachability(self) -> ReachTested:
        """Finds out whether the requests of strangers reach this peer, and from which address its own come.

        A peer that they do not reach, because of a NAT for example, should be in mode CLIENT (`Settings`);
        one in mode AUTO finds out by itself.

        Raises:
            UsageError: an earlier test has not ended.
            Closed: the block is over.
        """
        tested: ReachTested = await self._once(REACH, self.machine.test_reachability)
        return tested

    async def _once(self, name: str, begin: Callable[[float], object]) -> Any:
        """Waits for an outcome that has a name and no number: there is only one at a time."""
        if name in self.peer.awaited:
            raise UsageError(f"an earlier `{name}` of this peer has not ended: wait for it")
        return await self.peer.awaited.wait(name, partial(self.peer.call, begin))

    def _happened(self, event: object) -> bool:
        match event:
            case FindDone(number=number) | GetDone(number=number) | PutDone(number=number):
                self.peer.awaited.resolve(number, event)
                return True
            case Joined():
                return self.peer.awaited.resolve(JOIN, event)
            case Left():
                return self.peer.awaited.resolve(LEAVE, event)
            case ReachTested(is_reachable=is_reachable, outer=outer):
                log.info("strangers reach us: %s; others see us at %s", is_reachable, outer)
                return self.peer.awaited.resolve(REACH, event)
            case JoinFailed(asked=asked, are_clients=are_clients):
                return self.peer.awaited.fail(JOIN, self._why(asked, are_clients))
            case IdTaken(address=address):
                self._taken_at = address
                log.info("the peer at %s, port %d, has our id, or says that another has", *address)
            case Crowded(key=key, surprise=surprise):
                log.info("more peers round %x than chance explains: %.2g", key, surprise)
        return False

    def _why(self, asked: tuple[Address, ...], are_clients: bool) -> Exception:
        if self._taken_at is not None:
            host, port = self._taken_at
            return JoinRefused(f"the peer at {host}, port {port}, says that another peer has our id")
        places = ", ".join(f"{host}:{port}" for host, port in asked)
        if are_clients:
            return JoinRefused(f"only clients answered, which serve nobody, at {places}")
        return PeerTimeout(f"nobody answered at {places}")


def _nobody_answered(asked: int) -> str:
    return f"no peer answered, of {asked} asked" if asked else ALONE
