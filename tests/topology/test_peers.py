"""The drivers: the same programs on real loopback sockets and in a simulated internet.

What a machine does is tested with machines; here is what a socket adds: addresses, timers, errors, closing.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from p2plib.errors import Closed, JoinRefused, NotFound, PeerTimeout, UsageError
from p2plib.machine import requests
from p2plib.machine.addresses import Address, Contact
from p2plib.machine.peer import Peer
from p2plib.sim import Internet, Link
from p2plib.sim.link import Constant
from p2plib.topology.hyparview.machine import HyParView, Up, ViewSettings
from p2plib.topology.kademlia import messages as kademlia_messages
from p2plib.topology.kademlia.driver import KademliaPeer
from p2plib.topology.kademlia.parts import Settings
from p2plib.topology.kademlia.store import key_of
from p2plib.topology.kademlia.table import NO_LIMITS
from p2plib.topology.mesh.machine import Entered, Gone, LineBack, LineLost, Mesh
from p2plib.topology.ring.chord import Chord
from p2plib.topology.ring.driver import RingPeer
from p2plib.topology.ring.machine import Ring
from p2plib.topology.ring.parts import RingSettings

HERE = Settings(k=8, limits=NO_LIMITS)  # all of these peers live at 127.0.0.1
RING = RingSettings(bits=16, r=4, stabilise_s=0.05, check_s=0.5, fingers_s=0.1)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On loopback nothing is lost, but a busy machine answers late: an answer is given its time."""
    monkeypatch.setattr(requests, "MIN_MARGIN_S", 5.0)


@pytest.mark.usefixtures("patient")
def test_a_datagram_that_is_too_long_is_dropped_and_counted() -> None:
    async def main() -> None:
        async with network([None] * 2, HERE) as peers:
            host, port = peers[0].address
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind((host, 0))
                stranger.sendto(bytes(60_000), (host, port))
                ping = kademlia_messages.CODEC.encode(kademlia_messages.Ping(1, 2))
                stranger.sendto(ping + bytes(1500), (host, port))
            await peers[0].peer.until(lambda: peers[0].machine.ignored["malformed"] == 2, within_s=5)
            value = b"still there"
            assert (await peers[1].put(key_of(value), value)).copies == 2

    asyncio.run(main())


# A table, a ring and a mesh, by the same code on real sockets and simulated hosts


@asynccontextmanager
async def network(hosts: list[Any], settings: Settings) -> AsyncIterator[list[KademliaPeer]]:
    """A Kademlia peer on each of some hosts; None is this machine."""
    async with AsyncExitStack() as stack:
        peers: list[KademliaPeer] = []
        for number, host in enumerate(hosts):
            rng = random.Random(f"peer {number}")
            own_id, where = rng.getrandbits(settings.bits), host.address if host else "127.0.0.1"
            opened = KademliaPeer.open(own_id, rng, where, settings=settings)
            if host is None:
                peer = await stack.enter_async_context(opened)
            else:
                with host:
                    peer = await stack.enter_async_context(opened)
            if peers:
                await peer.join([door.address for door in peers[:3]])  # one door may lose all it is sent
            peers.append(peer)
        yield peers


async def use(peers: list[KademliaPeer]) -> None:
    """Everybody stores one value and fetches that of another."""
    values = [b"value %d" % number for number in range(len(peers))]
    for peer, value in zip(peers, values, strict=True):
        done = await peer.put(key_of(value), value)
        assert done.copies == done.asked
        assert done.asked in (8, 9)  # the nearest eight others, and itself if it is one of the nearest eight
    for peer, value in zip(peers, values[7:] + values[:7], strict=True):
        assert await peer.get(key_of(value)) == value
    ids = sorted((peer.machine.own_id for peer in peers[1:]), key=lambda one: one ^ 12345)
    found = await peers[0].find(12345)
    assert [contact.id for contact in found.closest] == ids[:8]
    with pytest.raises(NotFound, match="peers has a value under"):
        await peers[3].get(key_of(b"nobody stored this"))


