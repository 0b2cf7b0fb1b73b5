"""What an owner does with a peer over its lives, for each overlay without values: the same programs."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import pytest

from p2plib.errors import Closed, DecodeError, PeerTimeout, UsageError
from p2plib.machine.addresses import Address
from p2plib.sim import Host, Internet
from p2plib.topology.hyparview import HyParViewPeer
from p2plib.topology.mesh import MeshPeer
from p2plib.topology.ring import RingPeer

KINDS: list[Any] = [HyParViewPeer, MeshPeer, RingPeer]
Opened = AbstractAsyncContextManager[Any]


def first(peer: Any) -> None:
    """Makes a peer the first of its overlay."""
    if isinstance(peer, RingPeer):
        peer.create()


async def overlay(stack: AsyncExitStack, kind: Any, hosts: list[Host]) -> list[Any]:
    peers: list[Any] = []
    for number, host in enumerate(hosts):
        with host:
            opened: Opened = kind.open(100 + number, random.Random(number), host.address)
            peers.append(await stack.enter_async_context(opened))
        if number:
            await peers[-1].join([peers[0].address])
        else:
            first(peers[0])
    return peers


@pytest.mark.parametrize("kind", KINDS)
def test_a_restored_peer_is_back_without_its_bootstrap(kind: Any) -> None:
    async def main(net: Internet) -> None:
        home = net.host("home")
        async with AsyncExitStack() as stack:
            hosts = [net.host(f"peer{number}") for number in range(8)]
            peers = await overlay(stack, kind, hosts)
            with home:
                async with kind.open(7, random.Random(1), home.address) as peer:
                    await peer.join([peers[0].address])
                    await asyncio.sleep(60)
                    saved, address = peer.save(), peer.address
                    seen = peer.stats()
                    assert (seen.address, seen.sent > 0, seen.received > 0) == (address, True, True)
                    assert seen.round_trip_s > 0
            hosts[0].crash()
            await home.run(again(kind, saved, address))

    Internet(1).run(main)


async def again(kind: Any, saved: bytes, address: Address) -> None:
    async with kind.restore(saved, random.Random(2)) as peer:
        assert (peer.own_id, peer.address) == (7, address)
        assert peer.remembered
        await peer.join()
        assert set(kind.FORMAT.decode(peer.save()).known) >= set(peer.remembered)
    with pytest.raises(DecodeError):
        async with kind.restore(saved[:-1], random.Random(2)):
            pass


@pytest.mark.finding("T1")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "address", [("127.0.0.1", 99_999), ("127.0.0.1", "53"), ("localhost", 53), ("::1", 9), "127.0.0.1:9"]
)
def test_what_is_no_address_of_a_peer_is_an_error_before_anything_is_sent(kind: Any, address: Any) -> None:
    async def main() -> None:
        async with kind.open(7, random.Random(1)) as peer:
            with pytest.raises(UsageError):
                await asyncio.wait_for(peer.join([("127.0.0.1", 9), address]), 100)
            with pytest.raises(UsageError, match="at least one bootstrap address"):
                await peer.join()
            assert peer.peer.sent == 0

    asyncio.run(main())


@pytest.mark.finding("T2")
@pytest.mark.parametrize("kind", KINDS)
def test_after_the_block_every_call_says_so_and_the_peer_can_still_be_saved(kind: Any) -> None:
    async def main() -> None:
        async with kind.open(7, random.Random(1)) as peer:
            joining = asyncio.ensure_future(peer.join([("127.0.0.1", 9)]))
            await asyncio.sleep(0)
        with pytest.raises(Closed):
            await asyncio.wait_for(joining, 100)
        with pytest.raises(Closed):
            await asyncio.wait_for(peer.join([("127.0.0.1", 9)]), 100)
        with pytest.raises(Closed):
            await peer.leave()
        assert peer.save()
        assert peer.stats().address == peer.address

    asyncio.run(main())


async def refused(open_peer: Callable[[], Opened], bootstrap: Address) -> None:
    async with open_peer() as peer:
        with pytest.raises(PeerTimeout):
            await peer.join([bootstrap], within_s=5)


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_there_is_an_error_and_a_bootstrap_that_comes_late_is_not(
    kind: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def late(host: Host) -> None:
        await asyncio.sleep(12)
        async with kind.open(2, random.Random(2), host.address, 4000) as peer:
            first(peer)
            await asyncio.sleep(30)

    async def early(host: Host, bootstrap: Address) -> float:
        await refused(lambda: kind.open(1, random.Random(1), host.address), bootstrap)
        async with kind.open(1, random.Random(1), host.address) as peer:
            began = peer.peer.now()
            await peer.join([bootstrap])
            took_s: float = peer.peer.now() - began
            return took_s

    async def main(net: Internet) -> float:
        ana, ben = net.host("ana"), net.host("ben")
        _, took_s = await asyncio.gather(ben.run(late(ben)), ana.run(early(ana, (ben.address, 4000))))
        return took_s

    with caplog.at_level(logging.INFO, "p2plib"):
        assert Internet(1).run(main) < 20
    assert any("has joined" in message for message in caplog.messages)
    assert {record.name.split(".")[1] for record in caplog.records} <= {"topology", "machine"}


@pytest.mark.finding("T1")
@pytest.mark.parametrize("kind", KINDS)
def test_our_own_address_among_the_bootstrap_addresses_is_passed_over(kind: Any) -> None:
    async def main(net: Internet) -> None:
        ana, ben = net.host("ana"), net.host("ben")
        async with AsyncExitStack() as stack:
            with ben:
                there = await stack.enter_async_context(kind.open(2, random.Random(2), ben.address))
                first(there)
            with ana:
                peer = await stack.enter_async_context(kind.open(1, random.Random(1), ana.address))
            with pytest.raises(UsageError, match="our own"):
                await asyncio.wait_for(peer.join([peer.address]), 300)
            with pytest.raises(PeerTimeout):
                await asyncio.wait_for(peer.join([peer.address, (ben.address, 9)], within_s=5), 300)
            await asyncio.wait_for(peer.join([peer.address, there.address]), 300)

    Internet(1).run(main)


@pytest.mark.finding("T2")
@pytest.mark.parametrize("kind", [HyParViewPeer, MeshPeer])
def test_leaving_ends_a_join_and_is_for_good(kind: Any) -> None:
    async def main(net: Internet) -> None:
        ana, ben = net.host("ana"), net.host("ben")
        with ana:
            async with kind.open(1, random.Random(1), ana.address) as peer:
                joining = asyncio.ensure_future(peer.join([(ben.address, 9)]))
                await asyncio.sleep(1)
                await peer.leave()
                with pytest.raises(Closed, match="left"):
                    await asyncio.wait_for(joining, 300)
                sent = peer.peer.sent
                with pytest.raises(UsageError, match="left"):
                    await asyncio.wait_for(peer.join([(ben.address, 9)]), 300)
                await asyncio.sleep(120)
                assert peer.peer.sent == sent

    Internet(1).run(main)
