"""RingPeer: a peer of a ring, or of Chord, on a UDP socket. A driver.

    async with RingPeer.open(own_id, random.SystemRandom(), "192.0.2.1", kind=Chord) as peer:
        await peer.join([("192.0.2.7", 4001)])      # or peer.create(), once, where there is no ring yet
        done = await peer.find(key)
        await peer.leave()

If a call has no result, it raises an error that says why, as in `p2plib.topology.kademlia.driver`; after the
block, it raises `Closed`.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Iterable
from functools import partial

from p2plib.errors import JoinRefused, PeerTimeout, UsageError
from p2plib.machine.addresses import Address, Contact, bootstrap_addresses
from p2plib.machine.peer import Peer
from p2plib.topology.ring.machine import DEFAULTS, Ring
from p2plib.topology.ring.parts import FindDone, FindFailed, IdTaken, Joined, JoinFailed, RingSettings

GOODBYE_S = 2.0  # how long `leave` waits for the responses of both neighbours
JOIN = "join"  # what `join` waits under; searches have numbers


class RingPeer:
    """One peer; `open` makes it.

    Attributes:
        peer: the driver underneath, with `failures`, `sent` and `received`, and `wait` for other events.
    """

    def __init__(self) -> None:
        self.peer: Peer[Ring]

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        own_id: int,
        rng: random.Random,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        kind: type[Ring] = Ring,
        settings: RingSettings = DEFAULTS,
        public: Address | None = None,
    ) -> AsyncIterator[RingPeer]:
        """Opens a socket, and runs a peer on it, in no ring yet, for as long as the block runs.

        Args:
            own_id: its id.
            rng: see `p2plib.machine.machine`.
            host: see `p2plib.machine.peer.Peer.open`.
            port: see there.
            kind: `Ring` or `Chord`.
            settings: see `RingSettings`.
            public: see `p2plib.machine.peer.Peer.open`.

        Raises:
            CannotListen: as there.
            UsageError: as there, and as `Ring` does.
        """
        made = cls()

        def make(address: Address, now: float) -> Ring:
            return kind(Contact(own_id, address), rng, settings=settings)

        async with Peer.open(make, host, port, public=public, on_event=made._happened) as made.peer:
            yield made

    @property
    def machine(self) -> Ring:
        """The machine underneath: its successors, its predecessor, what it ignored."""
        return self.peer.machine

    @property
    def address(self) -> Address:
        """Where others reach it."""
        return self.peer.address

    def create(self, others: Iterable[Contact] = ()) -> None:
        """Creates a ring, alone, or with others that do the same with the same list.

        Raises:
            Closed: the block is over.
        """
        self.peer.call(lambda now: self.machine.create(now, others))

    async def join(self, addresses: Iterable[Address]) -> Joined:
        """Enters the ring through any of these bootstrap addresses.

        Raises:
            PeerTimeout: none of them led to a member.
            JoinRefused: our id is taken.
            UsageError: there is no address, one is not of a peer of our family, or an earlier `join` has not
                ended.
        """
        if JOIN in self.peer.awaited:
            raise UsageError("this peer is joining already: wait for that `join` to end")
        bootstrap = bootstrap_addresses(addresses, self.address)
        begin = partial(self.peer.call, self.machine.join, bootstrap)
        joined: Joined = await self.peer.awaited.wait(JOIN, begin)
        return joined

    async def find(self, key: int) -> FindDone:
        """The owner of a key, and the peers after it.

        Raises:
            PeerTimeout: none of the peers that were named answered.
            UsageError: it is not a key of this ring, or we are in no ring.
        """
        done: FindDone = await self.peer.outcome(self.machine.find, key)
        return done

    async def leave(self) -> None:
        """Says goodbye to both neighbours, and waits for their responses, at most `GOODBYE_S`."""
        self.peer.call(self.machine.leave)
        with contextlib.suppress(PeerTimeout):
            await self.peer.until(lambda: not len(self.machine.requests), GOODBYE_S)

    def _happened(self, event: object) -> bool:
        match event:
            case FindDone(number=number):
                self.peer.awaited.resolve(number, event)
                return True
            case FindFailed(number=number, hops=hops, timeouts=timeouts):
                self.peer.awaited.fail(number, PeerTimeout(f"{hops} peers answered, then {timeouts} did not"))
                return True
            case Joined():
                return self.peer.awaited.resolve(JOIN, event)
            case JoinFailed():
                reason = "none of these addresses led to a member of the ring"
                return self.peer.awaited.fail(JOIN, PeerTimeout(reason))
            case IdTaken(address=(host, port)):
                reason = f"the peer at {host}, port {port}, says that another peer has our id"
                return self.peer.awaited.fail(JOIN, JoinRefused(reason))
        return False
