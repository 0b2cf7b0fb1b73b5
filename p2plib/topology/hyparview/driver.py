"""HyParViewPeer: a peer of an unstructured overlay on a UDP socket. A driver.

    async with HyParViewPeer.open(own_id, random.SystemRandom(), "192.0.2.1") as peer:
        await peer.join([("192.0.2.7", 4001)])      # the first peer of an overlay joins nobody
        neighbours = peer.machine.active
        up = await peer.peer.wait(NeighbourUp)
        await peer.leave()

`p2plib.machine.member` says how such a peer is saved and restored. After the block, every call raises
`Closed`, except `save` and `stats`. That it has its first neighbour and that it lost its last is logged at
INFO.
"""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from p2plib.errors import Closed, PeerTimeout
from p2plib.machine.addresses import Address, Contact
from p2plib.machine.member import JOIN_S, LEFT, Member, MemberStats
from p2plib.machine.peer import Peer
from p2plib.machine.saved_peer import SavedPeerFormat
from p2plib.topology.hyparview.machine import DEFAULTS, HyParView
from p2plib.topology.hyparview.parts import Isolated, ViewSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HyParViewStats(MemberStats):
    """What a peer has counted so far, and what it has now; see also `MemberStats`.

    Args:
        active: how many neighbours it has.
        passive: how many names it knows besides.
        doors: how many addresses outside its views it asks now and then.
    """

    active: int
    passive: int
    doors: int


class HyParViewPeer(Member[HyParView]):
    """One peer; `open` makes it, or `restore`. See also `Member`."""

    FORMAT = SavedPeerFormat("HyParView", 1)

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls,
        own_id: int,
        rng: random.Random,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        settings: ViewSettings = DEFAULTS,
        public: Address | None = None,
    ) -> AsyncIterator[HyParViewPeer]:
        """Opens a socket, and runs a peer on it for as long as the block runs.

        Args:
            own_id: its id, a number of at most 256 bits.
            rng: see `p2plib.machine.machine`.
            host: see `p2plib.machine.peer.Peer.open`.
            port: see there.
            settings: see `ViewSettings`.
            public: see `p2plib.machine.peer.Peer.open`.

        Raises:
            CannotListen: as there.
            UsageError: as there, and as `HyParView` does.
        """
        made = cls()

        def make(address: Address, now: float) -> HyParView:
            return HyParView(Contact(own_id, address), rng, now=now, settings=settings)

        async with Peer.open(make, host, port, public=public, on_event=made._happened) as made.peer:
            yield made

    def known(self) -> Iterable[Address]:
        """Where other peers are: neighbours, names, doors."""
        machine = self.machine
        contacts = [*machine.active.values(), *machine.passive.values()]
        return [*(contact.address for contact in contacts), *machine.doors.bootstrap]

    def stats(self) -> HyParViewStats:
        """What this peer has counted so far, and what it has now."""
        machine = self.machine
        return HyParViewStats(
            **self.counted(),
            active=len(machine.active),
            passive=len(machine.passive),
            doors=len(machine.doors.bootstrap) + len(machine.doors.lost),
        )

    async def join(self, addresses: Iterable[Address] = (), *, within_s: float = JOIN_S) -> None:
        """Asks these bootstrap addresses, and the peers that it remembers, until it has a neighbour.

        They are asked again after growing pauses, even when this has raised `PeerTimeout`: the machine goes
        on for as long as it has no neighbour.

        Args:
            addresses: where members of the overlay may be, IP addresses with their ports.
            within_s: how long to wait for a neighbour, in seconds.

        Raises:
            PeerTimeout: there was none in that time.
            UsageError: there is no address but our own, one is not of a peer of our family, or we have left.
            Closed: the block is over, or we leave while this waits.
        """
        asked = self.bootstrap(addresses)
        self.peer.call(self.machine.join, asked)
        try:
            await self.peer.until(lambda: bool(self.machine.active) or self.machine.left, within_s)
        except PeerTimeout:
            where = ", ".join(f"{host}:{port}" for host, port in asked)
            raise PeerTimeout(f"no neighbour within {within_s:g} s; asked were {where}") from None
        if self.machine.left:
            raise Closed(LEFT)
        log.info("%x at %s, port %d, has joined", self.own_id, *self.address)

    async def leave(self) -> None:
        """Says goodbye to the neighbours; nothing is sent or answered after that."""
        self.peer.call(self.machine.leave)

    def _happened(self, event: object) -> bool:
        if isinstance(event, Isolated):
            log.info("%x at %s, port %d, has no neighbour", self.own_id, *self.address)
        return False
