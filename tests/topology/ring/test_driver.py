"""The driver of rings: the same programs on real loopback sockets and in a simulated internet."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any

import pytest

from p2plib.errors import Closed, JoinRefused, PeerTimeout, UsageError
from p2plib.sim import Internet
from p2plib.topology.ring.chord import Chord
from p2plib.topology.ring.driver import RingPeer
from p2plib.topology.ring.machine import Ring
from p2plib.topology.ring.neighbours import as_list
from p2plib.topology.ring.parts import RingSettings

RING = RingSettings(bits=16, r=4, stabilise_s=0.05, check_s=0.5, fingers_s=0.1)


def ids_around(peer: RingPeer) -> list[int]:
    """The predecessor's id, if there is one, and those of the successors."""
    return [contact.id for contact in (*as_list(peer.machine.predecessor), *peer.machine.successors)]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("kind", [Ring, Chord])
def test_a_ring_on_real_sockets(kind: type[Ring]) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            peers: list[RingPeer] = []
            for number in range(16):
                own_id = number * 4096 + 7
                opened = RingPeer.open(own_id, random.Random(number), kind=kind, settings=RING)
                peer = await stack.enter_async_context(opened)
                if peers:
                    assert await peer.join([peers[0].address])
                else:
                    peer.create()
                peers.append(peer)
            ids = sorted(peer.machine.own.id for peer in peers)
            for peer in peers:
                place = ids.index(peer.machine.own.id)
                around = [ids[(place + step) % len(ids)] for step in (-1, 1, 2, 3, 4)]
                await peer.peer.until(
                    lambda peer=peer, around=around: ids_around(peer) == around, within_s=100
                )
            assert (await peers[3].find(30_000)).owners[0].id == 8 * 4096 + 7
            leaving = peers[8]
            assert (await peers[3].find(8 * 4096)).owners[0].id == leaving.machine.own.id == 8 * 4096 + 7
            await leaving.leave()
            assert (await peers[7].find(8 * 4096)).owners[0].id == 9 * 4096 + 7
            assert not peers[7].peer.awaited
            finding = asyncio.ensure_future(peers[7].find(60_000))
            await asyncio.sleep(0)
        with pytest.raises(Closed):
            await finding

    asyncio.run(main())


@pytest.mark.fault("F098")
def test_a_ring_of_simulated_hosts_loses_two_neighbours_and_a_third_of_all(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        settings = RingSettings(bits=16, r=6, stabilise_s=5.0, check_s=30.0, fingers_s=20.0)
        hosts = [net.host(f"peer{number:02}") for number in range(48)]
        async with AsyncExitStack() as stack:
            peers: list[RingPeer] = []
            for number, host in enumerate(hosts):
                opened = RingPeer.open(
                    number * 1300 + 5, random.Random(number), host.address, kind=Chord, settings=settings
                )
                with host:
                    peer = await stack.enter_async_context(opened)
                if peers:
                    await peer.join([peers[0].address])
                else:
                    peer.create()
                peers.append(peer)
            await asyncio.sleep(60)
            for number in (20, 21, *range(1, 48, 3)):
                if hosts[number].is_up:
                    hosts[number].crash()
            await asyncio.sleep(120)
            alive = [peer for peer, host in zip(peers, hosts, strict=True) if host.is_up]
            ids = [peer.machine.own.id for peer in alive]
            for peer, following in zip(alive, ids[1:] + ids[:1], strict=True):
                assert peer.machine.successors[0].id == following
            for key in range(0, 62_000, 997):
                done = await alive[key % len(alive)].find(key)
                assert done.owners[0].id == min((ident for ident in ids if ident >= key), default=ids[0])

    internet.run(main)


@pytest.mark.fault("F099")
def test_a_taken_id_is_refused(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with AsyncExitStack() as stack:
            peers: list[RingPeer] = []
            for number in (1, 2):
                with net.host(f"peer{number}") as host:
                    opened = RingPeer.open(7, random.Random(number), host.address, settings=RING)
                    peers.append(await stack.enter_async_context(opened))
            first, second = peers
            first.create()
            with pytest.raises(JoinRefused, match="our id"):
                await second.join([first.address], within_s=0)

    internet.run(main)


def test_nobody_there_is_an_error_and_so_is_a_search_of_no_member() -> None:
    async def main(net: Internet) -> None:
        ana, nobody = net.host("ana"), net.host("nobody")

        async def program() -> None:
            async with RingPeer.open(1, random.Random(1), ana.address) as peer:
                with pytest.raises(PeerTimeout, match="none of these addresses"):
                    await peer.join([(nobody.address, 9)])
                with pytest.raises(UsageError, match="member"):
                    await peer.find(3)
                with pytest.raises(UsageError, match="at least one bootstrap address"):
                    await peer.join([])
                joining = asyncio.ensure_future(peer.join([(nobody.address, 9)]))
                await asyncio.sleep(0)
                with pytest.raises(UsageError, match="joining already"):
                    await peer.join([(nobody.address, 9)])
                joining.cancel()
                await asyncio.sleep(10)
                assert not peer.peer.awaited

        await ana.run(program())

    Internet(1).run(main)


@pytest.mark.finding("T1")
@pytest.mark.parametrize(
    "address", [("127.0.0.1", 99_999), ("127.0.0.1", "53"), ("localhost", 53), ("::1", 9)]
)
def test_what_is_no_address_of_a_peer_of_our_family_is_an_error_before_anything_is_sent(address: Any) -> None:
    async def main() -> None:
        async with RingPeer.open(7, random.Random(1), settings=RING) as peer:
            with pytest.raises(UsageError):
                await asyncio.wait_for(peer.join([("127.0.0.1", 9), address]), 100)
            assert peer.peer.sent == 0

    asyncio.run(main())


@pytest.mark.finding("T2")
def test_after_the_block_every_call_says_so() -> None:
    async def main() -> None:
        async with RingPeer.open(7, random.Random(1), settings=RING) as peer:
            peer.create()
        for call in (
            lambda: peer.join([("127.0.0.1", 9)]),
            lambda: peer.find(3),
            lambda: peer.leave(),
        ):
            with pytest.raises(Closed):
                await asyncio.wait_for(call(), 100)
        with pytest.raises(Closed):
            peer.create()

    asyncio.run(main())
