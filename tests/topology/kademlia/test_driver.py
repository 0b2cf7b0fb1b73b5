"""The driver of Kademlia: the same programs on real loopback sockets and in a simulated internet.

What the machine does is tested with machines; here is what a socket adds: addresses, timers, errors, closing.
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
from p2plib.sim import Internet, Link
from p2plib.sim.link import Constant
from p2plib.topology.kademlia import messages as wire
from p2plib.topology.kademlia.driver import KademliaPeer
from p2plib.topology.kademlia.parts import Settings
from p2plib.topology.kademlia.store import key_of
from p2plib.topology.kademlia.table import NO_LIMITS

HERE = Settings(k=8, limits=NO_LIMITS)  # all of these peers live at 127.0.0.1


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
                await peer.join([other.address for other in peers[:3]])  # one may lose all it is sent
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
    ids = sorted((peer.machine.own_id for peer in peers[1:]), key=lambda ident: ident ^ 12345)
    found = await peers[0].find(12345)
    assert [contact.id for contact in found.closest] == ids[:8]
    with pytest.raises(NotFound, match="peers that answered has a value under"):
        await peers[3].get(key_of(b"nobody stored this"))


@pytest.mark.usefixtures("patient")
def test_kademlia_on_real_sockets() -> None:
    async def main() -> None:
        async with network([None] * 30, HERE) as peers:
            await use(peers)
            assert not any(peer.machine.ignored for peer in peers)

    asyncio.run(main())


@pytest.mark.usefixtures("patient")
def test_a_datagram_that_is_too_long_is_dropped_and_counted() -> None:
    async def main() -> None:
        async with network([None] * 2, HERE) as peers:
            host, port = peers[0].address
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind((host, 0))
                stranger.sendto(bytes(60_000), (host, port))
                ping = wire.CODEC.encode(wire.Ping(1, 2))
                stranger.sendto(ping + bytes(1500), (host, port))
            await peers[0].peer.until(lambda: peers[0].machine.ignored["malformed"] == 2, within_s=100)
            value = b"still there"
            assert (await peers[1].put(key_of(value), value)).copies == 2

    asyncio.run(main())


def test_kademlia_among_simulated_hosts_and_over_a_bad_link(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(40)]
        async with network(hosts, Settings(k=8)) as peers:
            await use(peers)

    internet.run(main)
    bad = Internet(internet.seed, link=Link(Constant(0.05), loss=0.05))

    async def over_a_bad_link(net: Internet) -> None:
        hosts = [net.host(f"peer{number}") for number in range(40)]
        async with network(hosts, Settings(k=8)) as peers:
            value = b"heard through the noise"
            await peers[1].put(key_of(value), value)
            for peer in peers:
                assert await peer.get(key_of(value)) == value

    bad.run(over_a_bad_link)


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
def test_a_taken_id_is_refused(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        strict = Settings(k=8, limits=NO_LIMITS)
        hosts, twin = [net.host(f"peer{number}") for number in range(12)], net.host("twin")
        async with network(hosts, strict) as peers, AsyncExitStack() as stack:
            taken = peers[5].machine.own_id
            with twin:
                opened = KademliaPeer.open(taken, random.Random(1), twin.address, settings=strict)
                second = await stack.enter_async_context(opened)
            with pytest.raises(JoinRefused, match="our id"):
                await second.join([peers[5].address], within_s=0.0)
            with pytest.raises(PeerTimeout, match=rf"nobody answered at {hosts[0].address}:9"):
                await second.join([(hosts[0].address, 9)], within_s=0.0)  # what was said before is forgotten

    internet.run(main)


def test_nobody_there_is_an_error_that_says_where() -> None:
    quick = Settings(k=8, limits=NO_LIMITS)

    async def main(net: Internet) -> None:
        ana, nobody = net.host("ana"), net.host("nobody")

        async def program() -> None:
            async with KademliaPeer.open(1, random.Random(1), ana.address, settings=quick) as peer:
                with pytest.raises(PeerTimeout, match=f"nobody answered at {nobody.address}:9"):
                    await peer.join([(nobody.address, 9)])
                with pytest.raises(UsageError, match="at least one bootstrap address"):
                    await peer.join([])
                joining = asyncio.ensure_future(peer.join([(nobody.address, 9)]))
                await asyncio.sleep(0)
                with pytest.raises(UsageError, match="an earlier `join`"):
                    await peer.join([(nobody.address, 9)])
                joining.cancel()
                await asyncio.sleep(60)
                assert not peer.peer.awaited

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
