"""Who waits for which block, and that a plan reads what is here without keeping others from their turn."""

from __future__ import annotations

import asyncio

import pytest

from p2plib.data.blocks.bitswap.driver import BlockExchange
from p2plib.data.blocks.bitswap.requests import READ_AT_A_TIME
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import block_of
from p2plib.errors import Closed, NotFound
from p2plib.protocol.node import Node
from p2plib.wire.cid import Cid
from tests.data.blocks.bitswap.test_driver import full_store, two_exchanges
from tests.data.blocks.bitswap.worlds import some_blocks
from tests.protocol.nodes import ALICE


class CountingStore(MemoryBlocks):
    """Counts the bytes that are read between two turns of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.at_a_time = self.most = 0

    def get(self, cid: Cid) -> bytes:
        data = super().get(cid)
        self.at_a_time += len(data)
        self.most = max(self.most, self.at_a_time)
        return data


@pytest.mark.parametrize("missing", [0, 40])
def test_a_plan_reads_a_part_at_a_time(missing: int) -> None:
    """Whether all of it is here, or some of it, in between, has to come from a peer."""
    blocks = some_blocks(200, 50_000)
    mine = CountingStore()
    mine.put(block for number, block in enumerate(blocks) if number % 5 or number // 5 >= missing)

    async def ticks() -> None:
        while True:
            mine.at_a_time = 0
            await asyncio.sleep(0)

    async def main() -> None:
        async with two_exchanges(mine, full_store(blocks)) as (alice, bob):
            ticking = asyncio.create_task(ticks())
            async with asyncio.timeout(60):
                await alice.fetch_many(block.cid for block in blocks)
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            assert READ_AT_A_TIME == 1024 * 1024
            assert 0 < mine.most < 1_200_000
            assert alice.machine.ledgers[bob.node.peer_id].useful_blocks == missing

    asyncio.run(main())


def test_closed_while_a_plan_reads_what_is_here() -> None:
    blocks = some_blocks(100, 50_000)

    async def main() -> None:
        async with Node(ALICE) as node, BlockExchange(node, full_store(blocks)) as exchange:
            fetching = asyncio.create_task(exchange.fetch_many(block.cid for block in blocks))
            await asyncio.sleep(0)
            await exchange.close()
            with pytest.raises(Closed, match="not open"):
                await fetching
            assert len(exchange.machine.wants.sessions) == 0

    asyncio.run(main())


def test_one_that_gives_up_and_one_that_waits_in_spite_of_everybody() -> None:
    block = block_of(b"later")

    async def main() -> None:
        async with asyncio.timeout(20), two_exchanges(MemoryBlocks(), MemoryBlocks()) as (alice, bob):
            patient = asyncio.create_task(alice.fetch(block.cid))
            with pytest.raises(NotFound):
                await alice.fetch(block.cid, waits_for_it=False)
            assert len(alice._requests) == 1
            bob.add(block)
            assert await patient == b"later"
            assert len(alice._requests) == 0

    asyncio.run(main())