@pytest.mark.usefixtures("patient")
def test_kademlia_on_real_sockets() -> None:
    async def main() -> None:
        async with network([None] * 30, HERE) as peers:
            await use(peers)
            assert not any(peer.machine.ignored for peer in peers)

    asyncio.run(main())


def test_kademlia_among_simulated_hosts_and_over_a_bad_line(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(40)]
        async with network(hosts, Settings(k=8)) as peers:
            await use(peers)

    internet.run(main)
    bad = Internet(internet.seed, link=Link(Constant(0.05), loss=0.05))

    async def over_a_bad_line(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(40)]
        async with network(hosts, Settings(k=8)) as peers:
            value = b"heard through the noise"
            await peers[1].put(key_of(value), value)
            for peer in peers:
                assert await peer.get(key_of(value)) == value

    bad.run(over_a_bad_line)


def test_the_same_seed_gives_the_same_run() -> None:
    def digest() -> str:
        async def main(net: Internet) -> None:
            hosts = [net.host(f"peer{number}") for number in range(20)]
            async with network(hosts, Settings(k=8)) as peers:
                await use(peers)

        net = Internet(5)
        net.run(main)
        return net.trace.digest()

    assert digest() == digest()


@pytest.mark.fault("F081")
def test_a_third_of_the_peers_die_and_values_are_found(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(60)]
        async with network(hosts, Settings(k=8)) as peers:
            values = [b"value %d" % number for number in range(40)]
            for value in values:
                await peers[0].put(key_of(value), value)
            dead = hosts[1::3]
            for host in dead:
                host.crash()
            alive = [peer for peer, host in zip(peers, hosts, strict=True) if host.is_up]
            began = net.loop.time()
            for value in values:
                asking = alive[1 + values.index(value) % (len(alive) - 1)]
                assert await asking.get(key_of(value)) == value
            assert (net.loop.time() - began) / len(values) < 1.0  # "well under a second" for each

    internet.run(main)


@pytest.mark.fault("F099")
def test_a_taken_id_is_refused() -> None:
    async def main() -> None:
        strict = Settings(k=8, limits=NO_LIMITS)
        async with network([None] * 12, strict) as peers:
            taken = peers[5].machine.own_id
            async with KademliaPeer.open(taken, random.Random(1), settings=strict) as second:
                with pytest.raises(JoinRefused, match="our id"):
                    await second.join([peers[5].address])
                with pytest.raises(PeerTimeout, match=r"nobody answered at 127\.0\.0\.1:9"):
                    await second.join([("127.0.0.1", 9)])  # what was said at another door is forgotten
        async with (
            RingPeer.open(7, random.Random(1), settings=RING) as first,
            RingPeer.open(7, random.Random(2), settings=RING) as second_7,
        ):
            first.found()
            with pytest.raises(JoinRefused, match="our id"):
                await second_7.join([first.address])

    asyncio.run(main())


