"""Kademlia peers in the simulated internet, for the benchmarks that measure them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from tqdm import tqdm

from p2plib.sim import Internet
from p2plib.topology.kademlia.driver import KademliaPeer
from p2plib.topology.kademlia.parts import Settings


@asynccontextmanager
async def joined_peers(net: Internet, count: int, settings: Settings) -> AsyncIterator[list[KademliaPeer]]:
    """Have peers join one after another, each at three of those before it, and settle for a minute."""
    async with AsyncExitStack() as stack:
        peers: list[KademliaPeer] = []
        for number in tqdm(range(count), desc="joins", leave=False):
            rng = random.Random(f"peer {number}")
            network = f"100.{number >> 8}.{number & 255}"  # one owner each; a table takes few of one owner
            host = net.host(f"peer{number}", address=f"{network}.1")
            opened = KademliaPeer.open(rng.getrandbits(160), rng, host.address, settings=settings)
            with host:
                peer = await stack.enter_async_context(opened)
            if peers:
                await peer.join([rng.choice(peers).address for _ in range(3)])
            peers.append(peer)
        await asyncio.sleep(60)
        yield peers
