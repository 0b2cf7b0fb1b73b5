"""Stats: each number is the one of its part."""

from __future__ import annotations

import asyncio
import random

import pytest

from p2plib.discovery.mainline.driver import MainlineNode
from p2plib.discovery.mainline.parts import DhtSettings
from tests.discovery.mainline.test_driver import CATS, loopback, network


@pytest.mark.usefixtures("patient")
def test_the_numbers_of_a_small_network() -> None:
    async def main() -> None:
        async with network([None] * 3) as nodes:
            await nodes[0].announce_peer(CATS, 7000)
            await nodes[0].put_immutable(b"x")
            first, second = nodes[0].stats(), nodes[1].stats()
            assert (first.contacts, first.ours, first.info_hashes, first.items) == (2, 2, 0, 0)
            assert (second.contacts, second.ours, second.info_hashes, second.items) == (2, 0, 1, 1)
            assert (first.searches, first.requests, first.doubtful, first.forgotten) == (0, 0, 0, 0)
            assert first.address == nodes[0].address
            assert first.sent
            assert first.received
            assert first.round_trip_s > 0
            assert first.network_size > 0
            assert not first.is_read_only
            settings = DhtSettings(is_read_only=True)
            async with MainlineNode.open(random.Random(1), loopback(9), settings=settings) as asker:
                assert asker.stats().is_read_only
                assert asker.stats().outside is None

    asyncio.run(main())
