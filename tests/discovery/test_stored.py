"""Stored peers as a source: it conforms, and in one channel it comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from p2plib.discovery.conformance import check_source
from p2plib.discovery.one_channel import Discovery
from p2plib.discovery.peerstore import Peerstore
from p2plib.discovery.source import Found, Source
from p2plib.discovery.stored import StoredSource
from p2plib.discovery.worlds import Member, World
from p2plib.machine.addresses import Address
from p2plib.sim import Internet
from tests.discovery.test_peerstore import CATS, NOW, address, found
from tests.discovery.tiny import TinySource


@asynccontextmanager
async def make_world() -> AsyncIterator[World]:
    store = Peerstore(max_told=5000, max_strangers=5000)

    async def tell(topic: bytes, addresses: Sequence[Address]) -> None:
        for each in addresses:
            store.heard(topic, Found(each, "told", "somebody"), NOW)

    members = [Member(StoredSource(store, clock=lambda: NOW), host) for host in ("192.0.2.1", "192.0.2.2")]
    yield World(members, can_announce=False, tell=tell)


def test_it_conforms() -> None:
    skipped = asyncio.run(check_source(make_world, timeout_s=20))
    assert "check_rule_6_lies_are_filtered" not in skipped
    assert "check_rule_2_what_cannot_be_announced" not in skipped


def test_a_peer_we_know_is_found_before_any_source_has_answered(internet: Internet) -> None:
    store = Peerstore()
    store.heard(CATS, found(1), NOW)
    store.met(CATS, address(2), NOW)

    async def main(net: Internet) -> None:
        with net.host("asker"):
            sources: list[Source] = [TinySource(("192.0.2.200", 1)), StoredSource(store)]
            async with Discovery(sources) as discovery, aclosing(discovery.peers("cats")) as peers:
                both = [await anext(peers), await anext(peers)]
                assert [each.address for each in both] == [address(2), address(1)]
                assert both[0].source == "stored"
                assert net.time == 0

    internet.run(main, time_limit_s=60)
