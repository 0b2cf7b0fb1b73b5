"""Rows of blocks, and whole graphs fetched from several peers."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.data.blocks.bitswap.driver import BlockExchange
from p2plib.data.blocks.bitswap.graphs import BlockRow
from p2plib.data.dag import dag_pb
from p2plib.data.dag.block import Block, block_of
from p2plib.data.dag.dag_pb import PBLink, PBNode
from p2plib.data.dag.walk import DagBudget, DagOrder
from p2plib.errors import NotFound, OverBudget
from p2plib.sim import Constant, Link
from p2plib.wire import multicodec
from tests.data.blocks.bitswap.worlds import Puppet, World, id_of, in_a_world, lies, some_blocks


def test_a_row_names_each_block_once() -> None:
    one, two, three = some_blocks(3, 10)
    row = BlockRow([one.cid, two.cid, one.cid, three.cid])
    assert row.wanted() == (one.cid,)
    assert row.wanted(2) == (one.cid, two.cid)
    assert row.wanted(5) == (one.cid, two.cid, three.cid)
    row.receive(two)
    row.receive(two)
    assert row.wanted(5) == (one.cid, three.cid)
    again = BlockRow([one.cid, one.cid])
    again.wanted()
    again.receive(one)
    assert again.wanted(5) == ()


def node(children: list[Block]) -> Block:
    links = tuple(PBLink(child.cid, "", len(child.data)) for child in children)
    return block_of(dag_pb.encode(PBNode(links, None)), multicodec.DAG_PB)


def tree(width: int, size: int) -> tuple[Block, list[Block]]:
    """A root over `width` nodes over `width` leaves each; one of the leaves is in all of them."""
    leaves = some_blocks(width * width, size)
    nodes = [node([leaves[0], *leaves[at : at + width]]) for at in range(0, len(leaves), width)]
    root = node(nodes)
    return root, [root, *nodes, *leaves]


@pytest.mark.parametrize("order", DagOrder)
def test_a_graph_from_three_peers_of_which_one_lies(order: DagOrder) -> None:
    root, blocks = tree(12, 5000)

    async def scene(world: World) -> None:
        await world.puppet("liar", Puppet(lies))
        for number in range(2):
            await world.honest(f"peer{number}", blocks)

        async def use(exchange: BlockExchange) -> None:
            walk = await exchange.fetch_dag(root.cid, order=order)
            assert (walk.visited_blocks, walk.is_done) == (1 + 12 + 144, True)
            assert walk.visited_bytes == sum(len(block.data) for block in blocks)
            assert all(exchange.store.has(block.cid) for block in blocks)
            came = [ledger.came_blocks for name, ledger in exchange.machine.ledgers.items()]
            assert sum(came) <= 157 + 10
            assert exchange.machine.ledgers[id_of("liar")].useful_blocks == 0
            again = await exchange.fetch_dag(root.cid)  # all of it is here
            assert again.visited_blocks == 157
            assert [ledger.came_blocks for ledger in exchange.machine.ledgers.values()] == came

        await world.fetching(use)

    in_a_world(scene)


def test_a_graph_of_which_a_part_is_here_already() -> None:
    root, blocks = tree(8, 1000)

    async def scene(world: World) -> None:
        await world.honest("peer", blocks)

        async def use(exchange: BlockExchange) -> None:
            exchange.store.put(blocks[::2])
            await exchange.fetch_dag(root.cid)
            assert exchange.machine.ledgers[id_of("peer")].came_blocks == len(blocks[1::2])

        await world.fetching(use)

    in_a_world(scene)


def test_a_graph_with_a_hole() -> None:
    root, blocks = tree(5, 1000)

    async def scene(world: World) -> None:
        await world.honest("peer", blocks[:-1])

        async def use(exchange: BlockExchange) -> None:
            with pytest.raises(NotFound, match="none of 1 peers"):
                await exchange.fetch_dag(root.cid, waits_for_them=False)
            assert len(exchange.machine.wants) == 0

        await world.fetching(use)

    in_a_world(scene)


@pytest.mark.fault("F119")
def test_a_graph_that_is_too_large() -> None:
    root, blocks = tree(10, 1000)
    chain = [block_of(b"end")]
    for _ in range(50):
        chain.append(node(chain[-1:]))

    async def scene(world: World) -> None:
        await world.honest("peer", [*blocks, *chain])

        async def use(exchange: BlockExchange) -> None:
            for budget in (DagBudget(blocks=50), DagBudget(size_bytes=30_000), DagBudget(unread=40)):
                with pytest.raises(OverBudget):
                    await exchange.fetch_dag(root.cid, budget=budget)
                assert len(exchange.machine.wants) == 0
            with pytest.raises(OverBudget, match="deeper than 20"):
                await exchange.fetch_dag(chain[-1].cid, budget=DagBudget(depth=20))
            assert not exchange.store.has(chain[0].cid)
            walk = await exchange.fetch_dag(chain[-1].cid)
            assert walk.visited_blocks == 51

        await world.fetching(use)

    in_a_world(scene, link=Link(Constant(0.01)))


def test_a_graph_is_fetched_as_fast_as_the_link_carries_it() -> None:
    root, blocks = tree(10, 50_000)
    size = sum(len(block.data) for block in blocks)

    async def scene(world: World) -> None:
        await world.honest("peer", blocks)

        async def use(exchange: BlockExchange) -> None:
            began = asyncio.get_running_loop().time()
            await exchange.fetch_dag(root.cid)
            took_s = asyncio.get_running_loop().time() - began
            assert took_s < 1.6 * size / 2e6 + 0.5

        await world.fetching(use)

    in_a_world(scene)
