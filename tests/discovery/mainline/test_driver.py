"""The driver of Mainline: the same programs on real loopback sockets and in a simulated internet.

What the machine does is tested with machines; here is what a socket adds: addresses, errors, cancelling,
closing, another life. On real sockets each node has an address 127.x.0.y in a network of its own, so that the
real limits on the addresses of one owner apply.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from p2plib.discovery.mainline import krpc
from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.items import checked_immutable, sign_item, target_of
from p2plib.discovery.mainline.machine import DEFAULT_SETTINGS
from p2plib.discovery.mainline.messages import GetPeersQuery, PingQuery
from p2plib.discovery.mainline.node_id import is_of
from p2plib.discovery.mainline.parts import LOCAL, DhtSettings
from p2plib.discovery.source import topic_of
from p2plib.errors import Closed, NotFound, PeerTimeout, RequestRefused, UsageError
from p2plib.identity.keys import SecretKey
from p2plib.sim import Internet, Link
from p2plib.sim.link import Constant

CATS, DOGS = topic_of("cats of Lisbon"), topic_of("dogs of Porto")
SECRET = SecretKey.from_seed(bytes(32))
LAX = DhtSettings(limits=LOCAL.limits)


def loopback(number: int) -> str:
    """An address of this machine, in a /24 of its own for each number."""
    return f"127.{number + 1}.0.{number % 200 + 1}"


@asynccontextmanager
async def network(
    hosts: list[Any], settings: DhtSettings = DEFAULT_SETTINGS
) -> AsyncIterator[list[MainlineNode]]:
    """A node on each of some hosts; None is this machine."""
    async with AsyncExitStack() as stack:
        nodes: list[MainlineNode] = []
        for number, host in enumerate(hosts):
            rng = random.Random(f"node {number}")
            where = host.address if host else loopback(number)
            opened = MainlineNode.open(rng, where, settings=settings)
            if host is None:
                node = await stack.enter_async_context(opened)
            else:
                with host:
                    node = await stack.enter_async_context(opened)
            if nodes:
                await node.bootstrap([other.address for other in nodes[:3]])
            nodes.append(node)
        yield nodes


async def peers_of(node: MainlineNode, info_hash: bytes) -> list[Any]:
    async with aclosing(node.get_peers(info_hash)) as peers:
        return [peer.address async for peer in peers]


async def use(nodes: list[MainlineNode]) -> None:
    """Everybody announces, looks up, puts and gets."""
    for number, node in enumerate(nodes):
        stored = await node.announce_peer(CATS, 7000 + number)
        assert stored.copies == stored.asked == min(8, len(nodes) - 1)
    everybody = {(node.address[0], 7000 + number) for number, node in enumerate(nodes)}
    for node in nodes[::3]:
        assert set(await peers_of(node, CATS)) == everybody
    assert await peers_of(nodes[1], DOGS) == []
    target = (await nodes[2].put_immutable([b"Hello World!", 7])).target
    assert await nodes[-1].get_immutable(target) == [b"Hello World!", 7]
    first = sign_item(SECRET, b"first", 1, b"news")
    await nodes[3].put_mutable(first)
    second = sign_item(SECRET, b"second", 2, b"news")
    await nodes[4].put_mutable(second, cas=1)
    assert await nodes[-1].get_mutable(SECRET.public.raw, b"news") == second
    with pytest.raises(RequestRefused, match="is less than 2") as refused:
        await nodes[3].put_mutable(first)
    assert refused.value.code == 302
    with pytest.raises(RequestRefused) as refused:
        await nodes[4].put_mutable(sign_item(SECRET, b"third", 3, b"news"), cas=1)
    assert refused.value.code == 301
    with pytest.raises(NotFound, match="nodes that answered has an item"):
        await nodes[5].get_mutable(SECRET.public.raw)
    with pytest.raises(NotFound):
        await nodes[5].get_immutable(DOGS)
    ids = sorted((node.machine.own_id for node in nodes[1:]), key=lambda ident: ident ^ 12345)
    assert [contact.id for contact in (await nodes[0].find(12345)).closest] == ids[:8]
    keeper = next(node for node in nodes if len(node.machine.answers.peers) and node is not nodes[0])
    samples = await nodes[0].sample(keeper.address, 12345)
    assert samples.samples == (int.from_bytes(CATS, "big"),)


@pytest.mark.usefixtures("patient")
def test_mainline_on_real_sockets() -> None:
    async def main() -> None:
        async with network([None] * 20) as nodes:
            await use(nodes)
            assert all(node.stats().contacts >= 8 for node in nodes)

    asyncio.run(main())


@pytest.mark.usefixtures("patient")
def test_many_nodes_at_one_address_need_settings_of_their_own() -> None:
    async def main() -> None:
        for settings, contacts in ((LOCAL, 9), (DhtSettings(), 1)):
            async with AsyncExitStack() as stack:
                nodes: list[MainlineNode] = []
                for number in range(10):
                    opened = MainlineNode.open(random.Random(number), settings=settings)
                    nodes.append(await stack.enter_async_context(opened))
                    if number:
                        await nodes[number].bootstrap([nodes[0].address])
                assert max(node.stats().contacts for node in nodes) == contacts

    asyncio.run(main())


def test_mainline_in_a_simulated_internet(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with network([net.host(f"node{number}") for number in range(30)], LAX) as nodes:
            assert all(is_of(node.machine.own_id, node.address[0]) for node in nodes)
            await use(nodes)

    internet.run(main)


def test_mainline_over_a_bad_link(internet: Internet) -> None:
    bad = Internet(internet.seed, link=Link(Constant(0.05), loss=0.05))

    async def main(net: Internet) -> None:
        async with network([net.host(f"node{number}") for number in range(25)], LAX) as nodes:
            for number, node in enumerate(nodes):
                stored = await node.announce_peer(CATS, 7000 + number)
                assert stored.copies >= 6
            for node in nodes[::4]:
                assert len(await peers_of(node, CATS)) >= 20

    bad.run(main)


def test_in_ipv6(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"node{n}", address=f"2001:db8:{n + 1:x}::1") for n in range(12)]
        async with network(hosts) as nodes:
            await nodes[3].announce_peer(CATS, 7003)
            assert await peers_of(nodes[9], CATS) == [(hosts[3].address, 7003)]
            assert all(is_of(node.machine.own_id, node.address[0]) for node in nodes)

    internet.run(main)


@pytest.mark.usefixtures("patient")
def test_a_node_of_each_family_finds_contacts_for_the_other() -> None:
    async def main() -> None:
        rng = random.Random(1)
        open_ = MainlineNode.open
        async with open_(rng, "127.1.0.1") as ana, open_(rng, "::1", settings=LOCAL) as ana6:
            ana.pair(ana6)
            with pytest.raises(UsageError, match="one family"):
                ana.pair(ana)
            async with open_(rng, "127.2.0.1") as ben, open_(rng, "::1", settings=LOCAL) as ben6:
                ben.pair(ben6)
                await ben.bootstrap([ana.address])
                await ben6.bootstrap([ana6.address])
                async with open_(rng, "127.3.0.1") as cy, open_(rng, "::1", settings=LOCAL) as cy6:
                    cy.pair(cy6)
                    await cy.bootstrap([ana.address])  # of IPv4 alone
                    await cy.find(5)
                    await cy6.peer.until(lambda: len(cy6.machine.table) >= 1, 20)
                    await ben6.announce_peer(CATS, 7001)
                    assert ("::1", 7001) in await peers_of(cy6, CATS)

    asyncio.run(main())


def test_a_bootstrap_node_whose_id_does_not_fit_lets_us_in_through_those_that_it_names(
    internet: Internet,
) -> None:
    async def main(net: Internet) -> None:
        async with AsyncExitStack() as stack:
            nodes: list[MainlineNode] = []
            for number in range(5):
                host = net.host(f"node{number}")
                own_id = None if number else 0xBAD << 140
                opened = MainlineNode.open(random.Random(number), host.address, own_id=own_id, settings=LAX)
                with host:
                    nodes.append(await stack.enter_async_context(opened))
                if number:
                    joined = await nodes[number].bootstrap([nodes[0].address])
                    assert joined.contacts == number - 1
                await asyncio.sleep(10)
            router, *others = nodes
            assert [node.stats().contacts for node in others] == [3] * 4
            assert all(node.machine.table.find(router.machine.own_id) is None for node in others)
            await others[0].announce_peer(CATS, 7000)
            assert await peers_of(others[3], CATS) == [(others[0].address[0], 7000)]

    internet.run(main)


# Errors, cancelling, closing ------------------------------------------------------------------------------


def test_a_node_alone_says_what_to_do() -> None:
    async def main() -> None:
        async with MainlineNode.open(random.Random(1)) as node:
            item = sign_item(SECRET, b"x", 1)
            calls = [
                peers_of(node, CATS),
                node.announce_peer(CATS, 7000),
                node.find(5),
                node.get_immutable(CATS),
                node.get_mutable(SECRET.public.raw),
                node.put_immutable(b"x"),
                node.put_mutable(item),
            ]
            for call in calls:
                with pytest.raises(PeerTimeout, match="bootstrap first"):
                    await call
            with pytest.raises(UsageError, match="at least one"):
                await node.bootstrap()

    asyncio.run(main())


@pytest.mark.fault("F022", "F175")
def test_what_cannot_be_asked() -> None:
    forged = replace(sign_item(SECRET, b"x", 1), signature=bytes(64))

    async def main() -> None:
        async with MainlineNode.open(random.Random(1)) as node:
            for call in (peers_of(node, b"short"), node.announce_peer(b"short", 1), node.get_immutable(b"")):
                with pytest.raises(UsageError):
                    await call
            with pytest.raises(UsageError):
                await node.announce_peer(CATS, 0)
            with pytest.raises(UsageError, match="1000 bytes"):
                await node.put_immutable(bytes(1000))
            deep: Any = []
            for _ in range(126):
                deep = [deep]
            with pytest.raises(UsageError, match="nested"):
                await node.put_immutable(deep)
            with pytest.raises(UsageError, match="signature"):
                await node.put_mutable(forged)
            assert node.stats().ours == 0  # a node that saved them could not be restored
            for address in (("nowhere", 4000), ("127.1.0.1", 99_999), ("224.0.0.1", 4000)):
                with pytest.raises(UsageError):
                    await node.sample(address, 5)

    asyncio.run(main())


def test_nobody_is_there(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        ana, nobody = net.host("ana"), net.host("nobody")
        with ana:
            async with MainlineNode.open(random.Random(1), ana.address) as node:
                with pytest.raises(PeerTimeout, match="no answer from"):
                    await node.bootstrap([(nobody.address, 4000)], within_s=0)
                with pytest.raises(PeerTimeout):
                    await node.sample((nobody.address, 4000), 5)
                waiting = asyncio.create_task(node.bootstrap([(nobody.address, 4000)]))
                await asyncio.sleep(0.1)
                with pytest.raises(UsageError, match="has not ended"):
                    await node.bootstrap([(nobody.address, 4000)])
                waiting.cancel()
                await asyncio.wait([waiting])

    internet.run(main)


def test_after_its_block_every_call_raises_closed_and_calls_that_wait_do(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"node{n}") for n in range(4)]
        async with network(hosts, LAX) as nodes:
            with hosts[3]:
                opened = MainlineNode.open(random.Random(9), hosts[3].address, settings=LAX)
                async with opened as node:
                    await node.bootstrap([nodes[0].address])
                    waiting = [
                        asyncio.create_task(peers_of(node, CATS)),
                        asyncio.create_task(node.announce_peer(CATS, 7000)),
                        asyncio.create_task(node.get_immutable(DOGS)),
                    ]
                    await asyncio.sleep(0.001)
            ended = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(error) for error in ended] == [Closed] * 3
            for call in (
                peers_of(node, CATS),
                node.announce_peer(CATS, 1),
                node.find(5),
                node.bootstrap([nodes[0].address]),
            ):
                with pytest.raises(Closed):
                    await call
            with pytest.raises(Closed):
                node.withdraw(CATS)
            assert node.save()
            assert node.stats().contacts

    internet.run(main)


def test_a_lookup_that_is_left_or_cancelled_is_dropped(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        async with network([net.host(f"node{n}") for n in range(12)], LAX) as nodes:
            await nodes[3].announce_peer(CATS, 7003)
            await nodes[4].announce_peer(CATS, 7004)
            async with aclosing(nodes[7].get_peers(CATS)) as peers:
                async for _ in peers:
                    break
            task = asyncio.create_task(peers_of(nodes[7], DOGS))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            assert not nodes[7]._found
            assert nodes[7].stats().searches == 0
            assert len(await peers_of(nodes[7], CATS)) == 2

    internet.run(main)


# Another life ---------------------------------------------------------------------------------------------


def test_a_restored_node_is_back_without_its_bootstrap_and_announces_what_it_had(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"node{n}") for n in range(16)]
        late = net.host("late")
        async with network(hosts, LAX) as nodes:

            async def first() -> tuple[bytes, int]:
                async with MainlineNode.open(random.Random(2), late.address, settings=LAX) as node:
                    await node.bootstrap([nodes[0].address])
                    await node.announce_peer(CATS, 7777)
                    await node.put_immutable(b"kept")
                    return node.save(), node.machine.own_id

            async def second(saved: bytes) -> int:
                async with MainlineNode.restore(saved, random.Random(3), settings=LAX) as node:
                    await node.bootstrap()
                    await asyncio.sleep(30)
                    assert node.stats().ours == 2
                    assert await peers_of(nodes[5], CATS) == [(late.address, 7777)]
                    return node.machine.own_id

            saved, own_id = await late.run(first())
            await asyncio.sleep(3 * 3600)
            assert await peers_of(nodes[5], CATS) == []
            assert await late.run(second(saved)) == own_id
            assert await nodes[6].get_immutable(checked_immutable(b"kept").target) == b"kept"

    internet.run(main)


@pytest.mark.usefixtures("patient")
def test_a_node_that_comes_back_on_another_port_is_found_there() -> None:
    async def main() -> None:
        async with network([None] * 10) as nodes:
            rng = random.Random(5)
            async with MainlineNode.open(rng, loopback(50)) as node:
                await node.bootstrap([nodes[0].address])
                saved, before = node.save(), node.address
            async with MainlineNode.restore(saved, rng, loopback(50), 0) as node:
                await node.bootstrap()
                assert node.address != before
                assert len(node.machine.table) >= 8

    asyncio.run(main())


def test_a_node_that_comes_back_at_another_host_has_an_id_that_belongs_there(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        home, cafe = net.host("home"), net.host("cafe", address="203.0.113.77")
        async with network([net.host(f"node{n}") for n in range(5)], LAX) as nodes:

            async def first() -> tuple[bytes, int]:
                async with MainlineNode.open(random.Random(2), home.address, settings=LAX) as node:
                    await node.bootstrap([nodes[0].address])
                    return node.save(), node.machine.own_id

            async def second(saved: bytes, host: str, port: int) -> int:
                opened = MainlineNode.restore(saved, random.Random(3), host, port, settings=LAX)
                async with opened as node:
                    await node.bootstrap()
                    await asyncio.sleep(30)
                    assert all(other.machine.table.find(node.machine.own_id) for other in nodes)
                    return node.machine.own_id

            saved, own_id = await home.run(first())
            assert await home.run(second(saved, home.address, 0)) == own_id
            moved = await cafe.run(second(saved, cafe.address, 4000))
            assert is_of(moved, cafe.address)
            assert moved != own_id

    internet.run(main)


# Strangers ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("patient")
def test_a_large_item_passes_a_real_socket() -> None:
    async def main() -> None:
        async with network([None] * 3) as nodes:
            item = sign_item(SECRET, b"x" * 990, 1, b"s" * 64)
            await nodes[0].put_mutable(item)
            assert (await nodes[2].get_mutable(SECRET.public.raw, b"s" * 64)).value == item.value
            assert target_of(SECRET.public.raw, b"s" * 64) == item.target

    asyncio.run(main())


@pytest.mark.usefixtures("patient")
def test_noise_from_a_stranger_does_no_harm() -> None:
    async def main() -> None:
        rng = random.Random(7)
        async with network([None] * 4) as nodes:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind(("127.9.0.9", 0))
                good = krpc.encode(GetPeersQuery(b"aa", 5, 7))
                for number in range(200):
                    noise = bytearray(good if number % 2 else rng.randbytes(rng.randrange(1400)))
                    noise[rng.randrange(max(1, len(noise)))] ^= 1 << rng.randrange(8) if noise else 0
                    stranger.sendto(bytes(noise), nodes[0].address)
                    await asyncio.sleep(0)
                stranger.sendto(bytes(60_000), nodes[0].address)
                stranger.sendto(b"d" * 2000, nodes[0].address)
                stranger.sendto(krpc.encode(PingQuery(b"aa", 5)), nodes[0].address)
                await nodes[0].peer.until(lambda: nodes[0].peer.received > 150, 20)
            stored = await nodes[1].announce_peer(CATS, 7001)
            assert stored.copies == 3
            assert await peers_of(nodes[0], CATS) == [(nodes[1].address[0], 7001)]

    asyncio.run(main())
