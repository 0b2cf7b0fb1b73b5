"""The driver of meshes; what it shares with other overlays is in tests/machine/test_member.py."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack

import pytest

from p2plib.errors import JoinRefused, PeerTimeout, UsageError
from p2plib.sim import Internet
from p2plib.topology.mesh import Gone, MeshPeer


@pytest.mark.usefixtures("patient")
def test_a_mesh_on_real_sockets_is_joined_looked_at_and_left() -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            peers = []
            for number in range(5):
                opened = MeshPeer.open(number, random.Random(number), ping_s=0.2)
                peers.append(await stack.enter_async_context(opened))
                if number:
                    await peers[-1].join([peers[0].address])
            for peer in peers:
                await peer.peer.until(lambda peer=peer: len(peer.machine.members) == 4)
            seen = peers[2].stats()
            assert (seen.members, seen.lost, seen.doors) == (4, 0, 1)
            await peers[2].leave()
            gone = await peers[0].peer.wait(Gone)
            assert gone.contact.id == 2

    asyncio.run(main())


def test_why_a_member_is_not_let_in() -> None:
    async def main(net: Internet) -> None:
        ana, ben, cleo, eve = (net.host(name) for name in ("ana", "ben", "cleo", "eve"))
        async with AsyncExitStack() as stack:

            async def opened(host: object, own_id: int) -> MeshPeer:
                with host:  # type: ignore[attr-defined]
                    one = MeshPeer.open(own_id, random.Random(own_id), host.address, cap=2)  # type: ignore[attr-defined]
                    return await stack.enter_async_context(one)

            first, second = await opened(ana, 1), await opened(ben, 2)
            await second.join([first.address])
            third, twin = await opened(cleo, 3), await opened(eve, 2)
            with pytest.raises(JoinRefused, match="the mesh is full"):
                await third.join([first.address])
            with pytest.raises(JoinRefused, match="another peer has this id"):
                await twin.join([first.address, (ana.address, 9)], within_s=0)
            with pytest.raises(PeerTimeout, match="nobody answered"):
                await third.join([(ana.address, 9), (ana.address, 10)], within_s=0)
            joining = asyncio.ensure_future(third.join([(ana.address, 9)]))
            await asyncio.sleep(0)
            with pytest.raises(UsageError, match="joining already"):
                await third.join([first.address])
            joining.cancel()
            await second.join([first.address])  # it is in already

    Internet(1).run(main)
