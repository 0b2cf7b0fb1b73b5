"""MainlineSource: what is its own; the rules of all sources are checked in `test_conformance`."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, aclosing

import pytest

from p2plib.discovery.mainline import source as module
from p2plib.discovery.mainline.deliveries import Announcement
from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.parts import DhtSettings
from p2plib.discovery.mainline.source import MainlineSource
from p2plib.discovery.source import Found, topic_of
from p2plib.errors import PeerTimeout, UsageError
from p2plib.sim import Host, Internet
from tests.discovery.mainline.test_driver import CATS, LAX, loopback, network

pytestmark = pytest.mark.usefixtures("patient")


async def found(source: MainlineSource, topic: bytes = CATS) -> list[Found]:
    async with aclosing(source.lookup(topic)) as lookup:
        return [each async for each in lookup]


def test_who_said_it_is_said_and_withdrawing_lets_it_run_out() -> None:
    async def main() -> None:
        async with network([None] * 6) as nodes:
            where = [nodes[0].address]
            async with (
                MainlineSource(where, random.Random(1), loopback(30)) as ana,
                MainlineSource(where, random.Random(2), loopback(31)) as ben,
            ):
                await ana.announce(CATS, 7000)
                (each,) = await found(ben)
                assert (each.address, each.source) == ((loopback(30), 7000), "dht")
                assert each.said_by in {f"{host}:{port}" for host, port in (n.address for n in nodes)}
                await ana.withdraw(CATS)
                assert ana.node.stats().ours == 0

    asyncio.run(main())


def test_a_source_that_is_not_entered_says_so() -> None:
    async def main() -> None:
        with pytest.raises(UsageError, match="async with"):
            await found(MainlineSource([("127.1.0.1", 4000)], random.Random(1)))

    asyncio.run(main())
    with pytest.raises(UsageError, match="port"):
        MainlineSource([("127.1.0.1", 0)], random.Random(1))


def test_the_first_node_of_a_dht_has_nobody_to_enter_through() -> None:
    async def main() -> None:
        async with MainlineSource([], random.Random(1), loopback(1)) as first:
            with pytest.raises(PeerTimeout, match="knows no other"):
                await first.announce(CATS, 7000)
            assert first.node.stats().ours == 0  # what was not announced is not announced again
            async with MainlineSource([first.node.address], random.Random(2), loopback(2)) as second:
                await second.announce(CATS, 7001)
                assert [each.address for each in await found(first)] == [(loopback(2), 7001)]
                await first.announce(CATS, 7002)
                assert len(await found(second)) == 2

    asyncio.run(main())


def test_when_all_that_it_knew_are_gone_it_enters_once_more(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        first, second, home = net.host("first"), net.host("second"), net.host("home")
        where = [(first.address, 6881), (second.address, 6881)]

        async def node(host: Host) -> MainlineNode:
            with host:
                opened = MainlineNode.open(random.Random(host.name), host.address, 6881)
                return await stack.enter_async_context(opened)

        async def use(source: MainlineSource) -> None:
            with home:
                await source.announce(CATS, 7000)
                await found(source)

        async with AsyncExitStack() as stack:
            await node(first)
            with home:
                source = MainlineSource(where, random.Random(1), home.address, within_s=1.0)
                await stack.enter_async_context(source)
            await use(source)
            first.crash()
            with pytest.raises(PeerTimeout):
                await use(source)
            later = await node(second)
            await use(source)
            assert later.stats().info_hashes == 1

    internet.run(main)


def test_what_was_cancelled_or_withdrawn_while_it_was_announced_is_not_announced_again(
    internet: Internet,
) -> None:
    async def main(net: Internet) -> None:
        hosts = [net.host(f"node{n}") for n in range(4)]
        async with network(hosts, LAX) as nodes, AsyncExitStack() as stack:
            with net.host("home") as home:
                source = MainlineSource([nodes[0].address], random.Random(1), home.address, settings=LAX)
                await stack.enter_async_context(source)
                for pause_s in (0.0, 0.02, 0.1, 0.2, 0.3):
                    task = asyncio.create_task(source.announce(CATS, 7000))
                    await asyncio.sleep(pause_s)
                    task.cancel()
                    await asyncio.wait([task])
                    assert source.node.stats().ours == 0
                for pause_s in (0.0, 0.02, 0.1, 0.2, 0.3):
                    task = asyncio.create_task(source.announce(CATS, 7000))
                    await asyncio.sleep(pause_s)
                    await source.withdraw(CATS)
                    await task
                    assert source.node.stats().ours == 0
                older = asyncio.create_task(source.announce(CATS, 7000))
                await asyncio.sleep(0.1)
                newer = asyncio.create_task(source.announce(CATS, 7001))
                await asyncio.sleep(0.01)
                older.cancel()  # it takes nothing away from the call that came after it
                await newer
                (ours,) = source.node.machine.deliveries.ours.values()
                assert isinstance(ours, Announcement)
                assert ours.port == 7001
                again = asyncio.create_task(source.announce(CATS, 7001))
                await asyncio.sleep(0.1)
                again.cancel()  # what was announced before stays announced
                await asyncio.wait([again])
                assert source.node.stats().ours == 1
                assert not source._announcing

    internet.run(main)


def test_no_more_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FOUND", 3)

    async def main() -> None:
        async with (
            network([None] * 4) as nodes,
            MainlineSource([nodes[0].address], random.Random(1), loopback(9)) as source,
        ):
            for number, node in enumerate(nodes):
                await node.announce_peer(CATS, 7000 + number)
            assert len(await found(source)) == 3
            assert source.ignored["too many peers"] == 1

    asyncio.run(main())


def test_a_read_only_source_finds_and_announces() -> None:
    async def main() -> None:
        async with network([None] * 4) as nodes:
            settings, where = DhtSettings(is_read_only=True), [nodes[0].address]
            async with MainlineSource(where, random.Random(1), loopback(9), settings=settings) as source:
                await source.announce(CATS, 7000)
                assert [each.address for each in await found(source)] == [(loopback(9), 7000)]
                assert all(len(node.machine.table) == 3 for node in nodes)

    asyncio.run(main())


def test_what_is_counted_is_the_machines_count() -> None:
    async def main() -> None:
        async with MainlineSource([], random.Random(1), loopback(1)) as source:
            async with MainlineNode.open(random.Random(2), loopback(2)) as node:
                node.peer._send(b"noise", source.node.address)
                await source.node.peer.until(lambda: source.ignored.total() > 0, 20)
            assert source.ignored == {"malformed": 1}
            assert topic_of("x")

    asyncio.run(main())
