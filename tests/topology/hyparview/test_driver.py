"""The driver of HyParView; what it shares with other overlays is in tests/machine/test_member.py."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack

import pytest

from p2plib.topology.hyparview import HyParViewPeer, NeighbourDown, ViewSettings


@pytest.mark.usefixtures("patient")
def test_an_overlay_on_real_sockets_is_joined_looked_at_and_left() -> None:
    async def main() -> None:
        settings = ViewSettings(shuffle_s=0.3, ping_s=0.2)
        async with AsyncExitStack() as stack:
            peers = []
            for number in range(4):
                opened = HyParViewPeer.open(number, random.Random(number), settings=settings)
                peers.append(await stack.enter_async_context(opened))
                if number:
                    await peers[-1].join([peers[0].address])
            for peer in peers:
                await peer.peer.until(lambda peer=peer: len(peer.machine.active) == 3)
            seen = peers[2].stats()
            assert (seen.active, seen.passive, seen.doors) == (3, 0, 1)
            await peers[2].leave()
            down = await peers[0].peer.wait(NeighbourDown)
            assert down.contact.id == 2

    asyncio.run(main())
