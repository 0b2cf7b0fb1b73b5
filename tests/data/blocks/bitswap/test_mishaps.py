"""The exchange over nodes when something goes wrong: stores that fail, cancellation, closing, restarts."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from p2plib.data.blocks.bitswap.driver import BlockExchange
from p2plib.data.blocks.bitswap.events import BitswapLimits
from p2plib.data.blocks.bitswap.partners import Partners
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block, block_of
from p2plib.errors import Closed, NotFound, StoreCorrupt, StoreError, UsageError
from p2plib.protocol.node import Node
from p2plib.sim import Constant, Link
from p2plib.wire.cid import Cid
from tests.data.blocks.bitswap.test_driver import full_store, totals, two_exchanges
from tests.data.blocks.bitswap.worlds import (
    Puppet,
    World,
    id_of,
    in_a_world,
    key_of,
    says_nothing,
    some_blocks,
)
from tests.protocol.nodes import ALICE, ANYWHERE, BOB, CAROL


class DamagedStore(MemoryBlocks):
    """Its disk has changed some of its blocks, until they are put anew."""

    def __init__(self, blocks: list[Block], damaged: list[Block]) -> None:
        super().__init__()
        self.damaged: set[Cid] = set()
        self.put(blocks)
        self.damaged = {block.cid for block in damaged}

    def put(self, blocks: Any, *, durable: bool = True) -> None:
        blocks = list(blocks)
        super().put(blocks, durable=durable)
        self.damaged -= {block.cid for block in blocks}

    def get(self, cid: Cid) -> bytes:
        if cid in self.damaged:
            raise StoreCorrupt("the disk has changed it", "/blocks")
        return super().get(cid)


def test_a_damaged_block_of_ours_is_fetched_again() -> None:
    blocks = some_blocks(6, 5000)

    async def main() -> None:
        mine = DamagedStore(blocks, blocks[:3])
        async with asyncio.timeout(100), two_exchanges(mine, full_store(blocks)) as (alice, bob):
            assert await alice.fetch(blocks[0].cid) == blocks[0].data
            await alice.fetch_many(block.cid for block in blocks)
            assert not mine.damaged
            assert alice.machine.ledgers[bob.node.peer_id].came_blocks == 3

    asyncio.run(main())


def test_a_damaged_block_is_not_served_until_it_is_put_anew() -> None:
    block = block_of(b"x" * 5000)

    async def main() -> None:
        theirs = DamagedStore([block], [block])
        async with asyncio.timeout(100), two_exchanges(MemoryBlocks(), theirs) as (alice, bob):
            with pytest.raises(NotFound):
                await alice.fetch(block.cid, waits_for_it=False)
            fetching = asyncio.create_task(alice.fetch(block.cid))
            await asyncio.sleep(0.05)
            bob.add(block)
            assert await fetching == block.data

    asyncio.run(main())


def test_a_store_that_is_closed_under_us() -> None:
    """Ours: whoever waits is told. Theirs: it is as if they lacked everything."""
    one, two = some_blocks(2, 5000)

    async def main() -> None:
        mine, theirs = MemoryBlocks(), full_store([one, two])
        async with asyncio.timeout(100), two_exchanges(mine, theirs) as (alice, _):
            fetching = asyncio.create_task(alice.fetch(one.cid))
            await asyncio.sleep(0)
            mine.close()
            with pytest.raises(Closed, match="store was closed"):
                await fetching
            with pytest.raises(Closed, match="store was closed"):
                await alice.fetch(two.cid)
        async with asyncio.timeout(100), two_exchanges(MemoryBlocks(), theirs) as (alice, bob):
            theirs.close()
            with pytest.raises(NotFound):
                await alice.fetch(one.cid, waits_for_it=False)
            assert bob.peers == (alice.node.peer_id,)

    asyncio.run(main())


class BrokenStore(MemoryBlocks):
    def size(self, cid: Cid) -> int:
        raise StoreError("an input/output error")


def test_a_store_that_cannot_be_read_serves_nothing_and_breaks_nothing() -> None:
    async def main() -> None:
        async with asyncio.timeout(100), two_exchanges(MemoryBlocks(), BrokenStore()) as (alice, bob):
            with pytest.raises(NotFound):
                await alice.fetch(block_of(b"x").cid, waits_for_it=False)
            assert not bob.node.failures

    asyncio.run(main())


def test_a_priority_that_is_none_leaves_nothing_behind() -> None:
    async def main() -> None:
        async with asyncio.timeout(100), two_exchanges(MemoryBlocks(), MemoryBlocks()) as (alice, _):
            with pytest.raises(UsageError, match="priority"):
                await alice.fetch(block_of(b"x").cid, priority=0)
            assert (len(alice._requests), alice._requests._waiting) == (0, {})

    asyncio.run(main())


def test_closing_leaves_no_error_that_nobody_asked_for() -> None:
    """Hundreds of blocks are waited for; one error is raised, and the others are not reported as lost."""
    lost: list[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
        async with asyncio.timeout(100), two_exchanges(MemoryBlocks(), MemoryBlocks()) as (alice, _):
            fetching = asyncio.create_task(alice.fetch_many(block.cid for block in some_blocks(50, 10)))
            await asyncio.sleep(0.05)
            await alice.close()
            with pytest.raises(Closed):
                await fetching
            del fetching
            gc.collect()

    asyncio.run(main())
    gc.collect()
    assert lost == []


def test_closed_before_a_partner_s_task_has_begun() -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(100),
            Node(ALICE) as alice,
            Node(BOB) as bob,
            BlockExchange(bob, MemoryBlocks()),
        ):
            exchange = BlockExchange(alice, MemoryBlocks())
            connection = await alice.dial(await bob.listen(ANYWHERE))
            partners: Partners = exchange._partners
            async with exchange:
                partner = partners._partners[connection.remote_id]
            assert partner.ready.done()
            assert len(partners) == 0
            with pytest.raises(UsageError, match="used once"):
                await exchange.__aenter__()

    asyncio.run(main())


def test_no_room_for_one_more_is_said() -> None:
    async def main() -> None:
        limits = BitswapLimits(max_peers=1)
        async with (
            asyncio.timeout(100),
            two_exchanges(MemoryBlocks(), MemoryBlocks(), limits=limits) as (alice, _),
            Node(CAROL) as node,
            BlockExchange(node, MemoryBlocks()),
        ):
            with pytest.raises(UsageError, match="no room for"):
                await alice.connect(await node.listen(ANYWHERE))

    asyncio.run(main())


def test_a_new_connection_is_found_while_somebody_waits() -> None:
    block = block_of(b"comes with a new peer")

    async def main() -> None:
        async with (
            asyncio.timeout(100),
            Node(ALICE) as alice,
            Node(BOB) as bob,
            BlockExchange(alice, MemoryBlocks()) as mine,
            BlockExchange(bob, full_store([block])),
        ):
            fetching = asyncio.create_task(mine.fetch(block.cid))
            await asyncio.sleep(0.01)
            await bob.dial(await alice.listen(ANYWHERE))
            assert await fetching == block.data

    asyncio.run(main())


def test_an_exchange_that_is_opened_anew_on_the_same_connection() -> None:
    """The other side has seen in between that we speak no Bitswap."""
    one, two = some_blocks(2, 5000)

    async def main() -> None:
        async with (
            asyncio.timeout(100),
            Node(ALICE) as alice,
            Node(BOB) as bob,
            BlockExchange(bob, full_store([one, two])) as theirs,
        ):
            address = await bob.listen(ANYWHERE)
            async with BlockExchange(alice, MemoryBlocks()) as mine:
                await mine.connect(address)
                await mine.fetch(one.cid)
            wanting = asyncio.create_task(theirs.fetch(block_of(b"from alice").cid))
            while theirs.peers:
                await asyncio.sleep(0.01)
            async with BlockExchange(alice, full_store([block_of(b"from alice")])) as again:
                assert await again.fetch(two.cid) == two.data
                assert await wanting == b"from alice"

    asyncio.run(main())


@pytest.mark.parametrize("step", [*range(0, 60, 4)])
def test_cancelled_at_every_event(step: int) -> None:
    """Two fetch one graph of blocks; one of them is cancelled, and the other gets everything."""
    blocks = some_blocks(12, 3000)

    async def scene(world: World) -> None:
        await world.honest("peer", blocks)
        await world.honest("other", blocks[::2])

        async def use(exchange: BlockExchange) -> None:
            cids = [block.cid for block in blocks]
            first, second = (asyncio.create_task(exchange.fetch_many(cids)) for _ in range(2))
            for _ in range(step):
                await asyncio.sleep(0.004)
            first.cancel()
            await second
            await asyncio.gather(first, return_exceptions=True)
            assert (len(exchange.machine.wants), len(exchange._requests)) == (0, 0)
            assert totals(exchange).strikes == 0
            assert totals(exchange).came_blocks <= 18

        await world.fetching(use)

    in_a_world(scene)


@pytest.mark.fault("F170")
def test_a_partner_that_comes_back_on_another_port() -> None:
    """Its old connection never says that it is over."""
    blocks = some_blocks(6, 5000)

    async def scene(world: World) -> None:
        await world.puppet("peer", Puppet(says_nothing))

        async def use(exchange: BlockExchange) -> None:
            fetching = asyncio.create_task(exchange.fetch_many([block.cid for block in blocks]))
            await asyncio.sleep(1)
            world.crash("peer")
            await asyncio.sleep(1)
            host = world.net.host("again")

            async def again() -> None:
                async with Node(key_of("peer")) as node, BlockExchange(node, full_store(blocks)) as back:
                    await back.connect(*world.addresses[-1:])
                    await fetching

            began = asyncio.get_running_loop().time()
            world.addresses.append(await exchange.node.listen(f"/ip4/{client_address(world)}/tcp/4009"))
            await host.run(again())
            assert asyncio.get_running_loop().time() - began < 3
            assert exchange.machine.ledgers[id_of("peer")].strikes == 0

        await world.fetching(use)

    in_a_world(scene)


def client_address(world: World) -> str:
    return str(world.net.hosts["client"].address)


@pytest.mark.fault("F149")
def test_a_slow_peer_alone_has_large_blocks() -> None:
    """They take longer than anybody is patient: each comes once, and it is not blamed."""
    blocks = some_blocks(3, 600_000)

    async def scene(world: World) -> None:
        await world.honest("slow", blocks)
        await world.honest("empty", [])

        async def use(exchange: BlockExchange) -> None:
            began = asyncio.get_running_loop().time()
            await exchange.fetch_many([block.cid for block in blocks])
            took_s = asyncio.get_running_loop().time() - began
            await asyncio.sleep(60)
            total = totals(exchange)
            assert (total.strikes, total.useful_blocks, total.double_blocks) == (0, 3, 0)
            assert took_s < 1.2 * 3 * 600_000 / 5e4

        await world.fetching(use)

    in_a_world(scene, link=Link(Constant(0.04), bytes_per_s=5e4))
