"""An exchange that is closed and opened again on the same node, while blocks are under way to it."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.data.blocks.bitswap.driver import BlockExchange
from p2plib.data.blocks.bitswap.remote import FormerPeers, RemotePeer
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.protocol.node import Node
from p2plib.sim import Constant, Link
from tests.data.blocks.bitswap.test_driver import full_store, totals
from tests.data.blocks.bitswap.test_remote import BLOCKS, KEYS, peer, send
from tests.data.blocks.bitswap.worlds import World, in_a_world, key_of, some_blocks

pytestmark = pytest.mark.fault("F149")


@pytest.mark.parametrize("pause_s", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("after_s", [0.02, 0.1, 0.2, 0.5])
def test_blocks_that_were_under_way_are_no_strikes(after_s: float, pause_s: float) -> None:
    """What the next exchange wants comes in time, and the honest peer is blamed for nothing."""
    blocks, others = some_blocks(20, 30_000), some_blocks(5, 20_000, seed=9)

    async def scene(world: World) -> None:
        await world.honest("peer", [*blocks, *others])

        async def run() -> None:
            async with Node(key_of("client")) as node:
                async with BlockExchange(node, MemoryBlocks()) as first:
                    await first.connect(world.addresses[0])
                    fetching = asyncio.create_task(first.fetch_many(block.cid for block in blocks))
                    await asyncio.sleep(after_s)
                await asyncio.gather(fetching, return_exceptions=True)
                await asyncio.sleep(pause_s)
                async with BlockExchange(node, MemoryBlocks()) as second:
                    async with asyncio.timeout(100):
                        await second.fetch_many(block.cid for block in others)
                    await asyncio.sleep(5)
                    total = totals(second)
                    assert (total.strikes, total.useful_blocks, list(second.blamed)) == (0, 5, [])

        await world.client.run(run())

    in_a_world(scene, link=Link(Constant(0.04), bytes_per_s=5e5))


def test_what_a_peer_waits_for_comes_out_of_the_next_exchange() -> None:
    (block,) = some_blocks(1, 5000)

    async def scene(world: World) -> None:
        await world.honest("peer", [])
        theirs = world.exchanges["peer"]

        async def run() -> None:
            async with Node(key_of("client")) as node:
                async with BlockExchange(node, MemoryBlocks()) as first:
                    await first.connect(world.addresses[0])
                    fetching = asyncio.create_task(theirs.fetch(block.cid))
                    while not first.machine.serving.wants_of(theirs.node.peer_id):
                        await asyncio.sleep(0.01)
                async with BlockExchange(node, full_store([block])), asyncio.timeout(100):
                    assert await fetching == block.data

        await world.client.run(run())

    in_a_world(scene)


def test_former_peers_are_bounded_and_inherited() -> None:
    before, after = FormerPeers(3), FormerPeers(2)
    former: dict[str, RemotePeer] = {}
    for name in ("ana", "ben", "cyn", "dan"):
        former[name] = peer()
        former[name].name = name
        send(former[name], 0)
        before.add(former[name])
    assert (len(before), before.pop("ana")) == (3, None)
    before.add(former["ben"])
    after.inherit(before)
    assert (len(after), after.pop("cyn")) == (2, None)
    assert after.pop("ben") is former["ben"]
    assert after.pop("ben") is None
    again = peer()
    again.succeeds(former["ben"])
    assert again.may_send(KEYS[0])
    assert not again.may_send(BLOCKS[1].cid.multihash)
