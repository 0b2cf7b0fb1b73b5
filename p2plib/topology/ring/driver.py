"""RingPeer: a peer of a ring, or of Chord, on a UDP socket. A driver.

    async with RingPeer.open(own_id, random.SystemRandom(), "192.0.2.1", kind=Chord) as peer:
        await peer.join([("192.0.2.7", 4001)])      # or peer.create(), once, where there is no ring yet
        done = await peer.find(key)
        await peer.leave()

In its next life the peer no longer needs its bootstrap addresses, as long as one peer that it knew is there::

    saved = peer.save()
    async with RingPeer.restore(saved, random.SystemRandom(), kind=Chord) as peer:
        await peer.join()

If a call has no result, it raises an error that says why, as in `p2plib.topology.kademlia.driver`; after the
block, it raises `Closed`, except `save` and `stats`. That it joined, that its id is taken and that the ring
was split is logged at INFO.
"""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import partial

from p2plib.errors import JoinRefused, PeerTimeout, UsageError
from p2plib.machine.addresses import Address, Contact
from p2plib.machine.member import JOIN_S, Member, MemberStats
from p2plib.machine.peer import Peer
from p2plib.machine.saved_peer import SavedPeerFormat
from p2plib.topology.ring.machine import DEFAULTS, Ring
from p2plib.topology.ring.parts import (
    FindDone,
    FindFailed,
    IdTaken,
    Joined,
    JoinFailed,
    Lost,
    RingInconsistent,
    RingSettings,
)

GOODBYE_S = 2.0  # how long `leave` waits for the responses of both neighbours
JOIN = "join"  # what `join` waits under; searches have numbers


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RingStats(MemberStats):
    """What a peer has counted so far, and what it has now; see also `MemberStats`.

    Args:
        is_member: whether it is in a ring.
        successors: how many successors it keeps.
        has_predecessor: whether it knows the peer before it.
        fingers: how many fingers it has; 0 in a plain ring.
        known: how many addresses of members it remembers.
    """

    is_member: bool
    successors: int
    has_predecessor: bool
    fingers: int
    known: int


class RingPeer(Member[Ring]):
    """One peer; `open` makes it, or `restore`. See also `Member`."""

    FORMAT = SavedPeerFormat("ring", 1)

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
    def bits(self) -> int:
        """How many bits the ids of its ring have."""
        return self.machine.settings.bits

    def known(self) -> Iterable[Address]:
        """Where other members are: the successors, then those met, the latest first."""
        return [*(peer.address for peer in self.machine.successors), *reversed(self.machine.known)]

    def stats(self) -> RingStats:
        """What this peer has counted so far, and what it has now."""
        machine = self.machine
        return RingStats(
            **self.counted(),
            is_member=machine.member,
            successors=len(machine.successors),
            has_predecessor=machine.predecessor is not None,
            fingers=len(machine.fingers.table) if machine.fingers else 0,
            known=len(machine.known),
        )

    def create(self, others: Iterable[Contact] = ()) -> None:
        """Creates a ring, alone, or with others that do the same with the same list.

        Raises:
            Closed: the block is over.
        """
        self.peer.call(lambda now: self.machine.create(now, others))

    async def join(self, addresses: Iterable[Address] = (), *, within_s: float = JOIN_S) -> Joined:
        """Enters the ring through any of these bootstrap addresses, or of the peers it remembers.

        If all of them fail or refuse, they are asked again after a pause, which doubles each time.

        Args:
            addresses: where members of the ring may be, IP addresses with their ports.
            within_s: for how many seconds another try may begin; 0 for one try alone.

        Raises:
            PeerTimeout: none of them led to a member.
            JoinRefused: our id is taken.
            UsageError: there is no address but our own, one is not of a peer of our family, or an earlier
                `join` has not ended.
            Closed: the block is over.
        """
        if JOIN in self.peer.awaited:
            raise UsageError("this peer is joining already: wait for that `join` to end")
        bootstrap = self.bootstrap(addresses)
        begin = partial(self.peer.call, partial(self.machine.join, within_s=within_s), bootstrap)
        joined: Joined = await self.peer.awaited.wait(JOIN, begin)
        log.info("%x at %s, port %d, has joined before %x", self.own_id, *self.address, joined.successor.id)
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
                log.info("the peer at %s, port %d, has our id, or says that another has", host, port)
                reason = f"the peer at {host}, port {port}, says that another peer has our id"
                return self.peer.awaited.fail(JOIN, JoinRefused(reason))
            case Lost():
                log.info("all successors of %x are gone; it looks for the ring again", self.own_id)
            case RingInconsistent(owner=owner):
                log.info(
                    "a peer far away takes %r for the owner of %x: the ring is not right yet",
                    owner,
                    self.own_id,
                )
        return False
