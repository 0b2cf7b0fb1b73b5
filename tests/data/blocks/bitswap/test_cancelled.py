"""A fetch that is cancelled at each of its awaits, and at each event of the exchange: nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import pytest

from p2plib.data.blocks.bitswap.driver import BlockExchange
from p2plib.data.blocks.memory import MemoryBlocks
from p2plib.data.dag.block import Block
from tests.data.blocks.bitswap.test_driver import full_store, totals, two_exchanges
from tests.data.blocks.bitswap.test_graphs import tree
from tests.data.blocks.bitswap.worlds import World, id_of, in_a_world, some_blocks

pytestmark = pytest.mark.fault("F051")

ROOT, TREE = tree(3, 2000)
Fetch = Callable[[BlockExchange], Coroutine[Any, Any, Any]]
FETCHES: dict[str, tuple[list[Block], Fetch]] = {
    "fetch": (TREE[:1], lambda exchange: exchange.fetch(TREE[0].cid)),
    "fetch_many": (TREE, lambda exchange: exchange.fetch_many(block.cid for block in TREE)),
    "fetch_dag": (TREE, lambda exchange: exchange.fetch_dag(ROOT.cid)),
}


class AtAwait(Awaitable[Any]):
    """Awaits something, and has the task around it cancelled at a certain await of it."""

    def __init__(self, inner: Coroutine[Any, Any, Any], at: int) -> None:
        self.inner = inner
        self.at = at
        self.task: asyncio.Task[Any] | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        steps, error = self.inner.__await__(), None
        while True:
            try:
                waited = next(steps) if error is None else steps.throw(error)
            except StopIteration as end:
                return end.value
            self.at -= 1
            if not self.at and self.task is not None:
                asyncio.get_running_loop().call_soon(self.task.cancel)
            try:
                yield waited
                error = None
            except BaseException as thrown:
                error = thrown


async def run(awaited: AtAwait) -> None:
    await awaited


def at_event(exchange: BlockExchange, at: int, cancel: Callable[[], object]) -> None:
    """Calls something after so many messages and timers of an exchange."""
    left = at

    def counted(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if not left:
                asyncio.get_running_loop().call_soon(cancel)
            return method(*arguments, **options)

        return call

    machine: Any = exchange.machine
    for name in ("receive", "next_message", "handle_timer", "stored"):
        setattr(machine, name, counted(getattr(machine, name)))


async def nothing_is_left(exchange: BlockExchange, world: World, tasks: set[asyncio.Task[Any]]) -> None:
    """Of a fetch that was cancelled; a moment later, not at the other side either."""
    assert (len(exchange.machine.wants), len(exchange._requests), exchange._requests._waiting) == (0, 0, {})
    wants = exchange.machine.wants
    assert (len(wants.sessions), wants._wants._open, wants.copies.held) == (0, {}, 0)
    await asyncio.sleep(2)
    assert asyncio.all_tasks() == tasks
    for name, theirs in world.exchanges.items():
        assert theirs.machine.serving.wants_of(exchange.node.peer_id) == (), name
    assert all(not remote.owes and not remote.listed for remote in exchange.machine.wants.peers.values())
    assert totals(exchange).strikes == 0


@pytest.mark.parametrize("where", ["await", "event"])
@pytest.mark.parametrize("kind", FETCHES)
def test_cancelled_wherever_it_waits(kind: str, where: str) -> None:
    blocks, fetch = FETCHES[kind]
    was_done: list[bool] = []

    def scene_of(at: int) -> Callable[[World], Awaitable[None]]:
        async def scene(world: World) -> None:
            await world.honest("all", TREE)
            await world.honest("half", TREE[::2])

            async def use(exchange: BlockExchange) -> None:
                await asyncio.sleep(1)
                tasks = asyncio.all_tasks()
                if where == "await":
                    counted = AtAwait(fetch(exchange), at)
                    task = counted.task = asyncio.create_task(run(counted))
                else:
                    task = asyncio.create_task(fetch(exchange))
                    at_event(exchange, at, task.cancel)
                await asyncio.wait([task])
                was_done.append(not task.cancelled())
                await nothing_is_left(exchange, world, tasks)
                await exchange.fetch_many(block.cid for block in blocks)  # and it goes on as if nothing were
                assert all(exchange.store.get(block.cid) == block.data for block in blocks)
                assert exchange.machine.ledgers[id_of("all")].strikes == 0

            await world.fetching(use)

        return scene

    at = 1
    while not (was_done and was_done[-1]):
        in_a_world(scene_of(at))
        at += 1
    assert at > (2 if kind == "fetch" else 4)


@pytest.mark.parametrize("kind", FETCHES)
def test_cancelled_over_real_sockets(kind: str) -> None:
    """As soon as the other side has heard of it; in the middle; and with the other side hanging up."""
    blocks, fetch = FETCHES[kind]

    async def main() -> None:
        for when in range(3):
            store = MemoryBlocks()
            async with asyncio.timeout(100), two_exchanges(MemoryBlocks(), store) as (alice, bob):
                me = alice.node.peer_id
                task = asyncio.create_task(fetch(alice))
                while not bob.machine.serving.wants_of(me):
                    await asyncio.sleep(0.001)
                if when == 1:
                    bob.add(blocks[0])
                if when == 2:
                    await bob.close()
                task.cancel()
                (result,) = await asyncio.gather(task, return_exceptions=True)
                assert isinstance(result, asyncio.CancelledError)
                assert (len(alice.machine.wants), len(alice._requests)) == (0, 0)
                while bob.machine.serving.wants_of(me):
                    await asyncio.sleep(0.001)
                if when < 2:
                    bob.store.put(blocks)
                    await alice.fetch_many(block.cid for block in blocks)
                    assert totals(alice).strikes == 0

    asyncio.run(main())


def test_two_of_one_block_and_the_patient_one_is_cancelled() -> None:
    """The other one gets it, and it is not asked for a second time."""
    (block,) = some_blocks(1, 50_000)

    async def main() -> None:
        async with asyncio.timeout(100), two_exchanges(MemoryBlocks(), full_store([block])) as (alice, bob):
            first, second = (asyncio.create_task(alice.fetch(block.cid)) for _ in range(2))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            first.cancel()
            assert await second == block.data
            assert bob.machine.ledgers[alice.node.peer_id].sent_blocks == 1

    asyncio.run(main())
