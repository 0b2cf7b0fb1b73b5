"""A soak of Kademlia: peers come and go, with and without a word, put values and get them, as a seed says.

Promises
    1. What a get gives is what was put.
    2. When the coming and going is over, a value is found or said not to be.
    3. Nobody waits forever, and nothing is left.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from random import Random

from p2plib.errors import NotFound, P2PError, PeerTimeout
from p2plib.machine.addresses import Address
from p2plib.topology.kademlia.driver import KademliaPeer
from p2plib.topology.kademlia.store import key_of
from tests.soak.worlds import World, demand


@dataclass
class Network:
    """What all peers share.

    Attributes:
        first: where the first peer is, which stays.
        values: all values that were put, by their keys.
    """

    world: World
    first: Address
    values: dict[int, bytes] = field(default_factory=dict)

    async def live(self, address: str, random: Random) -> None:
        """One peer's lives, each of which ends with a word or without."""
        for _ in range(random.randrange(1, 4)):
            async with KademliaPeer.open(KademliaPeer.new_id(random), random, address) as peer:
                with contextlib.suppress(P2PError):
                    await peer.join([self.first])
                    for _ in range(random.randrange(4)):
                        await self._use(peer, random)
                    if random.random() < 0.3:
                        await peer.leave()

    async def _use(self, peer: KademliaPeer, random: Random) -> None:
        await asyncio.sleep(random.uniform(0, 5) * self.world.pause_s)
        if random.random() < 0.5 or not self.values:
            value = random.randbytes(random.randrange(1, 500))
            await peer.put(key_of(value), value)
            self.values[key_of(value)] = value
        else:
            await self.finds(peer, random.choice(list(self.values)))

    async def finds(self, peer: KademliaPeer, key: int) -> None:
        """Gets a value; demands that it is the one that was put."""
        value = await peer.get(key)
        demand(value == self.values[key], f"a get of {key:x} gave another value")


async def overlays(world: World, random: Random) -> None:
    """A small network, of which the first peer stays."""
    async with contextlib.AsyncExitStack() as stack:
        place = await stack.enter_async_context(world.place("first"))
        others = [
            await stack.enter_async_context(world.place(f"peer{number}"))
            for number in range(random.randrange(2, 10))
        ]

        async def stay() -> None:
            async with KademliaPeer.open(KademliaPeer.new_id(random), random, place.host) as first:
                network = Network(world, first.address)
                async with asyncio.TaskGroup() as living:
                    for other in others:
                        life = network.live(other.host, Random(random.random()))
                        living.create_task(other.run(life))
                for key in network.values:
                    with contextlib.suppress(NotFound, PeerTimeout):
                        await network.finds(first, key)

        await place.run(stay())
