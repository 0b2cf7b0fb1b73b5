"""The last block of a transfer: its only holder is slow, or vanishes and comes back; several peers lie."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.data.blocks.bitswap.driver import BlockExchange
from p2plib.errors import PeerTimeout
from p2plib.protocol.node import Node
from tests.data.blocks.bitswap.test_driver import full_store, totals
from tests.data.blocks.bitswap.test_mishaps import client_address
from tests.data.blocks.bitswap.worlds import (
    Puppet,
    World,
    id_of,
    in_a_world,
    key_of,
    lies,
    promises,
    says_nothing,
    sends,
    some_blocks,
)

BLOCKS = some_blocks(30, 20_000)
CIDS = [block.cid for block in BLOCKS]
LAST = BLOCKS[-1]


@pytest.mark.fault("F149")
@pytest.mark.parametrize("delay_s", [0.5, 3.0, 20.0])
def test_the_only_holder_is_slow(delay_s: float) -> None:
    """It sends the block in its own time; it is asked again, but not so often that copies pile up."""

    async def scene(world: World) -> None:
        slow = Puppet(sends([LAST]), delay_s=delay_s)
        await world.puppet("slow", slow)
        for number in range(2):
            await world.honest(f"peer{number}", BLOCKS[:-1])

        async def use(exchange: BlockExchange) -> None:
            began = asyncio.get_running_loop().time()
            await exchange.fetch_many(CIDS)
            took_s = asyncio.get_running_loop().time() - began
            assert took_s < delay_s + 6  # who does not say what it has is asked when the others lack it
            await asyncio.sleep(100)
            total = totals(exchange)
            assert (total.useful_blocks, total.strikes) == (30, 0)
            assert total.double_blocks <= delay_s / exchange.machine.limits.retry_s
            assert not any(exchange.machine.wants.peers[name].owes for name in exchange.peers)

        await world.fetching(use)

    in_a_world(scene)


@pytest.mark.fault("F170")
@pytest.mark.parametrize("is_dead_quietly", [False, True])
@pytest.mark.parametrize("has_begun", [False, True])
def test_the_only_holder_vanishes_and_comes_back_on_another_port(
    has_begun: bool, is_dead_quietly: bool
) -> None:
    """It dials us, from another address; what it missed is said to it anew."""

    async def scene(world: World) -> None:
        await world.honest("others", BLOCKS[:-1])
        holder = Puppet(promises if has_begun else says_nothing)
        await world.puppet("holder", holder)
        back = asyncio.Event()

        async def use(exchange: BlockExchange) -> None:
            loop = asyncio.get_running_loop()
            address = await exchange.node.listen(f"/ip4/{client_address(world)}/tcp/4009")
            fetching = asyncio.create_task(exchange.fetch_many(CIDS))
            await asyncio.sleep(2)
            assert totals(exchange).useful_blocks == 29
            old = [each for each in exchange.node.connections if each.remote_id == id_of("holder")]
            world.crash("holder")
            if not is_dead_quietly:
                for connection in old:
                    await connection.close()
            await asyncio.sleep(2)

            async def again() -> None:
                async with Node(key_of("holder")) as node, BlockExchange(node, full_store([LAST])) as there:
                    await there.connect(address)
                    await back.wait()

            running = world.net.host("elsewhere").start(again)
            began = loop.time()
            async with asyncio.timeout(100):
                await fetching
            assert loop.time() - began < 3
            ledger = exchange.machine.ledgers[id_of("holder")]
            assert (ledger.useful_blocks, ledger.strikes) == (1, 0)
            back.set()
            await running

        await world.fetching(use)

    in_a_world(scene)


@pytest.mark.fault("F149")
@pytest.mark.parametrize("others", [lies, promises])
def test_two_lie_and_one_has_it(others: object) -> None:
    """Also when the liars came first, say at once that they have it, and are the nearest."""

    async def scene(world: World) -> None:
        await world.puppet("liar0", Puppet(lies))
        await world.puppet("liar1", Puppet(others))  # type: ignore[arg-type]
        await world.honest("honest", BLOCKS)

        async def use(exchange: BlockExchange) -> None:
            began = asyncio.get_running_loop().time()
            async with asyncio.timeout(100):
                await exchange.fetch(LAST.cid)
                await exchange.fetch_many(CIDS)
            assert asyncio.get_running_loop().time() - began < 8
            assert {each.peer for each in exchange.blamed} <= {id_of("liar0"), id_of("liar1")}
            assert exchange.machine.ledgers[id_of("honest")].useful_blocks == 30
            assert exchange.machine.ledgers[id_of("honest")].strikes == 0

        await world.fetching(use)

    in_a_world(scene)


@pytest.mark.fault("F149")
def test_two_lie_and_nobody_has_it() -> None:
    """Whoever waits is told in time; the liars are given up, and the list of wants is empty."""

    async def scene(world: World) -> None:
        await world.puppet("liar0", Puppet(lies))
        await world.puppet("liar1", Puppet(promises))
        await world.honest("honest", BLOCKS[:-1])

        async def use(exchange: BlockExchange) -> None:
            with pytest.raises(PeerTimeout, match="did not come from any of 3 peers"):
                await exchange.fetch_many(CIDS, timeout_s=20)
            assert all(exchange.store.has(cid) for cid in CIDS[:-1])
            assert not exchange.store.has(LAST.cid)
            assert len(exchange.machine.wants) == 0

        await world.fetching(use)

    in_a_world(scene)
