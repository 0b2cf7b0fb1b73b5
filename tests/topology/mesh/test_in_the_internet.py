"""A mesh of simulated hosts: a link that fails one way, and a host that dies."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack

import pytest

from p2plib.errors import PeerTimeout
from p2plib.machine.addresses import Address, Contact
from p2plib.machine.peer import Peer
from p2plib.sim import Internet, Link
from p2plib.sim.link import Constant
from p2plib.topology.mesh import Entered, Gone, LinkBack, LinkLost, Mesh


@pytest.mark.fault("F096")
def test_a_link_that_fails_one_way_is_told_once_and_nobody_is_declared_dead(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(6)]
        async with AsyncExitStack() as stack:
            peers: list[Peer[Mesh]] = []
            for number, host in enumerate(hosts):
                rng = random.Random(number)

                def make(
                    address: Address, now: float, number: int = number, rng: random.Random = rng
                ) -> Mesh:
                    return Mesh(Contact(number, address), rng, now=now, ping_s=2.0)

                with host:
                    peer = await stack.enter_async_context(Peer.open(make, host.address))
                if peers:
                    peer.call(peer.machine.join, [peers[0].address])
                peers.append(peer)
            for peer in peers:
                await peer.until(lambda peer=peer: len(peer.machine.members) == 5, within_s=60)
            net.set_link(hosts[0], hosts[1], Link(Constant(0.02), loss=1.0), both_ways=False)
            lost = await peers[0].wait(LinkLost, within_s=120)
            assert lost.contact.id == 1
            await asyncio.sleep(120)
            for peer in peers:
                assert len(peer.machine.members) == 5
                with pytest.raises(PeerTimeout):
                    await peer.wait(Gone, within_s=0.01)
            with pytest.raises(PeerTimeout):
                await peers[0].wait(LinkLost, within_s=0.01)  # once
            net.set_link(hosts[0], hosts[1], Link(Constant(0.02)), both_ways=False)
            assert (await peers[0].wait(LinkBack, within_s=60)).contact.id == 1
            hosts[5].crash()
            for peer in peers[:5]:
                assert (await peer.wait(Gone, within_s=120)).contact.id == 5
            assert (await peers[2].wait(Entered)).contact.id in range(6)

    internet.run(main)
