"""The exchange over nodes: real sockets, and a simulated internet with liars and with slow or dying peers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from p2plib.data.blocks.bitswap.driver import BlockExchange
from p2plib.data.blocks.bitswap.events import BitswapLimits
from p2plib.data.blocks.bitswap.remote import Ledger
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block, block_of
from p2plib.errors import Closed, NoCommonProtocol, NotFound, PeerTimeout, StoreFull, UsageError
from p2plib.protocol.node import Node
from p2plib.sim import Constant, Link
from p2plib.wire import multicodec
from p2plib.wire.cid import Cid
from p2plib.wire.multihash import identity
from tests.data.blocks.bitswap.worlds import (
    Puppet,
    World,
    floods,
    id_of,
    in_a_world,
    lies,
    promises,
    says_nothing,
    sends,
    some_blocks,
)
from tests.protocol.nodes import ALICE, ANYWHERE, BOB, CAROL


@asynccontextmanager
async def two_exchanges(
    mine: MemoryBlocks, theirs: MemoryBlocks, **options: Any
) -> AsyncIterator[tuple[BlockExchange, BlockExchange]]:
    """Alice, connected with Bob over sockets of this machine; nothing is left of them afterwards."""
    before = asyncio.all_tasks()
    async with (
        Node(ALICE) as alice,
        Node(BOB) as bob,
        BlockExchange(alice, mine, **options) as at_alice,
        BlockExchange(bob, theirs) as at_bob,
    ):
        await at_alice.connect(await bob.listen(ANYWHERE))
        yield at_alice, at_bob
    assert asyncio.all_tasks() == before


def full_store(blocks: list[Block]) -> MemoryBlocks:
    store = MemoryBlocks()
    store.put(blocks)
    return store


def test_blocks_over_real_sockets_both_ways() -> None:
    blocks = [block_of(b""), block_of(b"x"), *some_blocks(40, 3000), *some_blocks(2, 1_000_000, 7)]

    async def main() -> None:
        mine = MemoryBlocks()
        async with asyncio.timeout(100), two_exchanges(mine, full_store(blocks)) as (alice, bob):
            await alice.fetch_many(block.cid for block in blocks)
            assert [mine.get(block.cid) for block in blocks] == [block.data for block in blocks]
            alice.add(block_of(b"from alice"))
            assert await bob.fetch(block_of(b"from alice").cid) == b"from alice"
            ledger = alice.machine.ledgers[bob.node.peer_id]
            assert (ledger.useful_blocks, ledger.came_blocks, ledger.sent_blocks) == (44, 44, 1)
            assert (ledger.double_blocks, ledger.strikes) == (0, 0)

    asyncio.run(main())


def test_a_block_comes_later() -> None:
    async def main() -> None:
        async with asyncio.timeout(100), two_exchanges(MemoryBlocks(), MemoryBlocks()) as (alice, bob):
            block = block_of(b"later")
            fetching = asyncio.create_task(alice.fetch(block.cid))
            while not bob.machine.serving.wants_of(alice.node.peer_id):
                await asyncio.sleep(0)
            bob.add(block)
            assert await fetching == b"later"

    asyncio.run(main())


def test_a_block_goes_through_the_hands_of_one_that_wanted_it_too() -> None:
    async def main() -> None:
        block = block_of(b"from hand to hand")
        async with (
            asyncio.timeout(100),
            two_exchanges(MemoryBlocks(), MemoryBlocks()) as (alice, bob),
            Node(CAROL) as node,
            BlockExchange(node, full_store([block])) as carol,
        ):
            at_alice, at_bob = (asyncio.create_task(each.fetch(block.cid)) for each in (alice, bob))
            await asyncio.sleep(0.05)
            assert not at_alice.done()
            await carol.connect(*bob.node.addresses)
            assert await at_bob == await at_alice == block.data
            assert carol.machine.ledgers[bob.node.peer_id].sent_blocks == 1

    asyncio.run(main())


def test_what_nobody_has() -> None:
    cid = block_of(b"nowhere").cid

    async def main() -> None:
        async with asyncio.timeout(100), two_exchanges(MemoryBlocks(), MemoryBlocks()) as (alice, bob):
            with pytest.raises(NotFound, match="none of 1 peers has baf"):
                await alice.fetch(cid, waits_for_it=False)
            with pytest.raises(NotFound, match="none of 1 peers"):
                await alice.fetch_many([cid, block_of(b"neither").cid], waits_for_them=False)
            assert len(alice.machine.wants) == 0
            while bob.machine.serving.wants_of(alice.node.peer_id):
                await asyncio.sleep(0.001)

    asyncio.run(main())


def test_what_nobody_has_when_the_time_is_over() -> None:
    async def scene(world: World) -> None:
        await world.honest("peer", [])

        async def use(exchange: BlockExchange) -> None:
            with pytest.raises(NotFound, match="none of 1 peers has baf"):
                await exchange.fetch(block_of(b"nowhere").cid, timeout_s=5)
            assert len(exchange.machine.wants) == 0

        await world.fetching(use)

    in_a_world(scene)


def test_nobody_is_there() -> None:
    async def main() -> None:
        async with Node(ALICE) as node, BlockExchange(node, MemoryBlocks()) as exchange:
            with pytest.raises(NotFound, match="no peer to ask"):
                await exchange.fetch(block_of(b"x").cid, waits_for_it=False)
            with pytest.raises(PeerTimeout, match="any of 0 peers"):
                await exchange.fetch(block_of(b"x").cid, timeout_s=0.01)
            held = Cid(1, multicodec.RAW, identity(b"in the name"))
            assert await exchange.fetch(held) == b"in the name"

    asyncio.run(main())


def test_two_that_wait_for_one_block_and_one_that_stops() -> None:
    async def main() -> None:
        async with asyncio.timeout(100), two_exchanges(MemoryBlocks(), MemoryBlocks()) as (alice, bob):
            block = block_of(b"for two")
            first, second = (asyncio.create_task(alice.fetch(block.cid)) for _ in range(2))
            await asyncio.sleep(0.02)
            first.cancel()
            await asyncio.sleep(0.02)
            bob.add(block)
            assert await second == b"for two"
            assert first.cancelled()
            assert len(alice.machine.wants) == 0

    asyncio.run(main())


def test_closing_wakes_whoever_waits_and_frees_the_protocol() -> None:
    async def main() -> None:
        before = asyncio.all_tasks()
        async with Node(ALICE) as alice, Node(BOB) as bob:
            exchange = BlockExchange(alice, MemoryBlocks())
            with pytest.raises(Closed):
                await exchange.fetch(block_of(b"x").cid)
            async with exchange, BlockExchange(bob, MemoryBlocks()):
                with pytest.raises(UsageError, match="speaks /ipfs/bitswap/1"):
                    async with BlockExchange(alice, MemoryBlocks()):
                        pass
                await exchange.connect(await bob.listen(ANYWHERE))
                waiting = asyncio.create_task(exchange.fetch(block_of(b"x").cid))
                await asyncio.sleep(0.01)
            with pytest.raises(Closed, match="was closed"):
                await waiting
            await exchange.close()
            assert not any("bitswap" in name for name in alice.handlers)
            assert len(alice.connections) == 1
            async with BlockExchange(alice, MemoryBlocks()) as again:
                with pytest.raises(NotFound):
                    await again.fetch(block_of(b"x").cid, waits_for_it=False)
        assert asyncio.all_tasks() == before

    asyncio.run(main())


@pytest.mark.parametrize("step", range(0, 40, 3))
def test_cancelled_and_closed_at_any_moment(step: int) -> None:
    """In the middle of a transfer, whoever is closed first: nothing is left."""
    blocks = some_blocks(30, 20_000)

    async def main() -> None:
        async with asyncio.timeout(100), two_exchanges(MemoryBlocks(), full_store(blocks)) as (alice, bob):
            fetching = asyncio.create_task(alice.fetch_many(block.cid for block in blocks))
            for _ in range(step):
                await asyncio.sleep(0)
            if step % 2 and not fetching.done():
                fetching.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await fetching
                assert len(alice.machine.wants) == 0
            else:
                await bob.close()
                await alice.close()
                (came_of_it,) = await asyncio.gather(fetching, return_exceptions=True)
                assert came_of_it is None or isinstance(came_of_it, Closed)

    asyncio.run(main())


class FullStore(MemoryBlocks):
    def put(self, blocks: Any, *, durable: bool = True) -> None:
        raise StoreFull("the disk is full")


def test_a_full_store() -> None:
    async def main() -> None:
        block = block_of(b"x")
        async with asyncio.timeout(100), two_exchanges(FullStore(), full_store([block])) as (alice, _):
            with pytest.raises(StoreFull):
                await alice.fetch(block.cid)

    asyncio.run(main())


def test_a_peer_that_speaks_no_bitswap() -> None:
    async def main() -> None:
        async with Node(ALICE) as alice, Node(BOB) as bob, BlockExchange(alice, MemoryBlocks()) as exchange:
            with pytest.raises(NoCommonProtocol):
                await exchange.connect(await bob.listen(ANYWHERE))
            assert exchange.peers == ()
            with pytest.raises(NotFound):
                await exchange.fetch(block_of(b"x").cid, timeout_s=1, waits_for_it=False)

    asyncio.run(main())


def test_thousands_of_small_blocks() -> None:
    """Each may come twice: because we asked who has it, and because we then asked for it."""
    blocks = some_blocks(1500, 100)

    async def main() -> None:
        async with asyncio.timeout(100), two_exchanges(MemoryBlocks(), full_store(blocks)) as (alice, bob):
            await alice.fetch_many(block.cid for block in blocks)
            ledger = alice.machine.ledgers[bob.node.peer_id]
            assert (ledger.useful_blocks, ledger.strikes) == (1500, 0)
            assert ledger.double_blocks < 150
            assert not alice.blamed

    asyncio.run(main())


# In the simulated internet


def totals(exchange: BlockExchange) -> Ledger:
    """What went between it and all peers."""
    found = Ledger()
    for ledger in exchange.machine.ledgers.values():
        for name in Ledger.__slots__:
            setattr(found, name, getattr(found, name) + getattr(ledger, name))
    return found


def test_three_peers_share_the_work() -> None:
    blocks = some_blocks(60, 50_000)

    async def scene(world: World) -> None:
        for number in range(3):
            await world.honest(f"peer{number}", blocks)

        async def use(exchange: BlockExchange) -> None:
            began = asyncio.get_running_loop().time()
            await exchange.fetch_many(block.cid for block in blocks)
            took_s = asyncio.get_running_loop().time() - began
            assert took_s < 60 * 50_000 / 2e6  # faster than one of them could send it
            assert all(15 <= each.useful_blocks <= 25 for each in exchange.machine.ledgers.values())
            assert totals(exchange).double_blocks == 0

        await world.fetching(use)

    in_a_world(scene)


BAD: dict[str, Puppet] = {
    "liar": Puppet(lies),
    "silent": Puppet(says_nothing),
    "promises": Puppet(promises),
    "floods": Puppet(floods),
}


@pytest.mark.fault("F149")
@pytest.mark.parametrize("kind", BAD)
def test_one_bad_peer_among_good_ones(kind: str) -> None:
    blocks = some_blocks(60, 20_000)

    async def scene(world: World) -> None:
        await world.puppet(kind, Puppet(BAD[kind].answer))
        for number in range(2):
            await world.honest(f"peer{number}", blocks)

        async def use(exchange: BlockExchange) -> None:
            began = asyncio.get_running_loop().time()
            await exchange.fetch_many(block.cid for block in blocks)
            took_s = asyncio.get_running_loop().time() - began
            assert took_s < 3
            assert all(exchange.store.get(block.cid) == block.data for block in blocks)
            assert exchange.machine.ledgers[id_of(kind)].useful_blocks == 0
            await asyncio.sleep(2 * exchange.machine.limits.max_timeout_s)
            blamed = {each.peer for each in exchange.blamed if each.is_given_up}
            assert blamed == ({id_of(kind)} if kind in ("liar", "floods") else set())
            honest = Ledger(), *(exchange.machine.ledgers[id_of(f"peer{n}")] for n in range(2))
            assert sum(each.strikes for each in honest) == 0

        await world.fetching(use)

    in_a_world(scene)


@pytest.mark.fault("F149")
def test_a_liar_stays_given_up_when_it_comes_back() -> None:
    blocks = some_blocks(10, 2000)

    async def scene(world: World) -> None:
        puppet = Puppet(lies)
        await world.puppet("liar", puppet)
        await world.honest("honest", blocks)

        async def use(exchange: BlockExchange) -> None:
            await exchange.fetch_many(block.cid for block in blocks)
            await asyncio.sleep(2 * exchange.machine.limits.max_timeout_s)
            strikes = exchange.machine.ledgers[id_of("liar")].strikes
            assert strikes >= exchange.machine.limits.max_strikes
            (connection,) = [each for each in exchange.node.connections if each.remote_id == id_of("liar")]
            await connection.close()
            await exchange.connect(world.addresses[0])
            heard = len(puppet.heard)
            with pytest.raises(NotFound):
                await exchange.fetch(block_of(b"nowhere").cid, waits_for_it=False, timeout_s=5)
            assert len(puppet.heard) == heard

        await world.fetching(use)

    in_a_world(scene)


def test_a_slow_peer_delays_nobody_for_long() -> None:
    """One peer takes two seconds for each block; the others need a second for all."""
    blocks = some_blocks(60, 20_000)

    async def scene(world: World) -> None:
        await world.puppet("slow", Puppet(sends(blocks), delay_s=2.0))
        for number in range(2):
            await world.honest(f"peer{number}", blocks)

        async def use(exchange: BlockExchange) -> None:
            began = asyncio.get_running_loop().time()
            await exchange.fetch_many(block.cid for block in blocks)
            took_s = asyncio.get_running_loop().time() - began
            assert took_s < 2
            await asyncio.sleep(60)  # whatever the slow one still sends
            assert totals(exchange).double_blocks <= 8  # what it was asked for at first
            assert totals(exchange).strikes == 0

        await world.fetching(use)

    in_a_world(scene)


@pytest.mark.fault("F051")
def test_a_peer_that_dies_in_the_middle() -> None:
    blocks = some_blocks(80, 50_000)

    async def scene(world: World) -> None:
        await world.puppet("dies", Puppet(sends(blocks)))
        await world.honest("lives", blocks)

        async def use(exchange: BlockExchange) -> None:
            fetching = asyncio.create_task(exchange.fetch_many(block.cid for block in blocks))
            while exchange.machine.ledgers[id_of("dies")].useful_blocks < 5:
                await asyncio.sleep(0.01)
            world.crash("dies")
            async with asyncio.timeout(100):
                await fetching
            assert exchange.machine.ledgers[id_of("dies")].useful_blocks < 40

        await world.fetching(use)

    in_a_world(scene)


@pytest.mark.slow
def test_twenty_peers_of_all_kinds() -> None:
    """Each honest one has a part, of each block there are three; half of all others are bad."""
    blocks = some_blocks(200, 10_000)

    async def scene(world: World) -> None:
        for number in range(12):
            have = [block for at, block in enumerate(blocks) if (at + number) % 4 == 0]
            await world.honest(f"honest{number}", have)
        for kind, puppet in BAD.items():
            await world.puppet(f"{kind}0", Puppet(puppet.answer))
            await world.puppet(f"{kind}1", Puppet(puppet.answer, delay_s=0.1))

        async def use(exchange: BlockExchange) -> None:
            began = asyncio.get_running_loop().time()
            await exchange.fetch_many(block.cid for block in blocks)
            took_s = asyncio.get_running_loop().time() - began
            assert took_s < 8
            await asyncio.sleep(30)
            total = totals(exchange)
            assert total.useful_blocks == 200
            assert total.double_blocks <= 40
            given_up = {each.peer for each in exchange.blamed if each.is_given_up}
            assert given_up <= {id_of(f"{kind}{n}") for kind in ("liar", "floods") for n in range(2)}

        await world.fetching(use)

    in_a_world(scene, link=Link(Constant(0.04), bytes_per_s=2e6))


def test_a_peer_that_floods_us_with_wants_delays_nobody() -> None:
    """It wants a thousand large blocks and reads none; another one wants one."""
    blocks = some_blocks(100, 100_000)

    async def scene(world: World) -> None:
        await world.honest("server", blocks, BitswapLimits(max_wants_kept=5))

        async def use(exchange: BlockExchange) -> None:
            flooding = asyncio.create_task(exchange.fetch_many(block.cid for block in blocks))
            await asyncio.sleep(0.3)

            async def modest() -> float:
                async with Node(ALICE) as node, BlockExchange(node, MemoryBlocks()) as other:
                    await other.connect(world.addresses[0])
                    began = asyncio.get_running_loop().time()
                    await other.fetch(blocks[-1].cid)
                    return asyncio.get_running_loop().time() - began

            assert await world.net.host("modest").run(modest()) < 0.5
            await flooding
            assert world.exchanges["server"].machine.serving.dropped > 0
            serving = world.exchanges["server"].machine.serving
            assert len(serving.wants_of(id_of("client"))) <= 5

        await world.fetching(use)

    in_a_world(scene)
