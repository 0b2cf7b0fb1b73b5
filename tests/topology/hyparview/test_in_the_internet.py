"""HyParView on a hundred simulated hosts, of which ninety die."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack

import pytest

from p2plib.machine.addresses import Address, Contact
from p2plib.machine.peer import Peer
from p2plib.sim import Internet
from p2plib.topology.hyparview.machine import HyParView
from p2plib.topology.hyparview.parts import NeighbourUp, ViewSettings


@pytest.mark.slow
@pytest.mark.fault("F097")
def test_ninety_of_a_hundred_crash_and_the_others_find_each_other(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        settings = ViewSettings(shuffle_s=2.0, ping_s=1.0)
        hosts = [net.host(f"peer{number:03}") for number in range(100)]
        async with AsyncExitStack() as stack:
            peers: list[Peer[HyParView]] = []
            for number, host in enumerate(hosts):
                rng = random.Random(number)

                def make(
                    address: Address, now: float, number: int = number, rng: random.Random = rng
                ) -> HyParView:
                    return HyParView(Contact(number, address), rng, now=now, settings=settings)

                with host:
                    peer = await stack.enter_async_context(Peer.open(make, host.address))
                if peers:
                    peer.call(peer.machine.join, [peers[0].address])
                    await peer.wait(NeighbourUp, within_s=60)
                peers.append(peer)
            await asyncio.sleep(60)
            survivors = random.Random(internet.seed).sample(range(100), 10)
            for number, host in enumerate(hosts):
                if number not in survivors:
                    host.crash()
            await asyncio.sleep(40)
            links = {number: set(peers[number].machine.active) for number in survivors}
            reached, ahead = {survivors[0]}, [survivors[0]]
            while ahead:
                new = links[ahead.pop()] - reached
                reached |= new
                ahead += new
            assert reached == set(survivors)

    internet.run(main)
