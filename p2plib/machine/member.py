"""Member: what the drivers of overlays without values share: saving, restoring, looking at a peer. A driver.

::

    class MeshPeer(Member[Mesh]):
        ...                                  # `open`, `join`, and what else the overlay can do

    saved = peer.save()
    async with MeshPeer.restore(saved, rng) as peer:
        await peer.join()                    # through the peers that it knew

Rules
    1. A restored peer has the id and the addresses that it had, and asks the peers that it knew. So it needs
       no bootstrap address as long as one of those is there, and others find it where it was.
    2. After the block, `save` and `stats` still work; every other call raises `Closed`.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from p2plib.errors import UsageError
from p2plib.machine.addresses import Address, Contact, bootstrap_addresses, restored_place
from p2plib.machine.machine import Machine
from p2plib.machine.peer import Peer, PeerStats
from p2plib.machine.requests import Requests
from p2plib.machine.saved_peer import MAX_BITS, MAX_SAVED, SavedPeer, SavedPeerFormat

LEFT = "this peer has left"
JOIN_S = 30.0  # longer than it takes the others to notice that our earlier life, on another port, is over


class OverlayMachine(Machine[Any], Protocol):
    """What an overlay's machine must have.

    Attributes:
        own: its id and the address that others reach it at.
        requests: those under way.
    """

    own: Contact
    requests: Requests[Any]


M = TypeVar("M", bound=OverlayMachine)


@dataclass(frozen=True, slots=True)
class MemberStats(PeerStats):
    """What a peer has counted so far, and what it has now; see also `PeerStats`.

    Args:
        requests: how many requests are under way.
        round_trip_s: the smoothed round trip to all peers, in seconds; 0 before anybody answered.
    """

    requests: int
    round_trip_s: float


class Member(Generic[M]):
    """One peer; `open` of a subclass makes it, or `restore`.

    Attributes:
        peer: the driver underneath, with `failures`, `sent` and `received`, and `wait` for other events.
        remembered: the addresses of the peers that it knew in an earlier life.
    """

    FORMAT: ClassVar[SavedPeerFormat]
    open: ClassVar[Any]  # an asynchronous context manager; each overlay has settings of its own

    def __init__(self) -> None:
        self.peer: Peer[M]
        self.remembered: tuple[Address, ...] = ()

    @property
    def machine(self) -> M:
        """The machine underneath."""
        return self.peer.machine

    @property
    def address(self) -> Address:
        """Where others reach it."""
        return self.peer.address

    @property
    def own_id(self) -> int:
        """Its id."""
        return self.machine.own.id

    @property
    def bits(self) -> int:
        """How many bits the ids of its network have."""
        return MAX_BITS

    def known(self) -> Iterable[Address]:
        """Where other peers are, the likeliest to be there first."""
        raise NotImplementedError

    @classmethod
    @contextlib.asynccontextmanager
    async def restore(
        cls,
        data: bytes,
        rng: random.Random,
        host: str | None = None,
        port: int | None = None,
        *,
        public: Address | None = None,
        **others: Any,
    ) -> AsyncIterator[Self]:
        """Opens a peer with the id and the addresses that `save` gave; `join` then needs no addresses.

        Args:
            data: what `save` returned.
            rng: see `p2plib.machine.machine`.
            host: where to listen; None for where it did.
            port: the port there; None for the same as before.
            public: where others reach it; None for where they did, if it listens where it did.
            others: whatever else `open` takes; these are not saved.

        Raises:
            DecodeError: these are not the bytes of a peer of this overlay that was saved.
            CannotListen: as in `open`.
            UsageError: as in `open`, or the settings are for ids of another length.
        """
        saved = cls.FORMAT.decode(data)
        where, public = restored_place(saved.bound, saved.public, host, port, public)
        async with cls.open(saved.id, rng, *where, public=public, **others) as made:
            if saved.bits != made.bits:
                raise UsageError(f"the saved id has {saved.bits} bits, ids of these settings {made.bits}")
            made.remembered = saved.known
            yield made

    def save(self) -> bytes:
        """What `restore` needs to take this peer up again; see `p2plib.machine.saved_peer`."""
        bound, known = self.peer.bound, list(dict.fromkeys([*self.known(), *self.remembered]))
        public = None if self.address == bound else self.address
        return self.FORMAT.encode(SavedPeer(self.bits, self.own_id, bound, public, tuple(known[:MAX_SAVED])))

    def counted(self) -> dict[str, Any]:
        """The fields of `MemberStats`, for the stats of an overlay."""
        counted, requests = self.peer.stats(), self.machine.requests
        named = {field.name: getattr(counted, field.name) for field in fields(counted)}
        return named | {"requests": len(requests), "round_trip_s": requests.all_peers.smoothed_s}

    def bootstrap(self, addresses: Iterable[Address]) -> tuple[Address, ...]:
        """Where to join: the addresses given, and those of the peers that it remembers, without our own.

        Args:
            addresses: where members of the network may be: IP addresses with their ports.

        Raises:
            UsageError: there is no address but our own, or one is not of a peer of our family.
        """
        given = bootstrap_addresses([*addresses, *self.remembered], self.address)
        others = tuple(address for address in given if address != self.address)
        if not others:
            raise UsageError("the only bootstrap address is our own, and the first peer joins nobody")
        return others
