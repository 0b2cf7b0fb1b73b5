"""The responder in the simulated internet: publish, watch, withdraw, over a bad link and through a cut."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from p2plib.discovery.mdns.responder import Responder, Seen
from p2plib.discovery.mdns.service import Offer
from p2plib.errors import Closed, Unreachable, UsageError
from p2plib.sim import Host, Internet, Link
from tests.discovery.mdns.segment import CHAT


def segment(net: Internet, count: int, **link: Any) -> list[Host]:
    lan = net.lan("home", link=Link(latency=0.001, **link))
    return [net.host(f"host{number}", lan=lan) for number in range(count)]


@asynccontextmanager
async def responders(hosts: list[Host]) -> AsyncIterator[list[Responder]]:
    async with AsyncExitStack() as stack:
        opened = []
        for host in hosts:
            with host:
                rng = random.Random(f"responder {host.address}")
                opened.append(await stack.enter_async_context(Responder.open(host.address, rng)))
        yield opened


def offer(host: Host) -> Offer:
    return Offer(CHAT, 4000, host.address, (b"room=kitchen",))


async def seen_within(responder: Responder, seconds: float) -> list[Seen]:
    return [seen async for seen in responder.watch(CHAT, seconds)]


def test_a_service_comes_and_goes(internet: Internet) -> None:
    async def main(net: Internet) -> list[tuple[bool, str]]:
        hosts = segment(net, 2)
        async with responders(hosts) as (ana, ben):
            watching = asyncio.ensure_future(seen_within(ben, 20))
            with hosts[0]:
                number = await ana.publish(offer(hosts[0]).records, "ana")
            await asyncio.sleep(5)
            ana.withdraw(number)
            ana.withdraw(number)
            return [(seen.is_here, seen.instance.label) for seen in await watching]

    assert internet.run(main) == [(True, "ana"), (False, "ana")]


def test_ten_that_come_at_once_over_a_link_that_loses_every_tenth(internet: Internet) -> None:
    async def main(net: Internet) -> list[list[str]]:
        hosts = segment(net, 10, loss=0.1)
        async with responders(hosts) as all_of_them:
            assert not all_of_them[0].changes
            published = [
                responder.publish(offer(host).records, "ana")
                for host, responder in zip(hosts, all_of_them, strict=True)
            ]
            await asyncio.gather(*published)
            given_up = sum(len(each.changes) for each in all_of_them)
            assert given_up >= 9  # one of the ten is still called ana
            return [
                [seen.instance.label for seen in found]
                for found in await asyncio.gather(*(seen_within(each, 60) for each in all_of_them))
            ]

    found = internet.run(main)
    every = {"ana", *(f"ana-{number}" for number in range(2, 11))}
    assert all(len(set(labels)) == 9 and set(labels) < every for labels in found)


def test_leaving_the_block_says_goodbye(internet: Internet) -> None:
    async def main(net: Internet) -> list[bool]:
        ana, ben = segment(net, 2)
        async with responders([ben]) as (watcher,):
            async with responders([ana]) as (leaver,):
                await leaver.publish(offer(ana).records, "ana")
                watching = asyncio.ensure_future(seen_within(watcher, 10))
                await asyncio.sleep(3)
            return [seen.is_here for seen in await watching]

    assert internet.run(main) == [True, False]


def test_a_host_that_crashes_is_gone_after_two_minutes(internet: Internet) -> None:
    async def main(net: Internet) -> tuple[list[bool], list[bool]]:
        ana, ben = segment(net, 2)
        async with responders([ben]) as (watcher,):
            opened = responders([ana])
            (leaver,) = await opened.__aenter__()
            await leaver.publish(offer(ana).records, "ana")
            early = asyncio.ensure_future(seen_within(watcher, 60))
            late = asyncio.ensure_future(seen_within(watcher, 300))
            await asyncio.sleep(5)
            ana.crash()
            with contextlib.suppress(Closed):
                await opened.__aexit__(None, None, None)
            return [seen.is_here for seen in await early], [seen.is_here for seen in await late]

    assert internet.run(main) == ([True], [True, False])


def test_through_a_cut(internet: Internet) -> None:
    async def main(net: Internet) -> list[str]:
        hosts = segment(net, 2)
        async with responders(hosts) as (ana, ben):
            net.block(hosts[0], hosts[1])
            net.block(hosts[1], hosts[0])
            await ana.publish(offer(hosts[0]).records, "ana")
            assert await seen_within(ben, 5) == []
            net.unblock(hosts[0], hosts[1])
            net.unblock(hosts[1], hosts[0])
            return [seen.instance.label for seen in await seen_within(ben, 5)]

    assert internet.run(main) == ["ana"]


def test_nothing_can_be_sent(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hosts = segment(net, 1)
        async with responders(hosts) as (ana,):
            ana.peer._sendto = _refused
            with pytest.raises(Unreachable, match="nothing could be sent"):
                await ana.publish(offer(hosts[0]).records, "ana")
            with pytest.raises(Unreachable):
                await seen_within(ana, 3)
            assert ana.machine.timer() is None  # nothing of the claim is left

    internet.run(main)


def _refused(data: bytes, address: Any) -> None:
    raise OSError(101, "Network is unreachable")


def test_a_publication_that_is_cancelled_leaves_nothing(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hosts = segment(net, 1)
        async with responders(hosts) as (ana,):
            for wait_s in (0, 0.1, 0.5):
                task = asyncio.ensure_future(ana.publish(offer(hosts[0]).records, "ana"))
                await asyncio.sleep(wait_s)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            await asyncio.sleep(5)
            assert set(ana.machine.sent) == {"probe"}

    internet.run(main)


def test_after_the_block(internet: Internet) -> None:
    async def main(net: Internet) -> None:
        hosts = segment(net, 1)
        async with responders(hosts) as (ana,):
            with pytest.raises(UsageError):
                await ana.publish(offer(hosts[0]).records, "x" * 64)
            watching = asyncio.ensure_future(seen_within(ana, 100))
            await asyncio.sleep(1)
        with pytest.raises(Closed):
            await watching
        with pytest.raises(Closed):
            await ana.publish(offer(hosts[0]).records, "ana")
        with pytest.raises(Closed):
            await seen_within(ana, 1)

    internet.run(main)


def test_the_same_seed_gives_the_same_run() -> None:
    async def main(net: Internet) -> str:
        hosts = segment(net, 4, loss=0.1)
        async with responders(hosts) as all_of_them:
            await asyncio.gather(
                *(r.publish(offer(h).records, "ana") for h, r in zip(hosts, all_of_them, strict=True))
            )
        return net.trace.digest()

    assert Internet(seed=5).run(main) == Internet(seed=5).run(main)
