"""MeshPeer: a member of a mesh on a UDP socket. A driver.

    async with MeshPeer.open(own_id, random.SystemRandom(), "192.0.2.1") as peer:
        await peer.join([("192.0.2.7", 4001)])      # the first member of a mesh joins nobody
        members = peer.machine.members
        gone = await peer.peer.wait(Gone)
        await peer.leave()

`p2plib.machine.member` says how such a peer is saved and restored. After the block, every call raises
`Closed`, except `save` and `stats`. That it joined, and that members were lost, is logged at INFO.
"""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from functools import partial

from p2plib.errors import Closed, JoinRefused, PeerTimeout, UsageError
from p2plib.machine.addresses import Address, Contact
from p2plib.machine.member import JOIN_S, LEFT, Member, MemberStats
from p2plib.machine.peer import Peer
from p2plib.machine.saved_peer import SavedPeerFormat
from p2plib.topology.mesh.machine import CAP, PING_S, Mesh
from p2plib.topology.mesh.messages import REASONS
from p2plib.topology.mesh.parts import Entered, Gone, JoinRejected, LinkState, NoAnswer

JOIN = "join"  # what `join` waits under

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MeshStats(MemberStats):
    """What a member has counted so far, and what it has now; see also `MemberStats`.

    Args:
        members: how many other members it knows.
        lost: to how many of them it has no link, though others have.
        doors: how many addresses outside the mesh it says hello to now and then.
    """

    members: int
    lost: int
    doors: int


class MeshPeer(Member[Mesh]):
    """One member; `open` makes it, or `restore`. See also `Member`."""

    FORMAT = SavedPeerFormat("mesh", 1)

    def __init__(self) -> None:
        super().__init__()
        self._joining: set[Address] = set()  # bootstrap addresses that have not failed yet
        self._refusal: JoinRefused | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        own_id: int,
        rng: random.Random,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        cap: int = CAP,
        ping_s: float = PING_S,
        public: Address | None = None,
    ) -> AsyncIterator[MeshPeer]:
        """Opens a socket, and runs a member on it for as long as the block runs.

        Args:
            own_id: its id, a number of at most 256 bits.
            rng: see `p2plib.machine.machine`.
            host: see `p2plib.machine.peer.Peer.open`.
            port: see there.
            cap: how many members there are at most.
            ping_s: seconds between two pings to a member.
            public: see `p2plib.machine.peer.Peer.open`.

        Raises:
            CannotListen: as there.
            UsageError: as there, and as `Mesh` does.
        """
        made = cls()

        def make(address: Address, now: float) -> Mesh:
            return Mesh(Contact(own_id, address), rng, now=now, cap=cap, ping_s=ping_s)

        async with Peer.open(make, host, port, public=public, on_event=made._happened) as made.peer:
            yield made

    def known(self) -> Iterable[Address]:
        """Where other members are, then the doors."""
        members = self.machine.members.values()
        return [*(member.contact.address for member in members), *self.machine.doors.bootstrap]

    def stats(self) -> MeshStats:
        """What this member has counted so far, and what it has now."""
        machine = self.machine
        return MeshStats(
            **self.counted(),
            members=len(machine.members),
            lost=sum(member.link is LinkState.LOST for member in machine.members.values()),
            doors=len(machine.doors.bootstrap) + len(machine.doors.lost),
        )

    async def join(self, addresses: Iterable[Address] = (), *, within_s: float = JOIN_S) -> None:
        """Enters the mesh through any of these bootstrap addresses, or of the members it remembers.

        If all of them fail or refuse, they are asked again after a pause, which doubles each time.

        Args:
            addresses: where members may be, IP addresses with their ports.
            within_s: for how many seconds another try may begin; 0 for one try alone.

        Raises:
            PeerTimeout: nobody answered there.
            JoinRefused: the mesh is full, or our id is taken.
            UsageError: there is no address but our own, one is not of a peer of our family, we have left, or
                an earlier `join` has not ended.
            Closed: the block is over, or we leave while this waits.
        """
        if JOIN in self.peer.awaited:
            raise UsageError("this peer is joining already: wait for that `join` to end")
        bootstrap = self.bootstrap(addresses)
        self._joining, self._refusal = set(bootstrap), None
        if not self.machine.members:
            begin = partial(self.peer.call, partial(self.machine.join, within_s=within_s), bootstrap)
            await self.peer.awaited.wait(JOIN, begin)
        else:
            self.peer.call(self.machine.join, bootstrap)  # another mesh: the two become one
        log.info("%x at %s, port %d, has joined", self.own_id, *self.address)

    async def leave(self) -> None:
        """Says goodbye to all members; nothing is sent or answered after that."""
        self.peer.call(self.machine.leave)
        self.peer.awaited.fail(JOIN, Closed(LEFT))

    def _happened(self, event: object) -> bool:
        match event:
            case Entered():
                self.peer.awaited.resolve(JOIN, event)
            case JoinRejected(address=address, reason=reason):
                host, port = address
                why = REASONS.get(reason, f"reason {reason}")
                return self._failed(address, JoinRefused(f"the peer at {host}, port {port}: {why}"))
            case NoAnswer(address=address):
                return self._failed(address, PeerTimeout("nobody answered at any of the addresses"))
            case Gone(contact=contact):
                log.info("%x is gone", contact.id)
        return False

    def _failed(self, address: Address, error: JoinRefused | PeerTimeout) -> bool:
        """A bootstrap address has failed for good; with the last of them, joining has. Refusals say most."""
        self._joining.discard(address)
        if isinstance(error, JoinRefused):
            self._refusal = error
        return not self._joining and self.peer.awaited.fail(JOIN, self._refusal or error)
