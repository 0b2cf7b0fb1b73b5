"""KademliaPeer: a peer of the distributed hash table on a UDP socket. A driver.

    async with KademliaPeer.open(own_id, random.SystemRandom(), "192.0.2.1") as peer:
        await peer.join([("192.0.2.7", 4001)])
        await peer.put(key, b"value")
        print(await peer.get(key))

Rules
    1. A call returns what its search found. If there is no result, it raises an error that says why: nobody
       answered (`PeerTimeout`), nobody has the value (`NotFound`), we were not let in (`JoinRefused`).
    2. A call that is cancelled stops waiting; the search goes on, for other peers learn from it.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import Any

from p2plib.errors import JoinRefused, NotFound, PeerTimeout, UsageError
from p2plib.machine.addresses import Address, bootstrap_addresses
from p2plib.machine.peer import Peer
from p2plib.topology.kademlia.machine import DEFAULTS, Kademlia
from p2plib.topology.kademlia.parts import (
    FindDone,
    GetDone,
    IdTaken,
    Joined,
    JoinFailed,
    PutDone,
    Settings,
)

JOIN = "join"  # what `join` waits under; searches have numbers


class KademliaPeer:
    """One peer; `open` makes it.

    Attributes:
        peer: the driver underneath, with `failures`, `sent` and `received`, and `wait` for other events.
    """

    def __init__(self) -> None:
        self.peer: Peer[Kademlia]
        self._taken_at: Address | None = None

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
            own_id: its id.
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
            return Kademlia(own_id, rng, now=now, settings=settings)

        async with Peer.open(make, host, port, public=public, on_event=made._happened) as made.peer:
            yield made

    @property
    def machine(self) -> Kademlia:
        """The machine underneath: its table, its values, what it ignored."""
        return self.peer.machine

    @property
    def address(self) -> Address:
        """Where others reach it."""
        return self.peer.address

    async def join(self, addresses: Iterable[Address]) -> Joined:
        """Enters the network through any of these bootstrap addresses.

        Raises:
            PeerTimeout: nobody answered there.
            JoinRefused: our id is taken.
            UsageError: there is no address, or an earlier `join` has not ended.
        """
        if JOIN in self.peer.awaited:
            raise UsageError("this peer is joining already: wait for that `join` to end")
        self._taken_at, bootstrap = None, bootstrap_addresses(addresses, self.address)
        begin = partial(self.peer.call, self.machine.join, bootstrap)
        joined: Joined = await self.peer.awaited.wait(JOIN, begin)
        return joined

    async def find(self, target: int) -> FindDone:
        """The k peers nearest to an id.

        Raises:
            PeerTimeout: nobody answered.
            UsageError: it is not an id of this network.
        """
        done: FindDone = await self._search(self.machine.find, target)
        if not done.closest:
            raise PeerTimeout(f"no peer answered, of {done.queries} asked")
        return done

    async def get(self, key: int) -> bytes:
        """The value that is stored under a key.

        Raises:
            NotFound: peers answered, and none of them has it.
            PeerTimeout: nobody answered.
            UsageError: it is not a key of this network.
        """
        done: GetDone = await self._search(self.machine.get, key)
        if done.value is not None:
            return done.value
        if done.queries == done.failures:
            raise PeerTimeout(f"no peer answered, of {done.queries} asked")
        answered = done.queries - done.failures
        raise NotFound(f"none of the {answered} peers that answered has a value under {key:x}")

    async def put(self, key: int, value: bytes) -> PutDone:
        """Publishes a value, and publishes it again in time until `machine.forget`.

        Raises:
            PeerTimeout: nobody keeps it.
            UsageError: it is too large, or the validator of this network forbids it.
        """
        done: PutDone = await self._search(self.machine.put, key, value)
        if not done.copies:
            raise PeerTimeout(f"no peer keeps the value, of {done.asked} asked")
        return done

    async def _search(self, begin: Callable[..., int], *args: Any) -> Any:
        return await self.peer.outcome(begin, *args)

    def _happened(self, event: object) -> bool:
        match event:
            case FindDone(number=number) | GetDone(number=number) | PutDone(number=number):
                self.peer.awaited.resolve(number, event)
                return True
            case Joined():
                return self.peer.awaited.resolve(JOIN, event)
            case JoinFailed(asked=asked):
                return self.peer.awaited.fail(JOIN, self._why(asked))
            case IdTaken(address=address):
                self._taken_at = address
        return False

    def _why(self, asked: tuple[Address, ...]) -> Exception:
        if self._taken_at is not None:
            host, port = self._taken_at
            return JoinRefused(f"the peer at {host}, port {port}, says that another peer has our id")
        return PeerTimeout("nobody answered at " + ", ".join(f"{host}:{port}" for host, port in asked))