def test_nobody_there_is_an_error_that_says_where() -> None:
    quick = Settings(k=8, limits=NO_LIMITS)

    async def main(net: Internet) -> None:
        ana, nobody = net.host("ana"), net.host("nobody")

        async def program() -> None:
            async with KademliaPeer.open(1, random.Random(1), ana.address, settings=quick) as peer:
                with pytest.raises(PeerTimeout, match=f"nobody answered at {nobody.address}:9"):
                    await peer.join([(nobody.address, 9)])
                with pytest.raises(PeerTimeout, match="nobody answered of 0"):
                    await peer.get(5)
                with pytest.raises(PeerTimeout, match="nobody answered of 0"):
                    await peer.find(5)
                with pytest.raises(UsageError, match="at least one address"):
                    await peer.join([])
                joining = asyncio.ensure_future(peer.join([(nobody.address, 9)]))
                await asyncio.sleep(0)
                with pytest.raises(UsageError, match="joining already"):
                    await peer.join([(nobody.address, 9)])
                joining.cancel()
                await asyncio.sleep(10)
            full = Settings(k=8, limits=NO_LIMITS, max_values=0)
            async with KademliaPeer.open(1, random.Random(1), ana.address, settings=full) as keeper:
                with pytest.raises(PeerTimeout, match="nobody keeps the value, of 1 who were asked to"):
                    await keeper.put(key_of(b"no room"), b"no room")
                assert not keeper._searches
            async with RingPeer.open(1, random.Random(1), ana.address) as member:
                with pytest.raises(PeerTimeout, match="none of these addresses"):
                    await member.join([(nobody.address, 9)])
                with pytest.raises(UsageError, match="member"):
                    await member.find(3)

        await ana.run(program())

    Internet(1).run(main)


def test_closing_while_somebody_searches_tells_them() -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(10)]
        async with network(hosts, Settings(k=8)) as peers:
            getting = asyncio.ensure_future(peers[4].get(5))
            finding = asyncio.ensure_future(peers[4].find(5))
            await asyncio.sleep(0)
            finding.cancel()  # nobody waits for its end any more, which harms nobody
        with pytest.raises(Closed):
            await getting

    Internet(1).run(main)


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
                    peer.found()
                peers.append(peer)
            ids = sorted(peer.machine.own.id for peer in peers)
            for peer in peers:
                after = [one for one in ids if one > peer.machine.own.id][:4]
                wanted = (after + ids)[:4]
                await peer.peer.until(
                    lambda peer=peer, wanted=wanted: [one.id for one in peer.machine.successors] == wanted,
                    within_s=20,
                )
            assert (await peers[3].find(30_000)).owners[0].id == 8 * 4096 + 7
            leaving = peers[8]
            assert (await peers[3].find(8 * 4096)).owners[0].id == leaving.machine.own.id == 8 * 4096 + 7
            await leaving.leave()
            assert (await peers[7].find(8 * 4096)).owners[0].id == 9 * 4096 + 7
            assert not peers[7]._searches
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
                    peer.found()
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
                assert done.owners[0].id == min((one for one in ids if one >= key), default=ids[0])

    internet.run(main)


@pytest.mark.fault("F096")
def test_a_line_that_fails_one_way_is_told_once_and_nobody_is_declared_dead(internet: Internet) -> None:
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
            lost = await peers[0].wait(LineLost, within_s=120)
            assert lost.contact.id == 1
            await asyncio.sleep(120)
            for peer in peers:
                assert len(peer.machine.members) == 5
                with pytest.raises(PeerTimeout):
                    await peer.wait(Gone, within_s=0.01)
            with pytest.raises(PeerTimeout):
                await peers[0].wait(LineLost, within_s=0.01)  # once
            net.set_link(hosts[0], hosts[1], Link(Constant(0.02)), both_ways=False)
            assert (await peers[0].wait(LineBack, within_s=60)).contact.id == 1
            hosts[5].crash()
            for peer in peers[:5]:
                assert (await peer.wait(Gone, within_s=120)).contact.id == 5
            assert (await peers[2].wait(Entered)).contact.id in range(6)

    internet.run(main)


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
                    await peer.wait(Up, within_s=60)
                peers.append(peer)
            await asyncio.sleep(60)
            survivors = random.Random(internet.seed).sample(range(100), 10)
            for number, host in enumerate(hosts):
                if number not in survivors:
                    host.crash()
            await asyncio.sleep(40)
            lines = {number: set(peers[number].machine.active) for number in survivors}
            reached, ahead = {survivors[0]}, [survivors[0]]
            while ahead:
                new = lines[ahead.pop()] - reached
                reached |= new
                ahead += new
            assert reached == set(survivors)

    internet.run(main)
