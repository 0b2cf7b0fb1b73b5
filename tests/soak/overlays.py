"""A soak of Kademlia: peers come and go, with and without a word, put values and get them, as a seed says.

The first peer stays, and there are always fewer peers than keep a value.

Promises
    1. What a get gives is what was put.
    2. When a put says that so many peers keep the value, so many have kept it.
    3. Where no datagram is lost, everything succeeds: the first peer is among those that keep each value, and
       every get finds it. Where some are lost, a put may miss any peer, and a get or a join may fail, with an
       error that says so.
    4. When the coming and going is over, a newcomer finds all that the first peer keeps, at the latest when
       it asks again.
    5. Nobody waits forever, and nothing is left.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random

from p2plib.errors import NotFound, P2PError, PeerTimeout
from p2plib.topology.kademlia.driver import KademliaPeer
from p2plib.topology.kademlia.parts import Settings
from p2plib.topology.kademlia.store import key_of
from p2plib.topology.kademlia.table import NO_LIMITS
from tests.soak.worlds import World, demand

GETS = 6  # one fails if two datagrams and their repetitions are lost, or the machine is busy


@dataclass
class Network:
    """What all peers share.

    Attributes:
        first: the peer that stays.
        lives: all peers that there have been; what they kept can still be seen.
        values: all values that were put, by their keys.
    """

    world: World
    first: KademliaPeer
    lives: list[KademliaPeer] = field(default_factory=list)
    values: dict[int, bytes] = field(default_factory=dict)

    async def live(self, address: str, random: Random) -> None:
        """One peer's lives, each of which ends with a word or without."""
        for _ in range(random.randrange(1, 4)):
            async with opened(address, random) as peer:
                self.lives.append(peer)
                with contextlib.suppress(*() if self.world.is_lossless else (P2PError,)):
                    await peer.join([self.first.address])
                    for _ in range(random.randrange(4)):
                        await self._use(peer, random)
                    if random.random() < 0.3:
                        await peer.leave()

    async def _use(self, peer: KademliaPeer, random: Random) -> None:
        await asyncio.sleep(random.uniform(0, 5) * self.world.pause_s)
        if random.random() < 0.5 or not self.values:
            await self._put(peer, random.randbytes(random.randrange(1, 500)))
        else:
            await self.finds(peer, random.choice(list(self.values)))

    async def _put(self, peer: KademliaPeer, value: bytes) -> None:
        key = key_of(value)
        done = await peer.put(key, value)
        self.values[key] = value
        lives = [life.machine for life in (self.first, *self.lives)]
        kept = sum(
            key in machine.values or machine.asker.is_client for machine in lives
        )  # or handed on since
        demand(done.copies <= kept, f"{kept} peers kept a value, {done.copies} according to the put")
        if self.world.is_lossless:
            demand(
                key in self.first.machine.values, "nothing was lost, and a peer that is there was left out"
            )

    async def finds(self, peer: KademliaPeer, key: int) -> None:
        """Gets a value; demands that it is the one that was put."""
        value = await peer.get(key)
        demand(value == self.values[key], f"a get of {key:x} gave another value")

    async def settle(self, address: str, random: Random) -> None:
        """A newcomer looks for everything that is kept."""
        async with opened(address, random) as peer:
            await peer.join([self.first.address], within_s=60.0)
            for key in self.values:
                if key in self.first.machine.values:
                    await self._persists(peer, key)

    async def _persists(self, peer: KademliaPeer, key: int) -> None:
        for _ in range(0 if self.world.is_lossless else GETS - 1):
            with contextlib.suppress(NotFound, PeerTimeout):
                await self.finds(peer, key)
                return
        await self.finds(peer, key)


@contextlib.asynccontextmanager
async def opened(address: str, random: Random) -> AsyncIterator[KademliaPeer]:
    """A new peer."""
    settings = Settings(limits=NO_LIMITS) if address.startswith("127.") else Settings()
    async with KademliaPeer.open(KademliaPeer.new_id(random), random, address, settings=settings) as peer:
        yield peer


async def overlays(world: World, random: Random) -> None:
    """A small network, of which the first peer stays."""
    async with contextlib.AsyncExitStack() as stack:
        place, late = [await stack.enter_async_context(world.place(name)) for name in ("first", "late")]
        others = [
            await stack.enter_async_context(world.place(f"peer{number}"))
            for number in range(random.randrange(2, 10))
        ]

        async def stay() -> None:
            async with opened(place.host, random) as first:
                network = Network(world, first)
                async with asyncio.TaskGroup() as living:
                    for other in others:
                        life = network.live(other.host, Random(random.random()))
                        living.create_task(other.run(life))
                await late.run(network.settle(late.host, random))

        await place.run(stay())
