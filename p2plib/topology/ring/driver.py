"""RingPeer: a peer of a ring, or of Chord, on a UDP socket. A driver.

    async with RingPeer.open(own_id, random.SystemRandom(), "192.0.2.1", kind=Chord) as peer:
        await peer.join([("192.0.2.7", 4001)])      # or peer.create(), once, where there is no ring yet
        done = await peer.find(key)
        await peer.leave()

What is no result is an error that says why, as in `p2plib.topology.kademlia.driver`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterable

from p2plib.errors import Closed, JoinRefused, PeerTimeout, UsageError
from p2plib.machine.addresses import Address, Contact
from p2plib.machine.peer import Peer
from p2plib.topology.ring.machine import DEFAULTS, Ring
from p2plib.topology.ring.parts import FindDone, FindFailed, IdTaken, Joined, JoinFailed, RingSettings

GOODBYE_S = 2.0  # how long `leave` waits for both neighbours to say that they know


class RingPeer:
    """One peer; `open` makes it.

    Attributes:
        peer: the driver underneath, with `failures`, `sent` and `received`, and `wait` for other events.
    """

    def __init__(self) -> None:
        self.peer: Peer[Ring]
        self._searches: dict[int, asyncio.Future[FindDone]] = {}
        self._joining: asyncio.Future[Joined] | None = None

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
        """Opens a socket and is a peer, of no ring yet, for as long as the block runs.

        Args:
            own_id: its id. rng: see `p2plib.machine.machine`. kind: `Ring` or `Chord`. settings: see there.
            host, port, public: see `p2plib.machine.peer.Peer.open`.

        Raises:
            CannotListen, UsageError: as there.
        """
        made = cls()

        def make(address: Address, now: float) -> Ring:
            return kind(Contact(own_id, address), rng, settings=settings)

        async with Peer.open(make, host, port, public=public, on_event=made._happened) as made.peer:
            try:
                yield made
            finally:
                for future in (made._joining, *made._searches.values()):
                    if future is not None and not future.done():
                        future.set_exception(Closed("this peer was closed"))

    @property
    def machine(self) -> Ring:
        """The machine underneath: its successors, its predecessor, what it ignored."""
        return self.peer.machine

    @property
    def address(self) -> Address:
        """Where others reach it."""
        return self.peer.address

    def create(self, others: Iterable[Contact] = ()) -> None:
        """Begins a ring, alone, or with others that do the same with the same list."""
        self.machine.create(self.peer.now(), others)
        self.peer.flush()

    async def join(self, addresses: Iterable[Address]) -> Joined:
        """Enters the ring through any of these addresses.

        Raises:
            PeerTimeout: none of them led to a member. JoinRefused: our id is taken. UsageError: no address,
            or a second `join` before the first has ended.
        """
        if self._joining is not None and not self._joining.done():
            raise UsageError("this peer is joining already")
        joining: asyncio.Future[Joined] = asyncio.get_running_loop().create_future()
        self._joining = joining
        try:
            self.peer.call(self.machine.join, list(addresses))
            return await joining
        finally:
            self._joining = None

    async def find(self, key: int) -> FindDone:
        """The owner of a key, and the peers after it.

        Raises:
            PeerTimeout: nobody who was named answered. UsageError: it is no key, or we are in no ring.
        """
        future: asyncio.Future[FindDone] = asyncio.get_running_loop().create_future()
        number = self.machine.find(key, self.peer.now())
        self._searches[number] = future
        try:
            self.peer.flush()
            return await future
        finally:
            del self._searches[number]

    async def leave(self) -> None:
        """Says goodbye to both neighbours, and waits for their answers, `GOODBYE_S` at most."""
        self.peer.call(self.machine.leave)
        with contextlib.suppress(PeerTimeout):
            await self.peer.until(lambda: not len(self.machine.requests), GOODBYE_S)

    def _happened(self, event: object) -> bool:
        match event:
            case FindDone(number=number):
                future = self._searches.get(number)
                if future is not None and not future.done():
                    future.set_result(event)
                return True
            case FindFailed(number=number, hops=hops, timeouts=timeouts):
                future = self._searches.get(number)
                if future is not None and not future.done():
                    future.set_exception(PeerTimeout(f"{hops} peers answered, then {timeouts} did not"))
                return True
        return self._joined(event)

    def _joined(self, event: object) -> bool:
        joining = self._joining
        if joining is None or joining.done():
            return False
        match event:
            case Joined():
                joining.set_result(event)
            case JoinFailed():
                joining.set_exception(PeerTimeout("none of these addresses led to a member of the ring"))
            case IdTaken(address=address):
                where = f"{address[0]}, port {address[1]}"
                joining.set_exception(JoinRefused(f"another peer has our id, says the one at {where}"))
            case _:
                return False
        return True
